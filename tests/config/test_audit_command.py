"""`manage.py audit`: what it prints, and how it ends."""

from __future__ import annotations

import json
import re
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from segments.draining import drain
from tests.campaigns.cast import Device
from tests.conftest import Company
from tests.tenants.owner import owner_cursor

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, str]:
    """The exit code of `manage.py audit`, and what it printed."""
    stdout = StringIO()
    try:
        call_command("audit", *arguments, stdout=stdout)
    except SystemExit as leaving:
        return int(str(leaving.code)), stdout.getvalue()
    return 0, stdout.getvalue()


def test_command__sound__prints_a_dated_report_and_succeeds(acme: Company) -> None:
    Device(acme).track("searched")
    drain(tenant_id=acme.tenant.pk)

    code, text = run("--since", "7d")

    assert code == 0
    assert re.match(r"Audit of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: 1 tenants", text)
    assert re.search(r"^  events +1$", text, re.MULTILINE)
    assert "Nothing is wrong." in text


def test_command__something_wrong__names_it_and_fails(acme: Company) -> None:
    Device(acme).track("searched")
    drain(tenant_id=acme.tenant.pk)
    with owner_cursor() as cursor:
        cursor.execute("DELETE FROM events_event")

    code, text = run()
    json_code, document = run("--json", "--sample", "3")

    assert (code, json_code) == (1, 1)
    assert "events.missing of Acme" in text
    report = json.loads(document)
    assert not report["ok"]
    (finding,) = report["findings"]
    assert (finding["code"], finding["count"], finding["tenant"]) == ("events.missing", 1, str(acme.tenant.pk))
    assert report["tenants"][0]["figures"]["events"]["missing"] == 1


def test_command__unknown_tenant__could_not_be_run(acme: Company) -> None:
    with pytest.raises(CommandError, match="There is no tenant") as raised:
        run("--tenant", str(UUID(int=1)))

    assert raised.value.returncode == 2


def test_command__without_an_owner__says_what_to_set(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "OWNER", {"user": connection.settings_dict["USER"]})

    with pytest.raises(CommandError, match="DATABASE_OWNER_URL") as raised:
        run()

    assert raised.value.returncode == 2
