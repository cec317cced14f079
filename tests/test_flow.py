"""Through every door a call waits its turn, carries its keys, is refreshed once, and reads no more than it must."""

import asyncio
import time
import tracemalloc

import pytest

from errnorm import attempts
from errnorm.answering import Normalizer
from errnorm.calling.flow import Caller
from errnorm.calling.steps import Leave, Request, Sleep, Take
from errnorm.families import Action, Family, Verdict
from errnorm.model import VendorError
from errnorm.throttle import Throttle
from errnorm.vendors import registry
from tests.callers import DOORS, every_door
from tests.loopback import Reply, Trouble, Vendor

JSON = {"Content-Type": "application/json"}
GOOD = Reply(200, JSON, b'{"ok": true}')
DOWN = Reply(503, JSON, b'{"error": "down"}')
EXPIRED = Reply(401, JSON, b'{"error": "token_expired"}')
PROFILE = """
name = "keyed"
speaks = ["json"]
idempotency = "Idempotency-Key"
[read]
code = ["error"]
[codes]
token_expired = { family = "authentication", retry = "after_refresh" }
down = "unavailable"
"""
OLD, NEW = "Bearer old-0123456789", "Bearer new-0123456789"


@pytest.fixture(scope="module", autouse=True)
def keyed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    for name, text in (("keyed", PROFILE), ("keyless", PROFILE.replace('idempotency = "Idempotency-Key"', ""))):
        (folder / f"{name}.toml").write_text(text.replace('"keyed"', f'"{name}"'), encoding="utf-8")
        registry.default.add(folder / f"{name}.toml")


def paced(*limits, **options):
    return Throttle(limits={"keyed": limits}, **options)


# ---- what is read ----------------------------------------------------------------------------------------------------


@every_door
@pytest.mark.parametrize("status", [500, 404])
def test_of_a_gigabyte_little_is_read(door, status):
    flood = Reply(status, {"Content-Type": "text/plain"}, b"x" * 65_536, times=16_384)
    with Vendor(DOWN) as vendor, pytest.raises(VendorError):
        door(vendor.url, vendor="keyed", throttle=None)  # so that everything is imported
    tracemalloc.start()
    try:
        with Vendor(flood) as vendor:
            with pytest.raises(VendorError) as caught:
                door(vendor.url, vendor="keyed", throttle=None)
            _, most = tracemalloc.get_traced_memory()
            assert caught.value.error.vendor_status == status
            # the cap of 64 KiB, and what the systems and the client have buffered in between
            assert vendor.written < 16_000_000
            assert most < 8_000_000
    finally:
        tracemalloc.stop()


@every_door
def test_a_page_of_html_is_a_proxy_s_word(door):
    page = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    with Vendor(Reply(502, {"Content-Type": "text/html"}, page)) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="keyed", throttle=None)
    assert (caught.value.error.family, caught.value.error.from_vendor) == (Family.UPSTREAM, False)


@every_door
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("DELETE", 204), ("GET", 304)])
def test_an_answer_without_a_body_is_left_alone(door, method, status):
    body = b"not sent" if method == "HEAD" else b""
    with Vendor(Reply(status, {}, body)) as vendor:
        assert door(vendor.url, method=method, vendor="keyed", throttle=None) == (status, b"")


@every_door
def test_a_bad_answer_to_head_has_a_status_alone(door):
    with Vendor(Reply(404, JSON, b"not sent")) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, method="HEAD", vendor="keyed", throttle=None)
    assert (caught.value.error.family, caught.value.error.method) == (Family.NOT_FOUND, "HEAD")


BROKEN = {
    Trouble.RESET: (Family.CONNECTION, "CONNECTION_RESET"),
    Trouble.DISCONNECT: (Family.CONNECTION, "CONNECTION_RESET"),
    Trouble.GARBAGE: (Family.CONNECTION, "PROTOCOL_ERROR"),
    Trouble.STALL: (Family.TIMEOUT, "READ_TIMEOUT"),
}


@every_door
@pytest.mark.parametrize("trouble", BROKEN, ids=lambda trouble: trouble.name.lower())
def test_a_broken_call_is_told_with_its_vendor_and_method(door, trouble):
    with Vendor(Reply(trouble=trouble)) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="keyed", timeout=0.3 if trouble is Trouble.STALL else 10, throttle=None)
    error = caught.value.error
    assert (error.family, error.reason) == BROKEN[trouble]
    assert (error.vendor, error.method, error.sent, error.retry.verdict) == ("keyed", "GET", None, Verdict.SAFE)


# ---- its turn --------------------------------------------------------------------------------------------------------


@every_door
def test_who_would_wait_too_long_is_told_so_and_nothing_is_sent(door):
    throttle = paced({"requests": 1, "seconds": 3600}, max_wait=2)
    with Vendor(GOOD) as vendor:
        assert door(vendor.url, vendor="keyed", throttle=throttle) == (200, GOOD.body)
        with pytest.raises(VendorError) as caught:
            door(vendor.url, vendor="keyed", throttle=throttle, operation="create")
        door(vendor.url, vendor="keyed", throttle=throttle, account="another")
    error = caught.value.error
    assert len(vendor.requests) == 2
    assert (error.family, error.reason, error.vendor, error.method) == (
        Family.RATE_LIMIT,
        "THROTTLED",
        "keyed",
        "GET",
    )
    assert (error.sent, error.vendor_status, error.operation) == (False, None, "create")
    assert (error.retry.verdict, error.retry.source, error.response_status) == (Verdict.SAFE, "profile", 503)
    assert 3000 < error.retry.after_s < 4000
    assert error.action is Action.WAIT


@every_door
def test_the_second_call_waits_for_its_turn(door):
    throttle, begun = paced({"requests": 1, "seconds": 0.3}), time.monotonic()
    with Vendor(GOOD) as vendor:
        for _ in range(2):
            assert door(vendor.url, vendor="keyed", throttle=throttle) == (200, GOOD.body)
    assert time.monotonic() - begun >= 0.3  # at the least: no busy machine makes it shorter


@every_door
def test_too_many_of_one_holds_up_the_others(door):
    throttle = paced(max_wait=1)
    with Vendor(Reply(429, {"Retry-After": "600"}), GOOD) as vendor:
        for reason in ("RATE_LIMIT", "THROTTLED"):
            with pytest.raises(VendorError) as caught:
                door(vendor.url, vendor="keyed", throttle=throttle)
            assert caught.value.error.reason.startswith(reason)
    assert len(vendor.requests) == 1
    assert 590 < caught.value.error.retry.after_s <= 600


@every_door
def test_whatever_becomes_of_a_call_its_turn_ends(door):
    throttle = paced({"concurrent": 1}, max_wait=0.2)
    with Vendor(DOWN, Reply(trouble=Trouble.RESET), GOOD) as vendor:
        for _ in range(2):
            with pytest.raises(VendorError) as caught:
                door(vendor.url, vendor="keyed", throttle=throttle)
            assert caught.value.error.reason != "THROTTLED"
        assert door(vendor.url, vendor="keyed", throttle=throttle) == (200, GOOD.body)


def flow_of(throttle, **options):
    request = Request("GET", "https://api.acme.example/v1", frozenset())
    return Caller(Normalizer(), "keyed", throttle=throttle, **options).call(request)


@pytest.mark.parametrize("raised", [asyncio.CancelledError, KeyboardInterrupt, KeyError])
@pytest.mark.parametrize("waits", [0, 1])
def test_whoever_goes_away_gives_up_the_place(raised, waits):
    flow = flow_of(paced())
    step = next(flow)
    assert isinstance(step, Take)
    if waits:
        assert isinstance(flow.send(0.1), Sleep)
    left = flow.throw(raised())
    assert isinstance(left, Leave)
    assert left.turn is step.turn
    with pytest.raises(raised):
        next(flow)


def test_a_cancelled_call_ends_its_turn():
    httpx = pytest.importorskip("httpx")
    import errnorm.httpx

    throttle = paced({"concurrent": 1}, max_wait=0.2)

    async def main(stalling, good):
        async with httpx.AsyncClient(trust_env=False) as client:
            errnorm.httpx.install(client, vendor="keyed", throttle=throttle)
            first = asyncio.create_task(client.get(stalling))
            while not stalled.requests:  # noqa: ASYNC110 - it is a thread that we wait for
                await asyncio.sleep(0.01)
            with pytest.raises(VendorError) as caught:
                await client.get(good)
            assert caught.value.error.reason == "THROTTLED"
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await client.get(good)).status_code == 200

    with Vendor(Reply(trouble=Trouble.STALL)) as stalled, Vendor(GOOD) as well:
        asyncio.run(main(stalled.url, well.url))


def test_a_cancelled_call_of_trio_ends_its_turn():
    trio, httpx = pytest.importorskip("trio"), pytest.importorskip("httpx")
    import errnorm.httpx

    throttle = paced({"concurrent": 1}, max_wait=0.2)

    async def main(stalling, good):
        async with httpx.AsyncClient(trust_env=False) as client:
            errnorm.httpx.install(client, vendor="keyed", throttle=throttle)
            with trio.move_on_after(0.5) as scope:
                await client.get(stalling)
            assert scope.cancelled_caught
            assert (await client.get(good)).status_code == 200

    with Vendor(Reply(trouble=Trouble.STALL)) as stalled, Vendor(GOOD) as well:
        trio.run(main, stalled.url, well.url)


def test_without_a_throttle_nobody_waits():
    assert type(next(flow_of(None))).__name__ == "Send"


# ---- keys ------------------------------------------------------------------------------------------------------------


def keys(vendor):
    return [request.headers.get("idempotency-key") for request in vendor.requests]


@every_door
def test_every_attempt_of_a_call_carries_the_same_key(door):
    with Vendor(DOWN, GOOD) as vendor:
        with attempts.begin() as call:
            with pytest.raises(VendorError) as caught:
                door(vendor.url, vendor="keyed", method="POST", content=b"{}", throttle=None)
            assert caught.value.error.retry.verdict is Verdict.SAFE
            call.again()
            door(vendor.url, vendor="keyed", method="POST", content=b"{}", throttle=None)
        with attempts.begin():
            door(vendor.url, vendor="keyed", method="POST", content=b"{}", throttle=None)
    first, again, another = keys(vendor)
    assert first
    assert first == again != another


@every_door
def test_no_key_where_none_is_heeded_needed_or_meant(door):
    own = {"idempotency-key": "of the app"}
    with Vendor(DOWN) as vendor, attempts.begin():
        for name, method, headers in (
            ("keyless", "POST", None),
            ("keyed", "GET", None),
            ("keyed", "POST", own),
        ):
            with pytest.raises(VendorError) as caught:
                door(vendor.url, vendor=name, method=method, headers=headers, throttle=None)
            safe = name == "keyed"
            assert caught.value.error.retry.verdict is (Verdict.SAFE if safe else Verdict.IF_IDEMPOTENT)
    assert keys(vendor) == [None, None, "of the app"]


@every_door
def test_no_key_without_a_call_to_repeat(door):
    with Vendor(DOWN) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="keyed", method="POST", throttle=None)
    assert keys(vendor) == [None]
    assert caught.value.error.retry.verdict is Verdict.IF_IDEMPOTENT


# ---- refreshing ------------------------------------------------------------------------------------------------------


def by_key(request):
    return GOOD if request.headers.get("authorization") == NEW else EXPIRED


class Refresh:
    """The app's callable, plain as any client may have it."""

    def __init__(self, key=NEW):
        self.times, self.key = 0, key

    def __call__(self):
        self.times += 1
        if isinstance(self.key, Exception):
            raise self.key
        return {"Authorization": self.key}


@every_door
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_call_is_made_once_more_with_a_new_credential(door, method):
    refresh = Refresh()
    content = None if method == "GET" else b'{"a": 1}'
    options = {"vendor": "keyed", "headers": {"Authorization": OLD}, "refresh": refresh, "throttle": None}
    with Vendor(by_key) as vendor, attempts.begin():
        assert door(vendor.url, method=method, content=content, **options) == (200, GOOD.body)
        assert [request.headers["authorization"] for request in vendor.requests] == [OLD, NEW]
        assert {request.body for request in vendor.requests} == {content or b""}
        assert len(set(keys(vendor))) == 1
        assert door(vendor.url, **options) == (200, GOOD.body)  # its successor is known by now
        assert vendor.requests[-1].headers["authorization"] == NEW
        assert len(vendor.requests) == 3
    assert refresh.times == 1


@every_door
def test_a_second_refusal_is_for_somebody_to_see_to(door):
    refresh = Refresh("Bearer wrong-0123456789")
    with Vendor(by_key) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="keyed", headers={"Authorization": OLD}, refresh=refresh, throttle=None)
    error = caught.value.error
    assert (error.family, error.retry.verdict, error.action) == (
        Family.AUTHENTICATION,
        Verdict.NEVER,
        Action.ASK_ADMIN,
    )
    assert (len(vendor.requests), refresh.times) == (2, 1)


@every_door
def test_so_is_a_refresh_that_fails(door):
    refresh = Refresh(ConnectionError("no way"))
    with Vendor(by_key) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="keyed", headers={"Authorization": OLD}, refresh=refresh, throttle=None)
    error = caught.value.error
    assert (error.retry.verdict, error.action, error.vendor_status) == (Verdict.NEVER, Action.ASK_ADMIN, 401)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert (len(vendor.requests), refresh.times) == (1, 1)


@every_door
def test_no_key_is_in_our_frames(door):
    with Vendor(EXPIRED) as vendor, pytest.raises(VendorError) as caught:
        door(vendor.url, vendor="keyed", headers={"Authorization": OLD}, refresh=Refresh(), throttle=None)
    assert "new-0123456789" not in repr(caught.value) + str(caught.value.error.to_dict())
    trace = caught.value.__traceback__
    while trace is not None:
        if "errnorm/" in trace.tb_frame.f_code.co_filename and "tests" not in trace.tb_frame.f_code.co_filename:
            assert "0123456789" not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next


ITERATORS = [name for name in DOORS if name in {"httpx", "httpx2", "requests", "urllib3"}]


@pytest.mark.parametrize("name", ITERATORS)
def test_what_cannot_be_sent_again_is_not(name):
    refresh, door = Refresh(), DOORS[name]
    options = {"vendor": "keyed", "refresh": refresh, "throttle": None}
    headers = {"Authorization": OLD, "Content-Length": "2"}
    with Vendor(by_key) as vendor:
        with pytest.raises(VendorError) as caught:
            door(vendor.url, method="POST", content=iter([b"{}"]), headers=headers, **options)
        assert caught.value.error.retry.verdict is Verdict.AFTER_REFRESH
        assert len(vendor.requests) == 1
        assert door(vendor.url, headers={"Authorization": OLD}, **options) == (200, GOOD.body)
    assert refresh.times == 1
