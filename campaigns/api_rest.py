"""Campaigns and their results over REST, with a server key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.attribution import attribute
from campaigns.definitions import current_policy
from campaigns.editing import Action, WrongStatus, change_status, edit_campaign, edit_policy, remove_campaign
from campaigns.models import Campaign
from campaigns.parsing import CampaignError
from campaigns.rest_schema import (
    CAMPAIGN,
    POLICY,
    REFUSED,
    REFUSED_POLICY,
    REPORT,
    CampaignChange,
    CampaignInput,
    CampaignList,
    CampaignOutput,
    PolicyInput,
    PolicyOutput,
    ReportOutput,
)
from segments.conditions.parsing import Problem
from tenants.audit import by
from tenants.clock import read_clock
from tenants.errors import APIError
from tenants.models import Tenant
from tenants.rest import PageQuery, RestView, StrictSerializer, answers, decode_cursor, encode_cursor, refused


class CampaignsView(RestView):
    """All campaigns of the workspace."""

    @extend_schema(
        tags=["campaigns"],
        operation_id="list_campaigns",
        summary="List campaigns",
        parameters=[PageQuery],
        responses=answers({200: CampaignList}),
    )
    def get(self, request: Request) -> Response:
        """Campaigns by name, a page at a time."""
        query = self.query(PageQuery)
        campaigns = Campaign.objects.order_by("name", "id")
        if "cursor" in query:
            name, pk = decode_cursor(query["cursor"], str, UUID)
            campaigns = campaigns.filter(Q(name__gt=name) | Q(name=name, pk__gt=pk))
        page = list(campaigns[: query["limit"] + 1])
        shown, more = page[: query["limit"]], len(page) > query["limit"]
        cursor = encode_cursor(shown[-1].name, str(shown[-1].pk)) if more else None
        return Response({"results": CampaignOutput(shown, many=True).data, "next_cursor": cursor})

    @extend_schema(
        tags=["campaigns"],
        operation_id="create_campaign",
        summary="Create a campaign",
        request=CampaignInput,
        responses=answers({201: CampaignOutput}),
        examples=[CAMPAIGN, REFUSED],
    )
    def post(self, request: Request) -> Response:
        """A new campaign is a draft: nobody sees it before it is started."""
        campaign = _save(request, None, self.body(CampaignInput))
        return Response(CampaignOutput(campaign).data, status=status.HTTP_201_CREATED)


class CampaignView(RestView):
    """One campaign."""

    @extend_schema(
        tags=["campaigns"],
        operation_id="read_campaign",
        summary="Read a campaign",
        responses=answers({200: CampaignOutput}, 404),
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        return Response(CampaignOutput(find_or_404(campaign_id)).data)

    @extend_schema(
        tags=["campaigns"],
        operation_id="change_campaign",
        summary="Change a campaign",
        request=CampaignChange,
        responses=answers({200: CampaignOutput}, 404, 409),
        examples=[OpenApiExample("priority", value={"priority": 80}, request_only=True), REFUSED],
    )
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        """What is named changes at once, also while it runs. 409 for a campaign that has ended."""
        campaign = _save(request, find_or_404(campaign_id), self.body(CampaignChange))
        return Response(CampaignOutput(campaign).data)

    @extend_schema(
        tags=["campaigns"],
        operation_id="delete_campaign",
        summary="Delete a draft",
        responses=answers({204: None}, 404, 409),
    )
    def delete(self, request: Request, campaign_id: UUID) -> Response:
        """Only drafts: what has run is kept with its results (409)."""
        try:
            remove_campaign(campaign=find_or_404(campaign_id), by=by(request))
        except WrongStatus as error:
            raise _conflict(error) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class CampaignActionView(RestView):
    """Starting, pausing and ending."""

    @extend_schema(
        tags=["campaigns"],
        operation_id="act_on_campaign",
        summary="Start, pause or end a campaign",
        parameters=[
            OpenApiParameter(
                "action", OpenApiTypes.STR, OpenApiParameter.PATH, enum=[action.value for action in Action]
            )
        ],
        request=None,
        responses=answers({200: CampaignOutput}, 404, 409),
    )
    def post(self, request: Request, campaign_id: UUID, action: str) -> Response:
        """Takes effect with the next decision. 409 where the state does not allow it; an ended campaign stays ended."""
        self.body(StrictSerializer)
        campaign = find_or_404(campaign_id)
        if action not in list(Action):
            raise APIError(status_code=404, code="not_found", message=f"Known actions: {', '.join(Action)}.")
        try:
            campaign = change_status(campaign=campaign, action=Action(action), by=by(request))
        except WrongStatus as error:
            raise _conflict(error) from error
        except CampaignError as error:
            raise refused(by_field(error)) from error
        return Response(CampaignOutput(campaign).data)


class ReportView(RestView):
    """What a campaign brought about."""

    @extend_schema(
        tags=["campaigns"],
        operation_id="read_report",
        summary="Read a campaign's report",
        responses=answers({200: ReportOutput}, 404, 409),
        examples=[REPORT],
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Both arms, counted per person from the first exposure on (the control's: when it would have seen it).

        `difference` is the treated rate less the control's rate, with its 95 % interval (Newcombe's hybrid score).
        """
        campaign = find_or_404(campaign_id)
        try:
            attribution = attribute(campaign=campaign, tenant=Tenant.objects.get(), now=read_clock())
        except CampaignError as error:
            raise APIError(status_code=409, code="no_goal", message="The campaign's goal is not valid.") from error
        comparison = attribution.comparison
        output = {
            "campaign_id": campaign.pk,
            "at": attribution.at,
            "treatment": attribution.treatment,
            "control": attribution.control,
            "crossovers": attribution.crossovers,
            "comparison": comparison,
        }
        return Response(ReportOutput(output).data)


class MessagePolicyView(RestView):
    """What holds for all campaigns together."""

    @extend_schema(
        tags=["campaigns"],
        operation_id="read_message_policy",
        summary="Read the message policy",
        responses=answers({200: PolicyOutput}),
    )
    def get(self, request: Request) -> Response:
        """Caps over all campaigns, and the gap between messages; the defaults before anybody has set them."""
        return Response(PolicyOutput(current_policy()).data)

    @extend_schema(
        tags=["campaigns"],
        operation_id="set_message_policy",
        summary="Set the message policy",
        request=PolicyInput,
        responses=answers({200: PolicyOutput}),
        examples=[POLICY, REFUSED_POLICY],
    )
    def put(self, request: Request) -> Response:
        """Takes the place of the former policy with the next decision."""
        try:
            policy = edit_policy(**self.body(PolicyInput), by=by(request))
        except CampaignError as error:
            raise refused(by_field(error)) from error
        return Response(PolicyOutput(policy).data)


def find_or_404(campaign_id: UUID) -> Campaign:
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    if campaign is None:
        raise APIError(status_code=404, code="not_found", message="There is no such campaign.")
    return campaign


def by_field(error: CampaignError) -> dict[str, list[Problem]]:
    """Problems by the field they are in, with the rest of their path: `message.title` is `title` within `message`."""
    fields: dict[str, list[Problem]] = {}
    for problem in error.problems:
        field, rest = problem.path, ""
        for index, character in enumerate(problem.path):
            if character in ".[":
                field, rest = problem.path[:index], problem.path[index:].removeprefix(".")
                break
        fields.setdefault(field or "campaign", []).append(Problem(rest, problem.message))
    return fields


def _save(request: Request, campaign: Campaign | None, changes: dict[str, Any]) -> Campaign:
    try:
        return edit_campaign(campaign=campaign, changes=changes, by=by(request))
    except WrongStatus as error:
        raise _conflict(error) from error
    except CampaignError as error:
        raise refused(by_field(error)) from error


def _conflict(error: WrongStatus) -> APIError:
    return APIError(status_code=409, code="wrong_status", message=str(error))
