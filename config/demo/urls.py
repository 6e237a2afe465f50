"""The address of the demo shop."""

from __future__ import annotations

from django.urls import path

from config.demo import views

app_name = "demo"
urlpatterns = [path("shop/", views.shop, name="shop")]
