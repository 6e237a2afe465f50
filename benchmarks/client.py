"""A cheap client: ready-made requests over kept connections, as fast as they are answered or at a steady rate."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `due_at` is when it should have been sent, by the rate, or was, without one (perf_counter)."""

    due_at: float
    answered_at: float
    status: int
    body: bytes

    @property
    def ms(self) -> float:
        return (self.answered_at - self.due_at) * 1000

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def post(path: str, body: bytes, *, key: str = "") -> bytes:
    """The bytes of a request."""
    credentials = base64.b64encode(f"{key}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send_all(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    a_second: float | None = None,
    before: Callable[[int], None] = lambda number: None,
) -> list[Answer]:
    """Send each request once; the answers in the same order.

    With a rate each is due at its instant, whatever became of those before it, and its time counts from then;
    `before` is told its number just before it goes.
    """
    answers: list[Answer | None] = [None] * len(requests)
    failures: list[BaseException] = []
    numbers = iter(range(len(requests)))
    began = time.perf_counter() + 0.05

    def work() -> None:
        try:
            with Connection(port) as connection:
                for number in numbers:
                    due_at = time.perf_counter()
                    if a_second is not None:
                        due_at = began + number / a_second
                        time.sleep(max(0.0, due_at - time.perf_counter()))
                    before(number)
                    status, body = connection.send(requests[number])
                    answers[number] = Answer(due_at, time.perf_counter(), status, body)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [answer for answer in answers if answer is not None]


def rate_of(answers: Sequence[Answer]) -> float:
    """Answers a second."""
    return len(answers) / (max(a.answered_at for a in answers) - min(a.due_at for a in answers))


class Connection:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._socket.sendall(request)
        received = self._more(b"")
        while (end := received.find(b"\r\n\r\n")) < 0:
            received = self._more(received)
        head, received = received[:end].lower(), received[end + 4 :]
        length = int(head.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        while len(received) < length:
            received = self._more(received)
        return int(head[9:12]), received

    def _more(self, received: bytes) -> bytes:
        part = self._socket.recv(65_536)
        if not part:
            raise ConnectionError("The server closed the connection.")
        return received + part
