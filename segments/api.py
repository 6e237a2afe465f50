"""Segments over REST, with a server key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from segments.conditions.parsing import ConditionError
from segments.editing import SegmentError, edit_segment, remove_segment
from segments.estimation import TooSlow, estimate
from segments.models import Segment
from segments.rosters import count_members_of, members_of, memberships_as_of
from segments.uses import SegmentInUse
from tenants.audit import by
from tenants.errors import APIError
from tenants.rest import (
    PageQuery,
    RestView,
    StrictSerializer,
    TextField,
    answers,
    decode_cursor,
    encode_cursor,
    refused,
)

LIKED = {"did": "product_liked", "within": "30d"}
CONDITION_HELP = "A condition, as docs/conditions.md describes them."
REFUSED = OpenApiExample(
    "a refused condition",
    value={
        "code": "invalid",
        "message": "Some values are not valid.",
        "fields": {"condition": [{"path": "all[0].within", "message": "Give a duration such as 30s, 10m or 30d."}]},
    },
    response_only=True,
    status_codes=["400"],
)


@extend_schema_field({"type": "object", "additionalProperties": True, "example": LIKED})
class ConditionField(serializers.JSONField):
    """A condition, checked when it is saved."""


class SegmentInput(StrictSerializer):
    name = TextField(max_length=100, help_text="Unique in the workspace.")
    description = TextField(max_length=500, required=False, allow_blank=True)
    condition = ConditionField(help_text=CONDITION_HELP)


class SegmentChange(StrictSerializer):
    """What is not named keeps its value."""

    name = TextField(max_length=100, required=False)
    description = TextField(max_length=500, required=False, allow_blank=True)
    condition = ConditionField(required=False, help_text=CONDITION_HELP)


class SegmentOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    condition = ConditionField()
    version = serializers.IntegerField(help_text="Grows with every change of the condition.")
    state = serializers.ChoiceField(
        choices=["computing", "live"],
        help_text="computing: the newest version is not in force yet, the former one still is.",
    )
    members = serializers.IntegerField(allow_null=True, help_text="People in it now; null until it was computed once.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class SegmentList(serializers.Serializer[Any]):
    results = SegmentOutput(many=True)
    as_of = serializers.DateTimeField(help_text="Everything received up to then is in the numbers.")
    next_cursor = serializers.CharField(allow_null=True)


class IdentifierOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["user_id", "anonymous_id"])
    value = serializers.CharField()


class MemberOutput(serializers.Serializer[Any]):
    person_id = serializers.UUIDField()
    identifiers = IdentifierOutput(many=True)
    since = serializers.DateTimeField()


class MemberList(serializers.Serializer[Any]):
    results = MemberOutput(many=True)
    as_of = serializers.DateTimeField()
    next_cursor = serializers.CharField(allow_null=True)


class EstimateInput(StrictSerializer):
    condition = ConditionField(help_text=CONDITION_HELP)


class EstimateOutput(serializers.Serializer[Any]):
    members = serializers.IntegerField()
    people = serializers.IntegerField()
    at = serializers.DateTimeField()


SEGMENT_EXAMPLE = OpenApiExample("likers", value={"name": "Liked lately", "condition": LIKED}, request_only=True)


class SegmentsView(RestView):
    """All segments of the workspace."""

    @extend_schema(
        tags=["segments"],
        operation_id="list_segments",
        summary="List segments",
        parameters=[PageQuery],
        responses=answers({200: SegmentList}),
    )
    def get(self, request: Request) -> Response:
        """Segments by name, a page at a time."""
        query = self.query(PageQuery)
        segments = Segment.objects.order_by("name", "id")
        if "cursor" in query:
            name, pk = decode_cursor(query["cursor"], str, UUID)
            segments = segments.filter(Q(name__gt=name) | Q(name=name, pk__gt=pk))
        page = list(segments[: query["limit"] + 1])
        shown, more = page[: query["limit"]], len(page) > query["limit"]
        counts = count_members_of(segments=shown)
        return Response(
            {
                "results": [_shown(segment, counts) for segment in shown],
                "as_of": memberships_as_of(),
                "next_cursor": encode_cursor(shown[-1].name, str(shown[-1].pk)) if more else None,
            }
        )

    @extend_schema(
        tags=["segments"],
        operation_id="create_segment",
        summary="Create a segment",
        request=SegmentInput,
        responses=answers({201: SegmentOutput}),
        examples=[SEGMENT_EXAMPLE, REFUSED],
    )
    def post(self, request: Request) -> Response:
        """Membership is computed in the background: `state` tells when it is in force."""
        segment = _save(request, None, {"description": ""} | self.body(SegmentInput))
        return Response(_shown(segment, {}), status=status.HTTP_201_CREATED)


class SegmentView(RestView):
    """One segment."""

    @extend_schema(
        tags=["segments"],
        operation_id="read_segment",
        summary="Read a segment",
        responses=answers({200: SegmentOutput}, 404),
    )
    def get(self, request: Request, segment_id: UUID) -> Response:
        segment = find_or_404(segment_id)
        return Response(_shown(segment, count_members_of(segments=[segment])))

    @extend_schema(
        tags=["segments"],
        operation_id="change_segment",
        summary="Change a segment",
        request=SegmentChange,
        responses=answers({200: SegmentOutput}, 404),
        examples=[OpenApiExample("rename", value={"name": "Liked in the last month"}, request_only=True), REFUSED],
    )
    def patch(self, request: Request, segment_id: UUID) -> Response:
        """A changed condition is a new version; the former one stays in force until the new one is computed."""
        segment = find_or_404(segment_id)
        values = {"name": segment.name, "description": segment.description, "condition": segment.condition}
        segment = _save(request, segment, values | self.body(SegmentChange))
        return Response(_shown(segment, count_members_of(segments=[segment])))

    @extend_schema(
        tags=["segments"],
        operation_id="delete_segment",
        summary="Delete a segment",
        responses=answers({204: None}, 404, 409),
        examples=[
            OpenApiExample(
                "in use",
                value={"code": "in_use", "message": "It is used by “Summer sale”. Change or delete that first."},
                response_only=True,
                status_codes=["409"],
            )
        ],
    )
    def delete(self, request: Request, segment_id: UUID) -> Response:
        """Refused with 409 while a segment or a campaign uses it."""
        try:
            remove_segment(segment=find_or_404(segment_id), by=by(request))
        except SegmentInUse as error:
            raise APIError(status_code=409, code="in_use", message=str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class MembersView(RestView):
    """Who is in a segment."""

    @extend_schema(
        tags=["segments"],
        operation_id="list_members",
        summary="List members",
        parameters=[PageQuery],
        responses=answers({200: MemberList}, 404),
    )
    def get(self, request: Request, segment_id: UUID) -> Response:
        """The members in a stable order, a page at a time. Somebody who enters meanwhile may or may not be met."""
        segment = find_or_404(segment_id)
        query = self.query(PageQuery)
        after = decode_cursor(query["cursor"], UUID)[0] if "cursor" in query else None
        page = members_of(segment=segment, after=after, limit=query["limit"] + 1)
        shown, more = page[: query["limit"]], len(page) > query["limit"]
        results = MemberOutput(shown, many=True).data
        cursor = encode_cursor(str(shown[-1].person_id)) if more else None
        return Response({"results": results, "as_of": memberships_as_of(), "next_cursor": cursor})


class EstimateView(RestView):
    """How many people a condition has."""

    @extend_schema(
        tags=["segments"],
        operation_id="estimate_condition",
        summary="Count people of a condition",
        request=EstimateInput,
        responses=answers({200: EstimateOutput}),
        examples=[
            OpenApiExample("likers", value={"condition": LIKED}, request_only=True),
            OpenApiExample(
                "so many",
                value={"members": 1284, "people": 20310, "at": "2026-01-31T09:00:00Z"},
                response_only=True,
                status_codes=["200"],
            ),
            REFUSED,
        ],
    )
    def post(self, request: Request) -> Response:
        """Counts exactly, without saving anything; 503 `estimate_too_slow` when it would take more than 5 seconds."""
        try:
            found = estimate(condition=self.body(EstimateInput)["condition"])
        except ConditionError as error:
            raise refused({"condition": error.problems}) from error
        except TooSlow as error:
            message = "Counting takes too long. Save it as a segment: it is computed in the background."
            raise APIError(status_code=503, code="estimate_too_slow", message=message) from error
        return Response(EstimateOutput(found).data)


def find_or_404(segment_id: UUID) -> Segment:
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is None:
        raise APIError(status_code=404, code="not_found", message="There is no such segment.")
    return segment


def _save(request: Request, segment: Segment | None, values: dict[str, Any]) -> Segment:
    try:
        return edit_segment(segment=segment, by=by(request), **values)
    except SegmentError as error:
        raise refused(error.fields) from error


def _shown(segment: Segment, counts: dict[UUID, int]) -> dict[str, Any]:
    output = {
        "id": segment.pk,
        "name": segment.name,
        "description": segment.description,
        "condition": segment.condition,
        "version": segment.version,
        "state": "live" if segment.live_version == segment.version else "computing",
        "members": counts.get(segment.pk),
        "created_at": segment.created_at,
        "updated_at": segment.updated_at,
    }
    return SegmentOutput(output).data
