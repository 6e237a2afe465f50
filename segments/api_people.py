"""People over REST, with a server key: who somebody is, what they did, which segments they are in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.models import Person
from segments.api import IdentifierOutput
from segments.profiles import find_profile, newest_events
from tenants.errors import APIError
from tenants.rest import PageQuery, RestView, answers, decode_cursor, encode_cursor


class InSegmentOutput(serializers.Serializer[Any]):
    segment_id = serializers.UUIDField()
    name = serializers.CharField()
    since = serializers.DateTimeField()


class EventOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    message_id = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    source = serializers.ChoiceField(choices=["app", "server"])  # type: ignore[assignment]
    properties = serializers.DictField()
    context = serializers.DictField()  # type: ignore[assignment]


class EventList(serializers.Serializer[Any]):
    results = EventOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PersonOutput(serializers.Serializer[Any]):
    """Somebody as they are now: facts that had not been digested are digested before the answer."""

    person_id = serializers.UUIDField()
    identifiers = IdentifierOutput(many=True)
    traits = serializers.DictField()
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    segments = InSegmentOutput(many=True)
    events = EventList(help_text="Newest first; go on with the query parameter `cursor`.")


class PersonView(RestView):
    """One person."""

    @extend_schema(
        tags=["people"],
        operation_id="read_person",
        summary="Read a person",
        parameters=[
            OpenApiParameter(
                "kind",
                OpenApiTypes.STR,
                OpenApiParameter.PATH,
                enum=[kind.value for kind in Person.IdentifierKind],
                description="What kind of identifier it is.",
            ),
            OpenApiParameter("identifier", OpenApiTypes.STR, OpenApiParameter.PATH, description="As the app sends it."),
            PageQuery,
        ],
        responses=answers({200: PersonOutput}, 404),
        examples=[
            OpenApiExample(
                "somebody",
                value={
                    "person_id": "5d0f6b38-3f0e-5c1e-9a35-0f6f2f5f8d11",
                    "identifiers": [{"kind": "user_id", "value": "u1"}, {"kind": "anonymous_id", "value": "a-7"}],
                    "traits": {"city": "Seoul"},
                    "first_seen_at": "2026-01-02T08:00:00Z",
                    "last_seen_at": "2026-01-31T09:00:00Z",
                    "segments": [
                        {
                            "segment_id": "0b6e7a52-6a0b-4f1e-8a53-7c1b1f0a9d10",
                            "name": "Liked lately",
                            "since": "2026-01-30T10:00:00Z",
                        }
                    ],
                    "events": {"results": [], "next_cursor": None},
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request, kind: str, identifier: str) -> Response:
        """Identifiers that were merged lead to the person into whom they were merged."""
        query = self.query(PageQuery)
        after = decode_cursor(query["cursor"], _instant, UUID) if "cursor" in query else None
        profile = find_profile(kind=kind, identifier=identifier) if kind in Person.IdentifierKind.values else None
        if profile is None:
            raise APIError(status_code=404, code="not_found", message="Nobody is known by this identifier.")
        person = profile.person
        page = newest_events(person_id=person.person_id, after=after, limit=query["limit"] + 1)
        shown, more = page[: query["limit"]], len(page) > query["limit"]
        cursor = encode_cursor(shown[-1].occurred_at.isoformat(), str(shown[-1].event_id)) if more else None
        output = {
            "person_id": person.person_id,
            "identifiers": profile.identifiers,
            "traits": person.traits,
            "first_seen_at": person.first_seen_at,
            "last_seen_at": person.last_seen_at,
            "segments": profile.memberships,
            "events": {"results": shown, "next_cursor": cursor},
        }
        return Response(PersonOutput(output).data)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at
