"""The vendor of the storm: well, then down, then warming up, while whoever it has to refuse costs it strength.

When it is well, it answers CAPACITY requests a second for each caller. A refusal costs REFUSAL of an answer, and what
is spent on refusing is missing for answering. After an outage its capacity grows back evenly, from nothing to all of
it. Every other refusal says when to come again.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

CAPACITY, REFUSAL, BURST_S, ANSWERING_S = 1.5, 0.2, 0.2, 0.01


class Plan(NamedTuple):
    """What happens when, as seconds from the start."""

    callers: int
    down: float
    up: float
    warm: float
    end: float

    @property
    def capacity(self) -> int:
        """Requests that are answered in a second when all is well."""
        return round(CAPACITY * self.callers)

    @property
    def retry_after(self) -> int:
        """The seconds that a refusal names."""
        return max(1, round((self.up - self.down) / 6))

    def health(self, now: float) -> float:
        """The share of its capacity that the vendor has."""
        if now < self.down:
            return 1.0
        return 0.0 if now < self.up else min(1.0, (now - self.up) / (self.warm - self.up))


def planned(seconds: float, callers: int) -> Plan:
    """An outage of so many seconds, a third of that before it, a third to warm up in, and as much again to watch."""
    third = seconds / 3
    return Plan(callers, down=third, up=4 * third, warm=5 * third, end=8 * third)


class Ledger(NamedTuple):
    """When each request came, in seconds from the start, and whether it was answered (1) or refused (0)."""

    moments: array[float]
    answered: array[int]


class Vendor:
    """Counts every request, and answers as many as it has strength for."""

    def __init__(self, plan: Plan) -> None:
        self.ledger = Ledger(array("d"), array("b"))
        self.began = float("inf")  # by time.monotonic()
        self._plan = plan
        self._strength, self._at, self._refused = plan.capacity * BURST_S, 0.0, 0

    def answers(self) -> bool:
        """Whether a request that has just come is answered."""
        now = max(0.0, time.monotonic() - self.began)
        rate = self._plan.capacity * self._plan.health(now)
        self._strength = min(max(1.0, rate * BURST_S), self._strength + rate * (now - self._at))
        self._at = now
        well = rate > 0 and self._strength >= 1
        self._strength -= 1 if well else min(self._strength, REFUSAL)
        self.ledger.moments.append(now)
        self.ledger.answered.append(well)
        return well

    def refusal(self) -> bytes:
        self._refused += 1
        wait = f"Retry-After: {self._plan.retry_after}\r\n" if self._refused % 2 else ""
        return f"HTTP/1.1 503 Service Unavailable\r\n{wait}Content-Length: 0\r\n\r\n".encode()


class _Connection(asyncio.Protocol):
    def __init__(self, vendor: Vendor) -> None:
        self._vendor, self._came = vendor, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._came = (self._came + data).split(b"\r\n\r\n")
        for _ in requests:
            if self._vendor.answers():
                answer = (
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'
                )
                asyncio.get_running_loop().call_later(ANSWERING_S, self._transport.write, answer)
            else:
                self._transport.write(self._vendor.refusal())


def serve(plan: Plan, told: Connection) -> None:
    """The vendor's process: tells its port, is told when the storm begins, tells its ledger when it is asked to."""
    asyncio.run(_serve(plan, told))


async def _serve(plan: Plan, told: Connection) -> None:
    vendor = Vendor(plan)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(vendor), "127.0.0.1", 0, backlog=1024)
    told.send(server.sockets[0].getsockname()[1])
    vendor.began = await asyncio.to_thread(told.recv)
    await asyncio.to_thread(told.recv)
    server.close()
    told.send(vendor.ledger)
