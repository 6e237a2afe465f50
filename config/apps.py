"""The project as an installed application: its commands, and the Celery application made current."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "tenants.admin_site.NunchiAdminSite"


class ConfigConfig(AppConfig):
    name = "config"
    default = True

    def ready(self) -> None:
        from config import celery  # noqa: F401  (makes it the current application in every process)
