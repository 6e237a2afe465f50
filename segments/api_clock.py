"""The clock of a workspace for tests over REST: an app's own tests try “minute 10” in a millisecond."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from segments.clock import advance_clock
from segments.conditions.values import parse_duration
from tenants.clock import ClockError, read_clock
from tenants.errors import APIError
from tenants.models import Tenant
from tenants.rest import InstantField, RestView, StrictSerializer, TextField, answers


class DurationField(TextField):
    """A duration as conditions write it."""

    def to_internal_value(self, data: Any) -> timedelta:  # type: ignore[override]
        duration = parse_duration(super().to_internal_value(data))
        if duration is None:
            raise serializers.ValidationError("Give a duration such as 30s, 10m, 24h, 7d or 4w.")
        return duration


class ClockInput(StrictSerializer):
    """Either `advance` or `to`."""

    advance = DurationField(required=False, help_text="By how much: 30s, 10m, 24h, 7d …")
    to = InstantField(required=False, help_text="To which instant, with its zone.")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if len(data) != 1:
            raise serializers.ValidationError({"advance": "Give either “advance” or “to”."})
        return data


class ClockOutput(serializers.Serializer[Any]):
    now = serializers.DateTimeField()
    ahead_seconds = serializers.FloatField(help_text="How far it has been moved in all; 0 in ordinary workspaces.")


class ClockView(RestView):
    """What time it is in this workspace."""

    @extend_schema(tags=["clock"], operation_id="read_clock", responses=answers({200: ClockOutput}))
    def get(self, request: Request) -> Response:
        return self._answer()

    @extend_schema(
        tags=["clock"],
        operation_id="move_clock",
        summary="Move the clock of a workspace for tests forward",
        request=ClockInput,
        responses=answers({200: ClockOutput}, 409),
    )
    def post(self, request: Request) -> Response:
        """Decisions follow at once; stored memberships of who came due by it, before the answer."""
        body = self.body(ClockInput)
        try:
            advance_clock(by=body.get("advance"), to=body.get("to"))
        except ClockError as error:
            status = 403 if error.code == "not_a_test_workspace" else 409
            raise APIError(status_code=status, code=error.code, message=error.message) from error
        return self._answer()

    def _answer(self) -> Response:
        ahead = Tenant.objects.values_list("clock_offset", flat=True).get()
        return Response(ClockOutput({"now": read_clock(), "ahead_seconds": ahead.total_seconds()}).data)
