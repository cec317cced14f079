"""Never more than a limit says in any window of its length, who comes first goes first, and nobody waits for ever."""

import asyncio
import gc
import os
import threading

import pytest
from hypothesis import given, settings, strategies as st

import errnorm.throttle
from errnorm.model import UnknownVendorError
from errnorm.settings import SettingsError
from errnorm.throttle import MEMORY, Limit, Throttle, Window
from errnorm.throttling.buckets import FOREVER, GRACE, LEASE, PACE, SPREAD, STRETCH
from errnorm.throttling.shared import Shared
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile
from tests.throttled import Clock, Coming, most_in_a_window, passed, play, with_clock

PER_MERCHANT = Limit(requests=30, seconds=60, per="merchant")
CREATIONS = Limit(requests=2, seconds=60, operation="create-project", per="merchant")
BY_ADDRESS = Limit(requests=40, seconds=10, per="address")
LIONBRIDGE = registry.get("lionbridge")


def counted(name):
    """The limits that count a vendor's every request; none where they are of a plan, or none."""
    profile = registry.get(name)
    return [limit for limit in profile.limits if limit.requests and not (limit.operation or limit.plan)]


def scarcest(name):
    return min(counted(name), key=lambda limit: limit.requests / limit.seconds)


VENDORS = sorted(name for name in registry.built_in() if not registry.get(name).dialect)
LIMITED = [name for name in VENDORS if counted(name) and scarcest(name).requests <= 250]  # the law is the same for all


def vendor(*limits):
    return Profile(name="acme", limits=limits)


def timed(**options):
    clock = Clock()
    return with_clock(Throttle(**options), clock), clock


def tried(throttle, clock, profile, many=9):
    """How many of so many, one after the other, need not wait for the window to end."""
    admitted = 0
    for _ in range(many):
        turn = throttle.turn(profile, None, "one")
        admitted += turn.take() == 0.0
        turn.leave()
        clock.sleep(PACE)
    return admitted


def played(limits, coming):
    throttle, clock = timed()
    return play(throttle, vendor(*limits), coming, clock, clock.sleep)


# ---- the law --------------------------------------------------------------------------------------------------------

counts = st.integers(1, 12)
limits_of = st.lists(
    st.builds(
        Limit,
        requests=counts,
        seconds=st.sampled_from([0.5, 1, 7, 60]),
        operation=st.sampled_from([None, None, "create"]),
        per=st.sampled_from(["account", "address"]),
    ),
    min_size=1,
    max_size=3,
    unique=True,
)
requests = st.lists(
    st.builds(
        Coming,
        after=st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.3, 5.0, 70.0]),
        operation=st.sampled_from([None, "create"]),
        account=st.sampled_from(["one", "two"]),
        late=st.sampled_from([0.0, 0.0, 0.002, 0.3, 3.0]),
        killed=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(limits_of, requests)
def test_no_limit_is_passed_in_any_window_and_everybody_gets_a_turn(limits, coming):
    admitted = played(limits, coming)
    assert not passed(limits, admitted)
    waited = {number for number, each in enumerate(coming) if not each.killed}
    assert waited <= {each.number for each in admitted}


@settings(max_examples=50, deadline=None)
@given(limits_of, st.lists(st.sampled_from([0.0, 0.01, 0.4, 20.0]), min_size=1, max_size=40))
def test_who_comes_first_goes_first(limits, gaps):
    """Where there is room for both, whoever wakes first goes first: sooner by no more than a moment."""
    at = {each.number: each.at for each in played(limits, [Coming(after=gap) for gap in gaps])}
    assert all(at[number] <= min(at[later] for later in range(number, len(gaps))) + PACE for number in range(len(gaps)))


@pytest.mark.parametrize("name", LIMITED)
def test_every_vendors_limits_are_kept_and_used(name):
    """As many at once as fill the scarcest window three times over: at least 95 % of what may be is used."""
    throttle, clock = timed(limits={name: counted(name)})
    requests, seconds = scarcest(name).requests, scarcest(name).seconds
    admitted = play(throttle, registry.get(name), [Coming()] * (3 * requests), clock, clock.sleep)
    assert not passed(counted(name), admitted)
    assert (admitted[-1].at - admitted[0].at) * 0.95 <= 2 * seconds + PACE * requests


def test_a_scarce_limit_does_not_hold_up_the_wide_one():
    """Ten projects are waiting, two a minute; all else goes on at thirty a minute, and both count in that."""
    coming = [Coming(operation="create-project")] * 10 + [Coming()] * 100
    admitted = played([PER_MERCHANT, CREATIONS], coming)
    assert not passed([PER_MERCHANT, CREATIONS], admitted)
    plain = [each.at for each in admitted if each.coming.operation is None]
    created = [each.at for each in admitted if each.coming.operation]
    assert plain[-1] - plain[0] < 240
    assert most_in_a_window(created, 60) == 2
    assert created[-1] - plain[0] < 5 * 60 * STRETCH + 5


def test_both_limits_are_booked_together_or_neither():
    throttle, _ = timed()
    profile = vendor(PER_MERCHANT, CREATIONS)
    for _ in range(20):  # two are admitted; the others, which ask in vain, use up nothing of the wide limit
        throttle.turn(profile, "create-project", "one").take()
    waits = [throttle.turn(profile, None, "one").take() for _ in range(15)]
    assert waits[:13] == [0.0] * 13


def test_one_that_leaves_makes_room():
    throttle, clock = timed()
    profile = vendor(Limit(requests=1, seconds=10))
    assert throttle.turn(profile, None, "one").take() == 0.0
    first, second = (throttle.turn(profile, None, "one") for _ in range(2))
    assert first.take() < second.take()
    first.leave()
    first.leave()
    clock.sleep(10 * STRETCH)
    assert second.take() == 0.0
    second.leave()  # it was sent: what it used stays used
    assert throttle.turn(profile, None, "one").take() > 9


def test_one_that_never_comes_back_is_passed_over_and_its_place_kept_for_when_it_does():
    throttle, clock = timed()
    profile = vendor(Limit(requests=1, seconds=10))
    throttle.turn(profile, None, "one").take()
    dead, late, living = (throttle.turn(profile, None, "one") for _ in range(3))
    waits = [turn.take() for turn in (dead, late, living)]
    clock.sleep(waits[0] + 1.0)
    assert late.take() == 0.0  # a second after the dead one's time
    clock.sleep(30)
    assert living.take() == 0.0
    clock.sleep(30)
    behind, front = throttle.turn(profile, None, "one"), dead
    assert front.take() == 0.0
    assert behind.take() > 0


def test_accounts_are_apart_and_addresses_are_not():
    admitted = played([Limit(requests=3, seconds=60), BY_ADDRESS], [Coming(account=str(at)) for at in range(30)])
    assert admitted[-1].at - admitted[0].at < 1.5
    admitted = played([BY_ADDRESS], [Coming(account=str(at)) for at in range(80)])
    assert admitted[-1].at - admitted[0].at >= 10


# ---- what runs at once ----------------------------------------------------------------------------------------------


def test_no_more_run_at_once_than_may():
    throttle, clock = timed()
    profile = vendor(Limit(concurrent=2))
    turns = [throttle.turn(profile, None, "one") for _ in range(4)]
    assert [turn.take() > 0 for turn in turns] == [False, False, True, True]
    turns[0].settle()
    assert turns[3].take() > 0  # the third was there before
    assert turns[2].take() == 0.0
    turns[1].leave()  # its answer never came
    assert turns[3].take() == 0.0
    assert throttle.turn(profile, None, "one").take() > 0
    clock.sleep(LEASE)  # whoever ran was killed
    assert throttle.turn(profile, None, "one").take() == 0.0


def test_who_waits_for_others_to_end_uses_up_no_rate():
    throttle, clock = timed()
    profile = vendor(Limit(concurrent=1), Limit(requests=5, seconds=60))
    running = throttle.turn(profile, None, "one")
    assert running.take() == 0.0
    waiting = throttle.turn(profile, None, "one")
    for _ in range(20):
        assert 0 < waiting.take() <= waiting.nap
        clock.sleep(1)
    running.settle()
    assert waiting.take() == 0.0


# ---- what answers say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [(), (PER_MERCHANT, CREATIONS)], ids=["none documented", "documented"])
def test_a_pause_holds_up_everybody_of_the_account(limits):
    throttle, clock = timed()
    profile = vendor(*limits)
    first = throttle.turn(profile, None, "one")
    assert first.take() == 0.0
    first.settle(7.0)
    assert throttle.turn(profile, None, "one").take() == pytest.approx(7.0)
    assert 7.0 < throttle.turn(profile, "create-project", "one").take() <= 7.0 + SPREAD  # behind another
    assert throttle.turn(profile, None, "two").take() == 0.0
    second = throttle.turn(profile, None, "two")
    second.settle(None, [Window(50, 60)])  # a late good answer lifts nothing
    clock.sleep(6.9)
    assert throttle.turn(profile, None, "one").take() > 0
    clock.sleep(1.2 + SPREAD)
    assert throttle.turn(profile, None, "one").take() == 0.0


@pytest.mark.parametrize("limit", [None, Limit(requests=500, seconds=60)], ids=["unknown", "known"])
def test_at_most_as_many_as_are_left_go_before_the_reset(limit):
    throttle, clock = timed()
    profile = vendor(*([limit] if limit else []))
    first = throttle.turn(profile, None, "one")
    first.take()
    first.settle(None, [Window(3, 20, limit)])
    turns = [throttle.turn(profile, None, "one") for _ in range(8)]
    assert [turn.take() == 0.0 for turn in turns] == [True] * 3 + [False] * 5
    for turn in turns[:3]:
        turn.settle(None, [Window(0, 20, limit)])
    assert turns[3].take() == pytest.approx(20, abs=0.1)
    clock.sleep(20)
    assert turns[3].take() == 0.0


def test_who_is_under_way_is_not_counted_twice():
    """Ten left, says the first of five answers; the other four may be in that or not, and their answers tell."""
    throttle, _ = timed()
    profile = vendor(Limit(requests=500, seconds=60))
    known = profile.limits[0]
    throttle.turn(profile, None, "one").settle(None, [Window(100, 60, known)])
    turns = [throttle.turn(profile, None, "one") for _ in range(5)]
    assert [turn.take() for turn in turns] == [0.0] * 5
    turns[0].settle(None, [Window(10, 60, known)])
    more = [throttle.turn(profile, None, "one") for _ in range(9)]
    assert [turn.take() == 0.0 for turn in more] == [True] * 6 + [False] * 3
    assert more[-1].take() <= more[-1].nap  # soon enough somebody will know
    for at, turn in enumerate(turns[1:]):
        turn.settle(None, [Window(10 - at, 60, known)])
    assert more[6].take() > 0


def test_a_reset_far_off_is_not_believed_for_ever():
    throttle, clock = timed()
    profile = vendor()
    throttle.turn(profile, None, "one").settle(1e9, [Window(0, 1e9)])
    assert throttle.turn(profile, None, "one").take() == pytest.approx(FOREVER)
    clock.sleep(FOREVER + GRACE)
    assert throttle.turn(profile, None, "one").take() == 0.0


def test_who_waited_for_a_pause_to_end_does_not_come_back_all_at_once():
    """Nor does a crowd that has been refused again: the first tries it, and the others are told by its answer."""
    throttle, clock = timed()
    throttle.turn(vendor(), None, "one").settle(10.0)
    turns = [throttle.turn(vendor(), None, "one") for _ in range(200)]
    waits = [turn.take() for turn in turns]
    assert waits[0] == pytest.approx(10.0)
    assert min(waits) == waits[0]
    assert max(waits) <= 10.0 + SPREAD
    assert most_in_a_window(waits, SPREAD / 10) <= 22  # a tenth of them, nearly
    clock.sleep(10.0)
    assert [turn.take() == 0.0 for turn in turns] == [True] + [False] * 199
    turns[0].settle(10.0)
    assert min(turn.take() for turn in turns[1:]) >= 10.0


def test_what_is_said_of_another_operations_limit_holds_up_nobody_else():
    throttle, _ = timed()
    profile = vendor(PER_MERCHANT, CREATIONS)
    throttle.turn(profile, None, "one").settle(None, [Window(0, 30, CREATIONS)])
    assert throttle.turn(profile, None, "one").take() == 0.0
    throttle.turn(profile, "create-project", "one").settle(None, [Window(0, 30, CREATIONS)])
    assert throttle.turn(profile, None, "one").take() == 0.0
    assert throttle.turn(profile, "create-project", "one").take() == pytest.approx(30)


# ---- what the app says ----------------------------------------------------------------------------------------------


def test_a_plans_limits_hold_where_the_app_names_the_plan():
    free = vendor(Limit(requests=1, seconds=60, plan="Free, Starter"), Limit(requests=2, seconds=60, plan="Pro"))
    for plan, admitted in ((None, 9), ("Starter", 1), ("Pro", 2)):
        throttle, clock = timed()
        throttle._plans["acme"] = plan
        assert tried(throttle, clock, free) == admitted


def test_the_apps_limits_stand_in_for_the_profiles():
    for limits, admitted in (([{"requests": 3, "seconds": 60}], 3), ((), 50), ([Limit(requests=4, seconds=60)], 4)):
        throttle, clock = timed(limits={"lionbridge": limits})
        assert tried(throttle, clock, LIONBRIDGE, 50) == admitted


@pytest.mark.parametrize("name", sorted(name for name in registry.built_in() if registry.get(name).dialect))
def test_of_a_dialect_nobody_knows_whose_limits_it_has(name):
    assert MEMORY.turn(registry.get(name), None, "one") is None


OFF = [
    ({"when_down": "opened"}, "when_down: must be one of local, open, closed, not 'opened'"),
    ({"workers": 0}, "workers: must be a number of processes, 1 or more, not 0"),
    ({"workers": True}, "workers: must be"),
    ({"max_wait": float("nan")}, "max_wait: must be a number of seconds from 0, not nan"),
    ({"plans": {"phase": "Por"}}, "plans: phase: no limit is of a plan 'Por'; did you mean 'Pro'?"),
    ({"limits": {"phase": [{"request": 3}]}}, "limits: phase: 1: "),
    ({"limits": {"phase": [{"seconds": 3}]}}, "limits: phase: 1: must have requests (in seconds), or concurrent"),
    ({"limits": {"phase": [Limit(requests=3, seconds=0)]}}, "limits: phase: 1: must have requests"),
    ({"limits": {"phase": [7]}}, "limits: phase: 1: "),
]


@pytest.mark.parametrize(("options", "complaint"), OFF)
def test_a_setting_that_is_off_is_one_line_that_says_what_would_be_right(options, complaint):
    with pytest.raises(SettingsError) as raised:
        Throttle(**options)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("options", [{"limits": {"phrase": ()}}, {"plans": {"phrase": "Pro"}}])
def test_a_vendor_that_nobody_knows_is_told_with_the_nearest(options):
    with pytest.raises(UnknownVendorError, match="phrase-"):
        Throttle(**options)


def test_without_a_name_the_account_is_whoevers_the_key_is_as_far_as_all_agree_on_that(monkeypatch):
    monkeypatch.delenv("ERRNORM_FINGERPRINT_KEY", raising=False)
    here, shared = Throttle(), Throttle()
    shared._store = object.__new__(Shared)
    assert here.account("merchant", "c0ffee") == shared.account("merchant", "c0ffee") == "merchant"
    assert here.account(None, "c0ffee") == "c0ffee"
    assert shared.account(None, "c0ffee") == here.account(None, None) == ""
    monkeypatch.setenv("ERRNORM_FINGERPRINT_KEY", "the same everywhere")
    assert shared.account(None, "c0ffee") == "c0ffee"


# ---- threads, forks, event loops, memory ----------------------------------------------------------------------------


def test_threads_do_not_pass_a_limit_together():
    throttle = Throttle()
    profile, admitted = vendor(Limit(requests=25, seconds=3600)), []
    start = threading.Barrier(8)

    def run():
        start.wait()
        for _ in range(20):
            turn = throttle.turn(profile, None, "one")
            for _ in range(100):
                if turn.take() == 0.0:
                    admitted.append(1)
                    break
            turn.leave()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 13 <= len(admitted) <= 25  # of the second half, one every 50 ms


def test_the_same_with_await():
    throttle, _ = timed()
    profile = vendor(Limit(requests=1, seconds=60), Limit(concurrent=1))

    async def main():
        first, second = (throttle.turn(profile, None, "one") for _ in range(2))
        waits = [await first.atake(), await second.atake()]
        await second.aleave()
        await first.asettle(3.0)
        return waits

    first, second = asyncio.run(main())
    assert first == 0.0
    assert second > 59


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_a_fork_does_not_wait_for_a_lock_that_nobody_holds():
    throttle = Throttle()
    profile = vendor(Limit(requests=5, seconds=60))
    with throttle._store._lock:
        child = os.fork()
        if not child:
            os._exit(0 if throttle.turn(profile, None, "one").take() == 0.0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_accounts_that_have_gone_idle_are_forgotten():
    throttle, clock = timed()
    profile = vendor(Limit(requests=10, seconds=1), Limit(requests=100, seconds=60, per="address"))
    most = 0
    for at in range(3_000):
        turn = throttle.turn(profile, None, f"account {at}")
        if turn.take() > 0:
            turn.leave()
        turn.settle(0.5 if at % 7 == 0 else None)
        clock.sleep(0.1)
        most = max(most, len(throttle._store))
    assert most < 100
    clock.sleep(100)
    for _ in range(50):
        throttle.turn(profile, None, "one").take()
    assert len(throttle._store) <= 3


def test_waiting_long_costs_no_memory_for_every_time_one_asks():
    throttle, clock = timed()
    profile = vendor(Limit(requests=1, seconds=30))
    throttle.turn(profile, None, "one").take()
    turns = [throttle.turn(profile, None, "one") for _ in range(10)]
    for _ in range(200):
        for turn in turns:
            turn.take()
        clock.sleep(0.5)
    gc.collect()
    (state,) = [state for state in throttle._store._known.values() if state.bucket.requests]
    assert len(state.promised) <= 3 * len(turns) + 64
    assert len(state.queue) <= len(turns)


def test_who_leaves_in_a_long_pause_costs_no_memory_until_it_ends():
    throttle, clock = timed()
    profile = vendor()
    throttle.turn(profile, None, "one").settle(3600.0)
    for _ in range(2_000):
        turn = throttle.turn(profile, None, "one")
        assert turn.take() > 1000
        turn.leave()
        clock.sleep(0.01)
    assert all(len(state.promised) <= 100 for state in throttle._store._known.values())


def test_nothing_shows_whose_limits_they_are():
    throttle = Throttle()
    turn = throttle.turn(vendor(PER_MERCHANT), None, "sk_live_secret")
    turn.take()
    assert "sk_live" not in repr((throttle, turn, turn._buckets, vars(turn), vars(throttle)))


def test_the_front_of_the_module_is_complete():
    assert all(hasattr(errnorm.throttle, name) for name in errnorm.throttle.__all__)
