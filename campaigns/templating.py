"""Liquid for texts that strangers write: a small set of tags and filters, and a bound on everything.

No includes, files, ranges or attributes of Python objects; what is undefined is empty. Loops, text and list sizes,
numbers, output and computing time are bounded, so that no text can hold up a decision.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, ClassVar

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.filters import array, math, misc, string
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.token import Token
from liquid.undefined import UNDEFINED, Undefined

ROOTS = ("traits", "person", "event")
MAX_SOURCE = 5_000
MAX_MARKS = 150
MAX_OUTPUT_BYTES = 20_000
MAX_TEXT = 10_000
MAX_ITEMS = 1_000
MAX_NUMBER = 10**18
MAX_SECONDS = 0.25
_LONG_BLANK = re.compile(r"\s{201}")
_FORMAT = re.compile(r"(%-?[aAbBdHIjmMpSuUwWyYeZz%]|[^%])*")


class TemplateError(ValueError):
    """The text is not a template that we take, or could not be rendered."""


class _Context(RenderContext):
    """A render context with a deadline, in seconds of this thread's computing time."""

    __slots__ = ("deadline",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deadline = time.thread_time() + MAX_SECONDS

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        self._hurry()
        return super().get(path, token=token, default=default)

    def assign(self, key: str, val: Any) -> None:
        self._hurry()
        _refuse_large(val)
        super().assign(key, val)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        function = super().filter(name, token)

        def bounded(value: object, *args: object, **kwargs: object) -> object:
            self._hurry()
            for operand in (value, *args, *kwargs.values()):
                _refuse_large(operand)
            if name == "replace":
                _refuse_long_replacement(value, args)
            result = function(value, *args, **kwargs)
            _refuse_large(result)
            return result

        return bounded

    def _hurry(self) -> None:
        if time.thread_time() > self.deadline:
            raise ResourceLimitError("it takes too long", token=None)


class _Template(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    template_class = _Template
    block_nesting_limit: ClassVar[int] = 15
    context_depth_limit: ClassVar[int] = 20
    loop_iteration_limit: ClassVar[int | None] = MAX_ITEMS
    local_namespace_limit: ClassVar[int | None] = 100_000
    output_stream_limit: ClassVar[int | None] = MAX_OUTPUT_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in (
            content.Literal, output.Output, illegal.Illegal, if_tag.IfTag, unless_tag.UnlessTag, case_tag.CaseTag,
            for_tag.ForTag, for_tag.BreakTag, for_tag.ContinueTag, assign_tag.AssignTag, capture_tag.CaptureTag,
            comment_tag.CommentTag, inline_comment_tag.InlineCommentTag,
        ):  # fmt: skip
            self.add_tag(tag)
        for name in (
            "append", "prepend", "capitalize", "downcase", "upcase", "strip", "lstrip", "rstrip", "strip_newlines",
            "squish", "truncate", "truncatewords", "replace", "replace_first", "remove", "remove_first", "slice",
            "split", "url_encode",
        ):  # fmt: skip
            self.add_filter(name, getattr(string, name, None) or getattr(string, f"{name}_"))
        for name in (
            "first", "last", "join", "map", "sort", "sort_natural", "uniq", "reverse", "compact", "where", "sum",
        ):  # fmt: skip
            self.add_filter(name, getattr(array, name, None) or getattr(array, f"{name}_"))
        for name in (
            "abs", "ceil", "floor", "round", "plus", "minus", "times", "divided_by", "modulo", "at_least", "at_most",
        ):  # fmt: skip
            self.add_filter(name, getattr(math, name, None) or getattr(math, f"{name}_"))
        self.add_filter("default", misc.default)
        self.add_filter("size", misc.size)
        self.add_filter("date", _date)


def check_template(source: str) -> None:
    """Raise TemplateError, in words for its author, unless the text is a template that we take."""
    template = _compile(source)
    try:
        analysis = template.analyze(include_partials=False)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(_explain(error)) from error
    for name in analysis.filters:
        if name not in ENVIRONMENT.filters:
            raise TemplateError(f"There is no filter “{name}”.")
    for name in analysis.globals:
        if name not in ROOTS:
            raise TemplateError(
                f"“{name}” is not known. Use {{{{ traits.{name} }}}} for a trait of the person, or "
                f"{{{{ event.properties.{name} }}}} for a property of the trigger event."
            )


def render(source: str, facts: Mapping[str, object]) -> str:
    """The text with the facts filled in, as plain text; raises TemplateError."""
    template = _compile(source)
    try:
        text = template.render(facts)
    except TemplateError:
        raise
    except (LiquidError, RecursionError) as error:
        raise TemplateError(_explain(error)) from error
    except Exception as error:
        # Facts are anything that JSON can hold; whatever a filter makes of them must not stop the other candidates.
        raise TemplateError(f"It could not be filled in ({type(error).__name__}).") from error
    return "".join(c for c in text if c in "\n\t" or ord(c) >= 32)


@lru_cache(maxsize=1024)
def _compile(source: str) -> BoundTemplate:
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"The text is longer than {MAX_SOURCE:,} characters.")
    # The lexer takes quadratic time over marks that are never closed and over blanks within them.
    if source.count("{{") + source.count("{%") > MAX_MARKS:
        raise TemplateError(f"The text has more than {MAX_MARKS} places to fill in.")
    if _LONG_BLANK.search(source):
        raise TemplateError("The text has more than 200 blanks in a row.")
    try:
        template = ENVIRONMENT.from_string(source)
        has_range = any(isinstance(expression, RangeLiteral) for expression in _expressions(template))
    except (LiquidError, RecursionError) as error:
        raise TemplateError(_explain(error)) from error
    if has_range:
        raise TemplateError("Ranges such as (1..5) are not available. Loop over a list.")
    return template


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    context = RenderContext(template)
    nodes: list[Node] = list(template.nodes)
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(context, include_partials=False))
        expressions = list(node.expressions())
        while expressions:
            expression = expressions.pop()
            yield expression
            expressions.extend(expression.children())


def _explain(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "It is nested too deeply."
    if isinstance(error, LiquidError):
        place = error.context() if error.token is not None else None
        return f"{error.message} (line {place[0]})" if place else str(error.message)
    return type(error).__name__


def _refuse_large(value: object) -> None:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ResourceLimitError(f"a text grows beyond {MAX_TEXT:,} characters", token=None)
    if isinstance(value, list | tuple | dict) and len(value) > MAX_ITEMS:
        raise ResourceLimitError(f"a list grows beyond {MAX_ITEMS:,} items", token=None)
    if isinstance(value, int | float) and not (isfinite(value) and abs(value) <= MAX_NUMBER):
        raise ResourceLimitError("a number grows too large", token=None)


def _refuse_long_replacement(value: object, args: tuple[object, ...]) -> None:
    text, sought, replacement = (str(part) for part in (value, *args, "", "")[:3])
    times = text.count(sought) if sought else len(text) + 1
    if len(text) + times * len(replacement) > MAX_TEXT:
        raise ResourceLimitError(f"a text grows beyond {MAX_TEXT:,} characters", token=None)


def _date(value: object, pattern: object = "") -> str:
    """A time in ISO 8601 in another form; anything else as it is."""
    if isinstance(value, Undefined):
        return ""
    form = str(pattern)
    if len(form) > 100 or not _FORMAT.fullmatch(form):
        raise ResourceLimitError(f"“{form[:30]}” is not a form for times such as %d.%m.%Y", token=None)
    try:
        return datetime.fromisoformat(str(value)).strftime(form)
    except ValueError:
        return str(value)


ENVIRONMENT = _Environment()
