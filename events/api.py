"""The endpoints that Segment-compatible SDKs send to."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway import OpenView, WriteKeyView, unreadable
from events.ingestion import ingest
from events.parsing import Parsed, UnreadableBody, parse_batch, parse_single
from tenants.api import key_from_header, look_up_key
from tenants.errors import APIError
from tenants.keys import Caller
from tenants.quotas import check_quotas, count_stored
from tenants.rate_limits import admit

_ANSWER = extend_schema(
    tags=["ingestion"],
    request=OpenApiTypes.OBJECT,
    responses=dict.fromkeys((200, 400, 401, 413, 429), OpenApiTypes.OBJECT),
)


class IngestionView(WriteKeyView):
    """What batches and single items share."""

    @cached_property
    def parsed(self) -> Parsed:
        try:
            return self.parse()
        except UnreadableBody as error:
            raise unreadable(error) from error

    def parse(self) -> Parsed:
        raise NotImplementedError

    def key_in_body(self) -> str | None:
        return self.parsed.write_key

    def count_items(self) -> int:
        return len(self.parsed.items) + len(self.parsed.rejections) if self.request.method == "POST" else 0

    def ingest(self) -> Response:
        now = datetime.now(UTC)
        check_quotas(self.caller, items=len(self.parsed.items), now=now)
        outcome = ingest(
            tenant_id=self.caller.tenant_id,
            items=self.parsed.items,
            rejections=self.parsed.rejections,
            is_server=self.caller.is_server,
        )
        count_stored(tenant_id=self.caller.tenant_id, items=outcome.stored, now=now)
        rejected = [
            {"index": rejection.index, "code": rejection.code, "message": rejection.message}
            for rejection in outcome.rejections
        ]
        return Response({"success": True} | ({"rejected": rejected} if rejected else {}))


class BatchView(IngestionView):
    """Many items of any type; the good ones are stored whatever the others are."""

    def parse(self) -> Parsed:
        return parse_batch(self.body, max_item_bytes=settings.MAX_ITEM_BYTES)

    @_ANSWER
    def post(self, request: Request) -> Response:
        return self.ingest()


class ItemView(IngestionView):
    """One item, whose type the address says; a bad one is answered 400."""

    item_type: ClassVar[str] = ""

    def parse(self) -> Parsed:
        return parse_single(self.body, item_type=self.item_type, max_item_bytes=settings.MAX_ITEM_BYTES)

    @_ANSWER
    def post(self, request: Request) -> Response:
        response = self.ingest()
        for rejection in self.parsed.rejections:
            raise APIError(status_code=400, code=rejection.code, message=rejection.message)
        return response


class MetricsView(OpenView):
    """Browser clients post metrics about themselves, without a key: accepted and dropped."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        return Response({"success": True})


class SettingsView(OpenView):
    """What the loader of the reference protocol's browser library asks for."""

    @extend_schema(exclude=True)
    def get(self, request: Request, key: str) -> Response:
        _known_caller(key, request)
        host = request.get_host()
        return Response(
            {
                "integrations": {
                    "Segment.io": {
                        "apiKey": key,
                        "apiHost": f"{host}/v1",
                        "protocol": request.scheme,
                        "unbundledIntegrations": [],
                        "addBundledMetadata": False,
                        "maybeBundledConfigIds": {},
                    }
                },
                "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
                "edgeFunction": {},
                "analyticsNextEnabled": True,
                "middlewareSettings": {},
                "enabledMiddleware": {},
                "metrics": {"sampleRate": 0, "host": f"{host}/v1"},
                "legacyVideoPluginsEnabled": False,
                "remotePlugins": [],
            }
        )


class SourceConfigView(OpenView):
    """What the loaders of the open alternative ask for."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        key = key_from_header(request) or request.GET.get("writeKey", "")
        caller = _known_caller(key, request)
        updated_at = timezone.now().isoformat()
        return Response(
            {
                "source": {
                    "id": str(caller.key_id),
                    "name": "Nunchi",
                    "writeKey": key,
                    "enabled": True,
                    "workspaceId": str(caller.tenant_id),
                    "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
                    "connections": [],
                    "destinations": [],
                    "dataplanes": {},
                    "updatedAt": updated_at,
                },
                "updatedAt": updated_at,
                "consentManagementMetadata": {},
            }
        )


def _known_caller(key: str | None, request: Request) -> Caller:
    caller = look_up_key(key, request=request)
    if caller is None:
        raise APIError(status_code=404, code="unknown_key", message="Unknown, expired or revoked key.")
    admit(caller, request=request)
    return caller


def item_view(item_type: str) -> Any:
    """The endpoint for single items of a type."""
    return ItemView.as_view(item_type=item_type)
