"""One item of the protocol: what it must be, and what becomes of it."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import msgspec

from events.clock import parse_instant
from events.lenient import exact_number
from events.models import Person

TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})
MAX_ID_LENGTH = 255
MAX_NAME_LENGTH = 200
MAX_TRAITS = 1_000
MAX_DEPTH = 64
USER, ANONYMOUS = Person.IdentifierKind.USER_ID.value, Person.IdentifierKind.ANONYMOUS_ID.value
_PROOF = "userIdSignature"


class InvalidItem(ValueError):
    """An item that cannot be kept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A valid item. `event_name` is None for identify and alias; instants are microseconds since 1970.

    `signature` is what shall prove the user id, not yet verified; nothing of the item that is stored holds it.
    """

    index: int
    type: str
    message_id: str
    user_id: str | None = None
    signature: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    event_name: str | None = None
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    client_time: int | None = None
    sent_at: int | None = None
    raw: bytes = b""


class WireItem(msgspec.Struct, rename="camel"):
    """The fields that we read; everything else is dropped."""

    type: Any = None
    event: Any = None
    name: Any = None
    category: Any = None
    user_id: Any = None
    user_id_signature: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    message_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    properties: Any = None
    traits: Any = None
    context: Any = None
    write_key: Any = None


decode_item = msgspec.json.Decoder(WireItem, float_hook=exact_number).decode
_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def build_item(
    wire: WireItem, *, index: int, batch_context: dict[str, Any], batch_sent_at: int | None, raw: bytes
) -> Item:
    """The item that this one means; raises InvalidItem. `batch_sent_at` is in microseconds since 1970."""
    kind = wire.type
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidItem("unknown_type", f"type must be one of {', '.join(sorted(TYPES))}.")
    # The count is an upper bound of the depth; it spares nearly every item the walk.
    may_be_deep = not raw or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
    if may_be_deep and is_deeper(wire, MAX_DEPTH):
        raise InvalidItem("too_deep", f"The item is nested more than {MAX_DEPTH} levels deep.")
    client_time = _client_time(wire)
    user_id, anonymous_id = _id(wire.user_id, "userId"), _id(wire.anonymous_id, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise InvalidItem("missing_id", "An item needs a userId or an anonymousId.")
    own_context = _object(wire.context, "context")
    signature = _taken_signature(wire, own_context, batch_context)
    context = {**batch_context, **own_context} if batch_context else own_context
    context.pop(_PROOF, None)
    traits = _object(wire.traits, "traits")
    event_name, properties = None, {}
    match kind:
        case "track":
            event_name, properties = _event_name(wire.event), _object(wire.properties, "properties")
        case "page" | "screen":
            event_name, properties = kind, _named(wire)
        case "group":
            event_name, properties = kind, {"groupId": _needed_id(wire.group_id, "groupId"), "traits": traits}
        case "identify":
            traits = _checked_traits(traits or _object(context.get("traits"), "context.traits"))
    previous_id = None
    if kind == "alias":
        previous_id = _needed_id(wire.previous_id, "previousId")
        if user_id is None:
            raise InvalidItem("missing_id", "alias needs a userId.")
    sent_at = None if wire.sent_at is None else parse_instant(wire.sent_at)
    return Item(
        index=index,
        type=kind,
        message_id=_id(wire.message_id, "messageId") or _made_id(wire, index, client_time),
        user_id=user_id,
        signature=signature,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        event_name=event_name,
        properties=properties,
        traits=traits if kind == "identify" else {},
        context=context,
        client_time=client_time,
        sent_at=batch_sent_at if sent_at is None else sent_at,
        raw=raw,
    )


def find_names(item: WireItem | Item) -> tuple[tuple[str, str], ...]:
    """(kind, identifier) of everybody whom an item means; nobody when one of its ids cannot be read."""
    try:
        user_id, anonymous_id = _id(item.user_id, "userId"), _id(item.anonymous_id, "anonymousId")
        previous_id = _id(item.previous_id, "previousId")
    except InvalidItem:
        return ()
    pairs = ((USER, user_id), (ANONYMOUS, anonymous_id), (USER, previous_id), (ANONYMOUS, previous_id))
    return tuple((kind, text) for kind, text in pairs if text is not None)


def _taken_signature(wire: WireItem, own_context: dict[str, Any], batch_context: dict[str, Any]) -> str | None:
    """The signature of the user id, beside it or in the context, taken away from where it stood."""
    if wire.user_id_signature is None and _PROOF not in own_context and _PROOF not in batch_context:
        return None
    given = (wire.user_id_signature, own_context.pop(_PROOF, None), batch_context.get(_PROOF))
    wire.user_id_signature = None
    return next((text for text in given if isinstance(text, str) and text), None)


def _id(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidItem("invalid_id", f"{field} must be a text.")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidItem("invalid_id", f"{field} may have at most {MAX_ID_LENGTH} characters.")
    return value


def _needed_id(value: Any, field: str) -> str:
    text = _id(value, field)
    if text is None:
        raise InvalidItem("missing_id", f"This type of item needs a {field}.")
    return text


def _object(value: Any, field: str) -> dict[str, Any]:
    if value is None or value == []:  # some languages cannot tell an empty object from an empty list
        return {}
    if not isinstance(value, dict):
        raise InvalidItem("invalid_field", f"{field} must be an object.")
    return value


def _event_name(value: Any) -> str:
    if value is None or value == "":
        raise InvalidItem("missing_event", "track needs the name of the event in “event”.")
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise InvalidItem("invalid_event", f"event must be a text of at most {MAX_NAME_LENGTH} characters.")
    return value


def _named(wire: WireItem) -> dict[str, Any]:
    """The properties of a page or screen, its name and category among them."""
    properties = _object(wire.properties, "properties")
    for field, value in (("name", wire.name), ("category", wire.category)):
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise InvalidItem("invalid_field", f"{field} must be a text.")
        properties = {**properties, field: value}
    return properties


def _checked_traits(traits: dict[str, Any]) -> dict[str, Any]:
    if len(traits) > MAX_TRAITS:
        raise InvalidItem("too_many_traits", f"An identify may set at most {MAX_TRAITS} traits.")
    if any(len(name) > MAX_NAME_LENGTH for name in traits):
        raise InvalidItem("invalid_trait", f"The name of a trait may have at most {MAX_NAME_LENGTH} characters.")
    return traits


def _client_time(wire: WireItem) -> int | None:
    value = wire.original_timestamp if wire.timestamp in (None, "") else wire.timestamp
    if value is None or value == "":
        return None
    instant = parse_instant(value)
    if instant is None:
        raise InvalidItem("invalid_timestamp", "timestamp must be a time in ISO 8601, such as 2026-01-31T09:30:00Z.")
    return instant


def _made_id(wire: WireItem, index: int, client_time: int | None) -> str:
    """True twins in a batch stay two (their position differs); a resent batch gives the same ids."""
    if client_time is None:
        return f"made-{uuid4()}"
    content = msgspec.structs.replace(wire, message_id=None, sent_at=None, write_key=None)
    return f"made-{index}-{hashlib.sha256(_canonical(content)).hexdigest()[:40]}"


def is_deeper(value: Any, levels: int) -> bool:
    """Whether a JSON value is nested more than so many levels deep."""
    if isinstance(value, WireItem):
        return any(is_deeper(getattr(value, field), levels - 1) for field in value.__struct_fields__)
    if isinstance(value, dict):
        return levels == 0 or any(is_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(is_deeper(inner, levels - 1) for inner in value)
    return False
