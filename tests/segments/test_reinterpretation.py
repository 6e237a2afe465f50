"""Settings by which facts are understood: changing them changes who is a member."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from segments.definitions import save_segment
from segments.models import Membership
from tenants.forms import WorkspaceForm
from tenants.models import Tenant
from tests.conftest import Company
from tests.segments.people import does, meet, settle


def members(company: Company) -> set[object]:
    with company.scope():
        return set(Membership.objects.filter(is_member=True).values_list("person_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_retention__shortened_on_the_settings_page__takes_old_events_out_of_segments(
    acme: Company, client: Client
) -> None:
    with acme.scope():
        save_segment(name="Ever opened", condition={"did": "opened"})
        old, new = meet(acme, "old"), meet(acme, "new")
        does(acme, old, "opened", ago=timedelta(days=40))
        does(acme, new, "opened", ago=timedelta(days=4))
        form = WorkspaceForm(instance=Tenant.objects.get())
    settle(acme)
    assert members(acme) == {old, new}
    client.force_login(acme.users["owner"])
    values = {name: value for name, value in form.initial.items() if value is not None}

    response = client.post("/settings/", values | {"allowed_origins": "", "public_traits": "", "retention_days": 30})
    settle(acme)

    assert response.status_code == 302
    assert members(acme) == {new}
