from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants.keys import find_caller
from tenants.models import Member, Tenant, User
from tenants.scope import tenant_scope

pytestmark = pytest.mark.django_db


def create(**options: str) -> str:
    out = StringIO()
    call_command("create_tenant", stdout=out, **{"name": "Initech", "owner_email": "Bill@initech.example"} | options)
    return out.getvalue()


def test_create_tenant__a_new_owner__prints_keys_that_work_and_a_link(db: None) -> None:
    printed = create(time_zone="Asia/Seoul", locale="ko")

    write, server = (find_caller(key) for key in re.findall(r"[ws]k_\S+", printed))
    assert write
    assert server
    assert (write.is_server, server.is_server) == (False, True)
    assert "/accounts/password/reset/key/" in printed
    with tenant_scope(write.tenant_id):
        assert Tenant.objects.get().time_zone == "Asia/Seoul"
        assert Member.objects.get().user.email == "bill@initech.example"


def test_create_tenant__an_existing_owner__keeps_the_user(db: None) -> None:
    user = User.objects.create_user("bill@initech.example", "correct horse battery")

    printed = create()

    assert "password" not in printed
    assert User.objects.get().pk == user.pk


@pytest.mark.parametrize("options", [{"owner_email": "nonsense"}, {"time_zone": "Mars/Olympus"}])
def test_create_tenant__bad_values__are_refused_in_words(db: None, options: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        create(**options)
    assert not User.objects.exists()
