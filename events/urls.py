"""The addresses of ingestion, and of what it refused."""

from __future__ import annotations

from django.urls import path

from events.api import BatchView, MetricsView, SettingsView, SourceConfigView, item_view
from events.api_rejections import RejectionsView
from events.items import TYPES

urlpatterns = [
    *(path(f"v1/{item_type}", item_view(item_type), name=f"v1-{item_type}") for item_type in sorted(TYPES)),
    *(path(f"v1/{item_type[0]}", item_view(item_type)) for item_type in sorted(TYPES)),
    path("v1/batch", BatchView.as_view(), name="v1-batch"),
    path("v1/b", BatchView.as_view()),
    path("api/v1/rejections", RejectionsView.as_view(), name="v1-rejections"),
    path("v1/m", MetricsView.as_view()),
    path("v1/projects/<str:key>/settings", SettingsView.as_view()),
    path("sourceConfig/", SourceConfigView.as_view()),
    path("sourceConfig", SourceConfigView.as_view()),
]
