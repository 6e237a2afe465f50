"""The Korean catalogue: complete, in step with the code, and compiled as it stands.

After a change of words: `manage.py makemessages -l ko --no-location --no-obsolete --no-wrap` (ignoring .venv, sdk,
node_modules, tests, var, benchmarks), translate, `manage.py compilemessages -l ko`. Both need gettext's programs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

from tests.config.test_contract import ROOMS

FOLDER = settings.BASE_DIR / "config" / "locale" / "ko" / "LC_MESSAGES"
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
IN_TEMPLATES = re.compile(r"""\b(?:_|n?gettext)\(u?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
PLACES = re.compile(r"%\(\w+\)[sd]")


def read(name: str) -> Catalog:
    with (FOLDER / name).open("rb") as file:
        return read_po(file, locale="ko") if name.endswith(".po") else read_mo(file)


def first(text: str | tuple[str, ...] | list[str] | None) -> str:
    """A message's text, of one with a plural its singular; Korean has one form."""
    return text if isinstance(text, str) else text[0] if text else ""


@pytest.fixture(scope="module")
def entries() -> list[Message]:
    return [message for message in read("django.po") if message.id]


def texts_of_code() -> Iterator[str]:
    for room in ROOMS:
        for path in (settings.BASE_DIR / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) in CALLS and node.args:
                    argument = node.args[0]
                    text = argument.value if isinstance(argument, ast.Constant) else None
                    assert isinstance(text, str), f"{path}:{node.lineno}: not a text that can be found"
                    yield text


def texts_of_templates() -> Iterator[str]:
    for room in ROOMS:
        for path in (settings.BASE_DIR / room).rglob("templates/**/*.html"):
            for single, double in IN_TEMPLATES.findall(templatize(path.read_text(), origin=str(path))):
                text = ast.literal_eval(f"'{single}'" if single else f'"{double}"')
                yield text.replace("%%", "%")


def test_catalogue__every_entry__is_translated_and_sure(entries: list[Message]) -> None:
    assert len(entries) > 400
    assert [entry.id for entry in entries if entry.fuzzy or not first(entry.string).strip()] == []


def test_catalogue__every_text_of_code_and_templates__is_in_it(entries: list[Message]) -> None:
    known = {first(entry.id).replace("%%", "%") for entry in entries}
    found = {*texts_of_code(), *texts_of_templates()}

    assert len(found) > 400
    assert found - known == set()
    assert known - found == set(), "no longer used"


def test_catalogue__places_for_values__are_those_of_the_original(entries: list[Message]) -> None:
    for entry in entries:
        wanted, given = (sorted(PLACES.findall(first(text))) for text in (entry.id, entry.string))
        assert wanted == given, entry.id


def test_catalogue__as_it_is_compiled__says_the_same(entries: list[Message]) -> None:
    compiled = {first(message.id): first(message.string) for message in read("django.mo") if message.id}

    assert compiled == {first(entry.id): first(entry.string) for entry in entries}
