"""Segments in the admin: saved by the same function as everywhere, with the same words for what is refused."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from segments.editing import SegmentError, check_segment, edit_segment, remove_segment
from segments.forms import DocumentField, in_words
from segments.models import Segment
from segments.uses import find_uses
from tenants.admin_site import TenantModelAdmin
from tenants.audit import by
from tenants.forms import TenantModelForm
from tenants.models import Member


class DocumentAreaField(DocumentField):
    """JSON in a large area, dressed for the admin."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        attrs = {"rows": 10, "spellcheck": "false", "wrap": "off", "style": "font-family: monospace"}
        self.widget = UnfoldAdminTextareaWidget(attrs=attrs)
        self.widget.is_required = self.required


class SegmentForm(TenantModelForm):
    """Name, description and condition, checked as everywhere."""

    condition = DocumentAreaField(help_text=_('For example {"did": "product_liked", "within": "30d"}.'))

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            segment = None if self.instance._state.adding else self.instance
            try:
                check_segment(segment=segment, **{name: values[name] for name in _FIELDS})
            except SegmentError as error:
                for field, problems in error.fields.items():
                    for problem in problems:
                        self.add_error(field, in_words(problem))
        return values


_FIELDS = ("name", "description", "condition")


class EditedAdmin(TenantModelAdmin):
    """For models whose domain notes its own changes in the audit log."""

    editors: ClassVar = (Member.Role.MARKETER,)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Noted when it was saved."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Noted when it was saved."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Noted when it is deleted."""


@admin.register(Segment)
class SegmentAdmin(EditedAdmin):
    form = SegmentForm
    fields: ClassVar = [*_FIELDS, "version", "live_version", "computed_at", "created_at", "updated_at"]
    readonly_fields: ClassVar = ["version", "live_version", "computed_at", "created_at", "updated_at"]
    list_display: ClassVar = ["name", "description", "version", "live_version", "updated_at"]
    search_fields: ClassVar = ["name", "description"]
    ordering: ClassVar = ["name"]

    def save_model(self, request: HttpRequest, obj: Segment, form: ModelForm, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in _FIELDS}
        saved = edit_segment(segment=obj if change else None, by=by(request), **values)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        remove_segment(segment=obj, by=by(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        for segment in queryset:
            remove_segment(segment=segment, by=by(request))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A segment that is used is shown as protected, with what uses it."""
        uses = [f"{segment}: {use.name}" for segment in objs for use in find_uses(segment_id=segment.pk)]
        return [str(segment) for segment in objs], {"segments": len(objs)}, set(), uses
