"""Addresses of segments: their pages, what the API says of segments and people, and the clock of tests."""

from __future__ import annotations

from django.urls import include, path

from segments import api, api_clock, api_people, views

pages = [
    path("", views.segments, name="list"),
    path("new/", views.segment_new, name="new"),
    path("estimate/", views.segment_estimate, name="estimate"),
    path("<uuid:segment_id>/", views.segment, name="segment"),
    path("<uuid:segment_id>/edit/", views.segment_edit, name="edit"),
    path("<uuid:segment_id>/delete/", views.segment_delete, name="delete"),
]
endpoints = [
    path("segments", api.SegmentsView.as_view()),
    path("segments/estimate", api.EstimateView.as_view()),
    path("segments/<uuid:segment_id>", api.SegmentView.as_view()),
    path("segments/<uuid:segment_id>/members", api.MembersView.as_view()),
    path("people/<str:kind>/<path:identifier>", api_people.PersonView.as_view()),
]
urlpatterns = [
    path("segments/", include((pages, "segments"))),
    path("api/v1/", include(endpoints)),
    path("v1/clock", api_clock.ClockView.as_view()),
]
