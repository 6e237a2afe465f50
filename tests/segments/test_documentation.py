"""docs/conditions.md: every example parses, every vector of the normalisation is true."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from events.normalisation import normalise_text
from segments.conditions.parsing import parse_condition
from segments.conditions.references import references_in
from tests.oracle.values import normalise

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
VECTORS = [
    ("Straße", "strasse"),
    ("İ", "i̇"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
    ("ς", "σ"),
    ("　Seoul　", "seoul"),
    (unicodedata.normalize("NFD", "한글"), "한글"),
    ("\x1c a \x1f", "\x1c a \x1f"),
]


def test_documentation__has_examples() -> None:
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("example", EXAMPLES)
def test_documentation__example__parses(example: str) -> None:
    references_in(parse_condition(json.loads(example)))


@pytest.mark.parametrize(("text", "expected"), VECTORS)
def test_normalisation__vector__product_and_oracle_agree(text: str, expected: str) -> None:
    assert normalise_text(text) == normalise(text) == expected
