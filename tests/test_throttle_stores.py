"""The law is the same in memory and in Redis: of the same requests at the same moments, both let the same ones go."""

import heapq
import random
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from errnorm.throttle import Limit, Throttle, Window
from errnorm.throttling.buckets import GRACE, NAP, SPREAD, STRETCH
from errnorm.vendors.profile import Profile
from tests.redis_server import RedisServer, needed
from tests.throttled import Clock, Coming, by_clock, most_in_a_window, passed, play, with_clock

needed()

QUICK, WIDE = Limit(requests=300, seconds=1), Limit(requests=6000, seconds=60)
PAUSE = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("r", numbered=True)) as server:
        yield server


def emptied(server):
    with server.client() as client:
        client.flushall()
    return server.url


def in_memory(server, clock):
    return with_clock(Throttle(), clock)


def in_redis(server, clock):
    return by_clock(Throttle(emptied(server), when_down="closed"), clock)


both = pytest.mark.parametrize("store", [in_memory, in_redis])


def vendor(*limits):
    return Profile(name="acme", limits=limits)


# ---- step by step ---------------------------------------------------------------------------------------------------


class Refused(NamedTuple):
    """A request: seconds after the one before, for what, how late it wakes; of those that wait, whether its worker is
    killed, or how often it asks until it gives up; for how many seconds it is under way; for how many its answer asks
    everybody to keep off, and what it says of how much is left, for how many seconds.
    """

    after: float = 0.0
    operation: str | None = None
    late: float = 0.0
    killed: bool = False
    patience: int = 10**6
    lasts: float = 0.0
    pause: float | None = None
    left: tuple[int, float] | None = None

    def said(self, limits):
        """Of what the profile knows, or of the account."""
        known = [limit for limit in limits if limit.requests]
        return [Window(*self.left, known[0] if known and self.left[0] % 2 else None)] if self.left else []


class Ticks(Clock):
    """Each moment is no whole number of milliseconds from any before: so that none is the very one at which something
    ends, which a count of microseconds and one of seconds see differently.
    """

    def __init__(self):
        super().__init__()
        self.asked = count(1)

    def at(self, moment):
        self.now = (int(max(self.now, moment) * 1000) + 1) / 1000 + next(self.asked) % 997 / 1e6


class Pair:
    """The same request at both stores, which number by themselves who comes back when: here both go by Redis."""

    def __init__(self, throttles, profile, operation):
        self.turns = [throttle.turn(profile, operation, "one") for throttle in throttles]
        self.here, self.there = (turn._ticket for turn in self.turns)

    def take(self):
        there = self.turns[1].take()
        if self.here.share is None and self.there.share:
            self.here.share = self.there.share
        here = self.turns[0].take()
        assert self.here.share == self.there.share
        assert (here == 0.0) == (there == 0.0), (here, there)
        assert here == pytest.approx(there, abs=1e-5)
        return here

    def settle(self, pause, windows):
        for turn in self.turns:
            turn.settle(pause, windows)

    def leave(self):
        for turn in self.turns:
            turn.leave()


def kept(requests, seconds, operation=None):
    """A limit that is kept in so many seconds, all that it says a whole number of milliseconds."""
    return Limit(requests=requests, seconds=seconds / STRETCH, operation=operation)


operations = st.sampled_from([None, None, "create"])
limits_of = st.lists(
    st.one_of(
        st.builds(
            lambda counted, operation: kept(*counted, operation),
            st.sampled_from([(1, 0.5), (3, 0.5), (5, 1), (20, 1), (40, 1), (80, 1), (160, 0.2), (2, 7)]),
            operations,
        ),
        st.builds(Limit, concurrent=st.sampled_from([1, 2, 5]), operation=operations),
    ),
    max_size=3,
    unique=True,
)
requests_of = st.lists(
    st.builds(
        Refused,
        after=st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.02, 0.3, 6.0]),
        operation=operations,
        late=st.sampled_from([0.0, 0.0, 0.002, GRACE, 3.0]),
        killed=st.sampled_from([False, False, False, True]),
        patience=st.sampled_from([1, 2, 5, 10**6, 10**6, 10**6]),
        lasts=st.sampled_from([0.0, 0.0, 0.1, 1.5]),
        pause=st.sampled_from([None, None, None, 0.5, 2.0, 7.0]),
        left=st.sampled_from([None, None, None, (0, 0.5), (1, 2.0), (2, 7.0), (3, 0.5), (4, 2.0)]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=limits_of, coming=requests_of)
def test_both_let_the_same_ones_go_at_the_same_moment(server, limits, coming):
    clock, profile, due, moment = Ticks(), vendor(*limits), [], 1000.0
    throttles = in_memory(server, clock), in_redis(server, clock)
    for number, each in enumerate(coming):
        moment += each.after
        heapq.heappush(due, (moment, number, 0, None))
    for happened in count():
        if not due:
            return
        assert happened < 5_000 + 500 * len(coming), "somebody asks for ever"
        moment, number, asked, pair = heapq.heappop(due)
        each = coming[number]
        clock.at(moment)
        if asked < 0:
            pair.settle(each.pause, each.said(limits))
            continue
        pair = pair or Pair(throttles, profile, each.operation)
        if not (wait := pair.take()):
            heapq.heappush(due, (clock() + each.lasts, number, -1, pair))
        elif asked + 1 == each.patience:
            clock.at(0)
            pair.leave()
        elif not each.killed:
            heapq.heappush(due, (clock() + min(wait, NAP) + each.late, number, asked + 1, pair))


class Passing(Clock):
    """A microsecond later every time it is asked, so that Redis can tell who came first."""

    def __call__(self):
        self.sleep(1e-6)
        return self.now


# ---- what a storm found ---------------------------------------------------------------------------------------------


@both
def test_a_quick_limit_is_used_though_all_who_wait_wake_up_late(store, server):
    """Nobody who is some milliseconds late holds up those behind: that would add up to half of the limit."""
    clock, chance = Passing(), random.Random(1)
    coming = [Coming(late=chance.uniform(0.001, 0.008)) for _ in range(900)]
    admitted = play(store(server, clock), vendor(QUICK), coming, clock, clock.sleep)
    assert not passed([QUICK], admitted)
    assert (admitted[-1].at - admitted[0].at) * 0.95 <= 2 * QUICK.seconds + 0.8 * QUICK.seconds


def herd(throttle, clock, limits, asks, many=200):
    """When each goes of so many that wait, from when the pause began, which is over after PAUSE."""
    coming, begun = [Coming(late=0.002)] * many, clock()
    for after, pause in asks:
        clock.now = begun + after
        throttle.turn(vendor(*limits), None, "one").settle(pause)
    return [each.at - begun for each in play(throttle, vendor(*limits), coming, clock, clock.sleep)]


PAUSES = {"one": [(0.0, PAUSE)], "then a short one": [(0.0, PAUSE), (PAUSE - 0.2, 0.2001)]}


@both
@pytest.mark.parametrize("limits", [(), (QUICK,), (WIDE,)], ids=["none documented", "quick", "wide"])
@pytest.mark.parametrize("asks", PAUSES.values(), ids=PAUSES)
def test_after_a_pause_all_come_back_over_some_time(store, server, limits, asks):
    """And none later than by that time, but for what the limit itself has them wait: a wide one, 121 a second."""
    clock = Passing()
    went = herd(store(server, clock), clock, limits, asks)
    assert went[0] == pytest.approx(PAUSE, abs=0.01)
    assert sum(moment < PAUSE + SPREAD / 10 for moment in went) <= 22
    assert most_in_a_window(went, SPREAD / 10) <= (70 if limits else 22)
    assert went[-1] <= PAUSE + SPREAD + (2.0 if limits else 0.01)


@both
def test_who_comes_first_after_another_refusal_tries_it_alone(store, server):
    clock = Passing()
    throttle = store(server, clock)
    throttle.turn(vendor(), None, "one").settle(PAUSE)
    turns = [throttle.turn(vendor(), None, "one") for _ in range(50)]
    waits = [turn.take() for turn in turns]
    assert min(waits) == waits[0]
    clock.sleep(PAUSE)
    assert [turn.take() == 0.0 for turn in turns].count(True) == 1
    turns[0].settle(PAUSE)
    assert min(turn.take() for turn in turns[1:]) >= PAUSE


@pytest.mark.parametrize("after", [PAUSE - 2.0, PAUSE + 1.0], ids=["in the pause", "in the time behind it"])
def test_a_redis_that_has_forgotten_a_pause_is_told_over_which_time_all_come_back(server, after):
    clock = Passing()
    throttle = in_redis(server, clock)
    throttle.turn(vendor(WIDE), None, "one").settle(PAUSE)
    turns = [throttle.turn(vendor(WIDE), None, "one") for _ in range(50)]
    opens = [clock() + turn.take() for turn in turns]
    clock.now = 1000.0 + after
    emptied(server)
    waits = [turn.take() for turn in turns]
    late = [(moment, clock() + wait) for moment, wait in zip(opens, waits, strict=True) if wait > 2.0]
    assert len(late) > 10
    assert all(again == pytest.approx(moment, abs=0.2) for moment, again in late)
