"""The callers of the storm: each calls, thinks for about a second, and calls again, by one of the ways to repeat.

`sent` counts requests where they leave, so that the vendor's count can be held against it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from array import array
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from storm_vendor import Plan

THINK_S = (0.5, 1.5)
PATIENCE_S = 10.0  # for one answer
PROFILE = 'name = "stormy"\nhosts = ["stormy.example"]\n'
LIMIT = "[[limits]]\nrequests = {capacity}\nseconds = 1\n"

Call = Callable[[], Awaitable[object]]


class Calls(NamedTuple):
    """What became of the calls that ended, in seconds from the start; and what it cost the process.

    `resident` is the most memory that was held, in bytes, before the outage and in all; `cpu_s` is from the outage on.
    """

    sent: int
    unfinished: int
    callers: array[int]
    began: array[float]
    ended: array[float]
    well: array[int]
    resident: tuple[int, int]
    cpu_s: float


class _Counted(httpx.AsyncHTTPTransport):
    sent = 0  # by all of them

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _Counted.sent += 1
        return await super().handle_async_request(request)


def never(client: httpx.AsyncClient, url: str, _plan: Plan) -> Call:
    async def call() -> None:
        (await client.get(url)).raise_for_status()

    return call


def by_hand(client: httpx.AsyncClient, url: str, _plan: Plan) -> Call:
    async def call() -> None:
        for retries in range(6):
            try:
                (await client.get(url)).raise_for_status()
            except httpx.HTTPError:
                if retries == 5:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    return call


def by_stamina(client: httpx.AsyncClient, url: str, plan: Plan) -> Call:
    retried: Call = _stamina().retry(on=httpx.HTTPError)(never(client, url, plan))
    return retried


def by_errnorm(client: httpx.AsyncClient, url: str, _plan: Plan) -> Call:
    return _by_errnorm(client, url, PROFILE)


def by_errnorm_within_limits(client: httpx.AsyncClient, url: str, plan: Plan) -> Call:
    return _by_errnorm(client, url, PROFILE + LIMIT.format(capacity=plan.capacity))


WAYS = {
    "no retries": never,
    "by hand: 5 retries, 0.1 s apart": by_hand,
    "stamina, its defaults": by_stamina,
    "errnorm": by_errnorm,
    "errnorm, the limit is in the profile": by_errnorm_within_limits,
}


def _by_errnorm(client: httpx.AsyncClient, url: str, profile: str) -> Call:
    import errnorm.httpx
    import errnorm.retry

    _stamina()
    errnorm.httpx.install(client, vendor="stormy", normalizer=_knowing(profile))

    @errnorm.retry.retrying
    async def call() -> None:
        await client.get(url)

    return call


@cache
def _knowing(profile: str) -> Any:
    """A normaliser that knows one vendor more."""
    import errnorm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stormy.toml"
        path.write_text(profile, encoding="utf-8")
        normalizer = errnorm.Normalizer(paths=[str(path)])
        normalizer.parse(b"", status=503, vendor="stormy")  # it is read when first needed
    return normalizer


def _stamina() -> Any:
    import stamina

    stamina.instrumentation.set_on_retry_hooks([])  # nobody is to be slower for its logs
    return stamina


def call_on(way: str, plan: Plan, port: int, told: Connection) -> None:
    """The callers' process: it is told when the storm begins, and tells its calls when it is over."""
    told.send(asyncio.run(_call_on(way, plan, f"http://127.0.0.1:{port}/v1/things", told)))


async def _call_on(way: str, plan: Plan, url: str, told: Connection) -> Calls:
    # A client for each: a pool looks through all its connections for every request, and that would be measured instead.
    clients = [httpx.AsyncClient(transport=_Counted(verify=False), timeout=PATIENCE_S) for _ in range(plan.callers)]
    calls = [WAYS[way](client, url, plan) for client in clients]
    told.send("ready")
    start = await asyncio.to_thread(told.recv)
    log = _Log(start)
    callers = [asyncio.create_task(_keep_calling(call, log, who)) for who, call in enumerate(calls)]
    await asyncio.sleep(start + plan.down - time.monotonic())
    before, spent = _most_resident(), time.process_time()
    await asyncio.sleep(start + plan.end - time.monotonic())
    spent = time.process_time() - spent
    for caller in callers:
        caller.cancel()
    for end in await asyncio.gather(*callers, return_exceptions=True):
        if isinstance(end, Exception):  # a bug, for what a vendor does is in the log
            raise end
    for client in clients:
        await client.aclose()
    resident = before, _most_resident()
    return Calls(_Counted.sent, log.running, log.callers, log.began, log.ended, log.well, resident, spent)


class _Log:
    """Columns of numbers, for a list of calls would be taken for what the way to repeat needs."""

    def __init__(self, start: float) -> None:
        self.callers, self.well = array("H"), array("b")
        self.began, self.ended = array("d"), array("d")
        self.running = 0
        self._start = start

    def note(self, who: int, began: float, *, well: bool) -> None:
        self.running -= 1
        self.callers.append(who)
        self.began.append(began - self._start)
        self.ended.append(time.monotonic() - self._start)
        self.well.append(well)


async def _keep_calling(call: Call, log: _Log, who: int) -> None:
    chance = Random(who)
    await asyncio.sleep(chance.uniform(0, 1))  # they do not all begin at once
    while True:
        began, well = time.monotonic(), False
        log.running += 1
        try:
            await call()
            well = True
        except Exception as raised:
            if not _is_failure(raised):
                raise
        log.note(who, began, well=well)
        await asyncio.sleep(chance.uniform(*THINK_S))


def _is_failure(raised: Exception) -> bool:
    return isinstance(raised, httpx.HTTPError) or type(raised).__name__ == "VendorError"


def _most_resident() -> int:
    import resource
    import sys

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
