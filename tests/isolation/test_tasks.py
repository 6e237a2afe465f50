"""Every background task: this grows with the tasks."""

from __future__ import annotations

import inspect

import pytest

from config.celery import app
from tests.conftest import Company
from tests.isolation.planting import rows_of
from tests.writers import WRITERS, Somebody

app.loader.import_default_modules()
TASKS = sorted(name for name in app.tasks if not name.startswith("celery."))
# They hand out turns, or do what belongs to no tenant.
WITHOUT_TENANT = {
    "events.apply_retention",
    "events.drop_partitions",
    "events.make_partitions",
    "segments.sweep",
    "tenants.keep_counts",
}


def takes_tenant(name: str) -> bool:
    return "tenant_id" in inspect.signature(app.tasks[name].run).parameters


def test_tasks__that_take_no_tenant__are_known() -> None:
    assert {name for name in TASKS if not takes_tenant(name)} == WITHOUT_TENANT


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [name for name in TASKS if takes_tenant(name)])
def test_task__of_one_tenant__changes_nothing_of_another(name: str, acme: Company, globex: Company) -> None:
    """Planted bug: digesting in the scope of whoever has work, not of the tenant that was named (seen to fail)."""
    for company in (acme, globex):
        somebody = Somebody(company)  # the same identifiers in both, with undigested facts
        WRITERS["recompute chunk"].prepare(somebody)
    before = rows_of(globex)

    app.tasks[name].apply(kwargs={"tenant_id": str(acme.tenant.pk)}).get()

    assert rows_of(globex) == before
