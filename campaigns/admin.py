"""Campaigns and the message policy in the admin: saved as everywhere, with the same words for what is refused."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.definitions import FIELDS, validate_campaign, validate_policy
from campaigns.editing import Action, WrongStatus, change_status, edit_campaign, edit_policy, remove_campaign
from campaigns.models import Campaign, MessagePolicy
from campaigns.parsing import CampaignError
from segments.admin import DocumentAreaField, EditedAdmin
from segments.conditions.parsing import Problem
from tenants.audit import by
from tenants.forms import TenantModelForm

EDITABLE = [name for name in FIELDS if name != "status"]


class CampaignForm(TenantModelForm):
    """Every value is checked as everywhere; a problem stands beside its field, with its path."""

    trigger = DocumentAreaField(help_text='{"on": "event", "event": "added_to_cart"}')
    caps = DocumentAreaField(required=False, help_text='[{"limit": 1, "window": "1d"}]')
    message = DocumentAreaField(help_text='{"template": "modal", "title": "…", "body": "…", "buttons": []}')
    goal = DocumentAreaField(help_text='{"event": "purchased", "within": "3d"}')

    def clean_caps(self) -> Any:
        caps = self.cleaned_data["caps"]
        return [] if caps is None else caps

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.instance.status == Campaign.Status.ENDED:
            self.add_error(None, _("The campaign has ended: its results stand, so it cannot be changed."))
        _show_problems(self, validate_campaign(self.instance))


class PolicyForm(TenantModelForm):
    """Checked as everywhere."""

    caps = DocumentAreaField(required=False, help_text='[{"limit": 3, "window": "1d"}]')

    def clean_caps(self) -> Any:
        caps = self.cleaned_data["caps"]
        return [] if caps is None else caps

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        policy: MessagePolicy = self.instance
        _show_problems(self, validate_policy(caps=policy.caps, gap_seconds=policy.gap_seconds))


def _show_problems(form: TenantModelForm, problems: list[Problem]) -> None:
    """Each beside its field, with the rest of its path."""
    for problem in problems:
        field = problem.path.replace("[", ".").partition(".")[0]
        if field not in form.fields:
            form.add_error(None, f"{problem.path}: {problem.message}")
        elif field in form.cleaned_data:
            # Not add_error: it would take the value away before the next problem of the same field.
            words = problem.message if problem.path == field else f"{problem.path}: {problem.message}"
            form.errors.setdefault(field, form.error_class(renderer=form.renderer)).append(words)


@admin.register(Campaign)
class CampaignAdmin(EditedAdmin):
    form = CampaignForm
    fields: ClassVar = ["status", *EDITABLE, "created_at", "updated_at"]
    readonly_fields: ClassVar = ["status", "created_at", "updated_at"]
    list_display: ClassVar = ["name", "status", "priority", "audience", "starts_at", "ends_at", "updated_at"]
    list_filter: ClassVar = ["status"]
    list_select_related: ClassVar = ["audience"]
    search_fields: ClassVar = ["name"]
    actions: ClassVar = ["start", "pause", "end"]

    def save_model(self, request: HttpRequest, obj: Campaign, form: ModelForm, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in EDITABLE}
        saved = edit_campaign(campaign=obj if change else None, changes=changes, by=by(request))
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        remove_campaign(campaign=obj, by=by(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        for campaign in queryset:
            remove_campaign(campaign=campaign, by=by(request))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What has run is protected."""
        kept = [str(campaign) for campaign in objs if campaign.status != Campaign.Status.DRAFT]
        return [str(campaign) for campaign in objs], {"campaigns": len(objs)}, set(), kept

    @admin.action(description=gettext_lazy("Start the chosen campaigns"), permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._act(request, queryset, Action.START)

    @admin.action(description=gettext_lazy("Pause the chosen campaigns"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._act(request, queryset, Action.PAUSE)

    @admin.action(description=gettext_lazy("End the chosen campaigns for good"), permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._act(request, queryset, Action.END)

    def _act(self, request: HttpRequest, queryset: QuerySet[Campaign], action: Action) -> None:
        for campaign in queryset:
            try:
                change_status(campaign=campaign, action=action, by=by(request))
            except (WrongStatus, CampaignError) as error:
                self.message_user(request, f"{campaign}: {error}", messages.ERROR)


@admin.register(MessagePolicy)
class MessagePolicyAdmin(EditedAdmin):
    """A workspace has one at most, and keeps it."""

    form = PolicyForm
    fields: ClassVar = ["caps", "gap_seconds"]
    list_display: ClassVar = ["__str__", "caps", "gap_seconds"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_add_permission(request, obj) and not MessagePolicy.objects.exists()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: MessagePolicy, form: ModelForm, change: bool) -> None:
        saved = edit_policy(**{name: form.cleaned_data[name] for name in ("caps", "gap_seconds")}, by=by(request))
        obj.__dict__.update(saved.__dict__)
