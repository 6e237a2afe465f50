"""What an app asks and reports: POST /v1/decide and POST /v1/reports, with the write key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.decide import Question, SignatureRequired, decide
from campaigns.reports import Report, ReportType, record_reports
from campaigns.triggers import Named
from events.clock import parse_instant
from events.gateway import WriteKeyView
from events.items import MAX_ID_LENGTH
from tenants.errors import APIError
from tenants.identity import is_signature_valid

MAX_TRIGGERS = 100
MAX_REPORTS = 100
MAX_BUTTON = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class QuestionSchema(serializers.Serializer[Any]):
    """One of userId and anonymousId is needed."""

    userId = serializers.CharField(required=False, allow_null=True)  # noqa: N815
    userIdSignature = serializers.CharField(required=False, allow_null=True)  # noqa: N815
    anonymousId = serializers.CharField(required=False, allow_null=True)  # noqa: N815
    triggers = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    sessionId = serializers.CharField(required=False, allow_null=True)  # noqa: N815
    open = serializers.BooleanField(required=False, allow_null=True)
    context = serializers.DictField(required=False)  # type: ignore[assignment]


class ButtonSchema(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    action = serializers.ChoiceField(choices=["link", "dismiss"])
    url = serializers.CharField(allow_null=True)


class MessageSchema(serializers.Serializer[Any]):
    template = serializers.ChoiceField(choices=["modal"])
    title = serializers.CharField()
    body = serializers.CharField()
    image_url = serializers.CharField(allow_null=True)
    locale = serializers.CharField()
    buttons = ButtonSchema(many=True)


class DecisionSchema(serializers.Serializer[Any]):
    decision_id = serializers.CharField()
    campaign_id = serializers.UUIDField()
    variant = serializers.CharField()
    arm = serializers.ChoiceField(choices=["treatment", "control"])
    expires_in_ms = serializers.IntegerField()
    delay_ms = serializers.IntegerField()
    message = MessageSchema()


class AnswerSchema(serializers.Serializer[Any]):
    decision = DecisionSchema(allow_null=True)
    next_check_in_ms = serializers.IntegerField(allow_null=True)
    server_time = serializers.DateTimeField()


class ReportSchema(serializers.Serializer[Any]):
    decision_id = serializers.CharField()
    type = serializers.ChoiceField(choices=[kind.value for kind in ReportType])
    exposure_id = serializers.CharField()
    occurred_at = serializers.DateTimeField(required=False)
    button = serializers.IntegerField(required=False)


class ReportsSchema(serializers.Serializer[Any]):
    reports = ReportSchema(many=True)


class ResultSchema(serializers.Serializer[Any]):
    accepted = serializers.BooleanField()
    code = serializers.CharField(required=False)
    message = serializers.CharField(required=False)


class ResultsSchema(serializers.Serializer[Any]):
    results = ResultSchema(many=True)


class ErrorSchema(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(required=False)  # type: ignore[assignment]


_ERRORS = dict.fromkeys((400, 401, 403, 413, 429), ErrorSchema)


class DecideView(WriteKeyView):
    """What should this person see now?"""

    opens_scope = True

    @extend_schema(tags=["decisions"], request=QuestionSchema, responses={200: AnswerSchema, **_ERRORS})
    def post(self, request: Request) -> Response:
        try:
            answer = decide(question=self._question(), tenant=self.tenant)
        except SignatureRequired as error:
            raise _signature_required() from error
        return Response(
            {
                "decision": answer.offer.as_json() if answer.offer else None,
                "next_check_in_ms": answer.next_check_in_ms,
                "server_time": (timezone.now() + self.tenant.clock_offset).isoformat(),
            }
        )

    def _question(self) -> Question:
        document = self.document
        user_id, anonymous_id = _find_id(document, "userId"), _find_id(document, "anonymousId")
        if user_id is None and anonymous_id is None:
            raise _invalid("userId", "Give a userId or an anonymousId.")
        just_opened = document.get("open")
        if just_opened not in (None, True, False):
            raise _invalid("open", "Give true or false.")
        return Question(
            user_id=user_id,
            anonymous_id=anonymous_id,
            named=Named(_message_ids(document.get("triggers")), bool(just_opened)),
            session_id=_find_id(document, "sessionId") or "",
            is_user_id_signed=self._is_signed(user_id),
            is_server=self.caller.is_server,
        )

    def _is_signed(self, user_id: str | None) -> bool:
        signature = self.document.get("userIdSignature")
        if user_id is None or self.caller.is_server:
            return False
        if signature in (None, ""):
            if self.tenant.signed_ids_required:
                raise _signature_required()
            return False
        valid = isinstance(signature, str) and is_signature_valid(
            tenant_id=self.caller.tenant_id, user_id=user_id, signature=signature
        )
        if not valid:
            message = "userIdSignature is not the signature of this userId."
            raise APIError(status_code=403, code="invalid_signature", message=message)
        return True


class ReportsView(WriteKeyView):
    """What became of decisions."""

    opens_scope = True

    @extend_schema(tags=["decisions"], request=ReportsSchema, responses={200: ResultsSchema, **_ERRORS})
    def post(self, request: Request) -> Response:
        items = self.document.get("reports")
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_REPORTS:
            raise _invalid("reports", f"Give a list of 1 to {MAX_REPORTS} reports.")
        parsed = [_report(item) for item in items]
        outcomes = iter(record_reports([report for report in parsed if isinstance(report, Report)]))
        results: list[dict[str, Any]] = []
        for report in parsed:
            if isinstance(report, str):
                results.append({"accepted": False, "code": "invalid_report", "message": report})
            elif refusal := next(outcomes):
                results.append({"accepted": False, "code": refusal.code, "message": refusal.message})
            else:
                results.append({"accepted": True})
        return Response({"results": results})


def _report(item: object) -> Report | str:
    """The report, or what is wrong with it."""
    if not isinstance(item, dict):
        return "A report is an object."
    decision_id, exposure_id, button = item.get("decision_id"), item.get("exposure_id"), item.get("button")
    if not isinstance(decision_id, str):
        return "decision_id must be a text."
    if item.get("type") not in ReportType.__members__.values():
        return f"type must be one of {', '.join(ReportType)}."
    kind = ReportType(item["type"])
    if exposure_id is None and kind == ReportType.RELEASED:
        exposure_id = ""
    elif not isinstance(exposure_id, str) or not 1 <= len(exposure_id) <= MAX_ID_LENGTH:
        return f"exposure_id must be a text of 1 to {MAX_ID_LENGTH} characters."
    if button is not None and not (type(button) is int and 0 <= button <= MAX_BUTTON):
        return f"button must be a whole number from 0 to {MAX_BUTTON}."
    return Report(
        decision_id=decision_id,
        type=kind,
        exposure_id=exposure_id,
        occurred_at=_instant(item.get("occurred_at")),
        button=button,
    )


def _instant(value: object) -> datetime | None:
    """The time of a report as the app's clock had it; what is none is left out, for it only refines."""
    microseconds = parse_instant(value)
    if microseconds is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _message_ids(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_TRIGGERS:
        raise _invalid("triggers", f"Give a list of up to {MAX_TRIGGERS} message ids.")
    return tuple(filter(None, (_id_text(item, "triggers") for item in value)))


def _find_id(document: dict[str, Any], name: str) -> str | None:
    return _id_text(document.get(name), name)


def _id_text(value: object, name: str) -> str | None:
    """As ingestion reads ids: empty is absent, a whole number is its text."""
    if value is None or value == "":
        return None
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH:
        raise _invalid(name, f"Give a text of at most {MAX_ID_LENGTH} characters.")
    return value


def _signature_required() -> APIError:
    message = "This workspace takes signed user ids alone: send userId and userIdSignature."
    return APIError(status_code=403, code="signature_required", message=message)


def _invalid(field: str, message: str) -> APIError:
    return APIError(status_code=400, code="invalid", message=f"{field}: {message}", fields={field: [message]})
