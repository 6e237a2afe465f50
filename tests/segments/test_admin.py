"""Segments in the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from segments.editing import edit_segment
from segments.models import Segment, SegmentVersion
from tenants.models import AuditEntry
from tests.conftest import Company

BY: Any = {"actor": None, "address": None}
LIKED = {"did": "liked", "within": "30d"}
FORM = {"name": "Likers", "description": "", "condition": json.dumps(LIKED)}
ADMIN = "/admin/segments/segment/"


def staff(company: Company, client: Client, role: str = "marketer") -> Client:
    user = company.users[role]
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


@pytest.fixture
def editor(acme: Company, client: Client) -> Client:
    return staff(acme, client)


def test_segment__added_and_changed__has_versions_and_one_audit_entry_each(editor: Client, acme: Company) -> None:
    added = editor.post(f"{ADMIN}add/", FORM)
    with acme.scope():
        segment = Segment.objects.get()
    changed = editor.post(f"{ADMIN}{segment.pk}/change/", FORM | {"condition": '{"did": "bought"}'})

    assert (added.status_code, changed.status_code) == (302, 302)
    with acme.scope():
        segment.refresh_from_db()
        assert (segment.tenant_id, segment.version, segment.condition) == (acme.tenant.pk, 2, {"did": "bought"})
        assert SegmentVersion.objects.count() == 2
        actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["segment.created", "segment.changed"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [("{", "This is not JSON"), ('{"all": [{"did": "a", "within": "x"}]}', "all[0].within: Give a duration")],
)
def test_segment__refused__says_why_with_the_path(editor: Client, condition: str, words: str) -> None:
    response = editor.post(f"{ADMIN}add/", FORM | {"condition": condition})

    assert response.status_code == 200
    assert words in response.content.decode()


def test_segment__a_name_that_is_taken__is_refused(editor: Client, acme: Company) -> None:
    with acme.scope():
        edit_segment(name="Likers", description="", condition=LIKED, by=BY)

    assert editor.post(f"{ADMIN}add/", FORM).status_code == 200
    with acme.scope():
        assert Segment.objects.count() == 1


@pytest.mark.parametrize("path", ["{}{}/delete/", "{}"])
def test_segment__that_is_used__is_protected(editor: Client, acme: Company, path: str) -> None:
    with acme.scope():
        inner = edit_segment(name="Inner", description="", condition=LIKED, by=BY)
        edit_segment(name="Outer", description="", condition={"segment": str(inner.pk)}, by=BY)

    editor.post(
        path.format(ADMIN, inner.pk), {"post": "yes", "action": "delete_selected", "_selected_action": [str(inner.pk)]}
    )

    with acme.scope():
        assert Segment.objects.count() == 2


def test_segment__unused__is_deleted_with_one_audit_entry(editor: Client, acme: Company) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)

    editor.post(f"{ADMIN}{segment.pk}/delete/", {"post": "yes"})

    with acme.scope():
        assert not Segment.objects.exists()
        assert AuditEntry.objects.filter(action="segment.deleted").count() == 1


def test_segment__for_an_analyst__can_be_seen_not_changed(acme: Company, client: Client) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)
    staff(acme, client, "analyst")

    assert client.get(f"{ADMIN}{segment.pk}/change/").status_code == 200
    assert client.post(f"{ADMIN}{segment.pk}/change/", FORM).status_code == 403
    assert client.get(f"{ADMIN}add/").status_code == 403
