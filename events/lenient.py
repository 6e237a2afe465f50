"""JSON as clients really write it, made strict: NaN and Infinity, half surrogate pairs, NUL, numbers beyond any store.

What has no place in strict JSON or in the database becomes null (numbers) or is spelt out (characters), so that one
odd value loses neither its item nor its batch.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

# Numbers are exact decimals; written out they have at most so many digits. Otherwise nine bytes ("1e131071")
# would unfold to 131,072 digits whenever they are read.
MAX_DIGITS = 1_000
# Deeper nesting is cut here (far beyond what an item may have, so such an item is refused, and it alone).
CUT_DEPTH = 200

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)

encode_json = msgspec.json.Encoder(decimal_format="number").encode


class NotJSON(ValueError):
    """This is not JSON, however leniently one reads it."""


def exact_number(text: str) -> Decimal | None:
    """The number that a JSON number text means; None when it cannot be kept."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 6 or abs(int(exponent or 0)) > MAX_DIGITS:
        return None
    return Decimal(text)


def strict_json(body: bytes) -> bytes:
    """Rewrite leniently read JSON strictly; raises NotJSON."""
    text = _decoded(body)
    try:
        try:
            document = _loads(text)
        except RecursionError:
            document = _loads(_cut(text))
        return encode_json(_clean(document))
    except (ValueError, RecursionError) as error:
        raise NotJSON(str(error)) from error


def _loads(text: str) -> Any:
    # strict=False: raw control characters inside texts are tolerated.
    return json.loads(
        text, strict=False, parse_float=exact_number, parse_int=_exact_integer, parse_constant=lambda _: None
    )


def _exact_integer(text: str) -> int | None:
    return int(text) if len(text) <= MAX_DIGITS else None


def _decoded(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    try:
        text = body.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        text = body.decode(errors="replace")
    return text.removeprefix("\ufeff")


def _cut(text: str) -> str:
    """Put null where nesting exceeds CUT_DEPTH, without recursion."""
    kept, depth, start = [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == CUT_DEPTH:
                kept.append(text[start : token.start()] + "null")
        elif token[0] in "]}":
            if depth == CUT_DEPTH:
                start = token.end()
            depth -= 1
    if depth < CUT_DEPTH:
        kept.append(text[start:])
    return "".join(kept)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {_clean_text(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return value


def _clean_text(text: str) -> str:
    r"""Join split surrogate pairs; spell out NUL and half pairs as `\u0000` (six characters), which keeps ids apart."""
    if _UNFIT.search(text) is None:
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _UNFIT.sub(lambda character: f"\\u{ord(character[0]):04x}", joined)
