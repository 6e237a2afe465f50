"""Messages: plain texts, judged addresses, and only what the caller may see."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.records import Trigger
from campaigns.rendering import (
    IMAGE_SCHEMES,
    LINK_SCHEMES,
    RenderedMessage,
    RenderingError,
    render_message,
    safe_address,
    visible_facts,
)
from tests.campaigns.records import NOW, seconds

TRAITS = {"first_name": "Ada", "email": "ada@example.org", "link": "javascript:alert(1)", "blank": "  "}


def message(**fields: Any) -> RenderedMessage:
    document = {"template": "modal", "title": "Hi", "body": "", "buttons": []} | fields
    return render_message(message=document, facts={"traits": TRAITS, "event": {}}, locale="ko")


def test_render__whole_message__has_the_shape_of_the_wire() -> None:
    rendered = message(
        title="Hi {{ traits.first_name }}",
        body=" Look \n",
        image_url="https://cdn.example/{{ traits.first_name }}.png",
        buttons=[
            {
                "label": "Go, {{ traits.first_name }}",
                "action": "link",
                "url": "/sale?for={{ traits.email | url_encode }}",
            },
            {"label": "Later", "action": "dismiss"},
        ],
    )

    assert rendered.as_json() == {
        "template": "modal",
        "title": "Hi Ada",
        "body": "Look",
        "image_url": "https://cdn.example/Ada.png",
        "locale": "ko",
        "buttons": [
            {"label": "Go, Ada", "action": "link", "url": "/sale?for=ada%40example.org"},
            {"label": "Later", "action": "dismiss", "url": None},
        ],
    }


def test_render__address_that_a_trait_made_unsafe__only_dismisses() -> None:
    rendered = message(
        image_url="{{ traits.link }}", buttons=[{"label": "Go", "action": "link", "url": "{{ traits.link }}"}]
    )

    assert rendered.image_url is None
    assert rendered.as_json()["buttons"] == [{"label": "Go", "action": "dismiss", "url": None}]


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "{{ traits.blank }}", "body": "{{ traits.none }}"},
        {"title": "{{ traits.first_name | divided_by: 0 }}"},
        {"buttons": [{"label": "{{ traits.none }}", "action": "dismiss"}]},
        {"title": "{% for x in event.many %}a{% endfor %}"},
    ],
)
def test_render__nothing_to_show__is_an_error(fields: dict[str, Any]) -> None:
    with pytest.raises(RenderingError):
        message(**fields)


def test_render__text_beyond_its_limit__is_an_error() -> None:
    with pytest.raises(RenderingError, match="title: longer than 500"):
        render_message(
            message={"template": "modal", "title": "{{ traits.long }}"},
            facts={"traits": {"long": "x" * 501}},
            locale="en",
        )


GOOD = [
    "https://shop.example/a?b=c#d", "http://localhost:8000", "HTTPS://X.example", "/sale", "sale", "?q=1", "#top",
    "../up", "//cdn.example/x", "mailto:ada@example.org", "tel:+8225550100", "/a:b", "https://x.example/a b",
    "https://한국.example/할인",
]  # fmt: skip
BAD = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "java\tscript:x", "\x01javascript:x",
    "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "intent://x", "https:evil", "https:/evil", "http://",
    "https://\\evil", "\\\\evil", "a:b", ":x", "", "  ", "ftp://x", "https://x\u2028y", "https://[bad", "x" * 2001,
    "javascript&colon;alert(1):x",
]  # fmt: skip


@pytest.mark.parametrize("address", GOOD)
def test_address__acceptable__is_kept(address: str) -> None:
    assert safe_address(address, LINK_SCHEMES) == address.replace(" ", "%20")


@pytest.mark.parametrize("address", BAD)
def test_address__anything_else__is_none(address: str) -> None:
    assert safe_address(address, LINK_SCHEMES) is None


@pytest.mark.parametrize("address", ["mailto:a@b.example", "tel:1", "data:image/png;base64,x"])
def test_address__of_an_image__is_of_the_web(address: str) -> None:
    assert safe_address(address, IMAGE_SCHEMES) is None


def facts(*, is_signed: bool, from_caller: bool) -> dict[str, Any]:
    trigger = Trigger(
        id="t",
        at=NOW,
        expires_at=NOW + seconds(60),
        event_name="ordered",
        properties={"total": 5},
        is_from_caller=from_caller,
    )
    return visible_facts(traits=TRAITS, public_traits=["first_name"], trigger=trigger, is_signed=is_signed)


def test_facts__unsigned_caller__sees_public_traits_and_its_own_event() -> None:
    seen = facts(is_signed=False, from_caller=True)

    assert seen["traits"] == seen["person"]["traits"] == {"first_name": "Ada"}
    assert seen["event"]["properties"] == {"total": 5}


def test_facts__unsigned_caller__sees_nothing_of_somebody_elses_event() -> None:
    assert facts(is_signed=False, from_caller=False)["event"]["properties"] == {}


def test_facts__signed_caller__sees_everything() -> None:
    seen = facts(is_signed=True, from_caller=False)

    assert seen["traits"] == TRAITS
    assert seen["event"]["properties"] == {"total": 5}


def test_facts__entry_into_a_segment__has_no_event() -> None:
    entry = Trigger(id="s:t", at=NOW, expires_at=NOW)

    assert visible_facts(traits={}, public_traits=[], trigger=entry, is_signed=True)["event"] == {}
