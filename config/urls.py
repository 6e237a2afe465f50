"""Every address of the product (`/healthz`, `/readyz` and `/metrics` are answered before it, by config.health)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("web.urls")),
    path("demo/", include("config.demo.urls")),
    path("people/", include("web.people_urls")),
    path("", include("tenants.urls")),
    path("", include("events.urls")),
    path("", include("segments.urls")),
    path("", include("campaigns.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
