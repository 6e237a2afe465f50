"""The published schema: complete, and true to what the endpoints do, whatever is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as examples_of

from campaigns.editing import edit_campaign
from config.wsgi import application
from segments.editing import edit_segment
from tests.campaigns.test_api_rest import CART
from tests.conftest import Company
from tests.isolation.test_endpoints import ENDPOINTS
from tests.segments.people import does, meet, settle

BY: Any = {"actor": None, "address": None}
schema = schemathesis.openapi.from_wsgi("/api/schema", application)
schema.config.phases.update(phases=["examples", "fuzzing"])
rest = schema.include(path_regex="^/api/v1/")
turn = count()


@pytest.fixture
def known(acme: Company) -> Iterator[dict[str, str]]:
    """Arguments that lead somewhere; the connection, in whose transaction the test runs, stays open."""
    with acme.scope():
        does(acme, meet(acme, "ann", city="Seoul"), "product_liked")
        segment = edit_segment(name="Likers", description="", condition={"did": "product_liked"}, by=BY)
        campaign = edit_campaign(changes=CART, by=BY)
        settle(acme)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield {
        "segment_id": str(segment.pk),
        "campaign_id": str(campaign.pk),
        "kind": "user_id",
        "identifier": "ann",
        "action": "start",
    }
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@rest.parametrize()
@examples_of(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
def test_api__anything_that_a_server_sends__is_answered_as_the_schema_says(
    case: schemathesis.Case, acme: Company, known: dict[str, str]
) -> None:
    if case.path_parameters and next(turn) % 4:
        case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}

    case.call_and_validate(
        headers={"Authorization": acme.server_auth["HTTP_AUTHORIZATION"]},
        checks=[
            schemathesis.checks.not_a_server_error,
            schemathesis.checks.status_code_conformance,
            schemathesis.checks.content_type_conformance,
            schemathesis.checks.response_schema_conformance,
        ],
    )


def test_schema__every_endpoint_for_servers__is_in_it_with_words_and_an_example(client: Client) -> None:
    paths = client.get("/api/schema").json()["paths"]

    wanted = {"/" + route.replace("<uuid:", "{").replace("<str:", "{").replace("<path:", "{").replace(">", "}")
              for route in ENDPOINTS if route.startswith("api/v1/")}  # fmt: skip
    assert wanted == {path for path in paths if path.startswith("/api/v1/")}
    for path in wanted:
        for method, operation in paths[path].items():
            assert operation.get("summary"), f"{method} {path}"
            assert {"401", "403"} <= set(operation["responses"]), f"{method} {path}"
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            assert not body or body.get("examples"), f"{method} {path}"


def test_documentation__every_endpoint_for_servers__has_a_call(client: Client) -> None:
    text = (settings.BASE_DIR / "docs" / "api.md").read_text()
    examples = {
        "{segment_id}": "$SEGMENT",
        "{campaign_id}": "$CAMPAIGN",
        "{kind}/{identifier}": "user_id/u1",
        "{action}": "start",
    }

    for path in client.get("/api/schema").json()["paths"]:
        for argument, example in examples.items():
            path = path.replace(argument, example)
        assert not path.startswith("/api/v1/") or f"$NUNCHI{path}" in text, path


def test_documentation_page__for_anybody__loads_its_own_files_alone(client: Client) -> None:
    response = client.get("/api/docs")

    page = response.content.decode()
    assert response.status_code == 200
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page
