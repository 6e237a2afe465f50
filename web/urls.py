"""Addresses of the shell."""

from __future__ import annotations

from django.urls import path
from django.views.i18n import set_language

from web import views

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("language/", set_language, name="language"),
]
