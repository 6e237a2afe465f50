"""The base of forms over tenant models, and the forms of the settings pages."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenants.models import APIKey, Member, Tenant, available_time_zones
from tenants.reinterpretation import announce
from tenants.scope import current_tenant_id

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


class TenantModelForm(forms.ModelForm):
    """A form over a tenant model: new objects belong to the scope's tenant, unique names are checked within it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.tenant_id = current_tenant_id()

    def _get_validation_exclusions(self) -> set[str]:
        # The tenant is no field of the form, yet half of every unique constraint.
        return super()._get_validation_exclusions() - {"tenant"}  # type: ignore[misc]


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = [line.strip() for line in (super().to_python(value) or "").splitlines()]
        return list(dict.fromkeys(filter(None, lines)))

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """The texts are checked by the form: the validators of a CharField know no lists."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])


class WorkspaceForm(forms.ModelForm):
    """The tenant's own settings."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=lambda: [(name, name) for name in available_time_zones()]
    )
    locale = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    allowed_origins = LinesField(
        label=_("Allowed origins"),
        help_text=_("Web origins that may send events, one a line, such as https://shop.example. Empty: any origin."),
    )
    public_traits = LinesField(
        label=_("Public traits"),
        help_text=_("Traits that a message may show to a caller who has not proved who the person is, one a line."),
    )

    class Meta:
        model = Tenant
        fields: ClassVar = [
            "name",
            "time_zone",
            "locale",
            "allowed_origins",
            "public_traits",
            "signed_ids_required",
            "session_gap_minutes",
            "retention_days",
        ]
        labels: ClassVar = {
            "name": _("Name"),
            "signed_ids_required": _("User ids must be signed"),
            "session_gap_minutes": _("Session gap in minutes"),
            "retention_days": _("Keep events for (days)"),
        }
        help_texts: ClassVar = {
            "session_gap_minutes": _("A person's session ends after a pause of this length."),
            "retention_days": _("Older events are left out of every answer and in time deleted. Empty: kept."),
        }

    def save(self, commit: bool = True) -> Tenant:
        tenant = super().save(commit=commit)
        announce(self.changed_data)
        return tenant

    def clean_allowed_origins(self) -> list[str]:
        origins = [origin.lower().rstrip("/") for origin in self.cleaned_data["allowed_origins"]]
        for origin in origins:
            if len(origin) > 255 or not _ORIGIN.fullmatch(origin):
                raise ValidationError(
                    _("“%(origin)s” is not an origin. Write it like https://shop.example, without a path."),
                    params={"origin": origin},
                )
        return list(dict.fromkeys(origins))

    def clean_public_traits(self) -> list[str]:
        for trait in self.cleaned_data["public_traits"]:
            if len(trait) > 100:
                raise ValidationError(_("A trait's name has at most 100 characters."))
        return self.cleaned_data["public_traits"]


class MemberForm(forms.Form):
    """Somebody to be added."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=Member.Role.choices, initial=Member.Role.MARKETER)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Member.Role.choices)


class KeyForm(TenantModelForm):
    """A key to be made."""

    class Meta:
        model = APIKey
        fields: ClassVar = ["name", "kind"]
        labels: ClassVar = {"name": _("Name"), "kind": _("Kind")}
        help_texts: ClassVar = {"name": _("Where it is used, such as “Web shop” or “Order service”.")}


class RotateForm(forms.Form):
    """How long the old key goes on beside its successor."""

    overlap_hours = forms.TypedChoiceField(
        label=_("The old key works for"),
        coerce=int,
        choices=[
            (0, _("no longer: it ends now")),
            (1, _("one more hour")),
            (24, _("one more day")),
            (168, _("one more week")),
            (720, _("30 more days")),
        ],
        initial=24,
    )
