"""`set_quotas`: how many items a tenant's apps may send a day and a month."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from tenants.audit import difference, record
from tenants.models import Tenant
from tenants.scope import tenant_scope

_FIELDS = ("daily_quota", "monthly_quota")


class Command(BaseCommand):
    help = "Set how many items a tenant's apps may send a day and a month (UTC), and print what holds now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", type=UUID, required=True, help="The id that create_tenant printed.")
        for option, field in zip(("--daily", "--monthly"), _FIELDS, strict=True):
            parser.add_argument(
                option, dest=field, type=_quota, default=SUPPRESS, help="A number, or none: any. Left out: as it is."
            )

    def handle(self, *args: Any, **options: Any) -> None:
        with tenant_scope(options["tenant"]):
            tenant = Tenant.objects.first()
            if tenant is None:
                raise CommandError(f"There is no tenant {options['tenant']}.")
            before = {field: getattr(tenant, field) for field in _FIELDS}
            after = before | {field: options[field] for field in _FIELDS if field in options}
            if changes := difference(before=before, after=after):
                Tenant.objects.update(**after)
                record(actor=None, action="workspace.quotas_changed", obj=tenant, changes=changes)
        for field, quota in after.items():
            self.stdout.write(f"{field}  {'none' if quota is None else f'{quota:,}'}")


def _quota(text: str) -> int | None:
    if text == "none":
        return None
    try:
        quota = int(text)
    except ValueError:
        quota = -1
    if quota < 0:
        raise ArgumentTypeError(f"“{text}” is neither a number of items nor “none”.")
    return quota
