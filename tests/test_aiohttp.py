"""aiohttp's middleware tells a session's own limit and resends what it can; responses are read up to the cap."""

import asyncio
import gzip
import sys

import pytest

import errnorm.aiohttp
from errnorm import attempts
from errnorm.families import Family
from errnorm.model import VendorError
from tests.loopback import Reply, Trouble, Vendor, deaf_port
from tests.test_calling import hider
from tests.test_flow import EXPIRED, GOOD, JSON, NEW, OLD, Refresh, by_key, keyed

aiohttp = pytest.importorskip("aiohttp")
__all__ = ["hider", "keyed"]  # these fixtures serve here, too


def fetch(url, *, session_options=None, method="GET", data=None, **options):
    async def main():
        watch = errnorm.aiohttp.middleware(**{"vendor": "keyed", "throttle": None, **options})
        headers = {"Authorization": OLD}
        async with (
            aiohttp.ClientSession(middlewares=[watch], headers=headers, **(session_options or {})) as session,
            session.request(method, url, data=data() if callable(data) else data) as response,
        ):
            return response.status, await response.read()

    return asyncio.run(main())


TOTAL = {"timeout": aiohttp.ClientTimeout(total=0.3)}


def test_a_session_s_own_time_limit_is_the_vendor_s_timeout():
    with Vendor(Reply(trouble=Trouble.STALL)) as vendor, pytest.raises(VendorError) as caught:
        fetch(vendor.url, session_options=TOTAL)
    assert (caught.value.error.family, caught.value.error.vendor) == (Family.TIMEOUT, "keyed")


@pytest.mark.skipif(sys.platform != "linux", reason="only there a full backlog is silent")
def test_so_it_is_before_there_is_a_connection():
    with deaf_port() as port, pytest.raises(VendorError) as caught:
        fetch(f"http://127.0.0.1:{port}/", session_options=TOTAL)
    assert (caught.value.error.family, caught.value.error.vendor) == (Family.TIMEOUT, "keyed")


@pytest.mark.skipif(sys.platform != "linux", reason="only there a full backlog is silent")
def test_a_cancellation_stays_one():
    async def main(url):
        watch = errnorm.aiohttp.middleware(vendor="keyed", throttle=None)
        async with aiohttp.ClientSession(middlewares=[watch]) as session:
            task = asyncio.create_task(session.get(url))
            await asyncio.sleep(0.1)
            task.cancel()
            await task

    with deaf_port() as port, pytest.raises(asyncio.CancelledError):
        asyncio.run(main(f"http://127.0.0.1:{port}/"))


@pytest.mark.skipif(sys.platform != "linux", reason="only there a full backlog is silent")
def test_a_limit_around_it_is_not_the_vendor_s():
    async def main(url):
        watch = errnorm.aiohttp.middleware(vendor="keyed", throttle=None)
        async with aiohttp.ClientSession(middlewares=[watch]) as session, asyncio.timeout(0.2):
            await session.get(url)

    with deaf_port() as port, pytest.raises(TimeoutError):
        asyncio.run(main(f"http://127.0.0.1:{port}/"))


def test_a_session_that_raises_for_itself_is_not_asked():
    with Vendor(Reply(404, JSON, b'{"error": "gone"}')) as vendor, pytest.raises(VendorError) as caught:
        fetch(vendor.url, session_options={"raise_for_status": True})
    assert (caught.value.error.vendor_code, caught.value.error.family) == ("gone", Family.NOT_FOUND)


def test_the_end_of_a_redirect_is_what_counts():
    with Vendor(Reply(302, {"Location": "/v1/other"}), GOOD) as vendor:
        assert fetch(vendor.url) == (200, GOOD.body)
        assert [request.path for request in vendor.requests] == ["/v1/things", "/v1/other"]


# method, body: how often it is asked for where the connection breaks each time
ASKED = [("GET", None, 2), ("DELETE", None, 2), ("PUT", b"{}", 2), ("PUT", "pieces", 1), ("POST", None, 1)]


@pytest.mark.parametrize(("method", "body", "times"), ASKED)
@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.DISCONNECT])
def test_a_broken_connection_is_tried_once_more_as_aiohttp_would(method, body, times, trouble):
    data = _pieces if body == "pieces" else body
    with Vendor(Reply(trouble=trouble)) as vendor, pytest.raises(VendorError) as caught:
        fetch(vendor.url, method=method, data=data)
    assert caught.value.error.family is Family.CONNECTION
    assert len(vendor.requests) == times


@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.DISCONNECT])
def test_a_stale_connection_is_no_failure(trouble):
    with Vendor(Reply(trouble=trouble), GOOD) as vendor:
        assert fetch(vendor.url, method="PUT", data=b"{}") == (200, GOOD.body)
        assert [request.body for request in vendor.requests] == [b"{}", b"{}"]


async def _pieces():
    yield b"{}"


def _form():
    form = aiohttp.FormData()
    form.add_field("a", "1")
    form.add_field("file", b"abc", filename="a.txt")
    return form


BODIES = {"bytes": b"{}", "text": "{}", "form": {"a": "1"}, "file": "a file", "parts": _form, "pieces": _pieces}


@pytest.mark.parametrize("name", BODIES)
def test_what_can_be_sent_again_is_sent_whole(name, tmp_path):
    file, body = tmp_path / "a.txt", BODIES[name]
    file.write_bytes(b"abc")
    with Vendor(by_key) as vendor:
        with file.open("rb") as opened:
            try:
                answer = fetch(vendor.url, method="POST", data=opened if body == "a file" else body, refresh=Refresh())
            except VendorError as failure:
                answer = failure.error.retry.verdict
        first, *again = vendor.requests
    if again:
        assert answer == (200, GOOD.body)
        assert again[0].body == first.body
        assert again[0].headers["authorization"] == NEW
    else:
        assert answer == "after_refresh"
    assert bool(again) == (name in {"bytes", "text", "form", "parts"}) or name == "file"


# ---- packed bodies ---------------------------------------------------------------------------------------------------

PACKED = {**JSON, "Content-Encoding": "gzip"}


@pytest.mark.parametrize("unpacks", [False, True])
def test_a_packed_failure_is_told_though_the_session_does_not_unpack(unpacks):
    gone = Reply(404, PACKED, gzip.compress(b'{"error": "gone"}'))
    with Vendor(gone) as vendor, pytest.raises(VendorError) as caught:
        fetch(vendor.url, session_options={"auto_decompress": unpacks})
    assert caught.value.error.vendor_code == "gone"


@pytest.mark.parametrize("unpacks", [False, True])
def test_a_packed_answer_that_was_looked_into_is_as_it_came(unpacks, hider):
    sent = gzip.compress(GOOD.body)
    with Vendor(Reply(200, PACKED, sent)) as vendor:
        body = fetch(vendor.url, vendor=hider, session_options={"auto_decompress": unpacks})
    assert body == (200, GOOD.body if unpacks else sent)


def test_a_packed_body_that_stops_is_a_timeout(hider):
    limit = {"timeout": aiohttp.ClientTimeout(sock_read=0.3)}
    stops = Reply(200, PACKED, gzip.compress(b'{"a": "b"}' * 9), trouble=Trouble.STALL_BODY)
    with Vendor(stops) as vendor, pytest.raises(VendorError) as caught:
        fetch(vendor.url, vendor=hider, session_options=limit)
    assert caught.value.error.family is Family.TIMEOUT


@pytest.mark.parametrize("headers", [JSON, PACKED], ids=["plain", "packed"])
def test_a_look_that_is_cancelled_lets_go_of_the_connection(headers, hider):
    async def main(url):
        watch = errnorm.aiohttp.middleware(vendor=hider, throttle=None)
        async with aiohttp.ClientSession(middlewares=[watch], connector=aiohttp.TCPConnector(limit=1)) as session:
            task = asyncio.create_task(session.get(url))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(5), session.get(url) as response:  # there is room for one
                return response.status

    with Vendor(Reply(200, headers, gzip.compress(GOOD.body), trouble=Trouble.STALL_BODY), Reply(204)) as vendor:
        assert asyncio.run(main(vendor.url)) == 204


# ---- raise_for_error -------------------------------------------------------------------------------------------------


def judged(url, *, read=False, **options):
    async def main():
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            if read:
                await response.read()
            assert await errnorm.aiohttp.raise_for_error(response, **options) is response
            return await response.read()

    return asyncio.run(main())


@pytest.mark.parametrize("read", [False, True])
def test_a_response_is_read_up_to_the_cap(read):
    with Vendor(Reply(404, JSON, b'{"error": "gone"}')) as vendor, pytest.raises(VendorError) as caught:
        judged(vendor.url, read=read, vendor="keyed", operation="get", credentials="user")
    error = caught.value.error
    assert (error.vendor_code, error.method, error.operation) == ("gone", "GET", "get")
    assert caught.value.credentials == "user"


def test_no_more_is_read_than_that():
    with Vendor(Reply(500, {}, b"x" * 65_536, times=16_384)) as vendor:
        with pytest.raises(VendorError):
            judged(vendor.url, vendor="keyed")
        assert vendor.written < 16_000_000


@pytest.mark.parametrize("read", [False, True])
def test_a_good_response_comes_back_as_it_was(read):
    with Vendor(GOOD) as vendor:
        assert judged(vendor.url, read=read) == GOOD.body


def test_a_refusal_refreshes_nothing_by_itself():
    with Vendor(EXPIRED) as vendor, pytest.raises(VendorError) as caught:
        judged(vendor.url, vendor="keyed")
    assert caught.value.error.retry.verdict == "after_refresh"
    assert len(vendor.requests) == 1


async def asked(url, **options):
    """A session's own request; what it was answered is only then looked at."""
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}", **options) as response:
        await errnorm.aiohttp.raise_for_error(response, vendor="keyed")


@pytest.mark.parametrize("key", [None, "of the app"])
@pytest.mark.parametrize("answer", ["at once", "redirected"])
def test_what_was_answered_gets_no_key_any_more(key, answer):
    """The verdict is on what was on the wire, and on what the app asked for."""
    down = Reply(503, JSON, b'{"error": "down"}')
    replies = [down] if answer == "at once" else [Reply(303, {"Location": "/v1/other"}), down]
    headers = {} if key is None else {"Idempotency-Key": key}
    with Vendor(*replies) as vendor, attempts.begin() as call, pytest.raises(VendorError) as caught:
        asyncio.run(asked(vendor.url, headers=headers))
    assert not call.keys.given
    assert call.keys.count == 0
    assert (caught.value.error.method, caught.value.error.retry.verdict) == ("POST", "safe" if key else "if_idempotent")


def test_a_post_that_was_answered_is_not_made_again_for_the_sake_of_what_comes_next():
    with Vendor(GOOD, Reply(503, JSON, b'{"error": "down"}')) as vendor, attempts.begin() as call:
        asyncio.run(asked(vendor.url))
        assert call.committed
