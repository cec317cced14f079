"""The example app in operation: in a process of its own, before a vendor that fails on demand, with users who order.

with Operated(folder) as shop:
    shop.vendor.fails(503)
    shop.order(Accept="text/html")
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPMessage
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

from errnorm.testing import FakeVendor

HERE = Path(__file__).parent
KEY = "sk_live_Zebrafinch7261quokka9"  # ours at the vendor's, who repeats it in his answers
PROSE = "The gibberwock is asleep"  # the vendor's own words, which are no user's business


def says(message: str, code: str = "") -> str:
    """A vendor's body."""
    return f"<Quote><Error><ReasonCode>{code}</ReasonCode><SimpleMessage>{message}</SimpleMessage></Error></Quote>"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Answer(NamedTuple):
    """What a user got."""

    status: int
    headers: HTTPMessage
    text: str


class Operated:
    """An app that runs, and what it leaves behind: its log, its spans, its metrics."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log, self._spans = folder / "app.log", folder / "spans.jsonl"
        self.vendor = FakeVendor("lionbridge", hosts=[])
        self.port = free_port()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.vendor)
            self.vendor.answers(200, body="<QuoteAuthorization/>")
            stack.callback(self.stop)
            self._process = self._started()
            self._wait()
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closing.close()

    def _started(self) -> subprocess.Popen[bytes]:
        uvicorn = (sys.executable, "-m", "uvicorn", "--port", str(self.port), "--no-access-log")
        command = [*uvicorn, "--log-level", "warning", "--app-dir", str(HERE), "operated_app:app"]
        where = {
            "LIONBRIDGE_URL": self.vendor.url,
            "LIONBRIDGE_KEY": KEY,
            "LIONBRIDGE_REQUESTS_A_MINUTE": "100000",
            "ERRNORM_TEST_SPANS": str(self._spans),
        }
        with self._log.open("ab") as log:
            return subprocess.Popen(command, cwd=HERE.parent / "examples", env=_plain() | where, stdout=log, stderr=log)

    def _wait(self) -> None:
        for _ in range(600):
            try:
                return self.scrape() and None
            except OSError:
                assert self._process.poll() is None, self.log
                time.sleep(0.05)
        raise AssertionError(self.log)

    def stop(self) -> None:
        """As an operator does: the app may finish what it does."""
        self._process.terminate()
        self._process.wait(20)

    def order(self, quote: str = "123", **headers: str) -> Answer:
        """One user's order; the names of headers with underscores."""
        return self._ask("POST", f"/orders/{quote}", headers)

    def scrape(self, accept: str = "text/plain") -> str:
        return self._ask("GET", "/metrics", {"Accept": accept}).text

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): each for name, each in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The log's lines, each of which is one JSON object."""
        return [_read(line) for line in self.log.splitlines()]

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._spans.read_text(encoding="utf-8").splitlines()]


class Users(threading.Thread):
    """Order one after the other, so many a second at most, until told to stop."""

    def __init__(self, shop: Operated, a_second: float) -> None:
        super().__init__(daemon=True)
        self._shop, self._pause, self._enough = shop, 1 / a_second, threading.Event()
        self.answers: list[int] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._enough.set()
        self.join(90)

    def run(self) -> None:
        for number in count(1):
            self.answers.append(self._shop.order(str(number)).status)
            if self._enough.wait(self._pause):
                return


def _plain() -> dict[str, str]:
    """The environment of a process that is not being developed, and so does not warn of what is deprecated."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDEVMODE"} | {"PYTHONWARNINGS": "ignore"}


def _read(line: str) -> dict[str, Any]:
    """One line of the log; an AssertionError shows what is none."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        raise AssertionError(f"no line of JSON: {line[:300]!r}") from None
    return entry
