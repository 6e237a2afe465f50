"""Rows of a form (filters, caps): empty ones do not count, and one more can be asked for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory
from django.http import QueryDict

MAX_ROWS = 20


def make_rows(
    form: type[forms.Form], *, prefix: str, given: list[dict[str, Any]], data: QueryDict | None, more: bool
) -> BaseFormSet[Any]:
    """The rows as typed, with `more` one more of them; without data those given, and an empty one."""
    if data is not None and more:
        data = data.copy()
        data[f"{prefix}-TOTAL_FORMS"] = str(_total(data, prefix) + 1)
    formset = formset_factory(form, extra=1, max_num=max(MAX_ROWS, len(given)), absolute_max=200)
    return formset(data, initial=None if data else given, prefix=prefix)


def filled(rows: BaseFormSet[Any]) -> list[Any]:
    """The rows that count, of valid ones; an index in a problem's path is one of this list."""
    return [row for row in rows if not row.is_empty()]


def documents_of(rows: BaseFormSet[Any]) -> list[dict[str, Any]]:
    """What the rows say, as it is saved."""
    return [row.document() for row in filled(rows)]


def _total(data: QueryDict, prefix: str) -> int:
    try:
        return min(MAX_ROWS - 1, max(0, int(data.get(f"{prefix}-TOTAL_FORMS", 0))))
    except (TypeError, ValueError):
        return 0
