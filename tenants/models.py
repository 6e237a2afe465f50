"""Who owns what: tenants, the users who work in them, API keys, the audit log."""

from __future__ import annotations

import uuid
import zoneinfo
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.isolation import APPEND_ONLY, TenantIsolation
from tenants.scope import TenantManager


@cache
def available_time_zones() -> list[str]:
    """The names of the tz database, without its aliases for systems and tests."""
    names = (name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [*sorted(names), "UTC"]


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone. Use a name such as Asia/Seoul."), params={"name": name})


class UserManager(BaseUserManager["User"]):
    """Users are known by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """Somebody who signs in; belongs to no tenant by itself (see Member)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.email


class SelfManager(TenantManager["Tenant"]):
    """Inside a scope there is one tenant: the scope's."""

    tenant_field = "id"


class Tenant(models.Model):
    """One customer company's isolated workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_time_zone])
    locale = models.CharField(_("language"), max_length=10, default="en")
    allowed_origins = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("allowed origins"),
        default=list,
        blank=True,
        help_text=_("Web origins that may send events, such as https://shop.example. Empty: any origin."),
    )
    public_traits = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("public traits"),
        default=list,
        blank=True,
        help_text=_("Traits that a message may show to a caller who has not proved who the person is."),
    )
    signed_ids_required = models.BooleanField(_("user ids must be signed"), default=False)
    retention_days = models.PositiveIntegerField(
        _("retention in days"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(36_500)]
    )
    session_gap_minutes = models.PositiveIntegerField(
        _("session gap in minutes"), default=30, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    is_test = models.BooleanField(
        _("workspace for tests"),
        default=False,
        editable=False,
        help_text=_("Its clock can be moved forward; chosen when the workspace is made."),
    )
    clock_offset = models.DurationField(default=timedelta(0), editable=False)
    daily_quota = models.PositiveBigIntegerField(
        _("items a day"), null=True, blank=True, help_text=_("What its apps may send from midnight UTC on. Empty: any.")
    )
    monthly_quota = models.PositiveBigIntegerField(
        _("items a month"), null=True, blank=True, help_text=_("From the first of the month on, UTC. Empty: any.")
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[SelfManager] = SelfManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(is_test=True) | models.Q(clock_offset=timedelta(0)),
                name="tenant_clock_of_tests_only",
            ),
            models.CheckConstraint(condition=models.Q(clock_offset__gte=timedelta(0)), name="tenant_clock_forward"),
            TenantIsolation(name="tenant_isolation", column="id"),
        ]

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """A control-plane row of one tenant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, editable=False, related_name="+")

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        abstract = True


class Member(TenantModel):
    """A user's place and role in a tenant."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        MARKETER = "marketer", _("Marketer")
        ANALYST = "analyst", _("Analyst")
        DEVELOPER = "developer", _("Developer")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "user"], name="member_once_per_tenant"),
            TenantIsolation(name="member_isolation"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class APIKey(TenantModel):
    """A credential of a tenant's app (write key, public by nature) or server (server key, kept as a hash)."""

    class Kind(models.TextChoices):
        WRITE = "write", _("Write key (public, for apps)")
        SERVER = "server", _("Server key (secret, for servers)")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    key = models.CharField(max_length=64, blank=True, editable=False, help_text=_("Write keys only."))
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind="write") | models.Q(key=""), name="api_key_secret_is_hashed_only"
            ),
            TenantIsolation(name="api_key_isolation"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class DailyUse(TenantModel):
    """How many items of a tenant's apps were stored on a day (UTC)."""

    day = models.DateField()
    items = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "day"], name="use_once_a_day"),
            TenantIsolation(name="daily_use_isolation", privileges=("SELECT", "INSERT", "UPDATE")),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.items}"


class AuditEntry(TenantModel):
    """Who did what, when, from where: the application can add and read, never change or remove."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    actor = models.CharField(max_length=255, help_text="E-mail address, or “key <prefix>”, as it was then.")
    action = models.CharField(max_length=100)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=100, blank=True)
    object_name = models.CharField(max_length=255, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        verbose_name_plural = "audit log"
        indexes: ClassVar = [models.Index(fields=["tenant", "-at"], name="audit_recent")]
        constraints: ClassVar = [TenantIsolation(name="audit_isolation", privileges=APPEND_ONLY)]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.action}"
