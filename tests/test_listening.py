"""While nobody listens nothing is made for anybody; who listens is told in the thread or task in which it happens."""

import threading
import time

import pytest

pytest.importorskip("httpx")

import httpx

import errnorm.httpx
from errnorm import Normalizer, VendorError, listening, polling, retry
from errnorm.listening import Asked, Ended, Lagged, Left, Noted, Polled, Retried, Waited
from errnorm.throttle import Throttle
from tests.loopback import Reply, Vendor

EVENTS = (Asked, Ended, Noted, Retried, Waited, Left, Polled, Lagged)
LEFT = {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1900000000"}


def everything():
    """All that is told of: a call that recovers, one that fails and is answered, a webhook's word and a job's end."""
    normalizer = Normalizer(vendors={"github": {"hosts": ["127.0.0.1"]}})
    with (
        Vendor(Reply(503), Reply(200, LEFT), Reply(401, LEFT)) as vendor,
        httpx.Client(trust_env=False) as client,
    ):
        errnorm.httpx.install(client, vendor="github", normalizer=normalizer, throttle=Throttle())
        retry.retrying(base=0.0)(client.get)(vendor.url)
        with pytest.raises(VendorError) as failure:
            client.get(vendor.url)
    normalizer.answer(failure.value)
    job = polling.Job("github", key="a job's own", deadline=5.0, first=0.01)
    polling.wake(job.key, at=time.time() - 3)
    job.wait(lambda: True, done=bool)


@pytest.mark.parametrize("kind", EVENTS)
def test_nothing_is_made_while_nobody_listens(monkeypatch, kind):
    made = []
    monkeypatch.setattr(listening, kind.__name__, lambda *args, **more: made.append(args) or kind(*args, **more))
    everything()
    assert not made
    leave = listening.listen(lambda event: lambda ended: None)
    try:
        everything()
    finally:
        leave()
    assert made


def test_everybody_is_told_the_same_in_the_same_order_and_of_an_end_whoever_came_last_first():
    told = []

    def listener(name):
        def hear(event):
            told.append((name, type(event)))
            return lambda ended: told.append((name, Ended))

        return hear

    leave = [listening.listen(listener(name)) for name in "ab"]
    try:
        everything()
    finally:
        for each in leave:
            each()
    first = [kind for name, kind in told if name == "a"]
    assert set(first) == set(EVENTS)
    assert first == [kind for name, kind in told if name == "b"]
    assert [name for name, kind in told if kind is Ended] == ["b", "a"] * first.count(Ended)
    assert first.count(Asked) == first.count(Ended) == 3
    everything()
    assert len(told) == 2 * len(first)


def test_it_is_told_where_it_happens():
    threads = []
    leave = listening.listen(lambda event: threads.append(threading.current_thread()))
    thread = threading.Thread(target=everything)
    thread.start()
    thread.join()
    leave()
    assert set(threads) == {thread}


def test_an_event_shows_no_url_and_no_words_of_a_vendors():
    secret = "hunter2hunter2"
    error = errnorm.parse(b'{"message": "no"}', status=401, vendor="github")
    asked = Asked(None, None, "GET", f"https://vendor.example/{secret}?key={secret}", client=secret)
    for event in (asked, Ended(asked, 1.0, 401, VendorError(error))):
        assert secret not in repr(event)
