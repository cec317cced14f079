"""Work that takes its time: one poll at a time, none before the vendor likes, one after every word; then an end."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from importlib.util import find_spec

import pytest
from hypothesis import given, settings, strategies as st

import errnorm
from errnorm import Family, Fault, Verdict, listening, polling
from errnorm.calling.steps import Sleep
from errnorm.loops import sleep
from errnorm.polling import Job, Listen, Poll
from errnorm.reading.clients import Response
from errnorm.settings import SettingsError
from errnorm.waking import board
from tests.failures import raised
from tests.loopback import Reply, Vendor, closed_port, deaf_port
from tests.redis_server import RedisServer, needed

NOON = 1_767_268_800.0  # where the made-up time begins


def answer(status=200, body=b"", **headers):
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, "GET", None)


RUNNING, DONE = answer(202), answer(200, b"done")


def is_done(response):
    return response.body == b"done"


class Days:
    """A time of our own, in which a flow is taken through; `events` are when webhooks come, and with which `at`."""

    def __init__(self, job, answers, events=(), *, poll_s=0.0, done=is_done):
        self.time, self.polls, self.steps = 0.0, [], []
        self._answers, self._events, self._poll_s = answers, sorted(events, key=lambda event: event[0]), poll_s
        flow = job.flow(done, clock=lambda: self.time, now=lambda: NOON + self.time)
        self.outcome = self.failure = None
        try:
            step = next(flow)
            while True:
                self.steps.append(step)
                try:
                    came = self._perform(step)
                except Exception as error:  # noqa: BLE001 - as the drivers do
                    step = flow.throw(error)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            self.outcome = end.value
        except errnorm.VendorError as failure:
            self.failure = failure

    def _perform(self, step):
        if isinstance(step, Poll):
            self.polls.append(self.time)
            came = self._answers(self.time, len(self.polls))
            self.time += self._poll_s
            if isinstance(came, Exception):
                raise came
            return came
        assert 0 <= step.seconds < 1e6
        if isinstance(step, Sleep):
            self.time += step.seconds
            return None
        there = [event for event in self._events if event[0] <= self.time] or self._events[:1]
        if not there or there[-1][0] > self.time + step.seconds:
            self.time += step.seconds
            return None
        self._events = self._events[len(there) :]
        self.time = max(self.time, there[-1][0])
        return board.WakeUp(there[-1][1], NOON + there[-1][0])

    @property
    def gaps(self):
        return [after - before for before, after in zip(self.polls, self.polls[1:], strict=False)]


# --- the law ---

# the longest pause, the first as a part of it, and the deadline as a multiple
paces = st.tuples(st.floats(0.5, 500), st.floats(0.02, 1), st.floats(0.05, 20)).map(
    lambda drawn: (drawn[0] * drawn[1], drawn[0], drawn[0] * drawn[2])
)


@settings(deadline=None)
@given(paces, st.floats(0, 3))
def test_the_pauses_grow_and_are_capped_and_the_deadline_ends_them(pace, poll_s):
    first, longest, deadline = pace
    job = Job(key="j", deadline=deadline, first=first, longest=longest)
    days = Days(job, lambda *_: RUNNING, poll_s=poll_s)
    assert days.polls[0] == 0
    assert days.failure.error.reason == "JOB_DEADLINE_EXCEEDED"
    *gaps, last = [gap - poll_s for gap in days.gaps] or [0]
    for number, gap in enumerate(gaps):
        step = min(longest, first * polling.GROWTH**number)
        assert step / 2 - 1e-6 <= gap <= step + 1e-6
    assert last <= longest + 1e-6
    assert days.polls[-1] <= deadline + 1e-6
    assert days.time <= deadline + poll_s + 1e-6


failures = st.one_of(
    st.just(RUNNING),
    st.floats(0, 300).map(lambda wait: answer(202, Retry_After=f"{wait:.2f}")),
    st.tuples(st.sampled_from([429, 502, 503, 504]), st.floats(0, 300)).map(
        lambda said: answer(said[0], Retry_After=f"{said[1]:.2f}")
    ),
    st.just(answer(503)),
    st.sampled_from(["ConnectError", "ReadTimeout", "RemoteProtocolError"]).map(lambda name: raised("httpx", name)),
)


def asked(came):
    return float(came.headers.get("Retry-After", 0)) if isinstance(came, Response) else 0.0


@settings(max_examples=300, deadline=None)
@given(
    paces,
    st.lists(failures, min_size=1, max_size=30),
    st.lists(st.floats(0, 3000), max_size=30),
    st.floats(0, 2),
)
def test_nobody_is_asked_too_early_and_no_word_goes_unheard(pace, answers, events, poll_s):
    """Whatever the vendor answers and whenever webhooks come: the waits of failures hold always, those of a work that
    goes on until a webhook comes; every webhook is followed by a poll as soon as may be.
    """
    first, longest, deadline = pace
    job = Job(key="j", deadline=deadline, first=first, longest=longest)
    given_ = []

    def next_answer(_, number):
        given_.append(answers[(number - 1) % len(answers)])
        return given_[-1]

    days = Days(job, next_answer, [(event, None) for event in events], poll_s=poll_s)
    barred = []
    for came, before, after in zip(given_, days.polls, days.polls[1:], strict=False):
        ready = before + poll_s
        failed = not isinstance(came, Response) or came.status >= 400
        bar = ready + max(asked(came) if failed else 0, first / 2)
        barred.append((before, bar))
        assert after >= min(bar, deadline) - 1e-6
        woken = any(event <= after + 1e-6 for event in events)
        assert after >= ready + asked(came) - 1e-6 or (not failed and woken)
        assert after - ready <= max(longest, asked(came) + longest / 2) + 1e-6
    assert days.polls[-1] <= deadline + 1e-6
    assert days.failure.error.reason == "JOB_DEADLINE_EXCEEDED"
    for event in events:
        if event > days.time:
            continue
        bar = next((bar for before, bar in reversed(barred) if before <= event), event)
        latest = max(event, bar) + poll_s + 1e-6  # a poll that was under way is followed by another
        heard = [poll for poll in days.polls if event - 1e-6 <= poll]
        gave_up = days.time <= max(latest, deadline) + 1e-6
        assert (heard and heard[0] <= max(latest, bar + 1e-6)) or gave_up


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_two_that_wait_for_the_same_do_not_ask_at_the_same_time(seed):
    """Not even where the vendor tells all of them the same."""
    random.seed(seed)
    for came in (RUNNING, answer(202, Retry_After="30"), answer(503, Retry_After="30")):
        job = Job(key="j", deadline=1000, first=1, longest=60)
        one, other = (Days(job, lambda *_: came).polls for _ in range(2))  # noqa: B023
        assert not set(one[1:-1]) & set(other[1:-1])


def test_a_webhook_cuts_the_pause_short_and_a_missed_one_costs_the_pause_only():
    job = Job(key="j", deadline=600)
    ready = 100.0
    answers = lambda now, _: DONE if now >= ready else RUNNING  # noqa: E731
    woken, missed = Days(job, answers, [(ready, NOON + ready - 2)]), Days(job, answers)
    last = woken.polls[-1]
    assert ready <= last <= ready + job.first / 2  # no sooner after a poll that came just before
    assert (woken.outcome.woken, woken.outcome.skew_s) == (1, 0.0)
    assert woken.outcome.lag_s == pytest.approx(2 + last - ready)
    assert woken.outcome.waited_s == last
    assert woken.outcome.polls == len(woken.polls)
    assert ready <= missed.polls[-1] <= ready + 60
    assert (missed.outcome.woken, missed.outcome.lag_s) == (0, None)


def test_a_storm_of_webhooks_is_no_storm_of_polls():
    job = Job(key="j", deadline=10, first=1)
    days = Days(job, lambda *_: RUNNING, [(number / 1000, None) for number in range(10_000)])
    assert len(days.polls) <= 22


def test_what_is_woken_too_early_begins_with_small_steps_again():
    job = Job(key="j", deadline=10_000, first=1, longest=1000)
    days = Days(job, lambda now, _: DONE if now > 502 else RUNNING, [(500, None)])
    assert 500 in days.polls
    assert days.polls[-1] < 505
    assert days.outcome.lag_s is None  # whatever the word was about, it was not this


def test_what_a_failed_poll_did_not_see_is_still_the_events():
    job = Job(key="j", deadline=10_000, first=1, longest=1000)
    days = Days(job, lambda now, _: DONE if now > 505 else answer(503) if now >= 500 else RUNNING, [(500, None)])
    assert days.outcome.lag_s == pytest.approx(days.time - 500)


def test_the_vendors_own_wait_is_a_floor_and_a_webhook_overrules_it_but_not_after_a_failure():
    waits = answer(202, Retry_After="120", Operation_Location="/jobs/1")
    job = Job(key="j", deadline=600, first=1, longest=10)
    assert min(Days(job, lambda *_: waits).gaps[:-1]) >= 120
    assert Days(job, lambda *_: waits, [(5, None)]).polls[1] == 5
    busy = answer(429, Retry_After="120")
    days = Days(job, lambda *_: busy, [(5, None)])
    assert days.polls[1] == 120
    # the header that some send besides, in a profile's own words
    ms = answer(200, retry_after_ms="90000")
    assert Days(Job("openai", key="j", deadline=600), lambda *_: ms).polls[1] >= 90


@pytest.mark.parametrize(("came", "polls", "at"), [(answer(503, Retry_After="700"), 1, 0), (RUNNING, None, 600)])
def test_nobody_waits_for_what_cannot_come_any_more(came, polls, at):
    days = Days(Job(key="j", deadline=600), lambda *_: came)
    assert polls in (None, len(days.polls))
    assert days.time == pytest.approx(at)


def test_a_wait_beyond_the_deadline_leaves_the_webhook_its_chance():
    waits = answer(202, Retry_After="700")
    job = Job(key="j", deadline=600)
    assert Days(job, lambda now, _: DONE if now else waits, [(500, None)]).outcome.polls == 2
    missed = Days(job, lambda *_: waits)
    assert (len(missed.polls), missed.time) == (1, 600)
    assert missed.failure.error.retry.after_s == 700


# --- failures ---


@pytest.mark.parametrize("status", range(400, 600))
def test_a_failure_ends_it_unless_the_same_may_succeed_later(status):
    error = errnorm.parse(b"", status=status, method="GET")
    days = Days(Job(key="j", deadline=60), lambda _, number: answer(status) if number == 1 else DONE)
    if error.retry.retryable:
        assert days.outcome.polls == 2
    else:
        assert days.failure.error == error
        assert len(days.polls) == 1
    # the same where a client with an eye on it has raised already
    failure = errnorm.VendorError(error)
    days = Days(Job(key="j", deadline=60), lambda _, number: failure if number == 1 else DONE)
    assert (days.failure is failure) == (not error.retry.retryable)


def hidden():
    import tomllib

    for file in sorted(files("errnorm.vendors").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".samples.toml"):
            for sample in tomllib.loads(file.read_text(encoding="utf-8"))["sample"]:
                name, status = file.name.removesuffix(".samples.toml"), sample.get("status", 0)
                came = answer(status, sample.get("body", "").encode(), **sample.get("headers", {}))
                if 200 <= status < 300 and errnorm.normalize(came, vendor=name):
                    yield pytest.param(name, came, id=f"{name}: {sample['title']}")


@pytest.mark.parametrize(("vendor", "came"), list(hidden()))
def test_a_failure_inside_a_200_ends_it_too(vendor, came):
    error = errnorm.normalize(came, vendor=vendor)
    days = Days(Job(vendor, key="j", deadline=600), lambda _, number: came if number == 1 else DONE)
    if error.retry.retryable:
        assert days.outcome.polls == 2
    else:
        assert days.failure.error == error


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [("ConnectError", True), ("ReadTimeout", True), ("RemoteProtocolError", True), ("UnsupportedProtocol", False)],
)
def test_a_connection_that_breaks_does_not_end_it(error, goes_on):
    days = Days(Job(key="j", deadline=60), lambda _, number: raised("httpx", error, "x") if number == 1 else DONE)
    assert (days.outcome is not None) == goes_on


def test_a_mistake_of_the_apps_own_rises_as_it_is():
    def wrong(*_):
        return KeyError("state")

    with pytest.raises(KeyError):
        Days(Job(key="j", deadline=60), wrong)
    with pytest.raises(ZeroDivisionError):
        Days(Job(key="j", deadline=60), lambda *_: RUNNING, done=lambda _: 1 / 0)
    refused = errnorm.VendorError(errnorm.parse(b"", status=503))

    def refuse(_):
        raise refused

    assert Days(Job(key="j", deadline=60), lambda *_: RUNNING, done=refuse).failure is refused


def test_what_no_client_made_is_asked_by_the_app_alone():
    days = Days(Job(key="j", deadline=60), lambda _, number: {"done": number == 3}, done=lambda told: told["done"])
    assert days.outcome.polls == 3
    assert "done" not in repr(days.outcome)


def test_the_deadline_as_an_error():
    busy = answer(503, b"<h1>busy</h1>")
    days = Days(Job("lionbridge", key="secret-key", deadline=60, operation="translate"), lambda *_: busy)
    error = days.failure.error
    assert (error.vendor, error.operation) == ("lionbridge", "translate")
    assert (error.family, error.reason, error.fault) == (Family.TIMEOUT, "JOB_DEADLINE_EXCEEDED", Fault.VENDOR)
    # the work may be under way: only whom a second order does not harm may give it again
    assert (error.sent, error.retry.verdict, error.response_status) == (True, Verdict.IF_IDEMPOTENT, 504)
    assert error.vendor_status is None
    assert [other.vendor_status for other in error.others] == [503]
    assert "secret-key" not in f"{days.failure!r}{error!r}"
    assert errnorm.CanonicalError.from_dict(error.to_dict()) == error
    problem = errnorm.problem_for(days.failure)
    assert (problem.status, problem.code) == (504, "service_unavailable")


# --- lag and skew ---


@pytest.mark.parametrize(
    ("at", "lag_s", "skew_s"),
    [
        (NOON + 98, 2, 0),
        (NOON + 100, 0, 0),
        (NOON + 130, 0, 30),  # the vendor's clock is ahead: no event is later than its webhook
        (None, 0, 0),
        (NOON - 86_400, 86_500, 0),
    ],
)
def test_the_lag_is_clamped_and_the_skew_is_told(at, lag_s, skew_s):
    days = Days(Job(key="j", deadline=600), lambda now, _: DONE if now >= 100 else RUNNING, [(100, at)])
    late = 0.5  # at most: half of `first` after the poll before
    assert lag_s <= days.outcome.lag_s + 1e-6 <= lag_s + late + 1e-3
    assert days.outcome.skew_s == pytest.approx(skew_s)


@pytest.mark.parametrize(
    "at",
    [
        NOON,
        int(NOON),
        f"{NOON:.3f}",
        NOON * 1000,
        str(int(NOON * 1000)),
        datetime.fromtimestamp(NOON, UTC),
        datetime.fromtimestamp(NOON, timezone(timedelta(hours=2))),
        datetime.fromtimestamp(NOON, UTC).replace(tzinfo=None),
        "2026-01-01T12:00:00Z",
        "2026-01-01T14:00:00+02:00",
        "Thu, 01 Jan 2026 12:00:00 GMT",
    ],
)
def test_the_time_of_an_event_may_come_in_any_form(at):
    assert board.made(at).at == NOON


@settings(deadline=None)
@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary(), st.datetimes(), st.lists(st.text())))
def test_no_time_of_a_vendors_breaks_a_webhooks_view(at):
    wake_up = board.made(at)
    assert wake_up.at is None or isinstance(wake_up.at, float)
    polling.wake("any", at=at)
    board.HERE.take("any")


# --- waiting for real: here and through a Redis, in a thread, under asyncio and trio ---


def _in_thread(job, check, done):
    return job.wait(check, done)


def _in_asyncio(job, check, done):
    async def asked():
        return check()

    return asyncio.run(job.wait_async(asked, done))


def _in_trio(job, check, done):
    import trio

    async def asked():
        return check()

    return trio.run(job.wait_async, asked, done)


# Skipped before a webhook's thread is started, which nobody would wait for.
no_trio = pytest.mark.skipif(find_spec("trio") is None, reason="no trio")
every_driver = pytest.mark.parametrize("wait", [_in_thread, _in_asyncio, pytest.param(_in_trio, marks=no_trio)])


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    needed()
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["here", "afar"])
def redis(request):
    """The url of a Redis, or None: wake-ups stay in this process."""
    return request.getfixturevalue("redis_url") if request.param == "afar" else None


class Work:
    """Is done once it is `ready`; says that it will take an hour."""

    def __init__(self):
        self.ready, self.asked, self.at_once = threading.Event(), threading.Event(), 0
        self.most_at_once = self.polls = 0

    def check(self):
        self.polls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        came = DONE if self.ready.is_set() else answer(202, Retry_After="3600")
        self.at_once -= 1
        self.asked.set()
        return came


def job_of(key, redis=None, **settings):
    return Job(key=key, redis=redis, **{"deadline": 7200, "first": 0.02, **settings})


@every_driver
def test_a_webhook_wakes_it(wait, redis):
    work = Work()

    def webhook():
        assert work.asked.wait(10)
        polling.wake("too early", redis=redis)
        time.sleep(0.1)
        work.ready.set()
        polling.wake("j-1", at=time.time() - 5, redis=redis)

    with _thread(webhook):
        outcome = wait(job_of("j-1", redis), work.check, is_done)
    assert (outcome.polls, outcome.woken, work.most_at_once) == (2, 1, 1)
    assert 5 <= outcome.lag_s < 15
    assert not board.HERE._bells


@every_driver
def test_a_word_that_comes_before_anybody_listens_is_not_lost(wait, redis):
    work = Work()
    work.ready.set()
    polling.wake(17, at=time.time() + 60, redis=redis)
    outcome = wait(job_of(17, redis), work.check, is_done)
    assert (outcome.polls, outcome.woken) == (1, 1)
    assert outcome.lag_s < 10
    assert 50 < outcome.skew_s <= 60
    # and it was for one
    assert wait(job_of("17", redis), work.check, is_done).woken == 0


@every_driver
def test_a_word_that_comes_during_a_poll_is_not_lost(wait, redis):
    work = Work()

    def check():
        came = work.check()
        if not work.ready.is_set():
            work.ready.set()
            polling.wake("j-2", redis=redis)
        return came

    outcome = wait(job_of("j-2", redis), check, is_done)
    assert (outcome.polls, outcome.woken) == (2, 1)


@every_driver
def test_only_the_last_word_is_kept(wait, redis):
    for at in (1, 2, NOON):
        polling.wake("j-3", at=at, redis=redis)
    work = Work()
    work.ready.set()
    assert wait(job_of("j-3", redis), work.check, is_done).woken == 1
    assert wait(job_of("j-3", redis), work.check, is_done).woken == 0


@pytest.mark.parametrize("runner", ["asyncio", "trio"])
def test_a_webhook_of_an_async_view_wakes_it(runner, redis):
    work = Work()

    async def check():
        return work.check()

    async def webhook():
        while not work.asked.is_set():
            await sleep(0.01)
        work.ready.set()
        await polling.wake_async("j-4", redis=redis)

    job, outcomes = job_of("j-4", redis), []

    async def waiting():
        outcomes.append(await job.wait_async(check, is_done))

    _run(runner, waiting, webhook)
    assert [(outcome.polls, outcome.woken) for outcome in outcomes] == [(2, 1)]


@pytest.mark.parametrize("runner", ["asyncio", "trio"])
@pytest.mark.parametrize("when", ["listening", "polling", "pausing"])
def test_a_cancellation_ends_it_at_once_and_leaves_nothing(runner, when, redis):
    work, events = Work(), []

    async def check():
        work.asked.set()
        if when == "polling":
            try:
                await sleep(3600)
            finally:
                events.append("the poll was cancelled")
        return answer(503, Retry_After="3600") if when == "pausing" else work.check()

    async def waiting():
        await job_of("j-5", redis).wait_async(check, is_done)

    async def cancelled():
        if runner == "asyncio":
            task = asyncio.create_task(waiting())
            while not work.asked.is_set():  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            import trio

            async with trio.open_nursery() as nursery:
                nursery.start_soon(waiting)
                while not work.asked.is_set():  # noqa: ASYNC110 - likewise
                    await trio.sleep(0.01)
                await trio.sleep(0.1)
                nursery.cancel_scope.cancel()

    before = set(threading.enumerate())
    _run(runner, cancelled)
    assert events == (["the poll was cancelled"] if when == "polling" else [])
    assert not board.HERE._bells
    # a thread that listened for it stops too, and takes no word with it that is for the next
    for _ in range(250):
        if not [
            each for each in set(threading.enumerate()) - before if "redis" in each.name.lower() or each.name == "_pop"
        ]:
            break
        time.sleep(0.02)
    polling.wake("j-5", redis=redis)
    work.ready.set()
    assert job_of("j-5", redis).wait(work.check, is_done).woken == 1


@every_driver
def test_waiting_is_no_work(wait, redis):
    """Of the processor's time, hardly any; and the vendor is asked as often as the pauses say."""
    before = time.process_time()
    with pytest.raises(errnorm.VendorError, match="JOB_DEADLINE_EXCEEDED"):
        wait(job_of("j-6", redis, deadline=1.5, first=1), lambda: RUNNING, is_done)
    assert time.process_time() - before < 0.75


@every_driver
def test_a_real_vendor_over_a_real_client(wait):
    httpx = pytest.importorskip("httpx")
    replies = [
        Reply(202, {"Retry-After": "0"}),
        Reply(503, {"Retry-After": "0"}, b"busy"),
        Reply(200, {}, b"done"),
    ]
    with Vendor(*replies) as vendor:
        outcome = wait(job_of("j-7"), lambda: httpx.get(vendor.url), lambda response: response.text == "done")
    assert (outcome.polls, outcome.response.status_code) == (3, 200)


@every_driver
def test_another_process_wakes_it(wait, redis_url):
    work = Work()
    code = "import sys, errnorm.polling; errnorm.polling.wake('j-8', at='2026-01-01T12:00:00Z', redis=sys.argv[1])"

    def webhook():
        assert work.asked.wait(10)
        work.ready.set()
        subprocess.run([sys.executable, "-c", code, redis_url], check=True)

    with _thread(webhook):
        assert wait(job_of("j-8", redis_url), work.check, is_done).woken == 1


def test_what_nobody_takes_is_forgotten_there(redis_url):
    client = pytest.importorskip("redis").Redis.from_url(redis_url)
    with client:
        for _ in range(3):
            polling.wake("forgotten", redis=redis_url)
        assert client.llen("errnorm:wake:forgotten") == 1
        assert 0 < client.ttl("errnorm:wake:forgotten") <= board.KEPT_S


def test_what_nobody_takes_is_forgotten_here(monkeypatch):
    monkeypatch.setattr(board, "MOST", 100)
    here = board.Board()
    for number in range(1000):
        here.put(str(number), board.made(None))
    assert [number for number in range(1000) if here.take(str(number))] == list(range(900, 1000))
    here.put("old", board.WakeUp(None, time.time() - board.KEPT_S - 1))
    assert here.take("old") is None
    here.put("old", board.WakeUp(None, time.time() - board.KEPT_S - 1))
    here.put("new", board.made(None))
    assert list(here._kept) == ["new"]


@every_driver
def test_a_key_of_any_length_takes_little_room_and_wakes_nobody_elses_job(wait, redis, redis_url):
    long = "x" * 1_000_000
    for key in (long + "1", long + "2", "\ud800"):
        polling.wake(key, redis=redis)
    assert all(len(key) <= board.LONGEST for key in board.HERE._kept)
    with pytest.importorskip("redis").Redis.from_url(redis_url) as client:
        assert all(len(key) <= 250 for key in client.scan_iter())
    for key, woken in ((long + "1", 1), (long + "3", 0), (long + "2", 1), ("\ud800", 1)):
        assert wait(job_of(key, redis), lambda: DONE, is_done).woken == woken


# --- how late webhooks are ---


@pytest.fixture
def lags():
    """What whoever listens has been told."""
    told = []
    leave = listening.listen(lambda event: told.append(event) if isinstance(event, listening.Lagged) else None)
    yield told
    leave()


def test_a_webhook_that_nobody_waits_for_is_measured_where_it_comes(redis, lags):
    """As one is that comes after its job is done, or does not wait any more: those that are late."""
    polling.wake("nobody", at=time.time() - 400, vendor="phrase-tms", operation="get-job", redis=redis)
    asyncio.run(polling.wake_async("nobody", at=time.time() - 400, vendor="phrase-tms", redis=redis))
    assert [(lag.vendor, lag.operation) for lag in lags] == [("phrase-tms", "get-job"), ("phrase-tms", None)]
    assert all(400 <= lag.seconds < 430 for lag in lags)
    polling.wake("nobody", at="?", vendor="phrase-tms", redis=redis)
    assert len(lags) == 2


@every_driver
@pytest.mark.parametrize("named", [{}, {"vendor": "phrase-tms", "operation": "get-job"}], ids=["unnamed", "named"])
def test_a_webhook_is_measured_once(wait, redis, lags, named):
    polling.wake("measured", at=time.time() - 400, redis=redis, **named)
    job = Job("phrase-tms", operation="get-job", key="measured", deadline=60, redis=redis)
    assert wait(job, lambda: DONE, is_done).woken == 1
    assert [(lag.vendor, lag.operation) for lag in lags] == [("phrase-tms", "get-job")]


def test_a_webhook_is_measured_by_its_job_where_nobody_listens_in_its_view(redis):
    polling.wake("measured", at=time.time() - 400, vendor="phrase-tms", redis=redis)
    told = []
    leave = listening.listen(told.append)
    try:
        Job("phrase-tms", key="measured", deadline=60, redis=redis).wait(lambda: DONE, is_done)
    finally:
        leave()
    assert [type(event) for event in told].count(listening.Lagged) == 1


def test_a_webhook_of_a_vendor_that_is_unknown():
    with pytest.raises(errnorm.UnknownVendorError):
        polling.wake("j", at=NOON, vendor="phrase")


# --- a Redis that is gone ---


@every_driver
@pytest.mark.parametrize("gone", ["closed", pytest.param("deaf", marks=pytest.mark.once)])
def test_polling_alone_goes_on_with_one_warning(wait, gone, caplog):
    pytest.importorskip("redis")
    with deaf_port() if gone == "deaf" else _port() as port, caplog.at_level(logging.WARNING, "errnorm"):
        url = f"redis://:pass-word@127.0.0.1:{port}/0"
        job = job_of("j-9", url, deadline=60, first=0.02, longest=0.02)
        polls = iter([RUNNING, RUNNING, DONE])
        outcome = wait(job, lambda: next(polls), is_done)
        assert outcome.polls == 3
        # what comes in this process is heard all the same
        polling.wake("j-9", redis=url)
        assert wait(job, lambda: DONE, is_done).woken == 1
    (record,) = caplog.records
    assert "out of reach" in record.getMessage()
    assert "pass-word" not in caplog.text
    assert "pass-word" not in repr(vars(job)["_wake_ups"])


@every_driver
@pytest.mark.parametrize("how", ["stop", pytest.param("stall", marks=pytest.mark.once)])
def test_a_redis_that_goes_and_comes_back(wait, how, caplog, tmp_path):
    needed()
    with RedisServer(tmp_path) as server, caplog.at_level(logging.WARNING, "errnorm"):
        work, job = Work(), job_of("j-10", server.url, first=0.5, longest=0.5)
        work.ready.set()
        polling.wake("j-10", redis=server.url)
        assert wait(job, work.check, is_done).woken == 1
        getattr(server, how)()
        polls = iter([RUNNING, RUNNING, DONE])
        assert wait(job, lambda: next(polls), is_done).polls == 3
        polling.wake("j-10", redis=server.url)  # kept here, for there is no Redis to keep it
        assert wait(job, lambda: DONE, is_done).woken == 1
        assert len(caplog.records) == 1
        server.restart() if how == "stop" else server.resume()
        board.HERE.take("j-10")
        polling.wake("j-10", redis=server.url)
        assert board.HERE.take("j-10") is None
        assert wait(job, lambda: DONE, is_done).woken == 1
        server.stop()
        polling.wake("j-10", redis=server.url)
        assert len(caplog.records) == 2  # one for each time that it was gone


@every_driver
def test_a_redis_that_goes_while_somebody_listens(wait, caplog, tmp_path):
    needed()
    with RedisServer(tmp_path) as server, caplog.at_level(logging.WARNING, "errnorm"):
        work, job = Work(), job_of("j-11", server.url)
        going = _Later(lambda: wait(job, work.check, is_done))
        assert work.asked.wait(10)
        time.sleep(0.2)  # it listens by now
        server.stop()
        work.ready.set()
        polling.wake("j-11", redis=server.url)
        assert going.result().woken == 1
        assert len(caplog.records) == 1


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"deadline": 0}, "deadline"),
        ({"deadline": "60"}, "deadline"),
        ({"deadline": float("inf")}, "deadline"),
        ({"first": 0}, "first"),
        ({"longest": float("nan")}, "longest"),
        ({"first": 10, "longest": 5}, "first: must not be above longest"),
        ({"redis": "user:pass-word@nowhere"}, "redis: must be the url of a Redis"),
        ({"redis": 6379}, "redis: must be the url of a Redis"),
    ],
)
def test_a_setting_that_is_off(settings, says):
    if "redis" in settings:
        pytest.importorskip("redis")
    with pytest.raises(SettingsError) as error:
        Job(**{"key": "j", "deadline": 60, **settings})
    assert str(error.value).startswith(says)
    assert "pass-word" not in str(error.value)


def test_a_vendor_that_is_unknown():
    with pytest.raises(errnorm.UnknownVendorError):
        Job("lionbrige", key="j", deadline=60)


def test_it_imports_no_redis_until_one_is_named():
    code = "import sys, errnorm.polling; print({'redis', 'trio', 'asyncio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class _Later:
    """What a thread gives, once it is there."""

    def __init__(self, work):
        self._given = []
        self._thread = threading.Thread(target=lambda: self._given.append(work()), daemon=True)
        self._thread.start()

    def result(self):
        self._thread.join(20)
        return self._given[0]


@contextmanager
def _thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    yield
    thread.join(20)


@contextmanager
def _port():
    yield closed_port()


def _run(runner, *functions):
    async def all_of_them():
        if runner == "asyncio":
            await asyncio.gather(*(function() for function in functions))
        else:
            import trio

            async with trio.open_nursery() as nursery:
                for function in functions:
                    nursery.start_soon(function)

    if runner == "asyncio":
        asyncio.run(all_of_them())
    else:
        pytest.importorskip("trio").run(all_of_them)


def test_steps_are_what_a_driver_has_to_do():
    assert {type(step) for step in Days(Job(key="j", deadline=9), lambda *_: RUNNING).steps} == {Poll, Sleep, Listen}
