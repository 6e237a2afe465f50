from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser

from campaigns.attribution import attribute
from campaigns.models import Campaign
from config.demo import workspace
from config.demo.check import CheckError, play_story
from config.demo.definitions import SEGMENTS
from config.demo.generator import KINDS, QUIET_MINUTES, simulate
from config.demo.record import Record, find_record, record_path, truth_path, write_record
from config.demo.workspace import Step, open_workspace
from events.models import Event, Person
from segments.models import Membership, Segment
from tenants.models import Tenant, User
from tenants.scope import tenant_scope

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RECORD = Record(
    tenant="5b0e8a7e-6f43-4d0a-b5ea-1d6d0f1d5c11",
    email="demo@nunchi.local",
    password="-",
    write_key="wk_demo",
    server_key="sk_demo",
    simulated_at=NOW.isoformat(),
    is_filled=True,
    campaigns={"cart": "5b0e8a7e-6f43-4d0a-b5ea-1d6d0f1d5c12"},
)


@pytest.fixture
def demo_dir(tmp_path: Path, settings: Any) -> Path:
    settings.DEMO, settings.DEMO_DIR = True, tmp_path
    return tmp_path


@pytest.fixture
def without_analyze(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a test's transaction the role cannot change."""
    monkeypatch.setattr(workspace, "_refresh_statistics", lambda: connection.ensure_connection())


def test_simulate__same_seed__gives_the_same_history() -> None:
    assert simulate(now=NOW, people=40) == simulate(now=NOW, people=40)
    assert simulate(now=NOW, people=40).items != simulate(now=NOW, people=40, seed=9).items


def test_simulate__items__lie_in_the_past_in_order_with_ids_of_their_own() -> None:
    history = simulate(now=NOW, people=200)
    times = [datetime.fromisoformat(item["timestamp"]) for item in history.items]

    assert times == sorted(times)
    assert times[-1] <= NOW - timedelta(minutes=QUIET_MINUTES)
    assert len({item["messageId"] for item in history.items}) == len(times)


def test_simulate__people__are_of_every_kind_and_behave_like_it() -> None:
    history = simulate(now=NOW, people=600)
    kinds = {identifier: t.kind for t in history.truth for identifier in t.anonymous_ids}
    did: dict[str, Counter[str]] = {kind.name: Counter() for kind in KINDS}
    for item in history.items:
        did[kinds[item["anonymousId"]]][item.get("event", item["type"])] += 1

    assert all(counter["app_opened"] > 0 for counter in did.values())
    bought = {kind: counter["purchased"] / max(1, counter["added_to_cart"]) for kind, counter in did.items()}
    assert bought["loyal"] > 3 * bought["cart_abandoner"]
    assert did["stuck_newcomer"]["help_opened"] > did["loyal"]["help_opened"]
    assert not any(kind.name in json.dumps(item) for item in history.items[:2_000] for kind in KINDS)


def test_open_workspace__first_run__fills_a_tenant_that_the_second_takes_up(
    db: None, demo_dir: Path, without_analyze: None
) -> None:
    told: list[Step] = []
    record = open_workspace(now=NOW, people=60, tell=told.append)

    again = open_workspace(now=NOW + timedelta(days=1), people=60, tell=told.append)

    assert again == record == find_record()
    assert record_path().stat().st_mode & 0o077 == 0
    assert json.loads(truth_path().read_text())["simulated"] is True
    assert {step.text for step in told} == {"events of simulated people", "segments", "simulated visitors"}
    with tenant_scope(UUID(record.tenant)):
        assert Event.objects.filter(name="purchased").exists()
        assert Person.objects.exclude(merged_into=None).exists()
        segments = {segment.name: segment for segment in Segment.objects.all()}
        assert len(segments) == len(SEGMENTS)
        assert all(segment.live_version for segment in segments.values())
        assert Membership.objects.filter(segment_id=segments["New Yorkers"].pk, is_member=True).exists()


def test_open_workspace__simulated_campaign__measured_both_arms_and_says_that_it_is_simulated(
    db: None, demo_dir: Path, without_analyze: None
) -> None:
    record = open_workspace(now=datetime.now(UTC), people=150, tell=lambda _: None)

    with tenant_scope(UUID(record.tenant)):
        campaign = Campaign.objects.get(pk=record.campaigns["simulated"])
        found = attribute(campaign=campaign, tenant=Tenant.objects.get(), now=datetime.now(UTC))
    assert "simulated" in campaign.name
    assert campaign.status == Campaign.Status.ENDED
    assert found.treatment.exposed > 5
    assert found.control.exposed > 5
    assert found.control.rendered == 0


def test_open_workspace__record_lost__takes_the_tenant_up_again(
    db: None, demo_dir: Path, without_analyze: None
) -> None:
    record = open_workspace(now=NOW, people=20, tell=lambda _: None)
    record_path().unlink()

    again = open_workspace(now=NOW, people=20, tell=lambda _: None)

    assert again.tenant == record.tenant
    assert User.objects.get(email=again.email).check_password(again.password)


def test_open_workspace__interrupted__goes_on_without_doubling(
    db: None, demo_dir: Path, without_analyze: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(**_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(workspace, "send_visitors", stop)
        with pytest.raises(KeyboardInterrupt):
            open_workspace(now=NOW, people=30, tell=lambda _: None)

    record = open_workspace(now=NOW + timedelta(hours=1), people=30, tell=lambda _: None)

    history = simulate(now=NOW, seed=workspace.SEED, people=30)
    tracked = sum(1 for item in history.items if item["type"] != "identify")
    with tenant_scope(UUID(record.tenant)):
        simulated_now = Event.objects.filter(properties__simulated=True).count()
        assert Event.objects.count() - simulated_now == tracked


def test_shop__no_demo__is_not_there(db: None, client: Browser, demo_dir: Path, settings: Any) -> None:
    assert client.get("/demo/shop/").status_code == 404
    write_record(RECORD)
    settings.DEMO = False
    assert client.get("/demo/shop/").status_code == 404


def test_shop__demo_runs__serves_the_page_under_the_strict_policy(client: Browser, demo_dir: Path) -> None:
    write_record(RECORD)

    answer = client.get("/demo/shop/")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'data-write-key="wk_demo"' in page
    assert RECORD.server_key not in page
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "simulated" in page


def test_play_story__nothing_answers__says_so_in_a_sentence() -> None:
    with pytest.raises(CheckError, match="did not answer"):
        play_story(url="http://127.0.0.1:9", record=RECORD, tell=lambda _: None)


def test_demo__absurd_number_of_people__is_refused() -> None:
    with pytest.raises(CommandError, match="from 20"):
        call_command("demo", "--people", "1")
