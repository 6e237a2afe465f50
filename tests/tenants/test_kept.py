"""What a process keeps of each tenant."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tenants.kept import TENANTS, Kept
from tenants.keys import find_caller, load_tenant
from tenants.models import Tenant
from tests.conftest import Company


def test_kept__another_tenant_at_the_same_version__is_loaded_for_itself() -> None:
    """Planted bug: values kept by their version alone (seen to fail)."""
    kept: Kept[str] = Kept()
    acme, globex = uuid4(), uuid4()

    of_acme = kept.get(tenant_id=acme, version="1", load=lambda: "Acme's")
    of_globex = kept.get(tenant_id=globex, version="1", load=lambda: "Globex's")

    assert (of_acme, of_globex) == ("Acme's", "Globex's")
    assert kept.get(tenant_id=acme, version="1", load=lambda: "new") == "Acme's"


def test_kept__another_version__is_loaded_anew() -> None:
    kept: Kept[str] = Kept()
    acme = uuid4()
    kept.get(tenant_id=acme, version="1", load=lambda: "former")

    assert kept.get(tenant_id=acme, version="2", load=lambda: "later") == "later"
    assert kept.get(tenant_id=acme, version="1", load=lambda: "former again") == "former again"


def test_kept__too_many_tenants__forgets_the_first() -> None:
    kept: Kept[int] = Kept()
    first, *others = (uuid4() for _ in range(TENANTS + 1))
    for tenant_id in (first, *others):
        kept.get(tenant_id=tenant_id, version="1", load=lambda: 1)

    assert kept.get(tenant_id=others[-1], version="1", load=lambda: 2) == 1
    assert kept.get(tenant_id=first, version="1", load=lambda: 2) == 2


@pytest.mark.django_db(transaction=True)
def test_load_tenant__row_changed_by_whomever__is_read_anew_at_the_next_request(acme: Company) -> None:
    """Planted bug: a version that is the same for ever (seen to fail)."""

    def loaded() -> Tenant:
        caller = find_caller(acme.write_key)
        assert caller is not None
        return load_tenant(caller)

    former = loaded()
    assert loaded() is former
    with acme.scope():
        Tenant.objects.update(signed_ids_required=True)

    assert loaded().signed_ids_required
    assert not former.signed_ids_required
