"""The form of a segment."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from segments.conditions.parsing import Problem
from segments.editing import MAX_DESCRIPTION, MAX_NAME, SegmentError
from segments.models import Segment
from tenants.documents import DocumentError, read_document, write_document


class DocumentField(forms.CharField):
    """JSON that somebody edits as text; what they typed is shown again however wrong it is."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(
            attrs={"class": "code-editor", "rows": 14, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}
        )
        super().__init__(widget=widget, strip=False, max_length=100_000, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else write_document(value)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        if not text.strip():
            return None
        try:
            return read_document(text)
        except DocumentError as error:
            message = _("This is not JSON. %(where)s") % {"where": error}
            raise forms.ValidationError(message, code="not_json") from error

    def run_validators(self, value: Any) -> None:
        """The value is no text any more; the condition itself is checked when it is saved."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class SegmentForm(forms.Form):
    """Name, description and condition."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    description = forms.CharField(
        label=_("Description"),
        max_length=MAX_DESCRIPTION,
        required=False,
        help_text=_("What your colleagues should know about it."),
    )
    condition = DocumentField(label=_("Condition"))

    @classmethod
    def of(cls, segment: Segment | None, data: Any = None) -> SegmentForm:
        """The form as a segment stands; what was typed comes first."""
        values = ("name", "description", "condition")
        return cls(data, initial={name: getattr(segment, name) for name in values} if segment else None)

    def add_problems(self, error: SegmentError) -> None:
        """Show what the saving refused beside its field, each problem with its path."""
        for field, problems in error.fields.items():
            for problem in problems:
                self.add_error(field, in_words(problem))


def in_words(problem: Problem) -> str:
    return f"{problem.path}: {problem.message}" if problem.path else problem.message
