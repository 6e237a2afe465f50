"""docs/campaigns.md says what the product does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from campaigns.choice import Rule
from campaigns.parsing import parse_caps, parse_goal, parse_message, parse_trigger
from campaigns.reports import ReportType
from campaigns.templating import ENVIRONMENT
from tests.campaigns.cast import Device, make_campaign
from tests.conftest import Company

PAGE = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text()


def examples(heading: str) -> list[Any]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]


@pytest.mark.parametrize(
    ("heading", "parse"),
    [("Trigger", parse_trigger), ("Caps and the gap", parse_caps), ("Message", parse_message), ("Goal", parse_goal)],
)
def test_documentation__examples_of_definitions__are_valid(heading: str, parse: Any) -> None:
    found = examples(heading)

    assert found
    for example in found:
        parse(example)


def test_documentation__answer__has_the_keys_of_a_real_one(free: Company) -> None:
    question, documented = examples("POST /v1/decide")
    make_campaign(free)
    device = Device(free)
    device.track("added_to_cart")

    answer = device.ask(**{key: value for key, value in question.items() if key in ("open", "sessionId")})

    assert answer.keys() == documented.keys()
    assert answer["decision"].keys() == documented["decision"].keys()
    assert answer["decision"]["message"].keys() == documented["decision"]["message"].keys()


def test_documentation__every_rule_report_and_filter__is_named() -> None:
    for word in (*Rule, *ReportType):
        assert f"`{word}`" in PAGE
    for name in ENVIRONMENT.filters:
        assert re.search(rf"[`\s]{name}[`\s]", PAGE), name
