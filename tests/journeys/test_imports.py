"""Two shops that nobody here made up, imported by kept mappings: segments agree with counting in plain Python.

The data are old, so conditions have absolute windows, or are evaluated at an instant that the data know.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet
import pytest
from django.core.management import call_command

from events.models import Event, Person, person_id_for
from segments.conditions.compiler import Key
from segments.conditions.parsing import parse_condition
from segments.conditions.questions import Everyone
from segments.definitions import save_segment
from segments.membership import current_setting, evaluate
from segments.models import Membership
from segments.recomputation import advance_recomputation
from tests.conftest import Company

Row = Mapping[str, Any]
Identifier = tuple[str, str]
"""Kind and text."""
PART = 20_000
"""So many rows of online_retail, to 9 December 2010, are enough for the short suite."""


def load(company: Company, path: Path, mapping: str) -> None:
    call_command("import_events", str(path), f"--mapping={mapping}", f"--tenant={company.tenant.pk}")


def stored_members(company: Company, name: str, condition: Any) -> set[UUID]:
    """Who is in a saved segment, once it is computed."""
    with company.scope():
        segment, _ = save_segment(name=name, condition=condition)
    while advance_recomputation(tenant_id=company.tenant.pk):
        pass
    with company.scope():
        rows = Membership.objects.filter(segment_id=segment.pk, is_member=True)
        return set(rows.values_list("person_id", flat=True))


def members_at(company: Company, condition: Any, now: datetime) -> set[UUID]:
    """Who satisfies a condition at an instant."""
    with company.scope():
        setting = replace(current_setting(), now=now)
        answers = evaluate({Key(UUID(int=1), 1): parse_condition(condition)}, scope=Everyone(), setting=setting)
    return {person_id for person_id, _, is_member, _ in answers if is_member}


def ids(company: Company, people: Iterable[Identifier]) -> set[UUID]:
    return {person_id_for(tenant_id=company.tenant.pk, kind=kind, identifier=name) for kind, name in people}


# --- ecom_clickstream ------------------------------------------------------------------------------------------------

JUNE = datetime.fromisoformat("2024-06-15T12:00:00+00:00")


@pytest.fixture
def clicks(acme: Company, planner: None, reference_data: Callable[[str], Path]) -> list[Row]:
    """The rows of the clickstream, imported into Acme with what they say of people."""
    path = reference_data("ecom_clickstream") / "ecom.csv.gz"
    load(acme, path, "ecom-clickstream")
    load(acme, path, "ecom-clickstream-profile")
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def test_clickstream__imported__three_segments_agree_with_plain_counting(acme: Company, clicks: list[Row]) -> None:
    with acme.scope():
        assert (Event.objects.count(), Person.objects.count()) == (31_106, 600)

    wished = stored_members(
        acme,
        "Wished twice in May",
        {
            "did": "wishlist_add",
            "count": {"op": ">=", "value": 2},
            "within": {"from": "2024-05-01", "to": "2024-06-01"},
        },
    )
    left_cart = members_at(
        acme,
        {
            "did": "add_to_cart",
            "then_not": {"did": "purchase", "same": ["session"]},
            "after": "10m",
            "for": "20d",
        },
        JUNE,
    )
    loyal_mobile = stored_members(
        acme,
        "Loyal and mobile",
        {
            "all": [
                {"trait": "lifecycle", "op": "=", "value": "loyal"},
                {"trait": "channel", "op": "in", "value": ["organic", "email"]},
                {"did": "purchase", "where": [{"property": "platform", "op": "=", "value": "mobile"}]},
                {"not": {"did": ["payment_error", "checkout_bug"]}},
            ]
        },
    )

    assert wished == ids(acme, who_wished(clicks))
    assert left_cart == ids(acme, who_left_the_cart(clicks))
    assert loyal_mobile == ids(acme, who_is_loyal_and_mobile(clicks))
    assert all(10 < len(members) < 590 for members in (wished, left_cart, loyal_mobile))


def who_wished(rows: list[Row]) -> set[Identifier]:
    wishes = Counter(
        user(row) for row in rows if row["event"] == "wishlist_add" and "2024-05-01" <= row["timestamp"] < "2024-06-01"
    )
    return {who for who, times in wishes.items() if times >= 2}


def who_left_the_cart(rows: list[Row]) -> set[Identifier]:
    now = JUNE.replace(tzinfo=None)
    bought: dict[str, list[datetime]] = defaultdict(list)
    for row in rows:
        if row["event"] == "purchase":
            bought[row["session_id"]].append(datetime.fromisoformat(row["timestamp"]))
    left = set()
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"])
        is_time = timedelta(minutes=10) <= now - at < timedelta(days=20, minutes=10)
        if row["event"] == "add_to_cart" and is_time and not any(at <= t <= now for t in bought[row["session_id"]]):
            left.add(user(row))
    return left


def who_is_loyal_and_mobile(rows: list[Row]) -> set[Identifier]:
    latest: dict[Identifier, Row] = {}
    for row in sorted(rows, key=lambda row: row["timestamp"]):
        latest[user(row)] = row
    bought = {user(row) for row in rows if row["event"] == "purchase" and row["platform"] == "mobile"}
    troubled = {user(row) for row in rows if row["event"] in ("payment_error", "checkout_bug")}
    return {
        who
        for who in bought - troubled
        if latest[who]["user_lifecycle"] == "loyal" and latest[who]["acquisition_channel"] in ("organic", "email")
    }


def user(row: Row) -> Identifier:
    return "user_id", row["user_id"]


# --- online_retail ---------------------------------------------------------------------------------------------------

HEART = "85123A"


@pytest.fixture(params=[PART, pytest.param(None, marks=pytest.mark.proof)], ids=["part", "whole"])
def sales(
    acme: Company,
    planner: None,
    reference_data: Callable[[str], Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> list[Row]:
    """The rows of the retailer, imported into Acme."""
    whole = reference_data("online_retail") / "online_retail_sales_with_invoice.parquet"
    table = pyarrow.parquet.read_table(whole).slice(0, request.param)
    path = tmp_path / "sales.parquet"
    pyarrow.parquet.write_table(table, path)
    load(acme, path, "online-retail")
    return list(table.to_pylist())


def test_retail__imported__three_segments_agree_with_plain_counting(acme: Company, sales: list[Row]) -> None:
    now = datetime.fromisoformat(max(row["InvoiceDate"] for row in sales) + "+00:00")
    with acme.scope():
        assert Event.objects.count() == len(sales)
        assert Person.objects.count() == len({buyer(row) for row in sales})

    busy = members_at(acme, {"did": "purchased", "count": {"op": ">=", "value": 50}, "within": "3d"}, now)
    once = members_at(
        acme,
        {
            "did": "purchased",
            "where": [{"property": "item", "op": "=", "value": HEART}],
            "then_not": {"did": "purchased", "where": [{"property": "item", "op": "=", "value": HEART}]},
            "after": "2d",
            "for": "30d",
        },
        now,
    )
    large_abroad = stored_members(
        acme,
        "Large purchases abroad",
        {
            "all": [
                {
                    "did": "purchased",
                    "where": [
                        {"property": "total", "op": ">=", "value": 100},
                        {"property": "country", "op": "!=", "value": "united kingdom"},
                    ],
                    "count": {"op": ">=", "value": 2},
                    "within": {"to": "2010-12-10"},
                },
                {"not": {"did": "purchased", "where": [{"property": "price", "op": "<", "value": 0.5}]}},
            ]
        },
    )

    assert busy == ids(acme, who_is_busy(sales, now))
    assert once == ids(acme, who_bought_once(sales, now))
    assert large_abroad == ids(acme, who_buys_large_abroad(sales))
    assert all(members for members in (busy, once, large_abroad))


def buyer(row: Row) -> Identifier:
    """A customer, or the invoice of somebody unknown."""
    return ("user_id", str(int(row["CustomerID"]))) if row["CustomerID"] else ("anonymous_id", str(row["InvoiceNo"]))


def who_is_busy(rows: list[Row], now: datetime) -> set[Identifier]:
    since = str((now - timedelta(days=3)).replace(tzinfo=None))
    items = Counter(buyer(row) for row in rows if row["InvoiceDate"] > since)
    return {who for who, times in items.items() if times >= 50}


def who_bought_once(rows: list[Row], now: datetime) -> set[Identifier]:
    hearts: dict[Identifier, list[datetime]] = defaultdict(list)
    for row in rows:
        if row["StockCode"].casefold() == HEART.casefold():  # as conditions compare texts
            hearts[buyer(row)].append(datetime.fromisoformat(row["InvoiceDate"] + "+00:00"))
    # Only the last one can have none after it, and only if no other is of the same time.
    return {
        who
        for who, times in hearts.items()
        if times.count(max(times)) == 1 and timedelta(days=2) <= now - max(times) < timedelta(days=32)
    }


def who_buys_large_abroad(rows: list[Row]) -> set[Identifier]:
    large = Counter(
        buyer(row)
        for row in rows
        if row["Country"] != "United Kingdom"
        and Decimal(str(row["UnitPrice"])) * row["Quantity"] >= 100
        and row["InvoiceDate"] < "2010-12-10"
    )
    cheap = {buyer(row) for row in rows if row["UnitPrice"] < 0.5}
    return {who for who, times in large.items() if times >= 2 and who not in cheap}
