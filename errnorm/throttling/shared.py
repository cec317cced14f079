"""The law in Redis, for many processes; and what happens where Redis is slow, restarted or gone."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from errnorm import _json
from errnorm.throttling.buckets import LEASE, Bucket
from errnorm.throttling.line import Command, Flow, Line
from errnorm.throttling.memory import Memory, Ticket
from errnorm.throttling.windows import Said

Policy = Literal["local", "open", "closed"]
_NONE: deque[str] = deque(maxlen=0)
UNHEARD = "?"  # an era that Redis never has: it is to be told what we know
MOST_KEYS = 10_000  # buckets of which something is remembered
MOST_ENDED = 1_000  # tickets of a bucket: while Redis is gone it is asked about once a second


class ThrottleClosed(RuntimeError):  # noqa: N818 - it says what is the case
    """Redis is not to be had, and by the app's policy nothing is sent without it."""


class Answered(NamedTuple):
    """What the script answers: microseconds to wait, the ticket's place and share, whether to tell its end, the era."""

    wait: int
    since: str
    share: str
    under_way: int
    era: str


class Shared:
    """Admits by the script in Redis, and keeps in mind whom: to go on alone, and to tell a Redis that has forgotten."""

    def __init__(self, line: Line, memory: Memory, policy: Policy, workers: int) -> None:
        self._line, self._memory, self._policy, self._workers = line, memory, policy, workers
        self._eras: dict[str, str] = {}  # by bucket: that in which Redis has all that we know of it
        self._ended: dict[str, deque[str]] = {}  # by bucket: tickets of whose end Redis has not heard yet

    def take(self, buckets: Sequence[Bucket], ticket: Ticket) -> float:
        return self._line.run(self._taking(buckets, ticket), lambda: self._without(buckets, ticket))

    async def atake(self, buckets: Sequence[Bucket], ticket: Ticket) -> float:
        return await self._line.arun(self._taking(buckets, ticket), lambda: self._without(buckets, ticket))

    def settle(self, buckets: Sequence[Bucket], ticket: Ticket, said: Sequence[Said] = ()) -> None:
        if self._settled(buckets, ticket, said):
            self._line.run(self._settling(buckets, ticket, said), self._eras.clear)

    async def asettle(self, buckets: Sequence[Bucket], ticket: Ticket, said: Sequence[Said] = ()) -> None:
        if self._settled(buckets, ticket, said):
            await self._line.arun(self._settling(buckets, ticket, said), self._eras.clear)

    def _taking(self, buckets: Sequence[Bucket], ticket: Ticket) -> Flow[float]:
        era, again = self._era(buckets), ticket.unheard
        ticket.noted = ticket.unheard = True  # until the answer says otherwise, and it may never come
        answer = Answered(*(yield from self._asked("take", buckets, ticket, era=era, again=again)))
        if answer.wait < 0:
            yield from self._asked("tell", buckets, ticket, known=_known(self._memory, buckets))
            answer = Answered(*(yield from self._asked("take", buckets, ticket, era=answer.era, again=again)))
        if answer.wait < 0:
            raise RuntimeError("restarted again")
        self._note(buckets, answer.era)
        ticket.since, ticket.share = int(answer.since), float(answer.share)
        ticket.noted, ticket.unheard = answer.wait > 0 or bool(answer.under_way), False
        if answer.wait == 0:
            self._memory.book(buckets, ticket)
        return answer.wait / 1e6

    def _settling(self, buckets: Sequence[Bucket], ticket: Ticket, said: Sequence[Said]) -> Flow[None]:
        keys = [bucket.key for bucket in buckets]
        heard = [
            {"bucket": keys.index(bucket.key) + 1, "remaining": remaining, "reset": int(reset_s * 1e6)}
            for bucket, remaining, reset_s in said
        ]
        yield from self._asked("settle", buckets, ticket, said=heard)

    def _settled(self, buckets: Sequence[Bucket], ticket: Ticket, said: Sequence[Said]) -> bool:
        """Here; whether Redis has to hear of it too."""
        self._memory.settle(buckets, ticket, said)
        noted, ticket.noted = ticket.noted, False
        if noted:
            self._owe({bucket.key: [ticket.name] for bucket in buckets})
        return bool(said) or noted

    def _asked(self, what: str, buckets: Sequence[Bucket], ticket: Ticket, **more: Any) -> Flow[Any]:
        """What the script answers, which is told too who has ended since it last answered."""
        ended = {bucket.key: _taken(self._ended.get(bucket.key, _NONE)) for bucket in buckets}
        try:
            answer = yield _command(what, buckets, ticket, ended, **more)
        except GeneratorExit:  # it never came
            self._owe(ended)
            raise
        return answer

    def _owe(self, ended: Mapping[str, Sequence[str]]) -> None:
        """Redis is to hear of their end with the next command; of what it never hears it gives up the lease."""
        if len(self._ended) > MOST_KEYS:
            self._ended.clear()
        for key, names in ended.items():
            if names:
                self._ended.setdefault(key, deque(maxlen=MOST_ENDED)).extend(names)

    def _without(self, buckets: Sequence[Bucket], ticket: Ticket) -> float:
        self._eras.clear()
        if self._policy == "closed":
            raise ThrottleClosed("errnorm.throttle: Redis is not to be had, and when_down is 'closed'")
        if self._policy == "open":
            self._memory.book(buckets, ticket)
            return 0.0
        return self._memory.take([bucket.share(self._workers) for bucket in buckets], ticket)

    def _era(self, buckets: Sequence[Bucket]) -> str:
        """The one in which Redis has all that we know of these; "" where there is nothing to know."""
        if not self._memory.remembers(buckets):
            return ""
        eras = {self._eras.get(bucket.key, UNHEARD) for bucket in buckets}
        return eras.pop() if len(eras) == 1 else UNHEARD

    def _note(self, buckets: Sequence[Bucket], era: str) -> None:
        if len(self._eras) > MOST_KEYS:
            self._eras.clear()
        for bucket in buckets:
            self._eras[bucket.key] = era


def _taken(names: deque[str]) -> list[str]:
    """All of them, which are gone then; other threads may take some too."""
    taken: list[str] = []
    with suppress(IndexError):
        while names:
            taken.append(names.popleft())
    return taken


def _command(
    what: str, buckets: Sequence[Bucket], ticket: Ticket, ended: Mapping[str, Sequence[str]], **more: Any
) -> Command:
    tag = buckets[0].key.partition(":")[0]
    keys = [f"errnorm:{tag}:era"]
    keys += [f"errnorm:{bucket.key}:{part}" for bucket in buckets for part in ("log", "queue", "due", "way", "said")]
    asked = {
        "what": what,
        "ticket": ticket.name,
        "since": ticket.since,
        "share": ticket.share or 0.0,
        "ttl": int(max(2 * bucket.seconds + LEASE for bucket in buckets) * 1e6),
        "buckets": [_spec(bucket) | {"ended": ended[bucket.key]} for bucket in buckets],
    }
    return Command(keys, _json.dumps(asked | more))


def _spec(bucket: Bucket) -> dict[str, Any]:
    counts = {"requests": bucket.requests, "concurrent": bucket.concurrent}
    spans = {"window": round(bucket.seconds * 1e6), "pace": round(bucket.pace * 1e6), "stride": bucket.stride}
    return spans | {name: count for name, count in counts.items() if count is not None}


def _known(memory: Memory, buckets: Sequence[Bucket]) -> list[dict[str, Any]]:
    return [
        {
            "pause": int(pause * 1e6),
            "spread": int(spread * 1e6),
            "ages": [int(age * 1e6) for age, _ in requests[-(bucket.requests or 1) :]],
            "names": [name for _, name in requests[-(bucket.requests or 1) :]],
        }
        for bucket, pause, spread, requests in memory.known(buckets)
    ]
