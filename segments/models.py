"""Who is alike: segments, their versions, membership and its changes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from events.models import PersonKeyedModel
from tenants.isolation import TenantIsolation
from tenants.models import TenantModel
from tenants.scope import TenantManager


class Segment(TenantModel):
    """A named condition.

    `version` is the newest definition; `live_version` the one that membership answers by (null: never computed yet).
    """

    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=500, blank=True)
    condition = models.JSONField(_("condition"))
    version = models.PositiveIntegerField(default=1, editable=False)
    live_version = models.PositiveIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    computed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="segment_name_once_per_tenant"),
            TenantIsolation(name="segment_isolation"),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentVersion(TenantModel):
    """A definition that was or will be in force."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    condition = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "segment", "version"], name="segment_version_once"),
            TenantIsolation(name="segment_version_isolation"),
        ]

    def __str__(self) -> str:
        return f"{self.segment_id} v{self.version}"


class Recomputation(models.Model):
    """The tenant's run that evaluates everybody for the pending versions; resumes at `cursor` after a crash."""

    tenant_id = models.UUIDField(primary_key=True)
    versions = models.JSONField(help_text="segment id → version being computed")
    cursor = models.UUIDField(null=True, help_text="The last person done; null: none yet.")
    started_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        constraints: ClassVar = [TenantIsolation(name="recomputation_isolation")]


class Membership(PersonKeyedModel):
    """The answer for one person and version; no row means: not a member, and time alone cannot change it."""

    pk = models.CompositePrimaryKey("tenant_id", "person_id", "segment_id", "version")
    segment_id = models.UUIDField()
    version = models.PositiveIntegerField()
    is_member = models.BooleanField()
    valid_until = models.DateTimeField(help_text="Earliest instant at which time alone could change the answer.")
    since = models.DateTimeField(help_text="When this answer began.")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["tenant_id", "segment_id", "version", "person_id"],
                name="membership_members",
                condition=models.Q(is_member=True),
            ),
            models.Index(
                fields=["tenant_id", "valid_until"],
                name="membership_due",
                condition=models.Q(valid_until__lt="9999-01-01T00:00:00Z"),
            ),
        ]
        constraints: ClassVar = [TenantIsolation(name="membership_isolation")]


class MembershipChange(PersonKeyedModel):
    """An entry or an exit."""

    class Reason(models.TextChoices):
        FACTS = "facts", _("something they did")
        TIME = "time", _("time passed")
        DEFINITION = "definition", _("the segment was defined anew")

    pk = models.CompositePrimaryKey("tenant_id", "person_id", "segment_id", "changed_at")
    segment_id = models.UUIDField()
    changed_at = models.DateTimeField(help_text="The instant as of which the person was evaluated.")
    entered = models.BooleanField()
    reason = models.CharField(max_length=10, choices=Reason.choices)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "segment_id", "changed_at"], name="membership_change_recent")
        ]
        constraints: ClassVar = [TenantIsolation(name="membership_change_isolation")]
