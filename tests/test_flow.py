"""Through every door a call waits its turn, carries its keys, is refreshed once, and reads no more than it must."""

import asyncio
import time
import tracemalloc
from contextlib import contextmanager
from contextvars import ContextVar

import pytest

import errnorm.aiohttp
import errnorm.httpx
import errnorm.requests
from errnorm import attempts, correlation, retry
from errnorm.answering import Normalizer
from errnorm.calling.flow import Caller
from errnorm.calling.steps import Leave, Request, Sleep, Take
from errnorm.families import Action, Family, Verdict
from errnorm.model import VendorError
from errnorm.throttle import Throttle
from errnorm.throttling.memory import Memory
from errnorm.vendors import registry
from tests.callers import BY_HOP, DOORS, every_door
from tests.loopback import Reply, Trouble, Vendor, closed_port

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
                door(vendor.url, vendor="keyed", throttle=throttle, method="POST")  # which no client repeats
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


@pytest.mark.parametrize("name", ITERATORS)
def test_nor_is_a_credential_renewed_for_it(name):
    refresh = Refresh()
    headers = {"Authorization": OLD, "Content-Length": "2"}
    with Vendor(by_key) as vendor, pytest.raises(VendorError):
        DOORS[name](
            vendor.url,
            method="POST",
            content=iter([b"{}"]),
            headers=headers,
            vendor="keyed",
            refresh=refresh,
            throttle=None,
        )
    assert refresh.times == 0


TENANT = ContextVar("tenant", default="a")


@every_door
def test_a_successor_takes_the_place_of_no_other_s_key_wherever_that_stands(door):
    asked = []

    def refresh():
        asked.append(TENANT.get())
        return {"Private-Token": f"new-{TENANT.get()}"}

    def answer(request):
        return EXPIRED if request.headers.get("private-token", "old").startswith("old") else GOOD

    def call(tenant, key):
        token = TENANT.set(tenant)
        try:
            headers = {"Private-Token": key} if key else None
            assert door(vendor.url, vendor="keyed", headers=headers, refresh=refresh, throttle=None)[0] == 200
        finally:
            TENANT.reset(token)

    with Vendor(answer) as vendor:
        for tenant, key in [("a", "old-a"), ("b", "good-b"), ("b", "old-b"), ("a", "old-a"), ("c", ""), ("d", "")]:
            call(tenant, key)
    seen = [request.headers.get("private-token") for request in vendor.requests]
    assert seen == ["old-a", "new-a", "good-b", "old-b", "new-b", "new-a", None, "new-c", None, "new-d"]
    assert asked == ["a", "b", "c", "d"]


# ---- redirects -------------------------------------------------------------------------------------------------------

HEADERS = {"the usual": {"Authorization": OLD}, "another": {"Private-Token": OLD}, "none yet": {}}


@every_door
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_new_credential_goes_nowhere_a_redirect_leads(door, headers):
    (name,) = headers or ("Authorization",)
    times = []

    def refresh():
        times.append(1)
        return {name: NEW}

    def answer(request):
        if request.path != "/v1/things":
            return Reply(302, {"Location": evil.url})
        return GOOD if request.headers.get(name.lower()) == NEW else EXPIRED

    with Vendor(EXPIRED) as evil, Vendor(answer) as vendor:
        options = {"vendor": "keyed", "headers": headers, "refresh": refresh, "throttle": None}
        assert door(vendor.url, **options)[0] == 200
        with pytest.raises(VendorError) as caught:
            door(vendor.url.replace("things", "led"), **options)
    assert caught.value.error.vendor_status == 401
    assert evil.requests
    if name == "Authorization":  # which clients take away themselves; what else there is goes where they send it
        assert NEW not in str([request.headers for request in evil.requests])


@pytest.mark.parametrize("name", BY_HOP)
def test_by_hops_not_even_in_a_header_that_clients_leave(name):
    refreshed = []

    def refresh():
        refreshed.append(1)
        return {"Private-Token": NEW}

    with Vendor(EXPIRED) as evil, Vendor(EXPIRED, GOOD, Reply(302, {"Location": evil.url})) as vendor:
        options = {"headers": {"Private-Token": OLD}, "vendor": "keyed", "throttle": None, "refresh": refresh}
        with one_client(name, **options) as get:
            assert get(vendor.url) == 200
            with pytest.raises(VendorError):
                get(vendor.url)
    assert [request.headers.get("private-token") for request in vendor.requests] == [OLD, NEW, NEW]
    assert NEW not in str([request.headers for request in evil.requests])
    assert refreshed == [1]


@contextmanager
def one_client(name, *, headers, **options):
    """A client for several calls, each as a function of its url that gives the status."""
    if name == "requests adapter":
        requests = pytest.importorskip("requests")
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", errnorm.requests.install(requests.adapters.HTTPAdapter(), **options))
            yield lambda url: session.get(url, headers=headers).status_code
    elif name == "httpx transport":
        httpx = pytest.importorskip("httpx")
        transport = errnorm.httpx.install(httpx.HTTPTransport(), **options)
        with httpx.Client(transport=transport, follow_redirects=True) as client:
            yield lambda url: client.get(url, headers=headers).status_code
    elif name == "httpx async transport":
        httpx = pytest.importorskip("httpx")
        transport = errnorm.httpx.install(httpx.AsyncHTTPTransport(), **options)

        async def ask(url):
            async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
                return (await client.get(url, headers=headers)).status_code

        yield lambda url: asyncio.run(ask(url))
    else:
        aiohttp = pytest.importorskip("aiohttp")
        watch = errnorm.aiohttp.middleware(**options)

        async def fetch(url):
            async with aiohttp.ClientSession(middlewares=[watch]) as session, session.get(url, headers=headers) as got:
                return got.status

        yield lambda url: asyncio.run(fetch(url))


@every_door
def test_a_redirect_within_the_origin_is_refreshed(door):
    def answer(request):
        return Reply(302, {"Location": "/v1/other"}) if request.path == "/v1/things" else by_key(request)

    refresh = Refresh()
    with Vendor(answer) as vendor:
        options = {"headers": {"Authorization": OLD}, "vendor": "keyed", "throttle": None, "refresh": refresh}
        assert door(vendor.url, **options) == (200, GOOD.body)
    assert refresh.times == 1


FAILS = {
    "refused": None,
    "reset": Reply(trouble=Trouble.RESET),
    "garbage": Reply(trouble=Trouble.GARBAGE),
    "down": DOWN,
}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("how", FAILS)
@pytest.mark.parametrize("status", [303, 307])
def test_what_a_redirect_leads_to_says_nothing_of_what_was_asked(name, how, status):
    """RFC 9110, 15.4.4: after a 303 the request was carried out; to send it again would do it twice."""
    pytest.importorskip("stamina")
    door, raised = DOORS[name], []
    led = f"http://127.0.0.1:{closed_port()}/result" if how == "refused" else "/v1/result"

    def answer(request):
        return Reply(status, {"Location": led}) if request.path == "/v1/things" else FAILS[how]

    @retry.retrying(attempts=3, base=0.001, throttled_base=0.001)
    def order():
        try:
            door(vendor.url, method="POST", content=b"{}", vendor="keyless", throttle=None)
        except VendorError as failure:
            raised.append(failure.error)
            raise

    with Vendor(answer) as vendor, pytest.raises(VendorError):
        order()
    assert [request.path for request in vendor.requests].count("/v1/things") == len(raised) == 1
    if name not in BY_HOP:
        (error,) = raised
        assert (error.method, error.sent, error.retry.verdict) == ("POST", True, Verdict.IF_IDEMPOTENT)


@every_door
def test_a_redirect_is_within_the_turn_of_its_call(door):
    throttle = paced({"concurrent": 1}, max_wait=0)
    with Vendor(Reply(302, {"Location": "/v1/other"}), GOOD) as vendor:
        assert door(vendor.url, vendor="keyed", throttle=throttle) == (200, GOOD.body)
    assert [request.path for request in vendor.requests] == ["/v1/things", "/v1/other"]


@pytest.mark.parametrize("name", ["requests", "niquests"])
def test_what_a_hook_sends_is_a_call_of_its_own(name):
    module, turns = pytest.importorskip(name), []

    class Seen(Throttle):
        def turn(self, profile, operation, account):
            turns.append(operation)
            return super().turn(profile, operation, account)

    def hook(response, **_):
        if "other" in response.url:
            session.get(vendor.url.replace("things", "hooked"))

    def answer(request):
        return Reply(302, {"Location": "/v1/other"}) if request.path == "/v1/things" else GOOD

    with Vendor(answer) as vendor, module.Session() as session:
        session.trust_env = False
        errnorm.requests.install(session, vendor="keyed", throttle=Seen())
        assert session.get(vendor.url, hooks={"response": [hook]}).json() == {"ok": True}
        assert len(turns) == 2
        assert session.get(vendor.url).status_code == 200
    assert [request.path for request in vendor.requests][:3] == ["/v1/things", "/v1/other", "/v1/hooked"]
    assert len(turns) == 3


@pytest.mark.parametrize("name", ["httpx", "httpx2", "requests", "niquests"])
def test_a_request_that_is_sent_twice_carries_nothing_of_the_first_time(name):
    module = pytest.importorskip(name)
    client = module.Client(trust_env=False) if name.startswith("httpx") else module.Session()
    with Vendor(by_key) as vendor, client:
        if name.startswith("httpx"):
            errnorm.httpx.install(client, vendor="keyed", throttle=None, refresh=Refresh())
            request = client.build_request("POST", vendor.url, content=b"{}", headers={"Authorization": OLD})
        else:
            client.trust_env = False
            errnorm.requests.install(client, vendor="keyed", throttle=None, refresh=Refresh())
            asked = module.Request("POST", vendor.url, data=b"{}", headers={"Authorization": OLD})
            request = client.prepare_request(asked)
        before = dict(request.headers)
        for number in (1, 2):
            token = correlation.bind(f"c-{number}")
            with attempts.begin():
                assert client.send(request).status_code == 200
            correlation.unbind(token)
            assert dict(request.headers) == before
    assert [each.headers["x-request-id"] for each in vendor.requests] == ["c-1", "c-1", "c-2"]
    first, again, second = keys(vendor)
    assert first == again != second


def test_an_answer_is_given_back_though_its_call_is_cancelled_while_its_turn_ends():
    httpx = pytest.importorskip("httpx")
    telling = asyncio.Event()

    class Slow(Memory):
        """As a store elsewhere, which has to be awaited."""

        async def asettle(self, *told):
            if not telling.is_set():
                telling.set()
                await asyncio.sleep(60)
            self.settle(*told)

    throttle = Throttle()
    throttle._store = Slow()

    async def main():
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=httpx.Timeout(10, pool=2)) as client:
            errnorm.httpx.install(client, vendor="keyed", throttle=throttle)

            async def stream():
                async with client.stream("GET", vendor.url):
                    pass

            first = asyncio.create_task(stream())
            await telling.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await client.get(vendor.url)).status_code == 200  # there is one connection

    with Vendor(Reply(200, JSON, b"x" * 1_000_000)) as vendor:
        asyncio.run(main())
