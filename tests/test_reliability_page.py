"""docs/reliability.md names tests that exist and say which bug made them fail."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "reliability.md").read_text())))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_invariant__its_test__exists_and_names_its_planted_bug(path: str, name: str) -> None:
    functions = {
        node.name: ast.get_docstring(node) or ""
        for node in ast.parse((ROOT / path).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }

    assert "Planted bug" in functions[name]
    assert "seen to" in functions[name]


def test_invariants__of_the_table__are_all_ten() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "reliability.md").read_text(), re.MULTILINE)

    assert rows == [str(number) for number in range(1, 11)]
