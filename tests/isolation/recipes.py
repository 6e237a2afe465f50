"""How each endpoint is called. A new endpoint needs one line here; without it tests/isolation/test_endpoints.py fails.

    "segments/<uuid:segment_id>/": page(segment_id="segments.Segment"),
    "segments/<uuid:segment_id>/delete/": page(segment_id="segments.Segment", post={}),
    "v1/decide": api("write", json={"userId": "u1"}),

An argument names the Globex model whose object's primary key goes into the address ("Model.field" for another
field), or is a function of the planted objects. Acme calls with it and must get an error or a redirect; where the
address names no object any answer below 500 will do. Globex's marker must never be in an answer, its rows never change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from json import dumps
from typing import Any

from tests.isolation.planting import MARKER, Planted

Argument = str | Callable[[Planted], Any]


@dataclass(frozen=True)
class Recipe:
    caller: str  # "member" (a signed-in owner), "write", "server" (a key), "anybody"
    kwargs: dict[str, Argument] = field(default_factory=dict)
    post: dict[str, Any] | None = None  # form data
    json: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ()  # others than GET and, with data, POST
    names_an_object: bool = False


def page(*, post: dict[str, Any] | None = None, query: dict[str, Any] | None = None, **kwargs: Argument) -> Recipe:
    """A page for members, called by Acme's owner."""
    return Recipe("member", kwargs=kwargs, post=post, query=query or {}, names_an_object=bool(kwargs))


def api(
    key: str,
    *,
    json: Any = None,
    query: dict[str, Any] | None = None,
    methods: tuple[str, ...] = (),
    **kwargs: Argument,
) -> Recipe:
    """An endpoint for keys: "write" or "server"."""
    return Recipe(key, kwargs=kwargs, json=json, query=query or {}, methods=methods, names_an_object=bool(kwargs))


def public(**kwargs: Argument) -> Recipe:
    """A page of nobody's data; it names no object of a tenant."""
    return Recipe("anybody", kwargs=kwargs)


def _text(value: str) -> Argument:
    return lambda planted: value


# One item of each kind, about a person of the very id that Globex knows.
ITEMS: dict[str, dict[str, Any]] = {
    "identify": {"userId": MARKER, "traits": {"city": "Seoul"}},
    "track": {"userId": MARKER, "event": "Product Liked"},
    "page": {"userId": MARKER, "name": "Home"},
    "screen": {"userId": MARKER, "name": "Home"},
    "group": {"userId": MARKER, "groupId": "g1"},
    "alias": {"userId": MARKER, "previousId": "a1"},
}
CONDITION = {"trait": "city", "op": "=", "value": "Seoul"}
SEGMENT = {"name": "New", "description": "", "condition": dumps(CONDITION)}
RECIPES: dict[str, Recipe] = {
    # the shell and the settings
    "": page(),
    "language/": page(post={"language": "ko"}),
    "settings/": page(post={"name": "Acme", "time_zone": "UTC", "locale": "en", "session_gap_minutes": 30}),
    "settings/members/": page(),
    "settings/members/add/": page(post={"email": "owner@globex.example", "role": "analyst"}),
    "settings/members/<uuid:member_id>/": page(member_id="tenants.Member", post={"role": "analyst"}),
    "settings/members/<uuid:member_id>/remove/": page(member_id="tenants.Member", post={}),
    "settings/keys/": page(),
    "settings/keys/create/": page(post={"name": "k", "kind": "server"}),
    "settings/keys/<uuid:key_id>/rotate/": page(key_id="tenants.APIKey", post={"overlap_hours": 1}),
    "settings/keys/<uuid:key_id>/revoke/": page(key_id="tenants.APIKey", post={}),
    "settings/audit/": page(),
    "settings/messages/": page(post={"caps-TOTAL_FORMS": 0, "caps-INITIAL_FORMS": 0, "gap_0": 5, "gap_1": "s"}),
    "workspaces/<uuid:tenant_id>/switch/": page(tenant_id="tenants.Tenant", post={}),
    # ingestion
    **{f"v1/{name}": api("write", json=item) for kind, item in ITEMS.items() for name in (kind, kind[0])},
    "v1/batch": api("write", json={"batch": [{"type": kind, **item} for kind, item in ITEMS.items()]}),
    "v1/b": api("write", json={"batch": [{"type": "track", **ITEMS["track"]}]}),
    "v1/m": api("write", json={"series": []}),
    "v1/projects/<str:key>/settings": public(key=_text("wk_unknown")),
    "sourceConfig/": api("write"),
    "sourceConfig": api("write"),
    # segments and people
    "segments/": page(query={"q": MARKER[:12]}),
    "segments/new/": page(post=SEGMENT),
    "segments/estimate/": page(post=SEGMENT),
    "segments/<uuid:segment_id>/": page(segment_id="segments.Segment"),
    "segments/<uuid:segment_id>/edit/": page(segment_id="segments.Segment", post=SEGMENT),
    "segments/<uuid:segment_id>/delete/": page(segment_id="segments.Segment", post={}),
    "api/v1/rejections": api("server"),
    "api/v1/segments": api("server", json={"name": "New", "condition": CONDITION}),
    "api/v1/segments/estimate": api("server", json={"condition": CONDITION}),
    "api/v1/segments/<uuid:segment_id>": api(
        "server", segment_id="segments.Segment", json={"name": "New"}, methods=("PUT", "PATCH", "DELETE")
    ),
    "api/v1/segments/<uuid:segment_id>/members": api("server", segment_id="segments.Segment"),
    "api/v1/people/<str:kind>/<path:identifier>": api(
        "server", kind="events.Person.identifier_kind", identifier="events.Person.identifier", methods=("DELETE",)
    ),
    "people/": page(query={"q": MARKER[:12]}),
    "people/<uuid:person_id>/": page(person_id="events.Person.person_id"),
    "demo/shop/": public(),
    # campaigns and their results
    "campaigns/": page(query={"q": MARKER[:12]}),
    "campaigns/new/": page(post={"name": "New"}),
    "campaigns/preview/": page(post={}),
    "campaigns/<uuid:campaign_id>/": page(campaign_id="campaigns.Campaign"),
    "campaigns/<uuid:campaign_id>/edit/": page(campaign_id="campaigns.Campaign", post={"name": "New"}),
    "campaigns/<uuid:campaign_id>/delete/": page(campaign_id="campaigns.Campaign", post={}),
    "campaigns/<uuid:campaign_id>/<str:action>/": page(
        campaign_id="campaigns.Campaign", action=_text("start"), post={}
    ),
    "results/": page(),
    "results/<uuid:campaign_id>/": page(campaign_id="campaigns.Campaign"),
    "api/v1/message-policy": api("server", json={"caps": [], "gap_seconds": 5}, methods=("PUT",)),
    "api/v1/campaigns": api("server", json={"name": "New"}),
    "api/v1/campaigns/<uuid:campaign_id>": api(
        "server", campaign_id="campaigns.Campaign", json={"name": "New"}, methods=("PUT", "PATCH", "DELETE")
    ),
    "api/v1/campaigns/<uuid:campaign_id>/report": api("server", campaign_id="campaigns.Campaign"),
    "api/v1/campaigns/<uuid:campaign_id>/<str:action>": api(
        "server", campaign_id="campaigns.Campaign", action=_text("start"), json={}
    ),
    "v1/clock": api("server", json={"advance": "10m"}),
    # decisions
    "v1/decide": api("write", json={"userId": MARKER}),
    "v1/reports": api("write", json={"reports": [{"decision_id": MARKER, "type": "exposed", "exposure_id": "x"}]}),
    # signing in: addresses of a person, of no tenant
    "accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": public(uidb36=_text("1"), key=_text("x")),
    "accounts/confirm-email/(?P<key>[-:\\w]+)/$": public(key=_text("x")),
}
# Whole families that need no line each.
PUBLIC_PREFIXES = ("accounts/", "api/schema", "api/docs", "static/")
