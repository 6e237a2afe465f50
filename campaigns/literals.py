"""The values of filters as people type them: `10` is a number, `"10"` in quotes a text, commas separate a list."""

from __future__ import annotations

import json
from typing import Any

from tenants.documents import DocumentError, read_document

LISTS = ("in", "not_in", "between")
NO_VALUE = ("exists", "not_exists")


def read_value(text: str, *, op: str) -> Any:
    """The literal that was typed, as conditions take it."""
    text = text.strip()
    if op not in LISTS:
        return _read_scalar(text)
    try:
        items = read_document(f"[{text}]")
    except DocumentError:
        items = [_read_scalar(part.strip()) for part in text.split(",")]
    return items


def show_value(value: Any) -> str:
    """The text from which `read_value` reads this literal again."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return _show_scalar(value)
    shown = ", ".join(map(_show_scalar, value))
    return shown if read_value(shown, op="in") == value else json.dumps(value, ensure_ascii=False)[1:-1]


def _read_scalar(text: str) -> Any:
    try:
        value = read_document(text)
    except DocumentError:
        return text
    return value if isinstance(value, str | bool | int | float) else text


def _show_scalar(value: Any) -> str:
    if isinstance(value, str) and _read_scalar(value) == value and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False)
