"""Apps under load: they send, ask and report, try again until the answer is 200, and remember what was acknowledged."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.faults.workspaces import Rest, Workspace, buyers

PEOPLE = 60
HOT = 6
"""Of a tenant's people so many are all clients' favourites: they meet at them."""
NAMES = ("page", "searched", "added_to_cart", "purchased")
_REQUEST_SECONDS = 10
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True)
class Sent:
    """An event that was answered 200: it must be stored, once, as this person's."""

    tenant: str
    name: str
    user: str | None
    anonymous: str | None
    number: int


@dataclass(frozen=True)
class Given:
    """A decision that a client got."""

    tenant: str
    user: str
    campaign: str
    variant: str
    arm: str


@dataclass
class Record:
    """What the clients know, shared by all of them; each key is written by one client."""

    events: dict[str, Sent] = field(default_factory=dict)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    levels: dict[tuple[str, str], int] = field(default_factory=dict)
    decisions: dict[str, Given] = field(default_factory=dict)
    exposures: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, by: int = 1) -> None:
        with self.lock:
            self.counts[name] += by


class Client(threading.Thread):
    """A client of one tenant. Only it identifies its own people, so that their traits have one order."""

    def __init__(
        self, *, port: int, workspace: Workspace, own: list[int], seed: str, record: Record, over: threading.Event
    ) -> None:
        super().__init__(name=f"client {seed}")
        self.port, self.workspace, self.own, self.record, self.over = port, workspace, own, record, over
        self.random = Random(seed)
        self.connection: http.client.HTTPConnection | None = None
        self.numbers = itertools.count()
        self.later: list[tuple[float, str, str, list[str]]] = []
        self.last_words = 0.0
        self.failure: BaseException | None = None
        self.headers = {
            "Authorization": "Basic " + base64.b64encode(f"{workspace.write_key}:".encode()).decode(),
            "Content-Type": "application/json",
        }

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self._act()
                time.sleep(self.random.uniform(0, 0.03))
        except BaseException as failure:
            self.failure = failure
        finally:
            self._hang_up()

    # --- what an app does ---------------------------------------------------------------------------

    def _act(self) -> None:
        self._report_later_ones()
        chance = self.random.random()
        if chance < 0.25:
            self._come_once()
        elif chance < 0.5:
            user = f"user-{self.random.choice(self.own)}"
            if signs_in_anew(user) and self.random.random() < 0.4:
                self._visit_and_sign_in(user)
            else:
                self._identify(user)
        else:
            person = self.random.randrange(HOT if self.random.random() < 0.5 else PEOPLE)
            user = f"user-{person}"
            self._send([self._track(user=user) for _ in range(self.random.choice((1, 1, 2, 5)))])
            self._decide(user, f"session-{person}-{int(time.monotonic() / 30)}")

    def _come_once(self) -> None:
        """Somebody who is never seen again: what is not digested now will never be."""
        guest = f"guest-{uuid.UUID(int=self.random.getrandbits(128))}"
        items = [self._track(user=guest) for _ in range(self.random.choice((1, 3, 5)))]
        if self.random.random() < 0.5:
            items.append(self._identification(guest))
        self._send(items)

    def _visit_and_sign_in(self, user: str) -> None:
        """Somebody is anonymous first, and then known: the two are merged."""
        anonymous = f"anonymous-{uuid.UUID(int=self.random.getrandbits(128))}"
        self._send([self._track(anonymous=anonymous) for _ in range(2)])
        self._send([self._track(user=user, anonymous=anonymous)])
        self.record.links[self.workspace.tenant, anonymous] = user
        self._send([self._track(anonymous=anonymous)])

    def _identify(self, user: str) -> None:
        self._send([self._identification(user)])

    def _identification(self, user: str) -> dict[str, Any]:
        traits = {"level": self.random.randrange(100)}
        return {"type": "identify", "userId": user, "traits": traits, **self._stamp(timedelta(0))}

    def _track(self, *, user: str | None = None, anonymous: str | None = None) -> dict[str, Any]:
        # Some are late; a few are so late that they belong to another partition.
        ago = self.random.choice((0, 0, 0, 0, self.random.uniform(0, 20), 3_000_000))
        ids = {"userId": user, "anonymousId": anonymous}
        return {
            "type": "track",
            "event": self.random.choices(NAMES, (5, 2, 3, 2))[0],
            "properties": {"cart_id": self.random.randrange(4), "number": next(self.numbers)},
            **{name: value for name, value in ids.items() if value is not None},
            **self._stamp(timedelta(seconds=ago)),
        }

    def _stamp(self, ago: timedelta) -> dict[str, str]:
        return {
            "messageId": str(uuid.UUID(int=self.random.getrandbits(128))),
            "timestamp": (datetime.now(UTC) - ago).isoformat(),
        }

    def _send(self, items: list[dict[str, Any]]) -> None:
        self.record.count("items_sent", len(items))
        self._insist("/v1/batch", {"batch": items})
        for item in items:
            if item["type"] == "identify":
                self.record.levels[self.workspace.tenant, item["userId"]] = item["traits"]["level"]
            else:
                self.record.events[item["messageId"]] = Sent(
                    self.workspace.tenant,
                    item["event"],
                    item.get("userId"),
                    item.get("anonymousId"),
                    item["properties"]["number"],
                )
        self.record.count("items_accepted", len(items))
        if self.random.random() < 0.15:  # the app lost the answer, and sends everything again
            self.record.count("batches_sent_again")
            self._insist("/v1/batch", {"batch": items})

    def _decide(self, user: str, session: str) -> None:
        question = {"userId": user, "anonymousId": self.name, "sessionId": session}
        decision = self._insist("/v1/decide", question)["decision"]
        self.record.count("questions")
        if decision is None:
            return
        self.record.decisions[decision["decision_id"]] = Given(
            self.workspace.tenant, user, decision["campaign_id"], decision["variant"], decision["arm"]
        )
        kinds = self.random.choice((["exposed", "rendered"], ["exposed", "rendered", "clicked"], ["released"], []))
        exposure = str(uuid.UUID(int=self.random.getrandbits(128)))
        wait = self.random.choice((0, self.random.uniform(0, 5)))
        self.later.append((time.monotonic() + wait, decision["decision_id"], exposure, kinds))

    def _report_later_ones(self) -> None:
        """A message appears some time after its decision; meanwhile other devices ask too."""
        now = time.monotonic()
        waiting, self.later = self.later, []
        for at, decision, exposure, kinds in waiting:
            if at > now:
                self.later.append((at, decision, exposure, kinds))
            else:
                self._report(decision, exposure, kinds)

    def _report(self, decision: str, exposure: str, kinds: list[str]) -> None:
        for kind in kinds:
            report = {"decision_id": decision, "type": kind, "exposure_id": exposure}
            (result,) = self._insist("/v1/reports", {"reports": [report]})["results"]
            self.record.count("reports")
            if kind == "exposed":
                if not result["accepted"]:
                    self.record.count("exposures_refused")
                    return
                self.record.exposures[exposure] = decision

    # --- how it insists -----------------------------------------------------------------------------

    def _insist(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send until the answer is 200, as clients do: the same ids, another time of sending."""
        pause = 0.05
        while True:
            answer = self._try(path, body)
            if answer is not None:
                return answer
            self.record.count("requests_failed")
            if self.over.is_set() and time.monotonic() > self.last_words:
                raise AssertionError(f"{path} was never answered 200, though the faults are over")
            time.sleep(self.random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        content = json.dumps({**body, "sentAt": datetime.now(UTC).isoformat()})
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_REQUEST_SECONDS)
            self.connection.request("POST", path, content, self.headers)
            if self.random.random() < 0.02:  # the network is gone before the answer is there
                self.record.count("answers_lost")
                self._hang_up()
                return None
            response = self.connection.getresponse()
            answer = response.read()
            if response.status == 200:
                return dict(json.loads(answer))
            self.record.count(f"answers_{response.status}")
            if response.status not in (500, 502, 503, 504, 429):
                raise AssertionError(f"{path} answered {response.status}: {answer[:500]!r}")
        except (OSError, http.client.HTTPException, ValueError):
            self._hang_up()
        return None

    def _hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def signs_in_anew(user: str) -> bool:
    """Whether clients sign this user in on new devices: then several people turn out to be one."""
    return int(user.removeprefix("user-")) % 3 == 0


class Marketer(threading.Thread):
    """Somebody who keeps redefining a segment that another one names: both are computed anew."""

    def __init__(self, *, url: str, workspace: Workspace, seed: str, record: Record, over: threading.Event) -> None:
        super().__init__(name=f"marketer {seed}")
        self.rest, self.workspace = Rest(url, workspace.server_key), workspace
        self.random, self.record, self.over = Random(seed), record, over

    def run(self) -> None:
        while not self.over.wait(self.random.uniform(2, 10)):
            try:
                condition = buyers(self.random.randrange(1, 4))
                self.rest.call("PATCH", f"segments/{self.workspace.segments['buyers']}", {"condition": condition})
                self.record.count("definitions_changed")
            except OSError:
                self.record.count("definitions_refused")


def start_load(*, port: int, workspaces: list[Workspace], seed: int, clients: int) -> Load:
    """So many clients a tenant, and a marketer each."""
    record, over = Record(), threading.Event()
    threads: list[Client] = [
        Client(
            port=port,
            workspace=workspace,
            own=list(range(number, PEOPLE, clients)),
            seed=f"{seed}-{index}-{number}",
            record=record,
            over=over,
        )
        for index, workspace in enumerate(workspaces)
        for number in range(clients)
    ]
    marketers = [
        Marketer(url=f"http://127.0.0.1:{port}", workspace=workspace, seed=f"{seed}-{index}", record=record, over=over)
        for index, workspace in enumerate(workspaces)
    ]
    load = Load(record, over, threads, marketers)
    for thread in (*threads, *marketers):
        thread.start()
    return load


@dataclass(frozen=True)
class Load:
    """The clients of a run."""

    record: Record
    over: threading.Event
    clients: list[Client]
    marketers: list[Marketer]

    def stop(self, *, patience: float) -> None:
        """Let everybody finish what they are about; raises what went wrong with any of them."""
        for client in self.clients:
            client.last_words = time.monotonic() + patience
        self.over.set()
        for thread in (*self.clients, *self.marketers):
            thread.join()
        for client in self.clients:
            if client.failure is not None:
                raise client.failure
