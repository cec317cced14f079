"""Equal failures are told alike whichever client meets them, and no client is read, imported or forgotten."""

import asyncio
import contextlib
import importlib
import inspect
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import NamedTuple

import pytest

import errnorm
from errnorm.families import Family
from errnorm.reading.clients import Response, response_of, transport_of
from errnorm.reading.outcomes import CLIENTS, OUTCOMES
from tests.loopback import Reply, Trouble, Vendor, closed_port, deaf_port

SOON, LATER = 0.2, 10  # seconds: for what never comes, and for what must come on a busy machine too


def httpx_like(name):
    def call(url, proxy=None, timeout=LATER):
        module = pytest.importorskip(name)
        with module.Client(timeout=timeout, follow_redirects=True, trust_env=False, proxy=proxy) as client:
            return client.post(url)

    return call


def httpx_like_async(name, run=asyncio.run):
    def call(url, proxy=None, timeout=LATER):
        module = pytest.importorskip(name)

        async def main():
            async with module.AsyncClient(
                timeout=timeout, follow_redirects=True, trust_env=False, proxy=proxy
            ) as client:
                return await client.post(url)

        return run(main)

    return call


def requests_like(name):
    def call(url, proxy=None, timeout=LATER):
        module = pytest.importorskip(name)
        with module.Session() as session:
            session.trust_env = False
            proxies = {"http": proxy, "https": proxy} if proxy else None
            # streamed, for where it cannot decode a body requests leaves the connection open
            with session.post(url, timeout=timeout, proxies=proxies, stream=True) as response:
                assert response.content is not None
                return response

    return call


def niquests_async(url, proxy=None, timeout=LATER):
    module = pytest.importorskip("niquests")

    async def main():
        async with module.AsyncSession() as session:
            session.trust_env = False
            return await session.post(url, timeout=timeout, proxies={"http": proxy, "https": proxy} if proxy else None)

    return asyncio.run(main())


def aiohttp(url, proxy=None, timeout=LATER):
    module = pytest.importorskip("aiohttp")

    async def main():
        limits = module.ClientTimeout(sock_connect=timeout, sock_read=timeout)
        async with module.ClientSession(timeout=limits) as session, session.post(url, proxy=proxy) as response:
            await response.read()
            return response

    return asyncio.run(main())


def urllib3(url, proxy=None, timeout=LATER):
    module = pytest.importorskip("urllib3")
    options = {"timeout": timeout, "retries": module.Retry(connect=0, read=0, other=0, redirect=3)}
    with module.ProxyManager(proxy, **options) if proxy else module.PoolManager(**options) as pool:
        return pool.request("POST", url)


def run_asyncio(main):
    return asyncio.run(main())


def run_trio(main):
    return pytest.importorskip("trio").run(main)


CALLS = {
    "httpx": httpx_like("httpx"),
    "httpx async": httpx_like_async("httpx", run_asyncio),
    "httpx trio": httpx_like_async("httpx", run_trio),
    "httpx2": httpx_like("httpx2"),
    "httpx2 async": httpx_like_async("httpx2", run_asyncio),
    "requests": requests_like("requests"),
    "niquests": requests_like("niquests"),
    "niquests async": niquests_async,
    "aiohttp": aiohttp,
    "urllib3": urllib3,
}

BODY = b'{"error": "no"}' * 9


class Failure(NamedTuple):
    """How to fail, and what is told of it."""

    family: Family
    reason: str
    sent: bool | None
    vendor: Callable[[], Vendor] | None = None
    url: Callable[[], str] | None = None
    tls: bool = False  # speak TLS to a vendor that does not
    proxy: bool = False  # the vendor is a proxy
    but: tuple[str, ...] = ()  # clients that tell it otherwise: why, stands beside it


def failing(reply, **options):
    return lambda: Vendor(reply, **options)


FAILURES = {
    "no such host": Failure(Family.CONNECTION, "DNS_FAILURE", False, url=lambda: "http://nobody.invalid/v1"),
    "refused": Failure(
        Family.CONNECTION, "CONNECTION_REFUSED", False, url=lambda: f"http://127.0.0.1:{closed_port()}/v1"
    ),
    "refused by every address": Failure(
        Family.CONNECTION, "CONNECTION_REFUSED", False, url=lambda: f"http://localhost:{closed_port()}/v1"
    ),
    "certificate": Failure(Family.CONNECTION, "TLS_FAILURE", False, failing(Reply(), tls=True)),
    "no TLS at all": Failure(Family.CONNECTION, "TLS_FAILURE", False, failing(Reply()), tls=True),
    "handshake stalls": Failure(
        Family.TIMEOUT,
        "CONNECT_TIMEOUT",
        False,
        failing(Reply(trouble=Trouble.STALL)),
        tls=True,
        but=("niquests async",),  # it calls that a reset
    ),
    "reset": Failure(Family.CONNECTION, "CONNECTION_RESET", None, failing(Reply(trouble=Trouble.RESET))),
    "disconnect": Failure(Family.CONNECTION, "CONNECTION_RESET", None, failing(Reply(trouble=Trouble.DISCONNECT))),
    "stall": Failure(Family.TIMEOUT, "READ_TIMEOUT", None, failing(Reply(trouble=Trouble.STALL))),
    "stall in the body": Failure(
        Family.TIMEOUT, "READ_TIMEOUT", None, failing(Reply(body=BODY, trouble=Trouble.STALL_BODY))
    ),
    "truncated": Failure(
        Family.CONNECTION, "PROTOCOL_ERROR", None, failing(Reply(body=BODY, trouble=Trouble.TRUNCATE))
    ),
    "not HTTP": Failure(Family.CONNECTION, "PROTOCOL_ERROR", None, failing(Reply(trouble=Trouble.GARBAGE))),
    "not gzip": Failure(
        Family.CONNECTION,
        "DECODING_ERROR",
        True,
        failing(Reply(200, {"Content-Encoding": "gzip"}, BODY)),
        but=("httpx trio",),  # told alike, but httpx leaves a generator to the garbage collector, and trio objects
    ),
    "redirect loop": Failure(
        Family.UNKNOWN, "TOO_MANY_REDIRECTS", True, failing(Reply(307, {"Location": "/v1/things"}))
    ),
    "bad url": Failure(Family.VALIDATION, "INVALID_URL", False, url=lambda: "http://[::1"),
    "bad scheme": Failure(Family.VALIDATION, "INVALID_URL", False, url=lambda: "gopher://127.0.0.1/"),
    "proxy refuses": Failure(Family.CONNECTION, "PROXY_FAILURE", False, failing(Reply(407)), proxy=True),
}


def meet(failure, call):
    """The exception that a client raises."""
    with failure.vendor() if failure.vendor else contextlib.nullcontext() as vendor:
        url = vendor.url if vendor else failure.url() if failure.url else ""
        timeout = SOON if failure.family is Family.TIMEOUT else LATER
        try:
            if failure.proxy and vendor:
                call("https://vendor.invalid/v1", proxy=f"http://127.0.0.1:{vendor.port}", timeout=timeout)
            else:
                call(url.replace("http:", "https:") if failure.tls else url, timeout=timeout)
        except Exception as raised:  # noqa: BLE001 - whatever it is, the test looks at it
            return raised
    return AssertionError("the client raised nothing")


@pytest.mark.parametrize("client", CALLS)
@pytest.mark.parametrize("name", FAILURES)
def test_equal_failures_are_told_alike(name, client):
    failure = FAILURES[name]
    if client in failure.but:
        pytest.skip("this client tells it otherwise")
    raised = meet(failure, CALLS[client])
    told = transport_of(raised)
    assert told is not None
    assert (told.family, told.reason, told.sent) == (failure.family, failure.reason, failure.sent)
    assert response_of(raised) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only there a full backlog is silent")
@pytest.mark.parametrize("client", CALLS)
def test_a_connection_that_is_never_made_was_never_sent(client):
    with deaf_port() as port:
        failure = Failure(Family.TIMEOUT, "CONNECT_TIMEOUT", False, url=lambda: f"http://127.0.0.1:{port}/")
        told = transport_of(meet(failure, CALLS[client]))
    assert told is not None
    assert (told.family, told.reason, told.sent) == (failure.family, failure.reason, failure.sent)


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_a_full_pool_sends_nothing(client):
    module = pytest.importorskip(client)
    limits = module.Limits(max_connections=1)
    with (
        Vendor(Reply(body=BODY)) as vendor,
        module.Client(limits=limits, timeout=module.Timeout(LATER, pool=SOON), trust_env=False) as busy,
        busy.stream("GET", vendor.url),
        pytest.raises(module.PoolTimeout) as caught,
    ):
        busy.get(vendor.url)
    told = transport_of(caught.value)
    assert told is not None
    assert told == (Family.TIMEOUT, "POOL_TIMEOUT", False, "GET", vendor.url)


def test_the_total_time_of_aiohttp_is_a_timeout_and_any_other_is_not():
    module = pytest.importorskip("aiohttp")

    async def main(url, total, around):
        async with (
            module.ClientSession(timeout=module.ClientTimeout(total=total)) as session,
            asyncio.timeout(around),
            session.get(url) as response,
        ):
            await response.read()

    with Vendor(Reply(trouble=Trouble.STALL)) as vendor:
        with pytest.raises(TimeoutError) as caught:
            asyncio.run(main(vendor.url, SOON, 5))
        assert transport_of(caught.value) == (Family.TIMEOUT, "TIMEOUT", None, None, None)
        with pytest.raises(TimeoutError) as caught:
            asyncio.run(main(vendor.url, 5, SOON))
        assert transport_of(caught.value) is None


@pytest.mark.parametrize(
    "raised",
    [
        TimeoutError(),
        ConnectionError(),
        ConnectionResetError(),
        OSError(113, ""),
        asyncio.CancelledError(),
        ValueError(),
    ],
    ids=repr,
)
def test_what_no_client_raised_is_not_ours(raised):
    assert transport_of(raised) is None
    assert response_of(raised) is None


def test_a_former_failure_is_not_the_cause_of_a_later_one():
    httpx = pytest.importorskip("httpx")
    try:
        try:
            raise httpx.ConnectTimeout("the first vendor")
        except httpx.ConnectTimeout:
            raise httpx.ReadTimeout("the fallback, while the first was handled")  # noqa: B904 - likewise
    except httpx.ReadTimeout as raised:
        told = transport_of(raised)
    assert told is not None
    assert (told.reason, told.sent) == ("READ_TIMEOUT", None)


def test_an_unreachable_host_is_told_by_the_number_of_the_system():
    module = pytest.importorskip("aiohttp")
    key = type("Key", (), {"host": "api.acme.example", "port": 443, "is_ssl": True, "ssl": True})()
    told = transport_of(module.ClientConnectorError(key, OSError(113, "No route to host")))
    assert told == (Family.CONNECTION, "HOST_UNREACHABLE", False, None, "//api.acme.example")


def test_causes_in_a_circle_come_to_an_end():
    requests = pytest.importorskip("requests")
    first, second = requests.ConnectionError(), requests.ConnectionError()
    first.args, second.args = (second, first), (first,)
    first.__cause__ = second
    told = transport_of(first)
    assert told is not None
    assert told.reason == "CONNECTION"


# ---- every class of every client -------------------------------------------------------------------------------------

EXPORTS = {
    "httpx": ("httpx",),
    "httpx2": ("httpx2",),
    "requests": ("requests.exceptions",),
    "niquests": ("niquests.exceptions",),
    "aiohttp": ("aiohttp", "aiohttp.client_exceptions"),
    "urllib3": ("urllib3.exceptions",),
    "urllib3_future": ("urllib3_future.exceptions",),
    "urllib": ("urllib.error",),
}


def exceptions_of(client):
    """The exception classes that a client exports and defines itself."""
    pytest.importorskip(client)
    for module in map(importlib.import_module, EXPORTS[client]):
        for name, cls in vars(module).items():
            if not inspect.isclass(cls) or not issubclass(cls, Exception) or issubclass(cls, Warning):
                continue
            if cls.__module__.split(".")[0] == client and name == cls.__name__:  # its own, and no second name of it
                yield cls


NOT_OF_CALLS = {"urllib.ContentTooShortError"}  # of urlretrieve


@pytest.mark.parametrize("client", EXPORTS)
def test_no_exception_class_is_forgotten(client):
    assert client in CLIENTS
    words = {f"{CLIENTS[client]}.{cls.__name__}" for cls in exceptions_of(client)} - NOT_OF_CALLS
    assert words
    assert not words - OUTCOMES.keys(), "say in reading/outcomes.py what these mean"


@pytest.mark.parametrize("client", EXPORTS)
def test_a_subclass_that_nobody_listed_means_what_its_parent_means(client):
    for cls in exceptions_of(client):
        child = type("OfAnApp", (cls,), {"__module__": "app.errors", "__init__": lambda self: None})
        told, parent = transport_of(child()), OUTCOMES.get(f"{CLIENTS[client]}.{cls.__name__}")
        if parent is not None:
            assert (told.reason if told else "") == parent.reason, cls


@pytest.mark.parametrize("client", EXPORTS)
def test_half_made_exceptions_and_responses_raise_nothing(client):
    pytest.importorskip(client)
    for cls in exceptions_of(client):
        assert response_of(cls.__new__(cls)) is None
        transport_of(cls.__new__(cls))
    for name in ("Response", "ClientResponse", "HTTPResponse", "AsyncResponse"):
        if (cls := getattr(sys.modules[client], name, None)) is not None:
            assert response_of(cls.__new__(cls)) is None


def test_reasons_are_names():
    for word, outcome in OUTCOMES.items():
        assert not outcome.reason or (outcome.reason.isupper() and len(outcome.reason) <= 63), word


# ---- responses -------------------------------------------------------------------------------------------------------

TEAPOT = Reply(418, {"Content-Type": "application/json", "X-Request-Id": "r-1"}, BODY)


@pytest.mark.parametrize("client", CALLS)
def test_a_response_that_is_read_is_told_whole(client):
    with Vendor(TEAPOT) as vendor:
        response = response_of(CALLS[client](vendor.url))
    assert response is not None
    assert (response.status, response.body) == (418, BODY)
    assert response.headers.get("x-request-id") == "r-1"
    if client != "urllib3":  # it does not say
        assert (response.method, response.url) == ("POST", vendor.url)


def test_a_response_of_ours_is_told_as_it_is():
    response = Response(418, {}, b"", None, None)
    assert response_of(response) is response


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_httpx_is_never_read(client):
    module = pytest.importorskip(client)
    with Vendor(TEAPOT) as vendor, module.Client(trust_env=False) as session:
        with session.stream("GET", vendor.url) as response:
            told = response_of(response)
            assert told is not None
            assert (told.status, told.body, told.method) == (418, b"", "GET")
            assert response.read() == BODY
        with pytest.raises(module.HTTPStatusError) as caught:
            response.raise_for_status()
        told = response_of(caught.value)
        assert told is not None
        assert (told.status, told.body, told.url) == (418, BODY, vendor.url)
        assert transport_of(caught.value) is None


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_a_response_without_a_request_is_told(client):
    module = pytest.importorskip(client)
    told = response_of(module.Response(500, content=b"no"))
    assert told is not None
    assert (told.status, told.body, told.method, told.url) == (500, b"no", None, None)


@pytest.mark.parametrize("client", ["requests", "niquests"])
def test_requests_is_never_read(client):
    module = pytest.importorskip(client)
    with Vendor(TEAPOT) as vendor, module.Session() as session:
        session.trust_env = False
        with session.get(vendor.url, stream=True) as response:
            told = response_of(response)
            assert told is not None
            assert (told.status, told.body, told.method) == (418, b"", "GET")
            with pytest.raises(module.HTTPError) as caught:
                response.raise_for_status()
            assert response.content == BODY
        told = response_of(caught.value)
        assert told is not None
        assert (told.status, told.body, told.url) == (418, BODY, vendor.url)
        assert transport_of(caught.value) is None


def test_urllib3_is_never_read():
    module = pytest.importorskip("urllib3")
    with Vendor(TEAPOT) as vendor, module.PoolManager() as pool:
        response = pool.request("GET", vendor.url, preload_content=False)
        told = response_of(response)
        assert told is not None
        assert (told.status, told.body) == (418, b"")
        assert response.read() == BODY
        response.release_conn()


def test_aiohttp_is_never_read():
    module = pytest.importorskip("aiohttp")

    async def main(url):
        async with module.ClientSession() as session, session.get(url) as response:
            told = response_of(response)
            assert told is not None
            assert (told.status, told.body, told.method, told.url) == (418, b"", "GET", url)
            assert await response.read() == BODY
            with pytest.raises(module.ClientResponseError) as caught:
                response.raise_for_status()
            told = response_of(caught.value)
            assert told is not None
            assert (told.status, told.method, told.url) == (418, "GET", url)
            assert told.headers["x-request-id"] == "r-1"

    with Vendor(TEAPOT) as vendor:
        asyncio.run(main(vendor.url))


def test_a_lazy_response_of_niquests_is_not_waited_for():
    module = pytest.importorskip("niquests")
    with Vendor(TEAPOT) as vendor, module.Session(multiplexed=True) as session:
        session.trust_env = False
        response = session.get(vendor.url)
        if response.lazy:
            assert response_of(response) is None
            assert response.lazy


def test_the_standard_library_is_told_too():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with Vendor(TEAPOT) as vendor:
        with pytest.raises(urllib.error.HTTPError) as caught:
            opener.open(vendor.url)
        with caught.value:
            told = response_of(caught.value)
    assert told is not None
    assert (told.status, told.url) == (418, vendor.url)
    with pytest.raises(urllib.error.URLError) as refused:
        opener.open(f"http://127.0.0.1:{closed_port()}/")
    transport = transport_of(refused.value)
    assert transport is not None
    assert (transport.reason, transport.sent) == ("CONNECTION_REFUSED", False)


def test_httpx2_may_stand_in_for_httpx():
    pytest.importorskip("httpx2", "2.13")
    code = """
import httpx2
httpx2.alias_httpx()
import httpx
from errnorm.reading.clients import response_of, transport_of
assert response_of(httpx.Response(500, content=b"no")).body == b"no"
assert transport_of(httpx.ConnectTimeout("")).reason == "CONNECT_TIMEOUT"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_client_is_imported():
    code = """
import sys
import errnorm.reading.clients, errnorm.httpx, errnorm.requests, errnorm.aiohttp, errnorm.urllib3
import errnorm.calling.guarding
clients = {"httpx", "httpx2", "requests", "niquests", "aiohttp", "urllib3", "trio"}
assert not clients & set(sys.modules), clients & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


async def _never_awaited():
    """As a client's method that nobody awaits."""


@pytest.mark.parametrize("judge", [errnorm.raise_for_error, errnorm.Normalizer().raise_for_error], ids=["any", "app"])
@pytest.mark.parametrize(
    "what", [None, "", b"{}", {"error": "no"}, [], 402, _never_awaited], ids=lambda what: type(what).__name__
)
def test_what_can_be_no_response_never_passes_for_success(judge, what):
    given = what() if what is _never_awaited else what
    with pytest.raises(TypeError, match="await it first" if what is _never_awaited else "it tells no status"):
        judge(given, vendor="stripe")
    if what is _never_awaited:
        given.close()


def test_a_response_that_only_the_app_knows_passes():
    class Own:
        """Of an SDK; the app has taught us its failures."""

    well = Own()
    assert errnorm.Normalizer(recognise=lambda source: None).raise_for_error(well) is well
