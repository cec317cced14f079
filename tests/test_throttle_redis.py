"""The law among processes, whatever their clocks say and whoever is killed, and a policy while Redis is not there."""

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

from errnorm import stores
from errnorm.settings import SettingsError
from errnorm.throttle import Limit, Throttle, ThrottleClosed, Window
from errnorm.throttling import line
from errnorm.throttling.buckets import STRETCH, buckets_of
from errnorm.vendors.profile import Profile
from tests.redis_server import RedisServer, needed
from tests.throttled import Coming, log_key, most_in_a_window, play

needed()

ROOT = Path(__file__).parent.parent
SHORT = Limit(requests=5, seconds=0.5)
LONG = Limit(requests=4, seconds=60)
WIDE, SCARCE = Limit(requests=10, seconds=1), Limit(requests=2, seconds=1, operation="create")


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("r", numbered=True)
    with RedisServer(folder) as server:
        yield server


def vendor(*limits):
    return Profile(name="acme", limits=limits)


def turns(throttle, profile, many, operation=None):
    return [throttle.turn(profile, operation, "one") for _ in range(many)]


def goes(turn):
    """Waits for a turn for a moment at most: a few of a window may have to be 50 ms apart."""
    for _ in range(20):
        if (wait := turn.take()) == 0.0:
            return True
        if wait > 0.2:
            break
        time.sleep(wait)
    turn.leave()
    return False


def times(server, limit, account="one"):
    """When the last of a limit were admitted, by the server's clock."""
    with server.client() as client:
        return [moment / 1e6 for _, moment in client.zrange(log_key("acme", limit, account), 0, -1, withscores=True)]


# ---- the law, by the server's clock ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_no_limit_is_passed_in_any_window_and_everybody_gets_a_turn(server, seed):
    """Late ones, dead ones and two limits at once, as in memory."""
    import random

    chance = random.Random(seed)
    coming = [
        Coming(
            after=chance.choice([0, 0, 0.02, 0.2]),
            operation=chance.choice([None, None, "create"]),
            late=chance.choice([0, 0, 0.01, 0.3]),
            killed=chance.random() < 0.15,
        )
        for _ in range(30)
    ]
    profile, throttle, seen = vendor(WIDE, SCARCE), Throttle(server.url), {WIDE: set(), SCARCE: set()}

    def sleep(seconds):
        for limit, moments in seen.items():
            moments.update(times(server, limit))
        time.sleep(max(0, seconds))

    admitted = play(throttle, profile, coming, time.monotonic, sleep)
    sleep(0)
    assert {number for number, each in enumerate(coming) if not each.killed} <= {each.number for each in admitted}
    for limit, moments in seen.items():
        assert len(moments) == sum(limit.operation in {None, each.coming.operation} for each in admitted)
        assert most_in_a_window(sorted(moments), limit.seconds) <= limit.requests


def test_both_limits_are_booked_together_or_neither(server):
    throttle, profile = Throttle(server.url), vendor(WIDE, SCARCE)
    for turn in turns(throttle, profile, 20, "create"):
        turn.take()
    assert len(times(server, SCARCE)) <= 2
    assert len(times(server, WIDE)) == len(times(server, SCARCE))


def test_a_request_costs_one_exchange(server):
    throttle, profile = (
        Throttle(server.url),
        vendor(Limit(requests=1000, seconds=60), Limit(requests=9000, seconds=3600)),
    )
    turns(throttle, profile, 1)[0].take()  # which brings the script
    with server.client() as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        for turn in turns(throttle, profile, 10):
            assert turn.take() == 0.0
            turn.settle()
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 10


def test_no_more_run_at_once_than_may(server):
    throttle, profile = Throttle(server.url), vendor(Limit(concurrent=2))
    first, second, third, fourth = turns(throttle, profile, 4)
    assert [first.take(), second.take()] == [0.0, 0.0]
    assert third.take() > 0
    assert fourth.take() > 0
    first.settle()
    assert fourth.take() > 0
    assert third.take() == 0.0
    second.leave()
    assert fourth.take() == 0.0


@pytest.mark.parametrize("limits", [(), (LONG,)], ids=["none documented", "documented"])
def test_a_pause_holds_for_every_process(server, limits):
    here, there, profile = Throttle(server.url), Throttle(server.url), vendor(*limits)
    turns(here, profile, 1)[0].settle(0.6)
    assert 0 < turns(there, profile, 1)[0].take() <= 0.6


def test_what_is_left_holds_for_every_process(server):
    here, there, profile = Throttle(server.url), Throttle(server.url), vendor()
    turns(here, profile, 1)[0].settle(None, [Window(3, 30)])
    left = turns(there, profile, 5)
    assert [turn.take() == 0.0 for turn in left] == [True] * 3 + [False] * 2
    left[0].settle(None, [Window(0, 30)])
    assert turns(here, profile, 1)[0].take() > 20


def test_a_clock_of_the_server_that_was_set_back_keeps_nobody_waiting(server):
    throttle, profile = Throttle(server.url), vendor(SHORT)
    for turn in turns(throttle, profile, 5):
        assert goes(turn)
    with server.client() as client:
        key = log_key("acme", SHORT, "one")
        for name, moment in client.zrange(key, 0, -1, withscores=True):
            client.zadd(key, {name: moment + 3.6e9})
        (turn,) = turns(throttle, profile, 1)
        assert 0 < turn.take() <= SHORT.seconds * STRETCH + 0.01


def test_everything_that_is_kept_ends_and_names_nobody(server):
    throttle, profile = Throttle(server.url), vendor(LONG, SCARCE, Limit(concurrent=1))
    for turn in [throttle.turn(profile, "create", "sk_live_secret") for _ in range(4)]:
        turn.take()
        turn.settle(2.0, [Window(5, 10)])
    throttle.turn(profile, "create", "sk_live_secret").take()
    with server.client() as client:
        keys = client.keys()
        assert len(keys) > 5
        assert all(client.pttl(key) > 0 for key in keys)
        assert all("{acme}" in key and "sk_live" not in key for key in keys)
    assert server.url.partition("://")[2] not in repr(
        (vars(throttle), vars(throttle._store), vars(throttle._store._line))
    )


def test_an_hours_limit_costs_no_more_than_a_minutes(server):
    """So many exchanges of the script on a log of thirty thousand take the server as long as on one of thirty."""
    spent = []
    for requests in (30, 30_000):
        limit = Limit(requests=requests, seconds=3600)
        throttle, profile = Throttle(server.url), vendor(limit)
        with server.client() as client:
            bucket = buckets_of("acme", [limit], "one")[0]
            now = client.time()
            moment = (now[0] - 1800) * 1e6
            for start in range(0, requests, 5000):
                names = range(start, min(start + 5000, requests))
                client.zadd(f"errnorm:{bucket.key}:log", {f"n{name}": moment + name for name in names})
            waiting = turns(throttle, profile, 50)
            for turn in waiting:
                turn.take()
            client.config_resetstat()
            for turn in waiting * 4:
                assert turn.take() > 0
            spent.append(client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])
    assert spent[1] < 5 * spent[0] + 100


# ---- eight processes ------------------------------------------------------------------------------------------------


class Worker:
    def __init__(self, url, **options):
        options = {"requests": 30, "seconds": 2.0, "workers": 8, **options}
        command = [sys.executable, "-m", "tests.throttled_worker", url, json.dumps(options)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self):
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)

    def admitted(self):
        """By the machine's clock and by the server's; of one that was killed, the last line may be half a one."""
        output, _ = self.process.communicate()
        return [json.loads(line) for line in output.splitlines() if line.endswith("]")]


def ran(server, between=lambda workers: None, *, lasts=16.0, many=8):
    workers = [Worker(server.url, skew=5 * (at % 2), lasts=lasts) for at in range(many)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.go()
    between(workers)
    return [worker.admitted() for worker in workers]


@pytest.mark.once
def test_eight_processes_with_clocks_apart_keep_the_law_and_use_the_limit_in_equal_shares(server):
    admitted = ran(server)
    moments = sorted(moment for each in admitted for _, moment in each)
    assert most_in_a_window(moments, 2.0) <= 30
    assert len(moments) >= 0.95 * 30 * (moments[-1] - moments[0]) / 2.0
    shares = sorted(map(len, admitted))
    assert shares[-1] <= 1.5 * shares[0], shares


@pytest.mark.once
def test_some_are_killed_in_the_middle_and_the_others_go_on_at_the_full_rate(server):
    def between(workers):
        for worker in workers[:4]:
            time.sleep(1.7)
            worker.kill()

    admitted = ran(server, between)
    moments = sorted(moment for each in admitted for _, moment in each)
    assert most_in_a_window(moments, 2.0) <= 30
    assert len(moments) >= 0.95 * 30 * (moments[-1] - moments[0]) / 2.0
    shares = sorted(map(len, admitted[4:]))
    assert shares[-1] <= 1.5 * shares[0], shares


@pytest.mark.once
def test_redis_restarts_under_them_and_is_told_what_it_forgot(server):
    def between(workers):
        for _ in range(2):
            time.sleep(5)
            server.restart()

    admitted = ran(server, between)
    moments = sorted(moment for each in admitted for moment, _ in each)
    # by the clock of the machine, for the server forgot; while it was gone each had its share, used before or not
    assert most_in_a_window(moments, 1.8) <= 30 + 8
    assert len(moments) >= 0.7 * 30 * (moments[-1] - moments[0]) / 2.0


# ---- Redis is slow, restarted or gone -------------------------------------------------------------------------------


def test_a_script_that_is_gone_is_brought_again(server, caplog):
    throttle, profile = Throttle(server.url), vendor(LONG)
    assert goes(*turns(throttle, profile, 1))
    with server.client() as client:
        client.script_flush()
    assert goes(*turns(throttle, profile, 1))
    assert not caplog.records


def test_a_restart_is_noticed_and_what_was_admitted_still_counts(server):
    throttle, profile = Throttle(server.url), vendor(LONG)
    assert [goes(turn) for turn in turns(throttle, profile, 3)] == [True] * 3
    server.restart()
    time.sleep(line.PEACE)
    (turn,) = turns(throttle, profile, 1)
    while (wait := turn.take()) and wait < 5:  # until the others have told
        time.sleep(wait)
    assert wait == 0.0
    assert len(times(server, LONG)) == 4
    assert turns(throttle, profile, 1)[0].take() > 20


def test_what_was_admitted_while_it_was_gone_counts_when_it_is_back(server):
    throttle, other, profile = Throttle(server.url), Throttle(server.url), vendor(LONG)
    server.stall()
    assert [goes(turn) for turn in turns(throttle, profile, 4)] == [True] * 4
    server.resume()
    time.sleep(line.PEACE)
    (turn,) = turns(throttle, profile, 1)
    assert turn.take() > 20
    assert len(times(server, LONG)) == 4
    assert turns(other, profile, 1)[0].take() > 20


GONE = {"stalled": RedisServer.stall, "gone": RedisServer.stop}


@pytest.mark.parametrize("happens", GONE.values(), ids=GONE)
@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
def test_by_each_policy_what_happens_without_redis(server, happens, awaits, caplog):
    def tried(throttle):
        async def asked():
            return [await turn.atake() for turn in turns(throttle, profile, 9)]

        waits = asyncio.run(asked()) if awaits else [turn.take() for turn in turns(throttle, profile, 9)]
        return waits.count(0.0)

    profile = vendor(Limit(requests=16, seconds=60))
    throttles = {policy: Throttle(server.url, when_down=policy, workers=8) for policy in ("local", "open", "closed")}
    for throttle in throttles.values():
        assert goes(*turns(throttle, profile, 1))
    happens(server)
    throttles["fresh"] = Throttle(server.url, workers=4)
    caplog.clear()
    assert tried(throttles["open"]) == 9
    assert tried(throttles["local"]) <= 1  # an eighth of sixteen, of which one is used
    assert 2 <= tried(throttles["fresh"]) <= 4
    with pytest.raises(ThrottleClosed, match="when_down is 'closed'"):
        tried(throttles["closed"])
    assert [record.name for record in caplog.records] == ["errnorm.throttle"] * 4  # one each
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    assert str(server.url) not in caplog.text
    gc.collect()


def test_a_slot_whose_answer_came_too_late_is_given_back_with_the_next_command(server):
    """Redis has booked it all the same, and is in peace when the request is over."""
    throttle, profile = Throttle(server.url), vendor(Limit(concurrent=1))
    first, late, after = turns(throttle, profile, 3)
    assert first.take() == 0.0
    first.settle()
    server.stall()
    assert late.take() == 0.0  # by what this process knows
    server.resume()
    late.settle()
    time.sleep(line.PEACE)
    assert after.take() == 0.0
    other = turns(Throttle(server.url), profile, 1)[0]
    assert other.take() > 0
    after.settle()
    assert other.take() == 0.0


def test_a_slot_whose_asking_was_cancelled_is_given_back(server):
    throttle, profile = Throttle(server.url), vendor(Limit(concurrent=1))
    cancelled, after = turns(throttle, profile, 2)

    async def main():
        first = turns(throttle, profile, 1)[0]
        assert await first.atake() == 0.0
        await first.asettle()
        server.stall()
        asking = asyncio.create_task(cancelled.atake())
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        server.resume()
        await cancelled.aleave()
        assert await after.atake() == 0.0

    asyncio.run(main())


@pytest.mark.parametrize("limit", [Limit(concurrent=2), Limit(requests=2, seconds=60)], ids=["at once", "a minute"])
def test_who_asks_again_for_the_answer_came_too_late_does_not_wait_for_himself(server, limit):
    throttle, profile = Throttle(server.url, workers=2), vendor(limit)
    first, late = turns(throttle, profile, 2)
    assert first.take() == 0.0
    server.stall()
    assert late.take() > 0  # half of two is one, and that has gone
    server.resume()
    time.sleep(line.PEACE)
    while 0 < (wait := late.take()) < 1:  # the pace
        time.sleep(wait)
    assert wait == 0.0
    assert turns(throttle, profile, 1)[0].take() > 0


def test_a_pause_that_redis_did_not_hear_of_is_told_later(server):
    throttle, profile = Throttle(server.url), vendor(LONG)
    first, second = turns(throttle, profile, 2)
    assert goes(first)
    assert goes(second)
    server.stall()
    first.settle(1e-6)
    server.resume()
    second.settle(50.0)  # while it is left alone
    time.sleep(line.PEACE)
    turns(throttle, profile, 1)[0].take()
    assert turns(Throttle(server.url), profile, 1)[0].take() > 40


def test_a_throttle_ends_its_connections_with_itself(server):
    """The garbage collector would end them in any order: a socket before its connection, with a warning."""
    gc.collect()
    gc.disable()
    try:
        throttle = Throttle(server.url)
        assert goes(*turns(throttle, vendor(LONG), 1))
        pool = weakref.ref(throttle._store._line._run.registered_client.connection_pool)
        del throttle
        assert pool() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
def test_it_is_left_alone_after_a_failure_and_tried_again_later(server, awaits, monkeypatch):
    """While it is gone a call waits for it once a second at most, and no call knows when it is back but the next."""
    now, tries = [100.0], []
    monkeypatch.setattr(line.time, "monotonic", lambda: now[0])
    throttle, profile = Throttle(server.url), vendor(Limit(requests=1000, seconds=60))
    failed = throttle._store._line._failed
    throttle._store._line._failed = lambda reason: (tries.append(type(reason)), failed(reason))

    def ask():
        (turn,) = turns(throttle, profile, 1)
        return asyncio.run(turn.atake()) if awaits else turn.take()

    server.stop()
    for _ in range(30):
        ask()
        now[0] += 0.1
    assert 3 <= len(tries) <= 4
    server.start()
    now[0] += 1
    ask()
    assert len(times(server, profile.limits[0])) >= 1
    assert len(tries) <= 4


def test_a_stalled_redis_holds_up_many_threads_no_longer_than_one(server):
    """Each waits for it a quarter of a second at most, all at the same time; counted, for no machine is that slow."""
    throttle, profile = Throttle(server.url, when_down="open"), vendor(LONG)
    server.stall()
    begun = time.monotonic()
    threads = [
        threading.Thread(target=lambda: [turn.take() for turn in turns(throttle, profile, 20)]) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun < 20  # four hundred one after the other would take a hundred


@pytest.mark.parametrize("awaits", [False, True], ids=["threads", "tasks"])
def test_hundreds_that_ask_at_once_share_a_few_connections(server, awaits, monkeypatch, caplog):
    """None is told that Redis is not to be had because the others are asking it."""
    monkeypatch.setattr(line, "TIMEOUT", 10.0)  # however slow the machine
    throttle, profile = Throttle(server.url), vendor(Limit(requests=1000, seconds=60))
    asking, waits = turns(throttle, profile, 200), []

    async def tasks():
        waits.extend(await asyncio.gather(*(turn.atake() for turn in asking)))

    def threads():
        running = [threading.Thread(target=lambda turn=turn: waits.append(turn.take())) for turn in asking]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    asyncio.run(tasks()) if awaits else threads()
    assert waits == [0.0] * 200
    assert len(times(server, profile.limits[0])) == 200
    assert not caplog.records
    with server.client() as client:
        assert client.info("stats")["total_connections_received"] <= stores.LINES + 20


def test_an_event_loop_has_a_client_of_its_own_that_ends_with_it(server):
    throttle, profile = Throttle(server.url), vendor(Limit(requests=1000, seconds=60))

    async def many():
        waits = await asyncio.gather(*(turn.atake() for turn in turns(throttle, profile, 30)))
        return waits.count(0.0)

    for _ in range(3):
        assert asyncio.run(many()) == 30
        assert not throttle._store._line._by_loop
    gc.collect()  # a connection that was left open would warn
    with server.client() as client:
        assert len(client.client_list()) <= 2


@pytest.mark.parametrize("guest", [False, True], ids=["alone", "as a guest of asyncio"])
def test_under_trio_it_works_as_well(server, guest, caplog):
    trio = pytest.importorskip("trio")
    throttle, profile = Throttle(server.url), vendor(Limit(requests=2, seconds=60), Limit(concurrent=1))

    async def main():
        first, second = turns(throttle, profile, 2)
        waits = [await first.atake(), await second.atake()]
        await first.asettle()
        await second.aleave()
        return waits

    async def host():
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        trio.lowlevel.start_guest_run(
            main, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result
        )
        return (await done).unwrap()

    first, second = asyncio.run(host()) if guest else trio.run(main)
    assert first == 0.0
    assert second > 0
    assert not caplog.records
    assert len(times(server, profile.limits[0])) == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_a_fork_has_a_connection_of_its_own(server):
    throttle, profile = Throttle(server.url), vendor(Limit(requests=1000, seconds=60))
    assert goes(*turns(throttle, profile, 1))
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            os._exit(0 if all(turn.take() == 0.0 for turn in turns(throttle, profile, 30)) else 1)
        children.append(child)
    assert all(turn.take() == 0.0 for turn in turns(throttle, profile, 30))
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 3
    assert len(times(server, profile.limits[0])) == 121


@pytest.mark.parametrize(
    "url", ["localhost:6379", "http://user:hunter2@localhost", "redis://:hunter2@localhost:port/0", 7]
)
def test_a_url_that_is_none_is_one_line_that_shows_no_password(url):
    with pytest.raises(SettingsError, match="redis: must be the url of a Redis") as raised:
        Throttle(url)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
