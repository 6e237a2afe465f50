"""JSON that people and servers write: read strictly, refused in words that help to mend it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

MAX_DEPTH = 60


class DocumentError(ValueError):
    """The text is not JSON that can be kept."""


def read_document(text: str | bytes) -> Any:
    """The value of a JSON text; raises DocumentError.

    Refused beyond what JSON itself forbids: numbers without a finite value, NUL and halves of characters in texts, and
    nesting deeper than 60.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
        _check(document)
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        raise DocumentError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except UnicodeError as error:
        raise DocumentError("The text is not valid UTF-8.") from error
    except RecursionError as error:
        raise DocumentError(f"It is nested more than {MAX_DEPTH} deep.") from error
    except ValueError as error:
        raise DocumentError("A number is too large.") from error
    return document


def write_document(document: Any) -> str:
    """A JSON text that people can read and edit."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentError(f"{name} is not a number in JSON.")


def _check(document: Any) -> None:
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise DocumentError(f"It is nested more than {MAX_DEPTH} deep.")
        if isinstance(value, str):
            if "\x00" in value:
                raise DocumentError("Texts must not contain the character NUL.")
        elif isinstance(value, dict):
            waiting += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
