"""Addresses of campaigns: their pages, the REST API, and what apps ask and report."""

from __future__ import annotations

from django.urls import include, path

from campaigns import api_rest, views, views_policy, views_results
from campaigns.api_decide import DecideView, ReportsView

pages = [
    path("campaigns/", views.campaigns, name="list"),
    path("campaigns/new/", views.campaign_new, name="new"),
    path("campaigns/preview/", views.message_preview, name="preview"),
    path("campaigns/<uuid:campaign_id>/", views.campaign, name="campaign"),
    path("campaigns/<uuid:campaign_id>/edit/", views.campaign_edit, name="edit"),
    path("campaigns/<uuid:campaign_id>/delete/", views.campaign_delete, name="delete"),
    path("campaigns/<uuid:campaign_id>/<str:action>/", views.campaign_act, name="act"),
    path("settings/messages/", views_policy.message_policy, name="message_policy"),
    path("results/", views_results.results, name="results"),
    path("results/<uuid:campaign_id>/", views_results.report, name="report"),
]
endpoints = [
    path("message-policy", api_rest.MessagePolicyView.as_view()),
    path("campaigns", api_rest.CampaignsView.as_view()),
    path("campaigns/<uuid:campaign_id>", api_rest.CampaignView.as_view()),
    path("campaigns/<uuid:campaign_id>/report", api_rest.ReportView.as_view()),
    path("campaigns/<uuid:campaign_id>/<str:action>", api_rest.CampaignActionView.as_view()),
]
urlpatterns = [
    path("", include((pages, "campaigns"))),
    path("api/v1/", include(endpoints)),
    path("v1/decide", DecideView.as_view(), name="v1-decide"),
    path("v1/reports", ReportsView.as_view(), name="v1-reports"),
]
