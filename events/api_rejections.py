"""The rejected-events log over REST, with a server key: what apps sent that could not be kept, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.models import RejectedItem
from tenants.rest import PageQuery, RestView, answers, decode_cursor, encode_cursor


class RejectionOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    code = serializers.CharField()
    message = serializers.CharField(help_text="What is wrong, and what to do.")
    item = serializers.CharField(help_text="The beginning of the item; empty where nobody can say whom it is about.")


class RejectionList(serializers.Serializer[Any]):
    results = RejectionOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RejectionsView(RestView):
    """The newest rejected items."""

    @extend_schema(
        tags=["events"],
        operation_id="list_rejections",
        summary="List rejected items",
        parameters=[PageQuery],
        responses=answers({200: RejectionList}),
    )
    def get(self, request: Request) -> Response:
        """Items that were refused though their batch was answered 200, newest first."""
        query = self.query(PageQuery)
        rows = RejectedItem.objects.order_by("-at", "-id")
        if "cursor" in query:
            at, pk = decode_cursor(query["cursor"], datetime.fromisoformat, int)
            rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))
        page = list(rows[: query["limit"] + 1])
        shown, more = page[: query["limit"]], len(page) > query["limit"]
        return Response(
            {
                "results": RejectionOutput(shown, many=True).data,
                "next_cursor": encode_cursor(shown[-1].at.isoformat(), str(shown[-1].pk)) if more else None,
            }
        )
