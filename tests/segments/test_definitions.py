"""Saving segments: what is refused, where the problem lies, and which versions come of an edit."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.conditions.parsing import ConditionError, parse_condition, split_path
from segments.definitions import delete_segment, load_definitions, save_segment
from segments.models import Segment, SegmentVersion
from tests.conftest import Company

PRO = {"trait": "plan", "op": "=", "value": "pro"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
keys = st.sampled_from(
    ["all", "any", "not", "did", "where", "count", "within", "then_not", "same", "after", "for", "trait", "op", "value",
     "property", "segment", "last", "before", "from", "to", "calendar", "back", "x"]
)  # fmt: skip
words = st.sampled_from(["=", ">", "between", "in", "purchased", "30d", "-7d", "0d", "2026-01-01", "9999-12-31", "a.b"])
near_conditions = st.recursive(
    words | json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=30,
)


@given(document=near_conditions)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_parse_condition__any_document__parses_or_says_what_is_wrong(document: Any) -> None:
    try:
        parse_condition(document)
    except ConditionError as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        ({"all": [{"did": "a", "where": [{"property": "p", "op": "~", "value": 1}]}]}, "all[0].where[0].op", "Unknown"),
        ({"did": "a", "within": "0d"}, "within", "duration"),
        ({"did": "a", "within": {"last": "7d", "before": "30d"}}, "within", "further back"),
        ({"did": "a", "within": {"from": "2026-02-01", "to": "2026-01-01"}}, "within", "earlier"),
        ({"did": "a", "count": {"op": ">=", "value": -1}}, "count.value", "whole number"),
        ({"did": "a", "count": {"op": ">=", "value": True}}, "count.value", "whole number"),
        ({"did": "a", "colour": 1}, "colour", "Unknown key"),
        ({"did": "a", "sum": "price"}, "sum", "not available"),
        ({"sequence": []}, "sequence", "not available"),
        ({"trait": "t", "op": ">", "value": "red"}, "value", "number, or a time"),
        ({"trait": "t", "op": "before", "value": "-7d"}, "value", "not available"),
        ({"trait": "t", "op": "=", "value": "  "}, "value", "not_exists"),
        ({"trait": "t", "op": "=", "value": float("nan")}, "value", "Give a text"),
        ({"did": "a", "then_not": {"did": "b"}}, "after", "duration"),
        ({"did": ""}, "did", "1 to 200"),
        ({"did": "a", "all": []}, "", "exactly one"),
        ("purchased", "", "object"),
        ({"segment": "vip"}, "segment", "id"),
        ({"trait": "a\x00b", "op": "exists"}, "trait", "Name a trait"),
    ],
)
def test_parse_condition__mistake__is_named_with_its_path(condition: Any, path: str, words: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(condition)

    assert any(problem.path == path and words in problem.message for problem in caught.value.problems)


def test_parse_condition__too_deep_or_too_many__is_refused() -> None:
    deep: Any = PRO
    for _ in range(50):
        deep = {"not": deep}

    for condition in (deep, {"all": [PRO] * 101}, {"all": [{"any": [PRO] * 99}] * 9}):
        with pytest.raises(ConditionError):
            parse_condition(condition)


def test_split_path__escaped_dot__stays_in_the_key() -> None:
    assert split_path(r"a.b\.c.d\e") == ("a", "b.c", "d\\e")


@pytest.mark.django_db
def test_save_segment__cycle_over_several__is_refused(scoped: Company) -> None:
    first, _ = save_segment(name="First", condition=PRO)
    second, _ = save_segment(name="Second", condition={"not": {"segment": str(first.pk)}})
    third, _ = save_segment(name="Third", condition={"any": [{"segment": str(second.pk)}]})

    for condition in ({"segment": str(third.pk)}, {"segment": str(first.pk)}):
        with pytest.raises(ConditionError, match="leads back"):
            save_segment(segment=first, name="First", condition=condition)


@pytest.mark.django_db
def test_save_segment__strangers_segment__is_refused_as_unknown(acme: Company, globex: Company) -> None:
    with globex.scope():
        theirs, _ = save_segment(name="Theirs", condition=PRO)

    with acme.scope():
        for segment_id in (theirs.pk, uuid4()):
            with pytest.raises(ConditionError, match="no segment"):
                save_segment(name="Mine", condition={"segment": str(segment_id)})


@pytest.mark.django_db
def test_save_segment__references_that_multiply__are_refused_before_they_do(scoped: Company) -> None:
    previous, _ = save_segment(name="0", condition=PRO)
    with pytest.raises(ConditionError, match="too large"):
        for level in range(1, 40):
            condition = {"all": [{"segment": str(previous.pk)}] * 100}
            previous, _ = save_segment(name=str(level), condition=condition)
    assert Segment.objects.count() < 4


@pytest.mark.django_db
def test_save_segment__same_condition__makes_no_version(scoped: Company) -> None:
    saved, needs = save_segment(name="Pro", condition=PRO)
    renamed, needs_again = save_segment(segment=saved, name="Professionals", condition=PRO)

    assert (needs, needs_again) == (True, False)
    assert (renamed.version, SegmentVersion.objects.count()) == (1, 1)
    assert [key.version for key in load_definitions().pending] == [1]


@pytest.mark.django_db
def test_delete_segment__named_by_another__is_refused(scoped: Company) -> None:
    inner, _ = save_segment(name="Inner", condition=PRO)
    outer, _ = save_segment(name="Outer", condition={"segment": str(inner.pk)})

    with pytest.raises(ConditionError, match="Outer"):
        delete_segment(segment=inner)
    delete_segment(segment=outer)
    delete_segment(segment=inner)

    assert not Segment.objects.exists()
