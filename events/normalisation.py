"""The one published normalisation of text: Unicode NFC, white space stripped, case-folded.

Conditions compare normalised texts. What differs from its normal form is stored a second time, normalised, so that
comparing needs no look at Unicode. Keys are never normalised.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_ASCII_WHITE_SPACE = "\t\n\v\f\r "
# The Unicode property White_Space; str.strip() without argument also takes U+001C to U+001F, which do not have it.
WHITE_SPACE = (
    _ASCII_WHITE_SPACE + "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def normalise_text(text: str) -> str:
    """The form in which two texts are compared."""
    if text.isascii():
        return text.strip(_ASCII_WHITE_SPACE).lower()
    return unicodedata.normalize("NFC", text).strip(WHITE_SPACE).casefold()


def normalised(document: Any) -> Any | None:
    """The same JSON document with every text value normalised; None when that changes nothing."""
    normal = _normalised(document)
    return None if normal is document else normal


def _normalised(value: Any) -> Any:
    """The normalised value; the very same object when nothing differs."""
    if isinstance(value, str):
        normal: Any = normalise_text(value)
        return value if normal == value else normal
    if isinstance(value, dict):
        normal = {key: _normalised(inner) for key, inner in value.items()}
        return normal if any(normal[key] is not inner for key, inner in value.items()) else value
    if isinstance(value, list):
        normal = [_normalised(inner) for inner in value]
        return normal if any(new is not old for new, old in zip(normal, value, strict=True)) else value
    return value
