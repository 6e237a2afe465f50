"""The demo's workspace: a tenant with an owner, keys, history, segments and campaigns. Made once, then found again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection, transaction

from campaigns.definitions import save_campaign
from campaigns.models import Campaign
from config.demo.definitions import PUBLIC_TRAITS, SEGMENTS, campaigns
from config.demo.generator import PEOPLE, simulate
from config.demo.loading import store
from config.demo.record import Record, find_record, truth_path, write_privately, write_record
from config.demo.visitors import VISITORS, send_visitors
from segments.definitions import save_segment
from segments.draining import drain
from segments.models import Segment
from segments.recomputation import advance_recomputation
from tenants.access import tenant_ids_of
from tenants.audit import record as audit
from tenants.founding import found_tenant
from tenants.keys import create_key
from tenants.models import APIKey, Tenant, User
from tenants.postgresql.base import DatabaseWrapper
from tenants.scope import tenant_scope

NAME = "Demo Shop"
EMAIL = "demo@nunchi.local"
SEED = 8


@dataclass(frozen=True)
class Step:
    """How far the filling is: `done` of `total` in what `text` says."""

    text: str
    done: int
    total: int


def open_workspace(*, now: datetime, people: int = PEOPLE, tell: Callable[[Step], Any]) -> Record:
    """The demo's workspace, filled; an interrupted run goes on where it was. Opens its own scopes."""
    record = find_record()
    if record is None or not _exists(record):
        record = _found(now)
        write_record(record)
    if not record.is_filled:
        record = _fill(record, people=people, tell=tell)
        write_record(record)
    return record


def _exists(record: Record) -> bool:
    with tenant_scope(UUID(record.tenant)):
        return Tenant.objects.exists() and APIKey.objects.filter(key=record.write_key, revoked_at=None).exists()


def _found(now: datetime) -> Record:
    """A user with a new password, and the tenant: one that an earlier record told of is taken up again."""
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            user = User.objects.create_user(EMAIL, password, is_staff=True)
        else:
            user.set_password(password)
            user.save()
        tenant_id = _find_tenant(user) or found_tenant(name=NAME, owner=user).pk
        with tenant_scope(tenant_id):
            tenant = Tenant.objects.get()
            tenant.public_traits = PUBLIC_TRAITS
            tenant.save(update_fields=["public_traits"])
            _, write_key = create_key(name="Demo shop page", kind=APIKey.Kind.WRITE)
            _, server_key = create_key(name="Demo server", kind=APIKey.Kind.SERVER)
            audit(actor=None, action="workspace.created", obj=tenant)
    return Record(
        tenant=str(tenant_id),
        email=EMAIL,
        password=password,
        write_key=write_key,
        server_key=server_key,
        simulated_at=now.isoformat(),
    )


def _find_tenant(user: User) -> UUID | None:
    for tenant_id in tenant_ids_of(user.pk):
        with tenant_scope(tenant_id):
            if Tenant.objects.get().name == NAME:
                return tenant_id
    return None


def _fill(record: Record, *, people: int, tell: Callable[[Step], Any]) -> Record:
    tenant_id = UUID(record.tenant)
    history = simulate(now=datetime.fromisoformat(record.simulated_at), seed=SEED, people=people)
    truth = [person.as_json() for person in history.truth]
    write_privately(truth_path(), json.dumps({"simulated": True, "people": truth}, ensure_ascii=False) + "\n")

    total = len(history.items)
    store(
        tenant_id=tenant_id,
        items=history.items,
        progress=lambda done: tell(Step("events of simulated people", done, total)),
    )
    _refresh_statistics()
    drain(tenant_id=tenant_id)
    with tenant_scope(tenant_id):
        segment_ids = _save_segments()
    tell(Step("segments", 0, len(segment_ids)))
    while advance_recomputation(tenant_id=tenant_id):
        pass
    tell(Step("segments", len(segment_ids), len(segment_ids)))
    with tenant_scope(tenant_id):
        campaign_ids = _save_campaigns(segment_ids)
    _refresh_statistics()
    visitors = len(history.truth)
    send_visitors(
        tenant_id=tenant_id,
        truth=history.truth,
        seed=SEED,
        progress=lambda done: tell(Step("simulated visitors", done, min(VISITORS, visitors))),
    )
    drain(tenant_id=tenant_id)
    with tenant_scope(tenant_id):
        simulated = Campaign.objects.get(pk=campaign_ids["simulated"])
        save_campaign(campaign=simulated, changes={"status": Campaign.Status.ENDED})
    return replace(record, is_filled=True, campaigns=campaign_ids)


def _save_segments() -> dict[str, str]:
    ids = {}
    for key, (name, description, condition) in SEGMENTS.items():
        known = Segment.objects.filter(name=name).first()
        segment, _ = save_segment(segment=known, name=name, description=description, condition=condition)
        ids[key] = str(segment.pk)
    return ids


def _save_campaigns(segment_ids: dict[str, str]) -> dict[str, str]:
    ids = {}
    for key, changes in campaigns(segment_ids=segment_ids).items():
        known = Campaign.objects.filter(name=changes["name"]).first()
        ids[key] = str(save_campaign(campaign=known, changes=changes).pk)
    return ids


def _refresh_statistics() -> None:
    """So much came at once that the planner would not know of it for a minute."""
    with cast(DatabaseWrapper, connection).as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE events_event, events_person, events_traitchange, segments_membership")
