"""The law in this process's memory: who may go now, and when the others had better ask again."""

from __future__ import annotations

import heapq
import os
import threading
import time
import weakref
from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from itertools import count

from errnorm.throttling.buckets import GRACE, LEASE, NAP, POLL, SPREAD, Bucket
from errnorm.throttling.windows import Said

Clock = Callable[[], float]
_arrivals = count(1)
SWEPT = 2  # buckets that are looked at for having gone idle, whenever one is used
SLACK = 64  # promises of a bucket that may be void
FAR = float("inf")
GOLDEN = 0.618034  # multiples of it lie evenly between two whole numbers, however many there are


class Ticket:
    """One request's place in the queues: it is known by its name, and keeps its place by when it came.

    `arrival` is its place in this process, `since` the one that Redis gave it; `share`, from 0 to 1, when in the time
    after a pause it comes back; `noted`: Redis may know of it, and has to be told when it ends; `unheard`: it was asked
    for, and the answer never came.
    """

    __slots__ = ("arrival", "name", "noted", "share", "since", "unheard")

    def __init__(self) -> None:
        self.name = os.urandom(8).hex()
        self.arrival = next(_arrivals)
        self.since = 0
        self.share: float | None = None
        self.noted = self.unheard = False


class Memory:
    """Buckets by key. Those that have nothing more to remember are forgotten."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, _State] = OrderedDict()
        self._lock = threading.Lock()
        _all.add(self)

    def __len__(self) -> int:
        return len(self._known)

    def take(self, buckets: Sequence[Bucket], ticket: Ticket) -> float:
        """0.0, and the request is booked in every bucket; or the seconds after which to ask again, and nothing is."""
        with self._lock:
            now, states = self._opened(buckets)
            if ticket.share is None:
                ticket.share = ticket.arrival * GOLDEN % 1 if any(state.queue for state in states) else 0.0
            pause = max(state.opens(ticket.share) for state in states) - now
            for at, state in enumerate(states):
                wait = max(pause, state.wait(ticket, now))
                if wait > 0:
                    _queue(states, at, ticket, now + wait + GRACE)
                    return wait
            for state in states:
                state.book(ticket, now)
            return 0.0

    async def atake(self, buckets: Sequence[Bucket], ticket: Ticket) -> float:
        return self.take(buckets, ticket)

    def settle(self, buckets: Sequence[Bucket], ticket: Ticket, said: Sequence[Said] = ()) -> None:
        """Gives up the ticket's places, or ends what is under way; `said` is what its answer said of what is left."""
        with self._lock:
            for bucket in buckets:
                if (state := self._known.get(bucket.key)) is not None:
                    state.drop(ticket)
                    state.under_way.pop(ticket.name, None)
            for bucket, remaining, reset_s in said:
                now, (state,) = self._opened((bucket,))
                state.hear(remaining, now, now + reset_s)

    async def asettle(self, buckets: Sequence[Bucket], ticket: Ticket, said: Sequence[Said] = ()) -> None:
        self.settle(buckets, ticket, said)

    def book(self, buckets: Sequence[Bucket], ticket: Ticket) -> None:
        """What was admitted elsewhere is kept in mind here."""
        with self._lock:
            now, states = self._opened(buckets)
            for state in states:
                state.book(ticket, now)

    def known(self, buckets: Sequence[Bucket]) -> list[tuple[Bucket, float, float, list[tuple[float, str]]]]:
        """What there is to tell another store of each: seconds of pause to come, or less than 0, and of the spread
        after it; requests by age in seconds, name.
        """
        with self._lock:
            now, states = self._opened(buckets)
            return [(bucket, *state.known(now)) for bucket, state in zip(buckets, states, strict=True)]

    def remembers(self, buckets: Sequence[Bucket]) -> bool:
        """Whether any request in these counts still, or any pause."""
        with self._lock:
            now, states = self._opened(buckets)
            return any(state.log or state.opens(1) > now for state in states)

    def after_fork(self) -> None:
        """In the child: another thread may have held the lock, and nobody there would ever let it go."""
        self._lock = threading.Lock()

    def _opened(self, buckets: Sequence[Bucket]) -> tuple[float, list[_State]]:
        now = self._clock()
        self._sweep(now, SWEPT * len(buckets))
        states = [self._state(bucket) for bucket in buckets]
        for state in states:
            state.tidy(now)
        return now, states

    def _sweep(self, now: float, most: int) -> None:
        for _ in range(min(len(self._known), most)):
            key, state = next(iter(self._known.items()))
            state.tidy(now)
            if state.idle(now):
                del self._known[key]
            else:
                self._known.move_to_end(key)

    def _state(self, bucket: Bucket) -> _State:
        state = self._known.get(bucket.key)
        if state is None:
            state = self._known[bucket.key] = _State()
        state.bucket = bucket
        return state


class _State:
    """What is remembered of one bucket, by the moment on the clock.

    `log`: who was admitted, as far as it counts; `queue`: who waits, by arrival; `promised`: when each has to be back,
    the latest word in `due`; `under_way`: until when, by name; `left`, until `fresh_until`: what an answer said.
    """

    def __init__(self) -> None:
        self.bucket = Bucket("")
        self.log: deque[tuple[float, str]] = deque()
        self.queue: list[int] = []
        self.promised: list[tuple[float, int]] = []
        self.due: dict[int, float] = {}
        self.under_way: dict[str, float] = {}
        self.paused_until = -FAR
        self.spread = 0.0
        self.left: int | None = None
        self.fresh_until = -FAR

    def idle(self, now: float) -> bool:
        return not (self.log or self.queue or self.under_way) and self.left is None and now >= self.opens(1)

    def tidy(self, now: float) -> None:
        """Forgets what no longer counts: each thing once, so that it costs little."""
        while self.log and self.log[0][0] <= now - self.bucket.seconds:
            self.log.popleft()
        while self.promised and self.promised[0][0] <= now:
            due, arrival = heapq.heappop(self.promised)
            if self.due.get(arrival) == due:
                self._drop(arrival)
        while self.under_way and (first := next(iter(self.under_way.items())))[1] <= now:
            del self.under_way[first[0]]
        if now >= self.fresh_until + LEASE:  # until then it is noted who is under way, for the next answer to tell
            self.left = None

    def wait(self, ticket: Ticket, now: float) -> float:
        """Seconds until it is this ticket's turn, 0.0 if it is."""
        bucket, rank, wait = self.bucket, bisect_left(self.queue, ticket.arrival), 0.0
        if bucket.requests is not None:
            rounds, place = divmod(rank, bucket.requests)
            nth = bucket.requests - place  # that many back is the request whose end makes room
            free = self.log[-nth][0] + bucket.seconds if nth <= len(self.log) else now
            wait = free + rounds * bucket.seconds - now
            if self.log and (rank or ticket.arrival in self.due or 2 * len(self.log) >= bucket.requests):
                wait = max(wait, self._paced(rank) - now)
        if bucket.concurrent is not None and (over := rank + len(self.under_way) - bucket.concurrent) >= 0:
            wait = max(wait, min(NAP, POLL * (over + 1)))
        if self.left is not None and rank >= self.left and now < self.fresh_until:
            # those under way may be counted already: their answers will tell
            wait = max(wait, min(self.fresh_until - now, NAP if self.under_way else FAR))
        return max(0.0, wait)

    def _paced(self, rank: int) -> float:
        """When the pace lets it go, counted from the one who went a stride before, as far as that is known."""
        back = min(self.bucket.stride - rank % self.bucket.stride, len(self.log))
        return self.log[-back][0] + (rank + back) * self.bucket.pace

    def book(self, ticket: Ticket, now: float) -> None:
        self.drop(ticket)
        if self.bucket.requests is not None:
            self.log.append((now, ticket.name))
        if self.bucket.concurrent is not None or self.left is not None:
            self.under_way[ticket.name] = now + LEASE
        if self.left is not None:
            self.left -= 1

    def join(self, ticket: Ticket, due: float) -> None:
        if ticket.arrival not in self.due:
            insort(self.queue, ticket.arrival)
        self.due[ticket.arrival] = due
        heapq.heappush(self.promised, (due, ticket.arrival))
        if len(self.promised) > 2 * len(self.due) + SLACK:  # promises of those who have left, or asked again
            self.promised = [(due, arrival) for arrival, due in self.due.items()]
            heapq.heapify(self.promised)

    def drop(self, ticket: Ticket) -> None:
        if ticket.arrival in self.due:
            self._drop(ticket.arrival)

    def _drop(self, arrival: int) -> None:
        del self.due[arrival]
        del self.queue[bisect_left(self.queue, arrival)]

    def opens(self, share: float) -> float:
        """When a pause is over for one: if all came back in the same moment, they would only earn the next."""
        return self.paused_until + self.spread * share

    def hear(self, remaining: int, now: float, until: float) -> None:
        """Nothing left is a pause; else as many as are left, less those under way, which it may not count yet."""
        if remaining <= 0:
            if until > max(now, self.paused_until):
                # a short pause after a long one must not call anybody back sooner than the long one did
                self.paused_until, self.spread = until, max(min(SPREAD, until - now), self.opens(1) - until)
        else:
            self.left, self.fresh_until = remaining - len(self.under_way), until

    def known(self, now: float) -> tuple[float, float, list[tuple[float, str]]]:
        pause = max(-SPREAD, self.paused_until - now)
        return pause, self.spread, [(now - moment, name) for moment, name in self.log]


def _queue(states: list[_State], at: int, ticket: Ticket, due: float) -> None:
    """Waits in the bucket that has no room and in those before, where its slot is kept; in none of those behind."""
    for state in states[: at + 1]:
        state.join(ticket, due)
    for state in states[at + 1 :]:
        state.drop(ticket)


_all: weakref.WeakSet[Memory] = weakref.WeakSet()


def _after_fork() -> None:
    for memory in _all:
        memory.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
