"""What we say: campaigns, the tenant-wide message policy, and the ledger of decisions."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from events.models import PersonKeyedModel
from segments.models import Segment
from tenants.isolation import TenantIsolation
from tenants.models import TenantModel


class Campaign(TenantModel):
    """Trigger + audience + schedule + caps + priority + message + conversion goal."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        ENDED = "ended", _("Ended")

    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    trigger = models.JSONField(_("trigger"), help_text=_("What it listens to; see docs/campaigns.md."))
    trigger_life_seconds = models.PositiveIntegerField(
        _("trigger life in seconds"), default=60, validators=[MinValueValidator(1), MaxValueValidator(86_400)]
    )
    audience = models.ForeignKey(
        Segment, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("audience")
    )
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("1–100, the greatest first; equal ones: the older campaign first."),
    )
    caps = models.JSONField(_("caps"), default=list, blank=True, help_text=_("At most so many times per window."))
    message = models.JSONField(_("message"))
    message_life_seconds = models.PositiveIntegerField(
        _("message life in seconds"),
        default=300,
        validators=[MinValueValidator(5), MaxValueValidator(172_800)],
        help_text=_("How long after the decision the message may still appear."),
    )
    delay_ms = models.PositiveIntegerField(_("delay in ms"), default=0, validators=[MaxValueValidator(600_000)])
    control_share = models.FloatField(
        _("control share"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(0.9)],
        help_text=_("Share of people who are counted but see nothing, for an honest comparison."),
    )
    goal = models.JSONField(_("conversion goal"), help_text=_("The event that counts as success, and within how long."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-priority", "created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="campaign_name_once_per_tenant"),
            models.CheckConstraint(
                condition=models.Q(control_share__gte=0, control_share__lte=0.9), name="campaign_control_share_range"
            ),
            TenantIsolation(name="campaign_isolation"),
        ]

    def __str__(self) -> str:
        return self.name


class MessagePolicy(TenantModel):
    """What holds for all campaigns of a tenant together."""

    caps = models.JSONField(_("caps over all campaigns"), default=list, blank=True)
    gap_seconds = models.PositiveIntegerField(_("gap between messages in seconds"), default=30)

    class Meta:
        verbose_name_plural = "message policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant"], name="message_policy_once_per_tenant"),
            TenantIsolation(name="message_policy_isolation"),
        ]

    def __str__(self) -> str:
        return "Message policy"


class Decision(PersonKeyedModel):
    """A row of the ledger: what was offered to whom, why, and what became of it.

    Caps are counted from it under the person's lock: exposed, or reserved and not yet expired nor released.
    """

    class Arm(models.TextChoices):
        TREATMENT = "treatment", _("saw the message")
        CONTROL = "control", _("control")

    pk = models.CompositePrimaryKey("tenant_id", "person_id", "decision_id")
    decision_id = models.UUIDField()
    campaign_id = models.UUIDField()
    trigger_id = models.TextField(db_collation="C", help_text="The event's or the membership change's own id.")
    variant = models.CharField(max_length=20)
    arm = models.CharField(max_length=10, choices=Arm.choices)
    propensity = models.FloatField(help_text="Probability with which this arm and variant was chosen.")
    policy_version = models.CharField(max_length=50)
    device = models.TextField(
        help_text="Who asked (anonymous id or user id); a repeated question gets the same answer."
    )
    session_id = models.TextField(blank=True)
    decided_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    exposure_id = models.TextField(blank=True)
    exposed_at = models.DateTimeField(null=True)
    rendered_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    clicked_button = models.SmallIntegerField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    trace = models.JSONField(default=dict, help_text="Every candidate with the rule that stopped it.")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["tenant_id", "campaign_id", "exposed_at"],
                name="decision_exposed",
                condition=models.Q(exposed_at__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "person_id", "campaign_id", "trigger_id"], name="decision_once_per_trigger"
            ),
            TenantIsolation(name="decision_isolation"),
        ]
