"""Documents of a batch as JSON texts, and the copies with normalised texts where these differ."""

from __future__ import annotations

from typing import Any

from events.lenient import encode_json
from events.normalisation import normalised

# Where none of these is in a lower-case ASCII text, normalising it changes nothing: no white space stands at the edge
# of a text (after or before a quotation mark, or written as an escape).
_TELLTALES = (b'" ', b' "', b"\\")


class Documents:
    """Encodes the documents of one batch; those that many items share, once."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes | None] = {}

    def encode(self, document: dict[str, Any]) -> tuple[bytes, bytes | None]:
        """(JSON, the JSON with normalised texts or None where it is the same)."""
        if not document:
            return b"{}", None
        text = encode_json(document)
        if text.isascii() and text == text.lower() and not any(telltale in text for telltale in _TELLTALES):
            return text, None
        if text not in self._known:
            normal = normalised(document)
            self._known[text] = None if normal is None else encode_json(normal)
        return text, self._known[text]
