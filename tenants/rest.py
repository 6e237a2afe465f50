"""What the REST endpoints for server keys share: strict bodies, strict values, problems with their paths, cursors."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from tenants.api import TenantAPIView
from tenants.documents import DocumentError, read_document
from tenants.errors import APIError

S = TypeVar("S", bound="StrictSerializer")
DEFAULT_LIMIT, MAX_LIMIT = 50, 500


class ProblemLike(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def message(self) -> str: ...


class StrictJSONParser(JSONParser):
    """JSON read by `read_document`: nothing that the database or a later step would choke on."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return read_document(stream.read())
        except DocumentError as error:
            raise ParseError(f"The body is not JSON that can be kept: {error}") from error


class RestView(TenantAPIView):
    """A view for server keys that reads its input with strict serializers."""

    parser_classes = (StrictJSONParser,)

    def body(self, serializer_class: type[StrictSerializer], **kwargs: Any) -> dict[str, Any]:
        """The validated body; raises APIError 400."""
        return _validated(serializer_class, self.request.data, **kwargs)

    def query(self, serializer_class: type[StrictSerializer]) -> dict[str, Any]:
        """The validated query parameters, each at most once; raises APIError 400."""
        request: Request = self.request
        given = {name: values[-1] for name, values in request.query_params.lists()}
        return _validated(serializer_class, given)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses keys it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := [key for key in data if key not in self.fields]):
            known = ", ".join(name for name, field in self.fields.items() if not field.read_only)
            raise serializers.ValidationError(
                {str(key)[:50]: [f"Unknown key. Known here: {known}."] for key in unknown}
            )
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text; numbers and booleans are not taken for one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeField(serializers.IntegerField):
    """A JSON number without fraction; texts and booleans are not taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class NumberField(serializers.FloatField):
    """A JSON number; texts and booleans are not taken for one."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return data


class InstantField(serializers.DateTimeField):
    """A time with its zone."""

    default_error_messages: ClassVar = {"zone": "Give a time with its zone, such as 2026-01-31T09:00:00+09:00."}

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("zone")
        return super().enforce_timezone(value)


class PageQuery(StrictSerializer):
    """Where to go on, and how many at most."""

    cursor = TextField(required=False, max_length=1000, help_text="`next_cursor` of the page before.")
    limit = serializers.IntegerField(
        required=False, default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT, help_text="How many at most."
    )


class ProblemSchema(serializers.Serializer[Any]):
    """What is wrong, and where within the field (an empty path: the field as a whole)."""

    path = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class ErrorOutput(serializers.Serializer[Any]):
    """Every error has this shape. `fields` maps names of the request to their problems."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=ProblemSchema(many=True), required=False
    )


class StrictSerializerSchema(OpenApiSerializerExtension):
    """In the schema: a strict serializer takes no other keys."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False} if direction == "request" else schema


NOT_FOUND = OpenApiExample(
    "unknown",
    value={"code": "not_found", "message": "There is no such object."},
    response_only=True,
    status_codes=["404"],
)


def answers(success: Mapping[int, Any], *more: int) -> dict[int, Any]:
    """The answers of an endpoint for the schema: what it returns, and the errors that any of them may give."""
    return {**success, **dict.fromkeys((400, 401, 403, 429, 503, *more), ErrorOutput)}


def refused(fields: Mapping[str, Iterable[ProblemLike]], *, message: str = "Some values are not valid.") -> APIError:
    """A 400 that names each field's problems with their paths."""
    shaped = {
        name: [{"path": problem.path, "message": problem.message} for problem in problems]
        for name, problems in fields.items()
    }
    return APIError(status_code=400, code="invalid", message=message, fields=shaped)


def encode_cursor(*parts: Any) -> str:
    """An opaque cursor of texts and numbers."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(text: str, *types: Any) -> tuple[Any, ...]:
    """The parts of a cursor, each made by its type; raises APIError 400 for one that we did not give out."""
    try:
        parts = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not isinstance(parts, list) or not all(isinstance(part, str) and "\x00" not in part for part in parts):
            raise ValueError
        return tuple(make(part) for make, part in zip(types, parts, strict=True))
    except (ValueError, binascii.Error, OverflowError, RecursionError) as error:
        problem = {"path": "", "message": "This is not a cursor of ours. Begin again without it."}
        message = "Some values are not valid."
        raise APIError(status_code=400, code="invalid", message=message, fields={"cursor": [problem]}) from error


def _validated(serializer_class: type[StrictSerializer], data: Any, **kwargs: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data, **kwargs)
    if not serializer.is_valid():
        fields = {
            name: [{"path": path, "message": str(message)} for path, message in _flat(detail)]
            for name, detail in serializer.errors.items()
        }
        raise APIError(status_code=400, code="invalid", message="Some values are not valid.", fields=fields)
    return serializer.validated_data


def _flat(detail: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            at = f"[{name}]" if isinstance(name, int) else (f"{path}.{name}" if path else str(name))
            yield from _flat(inner, f"{path}{at}" if isinstance(name, int) else at)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _flat(inner, f"{path}[{index}]" if isinstance(inner, dict) else path)
    else:
        yield path, detail
