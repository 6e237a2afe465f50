"""From the body of a request to items: each valid one, and the reason against each other one.

The fast path decodes strictly; what it refuses is read leniently, rewritten strictly and decoded again, so there is one
conversion for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from events.clock import parse_instant
from events.items import (
    MAX_DEPTH,
    InvalidItem,
    Item,
    WireItem,
    build_item,
    decode_item,
    find_names,
    is_deeper,
)
from events.lenient import NotJSON, exact_number, strict_json

MAX_ITEMS = 5_000
T = TypeVar("T")


class UnreadableBody(ValueError):
    """Nothing of the body can be kept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """An item that was not kept, or not whole; `names` says whom it means, as far as its ids can be read."""

    index: int
    code: str
    message: str
    raw: bytes
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a body holds, and the key that was found inside it, if any."""

    items: list[Item]
    rejections: list[Rejection]
    write_key: str | None


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    context: msgspec.Raw = msgspec.Raw(b"null")
    sent_at: Any = None
    write_key: Any = None


_decode_batch = msgspec.json.Decoder(_Batch, float_hook=exact_number).decode
_decode_any = msgspec.json.Decoder(float_hook=exact_number).decode


def parse_document(body: bytes) -> dict[str, Any]:
    """A body that is one JSON object, read leniently; raises UnreadableBody."""
    try:
        document = _leniently(_decode_any, body)
    except NotJSON as error:
        raise _not_json(error) from error
    if not isinstance(document, dict):
        raise UnreadableBody("invalid_body", "The body must be a JSON object.")
    return document


def parse_batch(body: bytes, *, max_item_bytes: int) -> Parsed:
    """The items of `{"batch": […]}`; raises UnreadableBody."""
    try:
        batch = _leniently(_decode_batch, body)
    except msgspec.ValidationError as error:
        raise UnreadableBody("invalid_batch", f"A batch must be {{“batch”: [items]}}: {error}.") from error
    except NotJSON as error:
        raise _not_json(error) from error
    if len(batch.batch) > MAX_ITEMS:
        raise UnreadableBody("too_many_items", f"A batch may have at most {MAX_ITEMS} items.")
    context = _batch_context(batch.context)
    context_bytes = memoryview(batch.context).nbytes if context else 0
    items: list[Item] = []
    rejections: list[Rejection] = []
    key = _text_or_none(batch.write_key)
    sent_at = parse_instant(batch.sent_at)
    for index, raw in enumerate(batch.batch):
        content = bytes(raw)
        wire = None
        try:
            wire = decode_leniently(content)
            if len(content) + context_bytes > max_item_bytes:
                raise InvalidItem("item_too_large", f"An item may have at most {max_item_bytes} bytes.")
            key = key or _text_or_none(wire.write_key)
            items.append(build_item(wire, index=index, batch_context=context, batch_sent_at=sent_at, raw=content))
        except InvalidItem as error:
            names = find_names(wire) if wire else ()
            rejections.append(Rejection(index=index, code=error.code, message=error.message, raw=content, names=names))
    return Parsed(items=items, rejections=rejections, write_key=key)


def parse_single(body: bytes, *, item_type: str, max_item_bytes: int) -> Parsed:
    """The one item of a body, whose type the address says; raises UnreadableBody."""
    if len(body) > max_item_bytes:
        raise UnreadableBody("item_too_large", f"An item may have at most {max_item_bytes} bytes.")
    wire = _only_item(body)
    wire.type = item_type
    key = _text_or_none(wire.write_key)
    try:
        item = build_item(wire, index=0, batch_context={}, batch_sent_at=None, raw=body)
    except InvalidItem as error:
        rejection = Rejection(index=0, code=error.code, message=error.message, raw=body, names=find_names(wire))
        return Parsed(items=[], rejections=[rejection], write_key=key)
    return Parsed(items=[item], rejections=[], write_key=key)


def _only_item(body: bytes) -> WireItem:
    try:
        return _leniently(decode_item, body)
    except msgspec.ValidationError as error:
        raise UnreadableBody("invalid_body", "The body must be a JSON object.") from error
    except NotJSON as error:
        raise _not_json(error) from error


def decode_leniently(content: bytes) -> WireItem:
    """The item of any JSON that clients write; raises InvalidItem."""
    try:
        return _leniently(decode_item, content)
    except msgspec.ValidationError as error:
        raise InvalidItem("invalid_item", "An item must be a JSON object.") from error
    except NotJSON as error:
        raise InvalidItem("bad_json", f"The item is not JSON: {error}.") from error


def _leniently(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode; on any difficulty rewrite strictly and decode again. Raises NotJSON or msgspec.ValidationError."""
    if rb"\u0000" not in body:  # the decoder takes it, the database does not
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    try:
        return decode(strict_json(body))
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJSON(str(error)) from error


def _batch_context(raw: msgspec.Raw) -> dict[str, Any]:
    """A context that is no object, or too deep, is ignored: the items can do without it."""
    try:
        context = _leniently(_decode_any, bytes(raw))
    except (NotJSON, msgspec.ValidationError):
        return {}
    return context if isinstance(context, dict) and not is_deeper(context, MAX_DEPTH) else {}


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _not_json(error: NotJSON) -> UnreadableBody:
    return UnreadableBody("bad_json", f"The body is not JSON: {error}.")
