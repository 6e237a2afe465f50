"""Globex's objects, one of every tenant model, with a marker in every text: it must never reach Acme."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

from events.models import person_id_for
from tenants.isolation import TenantIsolation
from tests.conftest import Company

MARKER = "GlobexSecretMarker"
# Texts with a form of their own; everything else takes the marker by itself.
SPECIAL: dict[str, Callable[[Company], dict[str, Any]]] = {
    "tenants.Member": lambda globex: {"user": globex.users["owner"], "role": "owner"},
    "tenants.APIKey": lambda globex: {"kind": "write", "key": MARKER, "expires_at": None, "revoked_at": None},
    "segments.Segment": lambda globex: {"condition": {"trait": MARKER, "op": "exists"}},
    "segments.SegmentVersion": lambda globex: {"condition": {"trait": MARKER, "op": "exists"}},
    "campaigns.Campaign": lambda globex: {"status": "draft", "control_share": 0.1},
    "events.Person": lambda globex: {"merged_into": None, "merged_at": None},
}


def isolation_of(model: type[models.Model]) -> TenantIsolation | None:
    return next((c for c in model._meta.constraints if isinstance(c, TenantIsolation)), None)


def tenant_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if isolation_of(model)]


class Planted:
    """Globex's objects by model; `planted("segments.Segment").pk`."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.objects: dict[str, models.Model] = {"tenants.Tenant": company.tenant}
        self.person_id = person_id_for(tenant_id=company.tenant.pk, kind="user_id", identifier=MARKER)
        with company.scope():
            company.tenant.name = f"Globex {MARKER}"
            company.tenant.save()
            for model in tenant_models():
                self(model._meta.label)

    def __call__(self, label: str) -> Any:
        if label not in self.objects:
            self.objects[label] = self._plant(apps.get_model(label))
        return self.objects[label]

    def _plant(self, model: type[models.Model]) -> models.Model:
        if model._meta.label == "tenants.Member":
            return model.objects.get(user=self.company.users["owner"])
        values = {
            field.attname: self._value(field)
            for field in model._meta.concrete_fields
            if not (isinstance(field, models.AutoField) or field.generated)
        }
        special = SPECIAL.get(model._meta.label, lambda company: {})(self.company)
        return model.objects.create(**values | special)

    def _value(self, field: models.Field[Any, Any]) -> Any:
        match field:
            case _ if field.attname == "tenant_id":
                return self.company.tenant.pk
            case _ if field.attname == "person_id":
                return self.person_id
            case models.ForeignKey():
                related = field.related_model._meta.label
                return self.company.users["owner"].pk if related == "tenants.User" else self(related).pk
            case models.UUIDField():
                return uuid.uuid4()
            case models.BooleanField():
                return True
            case models.DateTimeField():
                return datetime.now(UTC) - timedelta(minutes=1)
            case models.DateField():
                return datetime.now(UTC).date()
            case models.GenericIPAddressField():
                return "192.0.2.7"
            case models.FloatField():
                return 0.5
            case models.IntegerField() | models.DecimalField():
                return 1
            case models.BinaryField():
                return uuid.uuid4().bytes
            case models.JSONField():
                return {MARKER: MARKER}
            case ArrayField():
                return [self._value(field.base_field)]
            case _ if field.choices:
                return field.choices[0][0]
            case models.CharField() | models.TextField():
                return MARKER[: field.max_length]
            case models.DurationField():
                return timedelta(minutes=1)
        raise AssertionError(f"{field}: teach tests/isolation/planting.py a value for fields of this kind.")


def rows_of(company: Company, planted_models: list[type[models.Model]] | None = None) -> dict[str, list[Any]]:
    """Everything the tenant holds, to compare before and after."""
    with company.scope():
        return {
            model._meta.label: sorted(map(repr, model.objects.values_list()))
            for model in planted_models or tenant_models()
        }
