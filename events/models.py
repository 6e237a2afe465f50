"""What happened: people and their identifiers, traits, events, receipts.

Person-keyed tables: keys begin with (tenant_id, person_id), no foreign keys, joins on both columns.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from events.news import EVERYTHING
from tenants.isolation import APPEND_ONLY, TenantIsolation
from tenants.models import TenantModel
from tenants.scope import TenantManager


class PersonKeyedModel(models.Model):
    """A row about one person of one tenant."""

    tenant_id = models.UUIDField()
    person_id = models.UUIDField()

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        abstract = True


class Person(PersonKeyedModel):
    """An identifier and, as long as it is not merged, the person known by it.

    Its row lock orders everything that is written about the person; `touched_at` is the outbox: set by whoever stores
    a fact, cleared by whoever evaluates the person afterwards, both under the lock.
    """

    class IdentifierKind(models.TextChoices):
        USER_ID = "user_id", "user id"
        ANONYMOUS_ID = "anonymous_id", "anonymous id"

    pk = models.CompositePrimaryKey("tenant_id", "person_id")
    identifier_kind = models.CharField(max_length=12, choices=IdentifierKind.choices)
    identifier = models.TextField(db_collation="C")
    first_seen_at = models.DateTimeField(help_text="Least occurred_at of what we were told.")
    last_seen_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    traits = models.JSONField(default=dict)
    traits_normal = models.JSONField(null=True, help_text="Traits with normalised texts, where these differ.")
    touched_at = models.DateTimeField(null=True, help_text="When the oldest undigested fact came; null: digested.")
    news = ArrayField(
        models.TextField(),
        db_default=[EVERYTHING],
        help_text="What the undigested facts are about (see events.news).",
    )
    merged_into = models.UUIDField(null=True, help_text="Always an unmerged person: chains are flattened.")
    merged_at = models.DateTimeField(null=True)
    merge_target = models.UUIDField(null=True, help_text="Into whom it was merged, who may have been merged since.")
    merge_event_id = models.UUIDField(null=True, help_text="The message by which it was merged.")

    class Meta:
        verbose_name_plural = "people"
        indexes: ClassVar = [
            models.Index(
                fields=["tenant_id", "touched_at"], name="person_touched", condition=models.Q(touched_at__isnull=False)
            ),
            models.Index(
                fields=["tenant_id", "merged_into"], name="person_merged", condition=models.Q(merged_into__isnull=False)
            ),
            models.Index(fields=["tenant_id", "identifier"], name="person_identifier"),
        ]
        constraints: ClassVar = [TenantIsolation(name="person_isolation")]

    def __str__(self) -> str:
        return self.identifier


def person_key(*, tenant: bytes, kind: str, identifier: str) -> bytes:
    """The 16 bytes of `person_id_for`."""
    return _uuid5(tenant, f"{kind}:{identifier}")


def event_key(*, tenant: bytes, message_id: str) -> bytes:
    """The 16 bytes of `event_id_for`."""
    return _uuid5(tenant, f"message:{message_id}")


def _uuid5(namespace: bytes, name: str) -> bytes:
    """The bytes of uuid.uuid5; ingestion derives thousands of them, and making UUID objects takes longer."""
    digest = bytearray(sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def person_id_for(*, tenant_id: UUID, kind: str, identifier: str) -> UUID:
    """The id derived from an identifier: the same on every machine, without a look-up."""
    return UUID(bytes=person_key(tenant=tenant_id.bytes, kind=kind, identifier=identifier))


def event_id_for(*, tenant_id: UUID, message_id: str) -> UUID:
    """The 16 bytes by which a message is deduplicated."""
    return UUID(bytes=event_key(tenant=tenant_id.bytes, message_id=message_id))


class TraitChange(PersonKeyedModel):
    """One trait set or cleared (value null), kept forever; the latest `occurred_at` is the current one.

    `origin_id` as in Event.
    """

    pk = models.CompositePrimaryKey("tenant_id", "person_id", "name", "occurred_at", "event_id")
    name = models.TextField(db_collation="C")
    value = models.JSONField(null=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    event_id = models.UUIDField()
    value_normal = models.JSONField(null=True, help_text="With normalised texts, where these differ.")
    origin_id = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar = [TenantIsolation(name="trait_change_isolation")]


class Event(PersonKeyedModel):
    """A fact, never edited; partitioned by `occurred_at`.

    A merge gives it another person; `origin_id` then keeps whose it was when it came.
    """

    class Source(models.TextChoices):
        APP = "app", "app"
        SERVER = "server", "server"

    pk = models.CompositePrimaryKey("tenant_id", "person_id", "name", "occurred_at", "event_id")
    name = models.TextField(db_collation="C")
    occurred_at = models.DateTimeField()
    event_id = models.UUIDField()
    message_id = models.TextField(db_collation="C")
    received_at = models.DateTimeField()
    source = models.CharField(max_length=6, choices=Source.choices)
    properties = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    properties_normal = models.JSONField(null=True, help_text="With normalised texts, where these differ.")
    context_normal = models.JSONField(null=True, help_text="With normalised texts, where these differ.")
    origin_id = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar = [TenantIsolation(name="event_isolation")]

    def __str__(self) -> str:
        return self.name


class Receipt(models.Model):
    """A message that was accepted; unique, so a message is stored once whatever its times say.

    `occurred_at` is that of its event; null where it made none, or none is kept any more.
    """

    pk = models.CompositePrimaryKey("tenant_id", "event_id")
    tenant_id = models.UUIDField()
    event_id = models.UUIDField()
    received_at = models.DateTimeField()
    occurred_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        constraints: ClassVar = [TenantIsolation(name="receipt_isolation")]


class RejectedItem(TenantModel):
    """An item that could not be kept, and why: for the tenant's developers."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    at = models.DateTimeField(db_default=Now())
    code = models.CharField(max_length=50)
    message = models.CharField(max_length=500)
    item = models.TextField(help_text="The beginning of the item as it came, without secrets; empty: it names nobody.")
    person_ids = ArrayField(models.UUIDField(), default=list, help_text="The rows of the ids that it names.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant", "-at"], name="rejected_recent")]
        constraints: ClassVar = [
            TenantIsolation(name="rejected_item_isolation", privileges=(*APPEND_ONLY, "DELETE")),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class ImportRun(TenantModel):
    """How far the import of one content by one mapping has come; what lies before its position is dealt with.

    The content is known by the digest of its first `bytes` bytes, so a file that grows at its end goes on.
    """

    mapping = models.CharField(max_length=64, help_text="SHA-256 of the mapping.")
    file_name = models.TextField(help_text="What the file was called the last time.")
    bytes = models.BigIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of these bytes.")
    line = models.BigIntegerField(help_text="The last line (of Parquet: row) among them.")
    rows = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, help_text="Null: the end of the file was not reached.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant", "mapping"], name="import_run_mapping")]
        constraints: ClassVar = [TenantIsolation(name="import_run_isolation")]

    def __str__(self) -> str:
        return self.file_name
