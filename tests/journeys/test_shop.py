"""The demo's story in a browser: real shop page, real SDK, real servers, workers and scheduler.

With NUNCHI_SCREENSHOTS=1 the message in the shop is kept in docs/images/.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from campaigns.assignment import CONTROL, TREATMENT, position_of
from config import embedded
from config.demo.client import Client
from config.demo.definitions import CART_CONTROL_SHARE
from config.demo.record import Record
from config.embedded.state import read_or_create_state
from events.models import person_id_for

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PATIENCE_MS = 30_000
# The message is drawn in a closed shadow root, which tests cannot look into.
OPEN_SHADOWS = """
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) { return attach.call(this, { ...options, mode: "open" }); };
"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Record]:
    """The demo with a few simulated people, in a state directory of its own."""
    state_dir = tmp_path_factory.mktemp("demo") / "state"
    external = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "NUNCHI_BROKER_URL", "NUNCHI_PUBLIC_URL")
    environment = {name: value for name, value in os.environ.items() if name not in external}
    environment |= {"NUNCHI_STATE_DIR": str(state_dir), "NUNCHI_WEB_PORT": str(free_port())}
    with subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--people", "60"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        overdue = threading.Timer(300, process.kill)
        overdue.start()
        try:
            await_ready(process)
            yield Record(**json.loads((state_dir / "demo.json").read_text()))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) in (0, 128 + signal.SIGTERM)
        finally:
            overdue.cancel()
            process.kill()
            remove_servers(state_dir)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def test_shop__cart_left__message_comes_in_time_and_is_counted_beside_control(
    demo: Record, browser: Browser, tmp_path: Path
) -> None:
    before = report(demo)
    treated, control = visit(browser, demo, TREATMENT), visit(browser, demo, CONTROL)
    for page in (treated, control):
        add_to_cart(page, "Moon Lamp")

    message = treated.locator("nunchi-message")
    expect(message.get_by_text("Still thinking it over?")).to_be_visible(timeout=PATIENCE_MS)
    expect(message.get_by_text("The Moon Lamp is still in your cart.")).to_be_visible()
    treated.wait_for_timeout(400)  # the entrance
    keep_screenshot(treated, tmp_path)
    message.get_by_role("link", name="Back to my cart").click()
    expect(message).to_have_count(0)
    expect(treated.locator("#cart")).to_be_focused()
    expect(treated.locator("#state")).to_contain_text("A click, reported")

    expect(control.locator("#arm")).to_contain_text("control group", timeout=PATIENCE_MS)
    expect(control.locator("nunchi-message")).to_have_count(0)

    treated.get_by_role("button", name="Buy", exact=True).click()
    expect(treated.locator("#log")).to_contain_text("purchased")
    expect(treated.locator("#log li").first).to_contain_text("stored")
    after = report(demo)
    gained = {
        (arm, number): after[arm][number] - before[arm][number]
        for arm in (TREATMENT, CONTROL)
        for number in ("exposed", "rendered", "clicked", "converted")
    }
    assert gained == {
        (TREATMENT, "exposed"): 1,
        (TREATMENT, "rendered"): 1,
        (TREATMENT, "clicked"): 1,
        (TREATMENT, "converted"): 1,
        (CONTROL, "exposed"): 1,
        (CONTROL, "rendered"): 0,
        (CONTROL, "clicked"): 0,
        (CONTROL, "converted"): 0,
    }


def test_shop__start_over__is_another_person_without_a_cart(demo: Record, browser: Browser) -> None:
    page = visit(browser, demo, CONTROL)
    add_to_cart(page, "Pine Incense")
    first = anonymous_id(page)

    page.get_by_role("button", name="Start over as a new person").click()

    expect(page.locator("#cart-empty")).to_be_visible()
    assert anonymous_id(page) != first


def test_shop__server_away_while_the_page_is_reloaded__loses_no_event(demo: Record, browser: Browser) -> None:
    page = visit(browser, demo, TREATMENT)
    expect(page.locator("#log")).to_contain_text("app_opened")
    page.route("**/v1/batch", lambda route: route.abort())
    page.get_by_role("button", name="Like Linen Throw").click()
    expect(page.locator("#log li").first).to_contain_text("kept, not sent yet")

    page.reload()
    expect(page.get_by_role("button", name="Like Linen Throw")).to_have_attribute("aria-pressed", "true")
    page.unroute("**/v1/batch")
    page.reload()

    expect(page.locator("#log li", has_text="product_liked")).to_contain_text("stored", timeout=PATIENCE_MS)
    assert [event["name"] for event in events_of(demo, page)].count("product_liked") == 1


def test_shop__signing_in__keeps_what_the_anonymous_person_did(demo: Record, browser: Browser) -> None:
    page = visit(browser, demo, TREATMENT)
    page.get_by_role("button", name="Like Hanji Notebook").click()

    page.get_by_role("button", name="Sign in").click()

    expect(page.locator("#log li", has_text="identify")).to_contain_text("stored")
    person = person_of(demo, page)
    assert {one["kind"] for one in person["identifiers"]} == {"user_id", "anonymous_id"}
    assert "product_liked" in [event["name"] for event in person["events"]["results"]]


def test_shop__whole_page__breaks_no_content_security_rule(demo: Record, browser: Browser) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    page.goto(f"{demo.url}/demo/shop/")
    add_to_cart(page, "Night Sky Puzzle")

    assert said == []
    page.close()


def visit(browser: Browser, demo: Record, arm: str) -> Page:
    """Somebody new in the shop, begun anew until the published hash puts them into the arm."""
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    page.add_init_script(OPEN_SHADOWS)
    page.goto(f"{demo.url}/demo/shop/")
    while arm_of(demo, anonymous_id(page)) != arm:
        page.get_by_role("button", name="Start over as a new person").click()
    return page


def arm_of(demo: Record, identifier: str) -> str:
    person_id = person_id_for(tenant_id=UUID(demo.tenant), kind="anonymous_id", identifier=identifier)
    position = position_of(campaign_id=UUID(demo.campaigns["cart"]), person_id=person_id)
    return CONTROL if position < CART_CONTROL_SHARE else TREATMENT


def add_to_cart(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Add {name} to cart").click()
    expect(page.locator("#log li", has_text="added_to_cart")).to_contain_text("stored")


def anonymous_id(page: Page) -> str:
    return str(page.evaluate("nunchi.person().anonymousId"))


def report(demo: Record) -> dict[str, Any]:
    return Client(demo.url).get(f"/api/v1/campaigns/{demo.campaigns['cart']}/report", key=demo.server_key)


def person_of(demo: Record, page: Page) -> dict[str, Any]:
    return Client(demo.url).get(f"/api/v1/people/anonymous_id/{anonymous_id(page)}", key=demo.server_key)


def events_of(demo: Record, page: Page) -> list[dict[str, Any]]:
    return list(person_of(demo, page)["events"]["results"])


def keep_screenshot(page: Page, tmp_path: Path) -> None:
    folder = IMAGES if os.environ.get("NUNCHI_SCREENSHOTS") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / "shop-message.png")


def await_ready(process: subprocess.Popen[str]) -> None:
    """Read what the demo prints until it says that it is ready; then go on reading, so that it never waits for us."""
    told = []
    assert process.stdout is not None
    for line in process.stdout:
        told.append(line)
        if "demo is ready" in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return
    pytest.fail("The demo ended before it was ready:\n" + "".join(told))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def remove_servers(state_dir: Path) -> None:
    home = Path(read_or_create_state(state_dir=state_dir).home)
    if home.exists():
        embedded.stop(state_dir)
        shutil.rmtree(home)
