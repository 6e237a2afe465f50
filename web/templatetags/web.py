"""Template tags of the house: icons, form fields, times."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """An icon of the committed set (web/assets/icons.txt); words stand beside it, so it is hidden from readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        css,
        static("web/vendor/icons/icons.svg"),
        name,
    )


@register.inclusion_tag("web/field.html")
def field(bound: forms.BoundField, label: str = "") -> dict[str, Any]:
    """One form field with its label (or another), help and errors, dressed for its kind of control."""
    widget = bound.field.widget
    if isinstance(widget, forms.CheckboxInput):
        kind, css = "check", "form-check-input"
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind, css = "choices", "form-check-input"
    elif isinstance(widget, forms.Select):
        kind, css = "control", "form-select"
    else:
        kind, css = "control", "form-control"
    classes = [widget.attrs.get("class"), css, "is-invalid" if bound.errors else ""]
    attrs: dict[str, str | bool] = {"class": " ".join(filter(None, classes))}
    return {"field": bound, "label": label or bound.label, "kind": kind, "control": bound.as_widget(attrs=attrs)}


@register.simple_tag
def control(bound: forms.BoundField) -> SafeString:
    """The bare control of a field, dressed; whoever uses it gives label and errors."""
    css = "form-select" if isinstance(bound.field.widget, forms.Select) else "form-control"
    return bound.as_widget(attrs={"class": f"{css} is-invalid" if bound.errors else css})


@register.inclusion_tag("web/fields.html")
def fields(form: forms.BaseForm) -> dict[str, Any]:
    """Every field of a form, and what is wrong with the form as a whole."""
    return {"form": form}


@register.inclusion_tag("web/moment.html")
def moment(at: Any, empty: str = "–") -> dict[str, Any]:
    """A point in time: relative in words, exact on hover."""
    return {"at": at, "empty": empty}
