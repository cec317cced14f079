"""Requests that come, wait, are late and die as a test says; who was admitted when; and which limit that passed."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm.throttling.buckets import buckets_of
from errnorm.throttling.memory import Memory
from errnorm.vendors.profile import Limit, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from errnorm.throttle import Throttle, Turn


class Coming(NamedTuple):
    """A request: seconds after the one before, for what and whose, how late it wakes, whether its worker is killed."""

    after: float = 0.0
    operation: str | None = None
    account: str = "one"
    late: float = 0.0
    killed: bool = False


class Admitted(NamedTuple):
    at: float
    number: int
    coming: Coming


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


def with_clock(throttle: Throttle, clock: Clock) -> Throttle:
    """The same throttle, in memory, by that clock."""
    throttle._store = Memory(clock)
    return throttle


def by_clock(throttle: Throttle, clock: Clock) -> Throttle:
    """The same throttle, in Redis, by that clock instead of the server's: all of the law but where it has the time."""
    store: Any = throttle._store
    store._memory, line = Memory(clock), store._line
    law = line._law.replace("redis.call('TIME')", "redis.call('HMGET', 'clock', 's', 'us')")
    assert law != line._law
    client = line._run.registered_client
    script = client.register_script(law)

    def run(keys: list[str], args: list[bytes]) -> Any:
        s, us = divmod(round(clock() * 1e6), 1_000_000)
        client.hset("clock", mapping={"s": s, "us": us})
        return script(keys=keys, args=args)

    line._run = run
    return throttle


def play(
    throttle: Throttle,
    profile: Profile,
    coming: Sequence[Coming],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> list[Admitted]:
    """Who was admitted, and when: all but those that were killed while they waited."""
    admitted: list[Admitted] = []
    due: list[tuple[float, int, int, Turn]] = []
    order, moment = count(), clock()
    for number, each in enumerate(coming):
        moment += each.after
        turn = throttle.turn(profile, each.operation, each.account)
        assert turn
        heapq.heappush(due, (moment, next(order), number, turn))
    for asked in count():
        if not due:
            return admitted
        assert asked < 5_000 + 500 * len(coming), "somebody asks for ever"
        moment, _, number, turn = heapq.heappop(due)
        sleep(moment - clock())
        wait, each = turn.take(), coming[number]
        if wait <= 0:
            admitted.append(Admitted(clock(), number, each))
        elif not each.killed:
            heapq.heappush(due, (clock() + min(wait, turn.nap) + each.late, next(order), number, turn))
    raise AssertionError


def most_in_a_window(moments: Sequence[float], seconds: float) -> int:
    """The most that were admitted in any window of that length."""
    moments, most, first = sorted(moments), 0, 0
    for at, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, at - first + 1)
    return most


def passed(limits: Sequence[Limit], admitted: Sequence[Admitted]) -> list[str]:
    """By which limits more were admitted than may be, in words: none, by the law."""
    wrong = []
    for limit in limits:
        counted = [each for each in admitted if limit.operation in {None, each.coming.operation}]
        for account in {"all"} if limit.per == "address" else {each.coming.account for each in counted}:
            moments = [each.at for each in counted if account in {"all", each.coming.account}]
            if (most := most_in_a_window(moments, limit.seconds)) > limit.requests:
                wrong.append(f"{most} in {limit.seconds} s for {account}: {limit}")
    return wrong


def log_key(vendor: str, limit: Limit, account: str) -> str:
    """Where Redis keeps whom a limit admitted."""
    bucket = next(bucket for bucket in buckets_of(vendor, [limit], account) if bucket.limit)
    return f"errnorm:{bucket.key}:log"
