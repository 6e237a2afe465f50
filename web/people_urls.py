"""Addresses of people."""

from __future__ import annotations

from django.urls import path

from web import people

app_name = "people"
urlpatterns = [
    path("", people.search, name="search"),
    path("<uuid:person_id>/", people.person, name="person"),
]
