"""A vendor that fails as a test says: its samples over real HTTP, and every client led there."""

from __future__ import annotations

import json as _json
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Self

from errnorm.redaction import redact_url
from errnorm.testing import leading
from errnorm.testing.repertoire import Repertoire
from errnorm.testing.server import TICKET, Answer, Asked, Server, Trouble
from errnorm.vendors import registry

_ARRIVAL_S = 5.0  # how long a request may be on its way through this machine


class FakeVendor:
    """Stands in for a vendor while its `with` lasts: `vendor` is a profile's name, or the file of one's own.

    The app's clients (httpx, httpx2, requests, niquests, aiohttp, urllib3; sync and async) stay as they are: what they
    ask of the profile's hosts, or of `hosts` instead, is answered here; every other request goes its way. `url` is for
    an app that takes one: where the test says nothing, a path that is asked for there may name its answer, such as
    `/api/orders/304`.

    Raises UnknownVendorError, and ValueError where neither the profile nor the test names a host.
    """

    def __init__(
        self, vendor: str | Path, *, hosts: Iterable[str] | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.repertoire = Repertoire(vendor)
        self.profile = self.repertoire.profile
        if hosts is None and not self.profile.hosts:
            raise ValueError(
                f"{self.profile.name} has no host of its own: say hosts=['api.example.com'], or hosts=[] for none"
            )
        self.hosts = None if hosts is None else frozenset(each.lower() for each in hosts)
        self.given: list[Answer] = []
        self._said: list[tuple[Answer, int | None]] = []  # an answer, and how often; None: from then on
        self._asked: list[Asked] = []
        self._unexpected: list[str] = []
        self._tickets: dict[str, Answer] = {}
        self._numbers = count(1)
        self._changed = threading.Condition()
        self._at = (host, port)
        self.url = ""  # until it listens

    def __repr__(self) -> str:
        return f"FakeVendor({self.profile.name!r})"

    def fails(self, what: str | int | Trouble, *, times: int | None = None) -> None:
        """Answers with a sample, found by its title, code or reason, or its status; or with a Trouble.

        `times`: so often, then what is said next; None: from then on. Raises UnknownSampleError.
        """
        self._say(self.repertoire.failing(what), times)

    def throttles(self, after: float = 1, *, times: int | None = None) -> None:
        """Answers, as the vendor does, that there were too many requests; with a Retry-After of so many seconds."""
        self._say(self.repertoire.throttled(after), times)

    def answers(
        self,
        status: int = 200,
        *,
        json: Any = None,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Answers with what the test gives."""
        content, headers = body.encode() if isinstance(body, str) else body, headers or {}
        if json is not None:
            content, headers = _json.dumps(json).encode(), {"Content-Type": "application/json", **headers}
        self._say(Answer(status, headers, content, failing=status >= 400), times)

    def _say(self, answer: Answer, times: int | None) -> None:
        if not self.url:
            raise RuntimeError(f"{self!r} stands in for nobody yet: say `with FakeVendor(…) as vendor:` first")
        if times is not None and times < 1:
            raise ValueError(f"times must be a number from 1, or None for ever, not {times}")
        with self._changed:
            if self._said and self._said[-1][1] is None:
                self._said.pop()
            self._said.append((answer, times))

    @property
    def requests(self) -> list[Asked]:
        """What came, in order. A request that is on its way is waited for: a client may have given up before."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._tickets, _ARRIVAL_S):
                self._tickets.clear()  # never sent
            return list(self._asked)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._server = stack.enter_context(Server(self._answer, *self._at))
            self._nobody = stack.enter_context(socket.socket())  # a port that is taken, and on which nobody listens
            self._nobody.bind(("127.0.0.1", 0))
            leading.begin(self)
            stack.callback(leading.end, self)
            self._closing = stack.pop_all()
        self.url = self._server.url
        return self

    def __exit__(self, raised: object, *_: object) -> None:
        self._closing.close()
        if self._unexpected and raised is None:  # an app may have swallowed it
            raise AssertionError(self._unexpected[0])

    def answers_at(self, host: str) -> bool:
        """Whether a request to this host is meant for this vendor."""
        return self.profile.name in registry.default.at(host) if self.hosts is None else host.lower() in self.hosts

    def lead(self, method: str, path: str) -> leading.Lead:
        """Where a client's request is to go instead. Raises AssertionError where the test has no answer for it."""
        with self._changed:
            if (answer := self._next()) is None:
                self._unexpected.append(
                    f"{self.profile.name} was asked {method} {redact_url(path)}, and the test does not say (any more) "
                    "what it answers: fails(…), throttles(…) or answers(…) do, so many times or for ever"
                )
                raise AssertionError(self._unexpected[-1])
            if answer.trouble is Trouble.REFUSE:
                return leading.Lead(self._nobody.getsockname()[1], "", hangs=False)
            ticket = f"ticket {next(self._numbers)}"
            self._tickets[ticket] = answer
            return leading.Lead(self._server.server_port, ticket, hangs=answer.trouble is Trouble.STALL)

    def _next(self) -> Answer | None:
        """What is due, and counted."""
        if not self._said:
            return None
        answer, times = self._said[0]
        if times is not None:
            self._said[:1] = [(answer, times - 1)] if times > 1 else []
        self.given.append(answer)
        return answer

    def _answer(self, asked: Asked) -> Answer:
        """What the server answers: by the ticket of a request that was led here, else what is due, or is asked for."""
        headers = dict(asked.headers)
        ticket = headers.pop(TICKET, "")
        with self._changed:
            self._asked.append(asked._replace(headers=headers))
            answer = self._tickets.pop(ticket, None) if ticket else self._next()
            self._changed.notify_all()
        if answer is None:
            answer = self.repertoire.asked_for(asked.path, ticket)
            self.given.append(answer)
        return answer
