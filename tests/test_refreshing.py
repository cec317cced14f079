"""A credential is renewed once for all that wait for it, in whatever threads and tasks; nobody waits for ever."""

import asyncio
import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import errnorm.aiohttp
import errnorm.httpx
import errnorm.requests
from errnorm.calling.refreshing import RefreshError, Renewal, renewal_of
from errnorm.calling.sealed import Headers
from errnorm.model import VendorError
from errnorm.vendors import registry
from tests.loopback import Reply, Vendor
from tests.test_flow import EXPIRED, GOOD, NEW, OLD, PROFILE, Refresh, by_key

THREADS, TASKS = 10, 100


@pytest.fixture(scope="module", autouse=True)
def renewed(tmp_path_factory):
    file = tmp_path_factory.mktemp("profiles") / "renewed.toml"
    file.write_text(PROFILE.replace('"keyed"', '"renewed"'), encoding="utf-8")
    registry.default.add(file)


class Together:
    """A vendor's answers that come only once so many have been refused, and so all need a new key at once."""

    def __init__(self, number):
        self._barrier = threading.Barrier(number)

    def __call__(self, request):
        if request.headers.get("authorization") == NEW:
            return GOOD
        self._barrier.wait(20)
        return EXPIRED


def options(refresh, **more):
    return {"vendor": "renewed", "throttle": None, "refresh": refresh, **more}


@pytest.mark.parametrize("shared", [True, False], ids=["one client", "a client each"])
@pytest.mark.parametrize("name", ["httpx", "requests"])
def test_threads_renew_once(name, shared):
    module, refresh = pytest.importorskip(name), Refresh()
    door = getattr(errnorm, name).install

    def client():
        if name == "httpx":
            return door(module.Client(trust_env=False, timeout=30), **options(refresh))
        session = door(module.Session(), **options(refresh))
        session.trust_env = False
        return session

    one = client()

    def call(url):
        with client() as own:
            return (one if shared else own).get(url, headers={"Authorization": OLD}).status_code

    with Vendor(Together(THREADS)) as vendor, ThreadPoolExecutor(THREADS) as pool, one:
        assert list(pool.map(call, [vendor.url] * THREADS)) == [200] * THREADS
    assert refresh.times == 1
    assert len(vendor.requests) == 2 * THREADS


async def call_httpx(url, refresh, number):
    httpx = pytest.importorskip("httpx")
    limits = httpx.Limits(max_connections=None)
    async with errnorm.httpx.install(
        httpx.AsyncClient(trust_env=False, timeout=30, limits=limits), **options(refresh)
    ) as client:
        calls = [client.get(url, headers={"Authorization": OLD}) for _ in range(number)]
        return [response.status_code for response in await asyncio.gather(*calls)]


async def call_aiohttp(url, refresh, number):
    aiohttp = pytest.importorskip("aiohttp")
    watch = errnorm.aiohttp.middleware(**options(refresh))

    async def one(session):
        async with session.get(url, headers={"Authorization": OLD}) as response:
            await response.read()
            return response.status

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(middlewares=[watch], connector=connector) as session:
        return await asyncio.gather(*(one(session) for _ in range(number)))


@pytest.mark.parametrize("call", [call_httpx, call_aiohttp])
def test_tasks_renew_once(call):
    times = []

    async def refresh():
        times.append(1)
        await asyncio.sleep(0.01)
        return {"Authorization": NEW}

    with Vendor(Together(TASKS)) as vendor:
        assert asyncio.run(call(vendor.url, refresh, TASKS)) == [200] * TASKS
    assert len(times) == 1
    assert len(vendor.requests) == 2 * TASKS


def test_tasks_of_trio_renew_once():
    trio, httpx = pytest.importorskip("trio"), pytest.importorskip("httpx")
    times, found = [], []

    async def refresh():
        times.append(1)
        await trio.sleep(0.01)
        return {"Authorization": NEW}

    async def main(url):
        async with errnorm.httpx.install(httpx.AsyncClient(trust_env=False, timeout=30), **options(refresh)) as client:

            async def call():
                found.append((await client.get(url, headers={"Authorization": OLD})).status_code)

            async with trio.open_nursery() as nursery:
                for _ in range(THREADS):
                    nursery.start_soon(call)

    with Vendor(Together(THREADS)) as vendor:
        trio.run(main, vendor.url)
    assert (found, len(times)) == ([200] * THREADS, 1)


# ---- by itself -------------------------------------------------------------------------------------------------------


def by(key):
    """A request that carries this key."""
    return lambda names: key


K = by("k")


def seen(renewal, key="k"):
    return renewal.latest(by(key))


def test_threads_and_tasks_wait_for_the_same():
    begun, go, times = threading.Event(), threading.Event(), []

    def ask():
        times.append(1)
        begun.set()
        assert go.wait(20)
        return {"Authorization": NEW}

    renewal = Renewal(ask)
    first = seen(renewal)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(renewal.renew, K, first)
        assert begun.wait(20)

        async def main():
            waiting = [asyncio.create_task(renewal.arenew(K, first)) for _ in range(TASKS)]
            given_up = asyncio.create_task(renewal.arenew(K, first))
            await asyncio.sleep(0)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            go.set()
            return await asyncio.gather(*waiting)

        found = asyncio.run(main())
        assert {dict(headers)["Authorization"] for headers in (*found, leader.result())} == {NEW}
    assert len(times) == 1


def test_those_who_wait_for_one_that_fails_are_told_each_for_himself():
    begun, go = threading.Event(), threading.Event()

    def ask():
        begun.set()
        assert go.wait(20)
        raise ConnectionError("no way")

    renewal = Renewal(ask)
    first = seen(renewal)
    with ThreadPoolExecutor(THREADS) as pool:
        leader = pool.submit(renewal.renew, K, first)
        assert begun.wait(20)
        others = [pool.submit(renewal.renew, K, first) for _ in range(THREADS - 1)]
        while len(renewal._flights["k"]._condition._waiters) < THREADS - 1:
            threading.Event().wait(0.01)
        go.set()
        assert isinstance(leader.exception(), ConnectionError)
        raised = [other.exception() for other in others]
    assert all(isinstance(each, RefreshError) for each in raised)
    assert len({id(each) for each in raised}) == len(raised)
    assert seen(renewal).times == first.times == 0


def test_where_the_first_is_cancelled_the_next_takes_over():
    times = []

    async def main():
        stuck = asyncio.Event()

        async def ask():
            times.append(1)
            if len(times) == 1:
                await stuck.wait()
            return {"Authorization": NEW}

        renewal = Renewal(ask)
        tasks = [asyncio.create_task(renewal.arenew(K, seen(renewal))) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError)
    assert [dict(headers)["Authorization"] for headers in others] == [NEW, NEW]
    assert len(times) == 2


def test_what_was_renewed_since_is_not_renewed_again():
    ask = Refresh()
    renewal = Renewal(ask)
    first = seen(renewal)
    renewal.renew(K, first)
    renewal.renew(K, first)
    assert ask.times == 1
    renewal.renew(K, seen(renewal))
    assert ask.times == 2


def test_a_successor_is_sent_for_no_other_key():
    renewal = Renewal(Refresh())
    renewal.renew(K, seen(renewal))
    assert dict(seen(renewal, "k").headers) == {"Authorization": NEW}
    assert dict(seen(renewal, "another").headers) == dict(seen(renewal, None).headers) == {}


def test_only_so_many_keys_are_kept():
    ask = Refresh()
    renewal = Renewal(ask)
    for key in range(1000):
        renewal.renew(by(str(key)), seen(renewal, str(key)))
    assert len(renewal._known) <= 64
    assert not renewal._flights
    assert seen(renewal, "999").times == 1


def test_a_call_of_the_callable_s_own_renews_nothing():
    httpx = pytest.importorskip("httpx")
    caught = []

    def refresh():
        with pytest.raises(VendorError) as refused:
            client.get(vendor.url)
        caught.append(refused.value.error.reason)
        return {"Authorization": NEW}

    client = errnorm.httpx.install(httpx.Client(trust_env=False, headers={"Authorization": OLD}), **options(refresh))
    with Vendor(by_key) as vendor, client:
        assert client.get(vendor.url).status_code == 200
    assert caught == ["TOKEN_EXPIRED"]


def test_a_callable_is_shared_by_the_clients_that_have_it():
    ask = Refresh()
    assert renewal_of(ask, awaits=False) is renewal_of(ask, awaits=True)
    assert renewal_of(Refresh(), awaits=False) is not renewal_of(ask, awaits=False)

    class Odd(dict):
        def __call__(self):
            return {}

    assert renewal_of(Odd(), awaits=False) is not renewal_of(Odd(), awaits=False)


async def a_coroutine():
    return {}


@pytest.mark.parametrize("refresh", ["a-token", {"Authorization": NEW}, a_coroutine])
def test_what_is_no_callable_for_this_client_is_refused_at_once(refresh):
    requests = pytest.importorskip("requests")
    with requests.Session() as session, pytest.raises(TypeError, match="refresh: ") as caught:
        errnorm.requests.install(session, refresh=refresh)
    assert "0123456789" not in str(caught.value)


@pytest.mark.parametrize("answer", [None, NEW, [("Authorization", NEW)]])
def test_what_returns_no_headers_is_told_so(answer):
    requests = pytest.importorskip("requests")
    with Vendor(Reply(401, EXPIRED.headers, EXPIRED.body)) as vendor, requests.Session() as session:
        session.trust_env = False
        errnorm.requests.install(session, **options(lambda: answer))
        with pytest.raises(VendorError) as caught:
            session.get(vendor.url)
    assert isinstance(caught.value.__cause__, TypeError)
    assert "0123456789" not in str(caught.value.__cause__)


def test_headers_show_their_names_alone():
    headers = Headers({"Authorization": OLD, "X-A": "s3cret"})
    assert repr(headers) == "<headers Authorization, X-A>"
    assert repr(Headers()) == "<headers none>"
    assert dict(headers | Headers({"authorization": NEW})) == {"X-A": "s3cret", "authorization": NEW}


def test_one_that_nobody_awaits_any_more_holds_up_nobody():
    """The loop ends while a task is at it; what is left is cleared up elsewhere, in another context."""
    times = []

    async def ask():
        times.append(1)
        if len(times) == 1:
            await asyncio.sleep(3600)
        return {"Authorization": NEW}

    renewal = Renewal(ask)
    loop = asyncio.new_event_loop()
    task = loop.create_task(renewal.arenew(K, seen(renewal)))
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    task._log_destroy_pending = False  # that is what this is about
    del task, loop
    gc.collect()

    async def another():
        async with asyncio.timeout(20):
            return await renewal.arenew(K, seen(renewal))

    assert dict(asyncio.run(another())) == {"Authorization": NEW}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_nobody_waits_for_one_of_the_parent_s():
    begun, go = threading.Event(), threading.Event()

    def ask():
        begun.set()
        assert go.wait(20)
        return {"Authorization": NEW}

    renewal = Renewal(ask)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(renewal.renew, K, seen(renewal))
        assert begun.wait(20)
        if (child := os.fork()) == 0:
            signal.alarm(20)
            go.set()
            os._exit(0 if dict(renewal.renew(K, seen(renewal))) == {"Authorization": NEW} else 1)
        assert os.waitpid(child, 0)[1] == 0
        go.set()
        assert dict(leader.result()) == {"Authorization": NEW}


def test_where_the_key_stands_is_learnt_from_what_the_callable_returns():
    """Until then those without a known key wait for one another, and are told apart after."""
    begun, go, times = threading.Event(), threading.Event(), []

    def ask():
        times.append(1)
        begun.set()
        assert go.wait(20)
        return {"Private-Token": f"new-{len(times)}"}

    def carries(key):
        return lambda names: key if "private-token" in names else None

    renewal = Renewal(ask)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(renewal.renew, carries("a"), renewal.latest(carries("a")))
        assert begun.wait(20)
        others = [pool.submit(renewal.renew, carries(key), renewal.latest(carries(key))) for key in "ab"]
        while len(renewal._flights[None]._condition._waiters) < 2:
            threading.Event().wait(0.01)
        go.set()
        found = [dict(each.result())["Private-Token"] for each in (first, *others)]
    assert found == ["new-1", "new-1", "new-2"]
    assert not renewal._flights


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("answer", [[("Authorization", NEW)], NEW])
def test_what_returns_no_headers_leaves_nothing_in_our_frames(answer, awaited):
    refresh = Renewal(lambda: answer)

    def renew():
        found = (refresh.arenew if awaited else refresh.renew)(K, seen(refresh))
        return asyncio.run(found) if awaited else found

    with pytest.raises(TypeError) as caught:
        renew()
    trace = caught.value.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith("calling/refreshing.py"):
            assert "0123456789" not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
