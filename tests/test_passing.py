"""A vendor's response is passed on as it came, of whichever client and however far it was read; a failure never is."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from contextlib import AsyncExitStack

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("requests")
pytest.importorskip("aiohttp")
pytest.importorskip("urllib3")

import aiohttp
import httpx
import requests
import urllib3
from starlette.applications import Starlette
from starlette.routing import Route

from errnorm import Normalizer, VendorError
from errnorm.passing import is_async
from errnorm.starlette import install, passing
from tests.asgi_driver import exchange, http_scope
from tests.loopback import Reply, Trouble, Vendor

TEXT = b"a document, " * 5_000
THEIRS = {
    "Content-Type": "text/csv",
    "Content-Disposition": "attachment",
    "ETag": '"1"',
    "Set-Cookie": "vendor=1",
    "X-Vendor": "theirs",
    "Cache-Control": "public",
    "Location": "https://vendor.example/key",
}
REFUSED = b"<Quote><Error><ReasonCode>304</ReasonCode><SimpleMessage>Their words.</SimpleMessage></Error></Quote>"


async def with_httpx(url, stack, read):
    client = stack.enter_context(httpx.Client(trust_env=False))
    return client.get(url) if read else client.send(client.build_request("GET", url), stream=True)


async def with_async_httpx(url, stack, read):
    client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
    return await client.send(client.build_request("GET", url), stream=not read)


async def with_requests(url, stack, read):
    return stack.enter_context(requests.Session()).get(url, stream=not read)


async def with_aiohttp(url, stack, read):
    session = await stack.enter_async_context(aiohttp.ClientSession())
    response = await session.get(url)
    if read:
        await response.read()
    return response


async def with_urllib3(url, stack, read):
    return stack.enter_context(urllib3.PoolManager()).request("GET", url, preload_content=read, retries=False)


CLIENTS = [with_httpx, with_async_httpx, with_requests, with_aiohttp, with_urllib3]
by_every_client = pytest.mark.parametrize("client", CLIENTS)
read_or_not = pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])


def through(client, read, reply, vendor=None, normalizer=None):
    """What a proxy view answers to whoever asks it, and the vendor's response that it passed on."""
    passed = []

    async def endpoint(request):
        async with AsyncExitStack() as stack:
            with Vendor(reply) as there:
                response = await client(there.url, stack, read)
                passed.append(response)
                answer = await passing(response, vendor=vendor, normalizer=normalizer)
                return await _sent(answer, request)

    async def _sent(answer, request):
        """Here, for the client and the vendor are gone later."""
        messages = await exchange(answer, request.scope)
        if messages.raised is not None:
            raise messages.raised

        async def again(scope, receive, send):
            for message in messages.messages:
                await send(message)

        return again

    app = Starlette(routes=[Route("/", endpoint)])
    install(app)
    return asyncio.run(exchange(app, http_scope())), passed[0]


@by_every_client
@read_or_not
@pytest.mark.parametrize("packed", [False, True])
def test_a_success_is_passed_on_with_its_bytes_and_the_headers_that_tell_how_to_read_them(client, read, packed):
    body = gzip.compress(TEXT) if packed else TEXT
    told, response = through(client, read, Reply(201, THEIRS | ({"Content-Encoding": "gzip"} if packed else {}), body))
    assert (told.raised, told.status, told.body) == (None, 201, TEXT)
    headers = dict(told.headers)
    length = headers.pop("content-length", None)
    headers.pop("x-request-id")  # is the app's own
    assert headers == {
        "content-type": "text/csv",
        "content-disposition": "attachment",
        "etag": '"1"',
        "x-content-type-options": "nosniff",
    }
    assert length == (str(len(TEXT)) if read or not packed else None)
    assert is_async(response) == (client is with_aiohttp or (client is with_async_httpx and not read))


@by_every_client
@read_or_not
@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_has_none(client, read, status):
    told, _ = through(client, read, Reply(status, {"ETag": '"1"'}))
    assert (told.raised, told.status, told.body) == (None, status, b"")
    assert told.header("ETag") == '"1"'
    assert told.header("Content-Length") in (None, "0")


@by_every_client
@read_or_not
def test_a_failure_is_answered_as_any_other(client, read):
    told, response = through(client, read, Reply(409, THEIRS | {"Content-Type": "text/xml"}, REFUSED), "lionbridge")
    problem = json.loads(told.body)
    assert (told.status, problem["code"]) == (409, "language_pair_not_offered")
    assert "Their words" not in told.body.decode()
    assert told.header("X-Vendor") is None
    if client is with_async_httpx or client is with_httpx:
        assert response.is_closed


@by_every_client
def test_a_packed_failure_is_read_and_one_that_would_swell_without_bound_takes_little_memory(client):
    packed = {"Content-Type": "text/xml", "Content-Encoding": "gzip"}
    told, _ = through(client, False, Reply(409, packed, gzip.compress(REFUSED)), "lionbridge")
    assert (told.status, json.loads(told.body)["code"]) == (409, "language_pair_not_offered")
    bomb = gzip.compress(gzip.compress(bytes(100_000_000), 1))
    tracemalloc.start()
    try:
        told, _ = through(client, False, Reply(503, {"Content-Encoding": "gzip, gzip"}, bomb), "lionbridge")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert told.status == 503


@by_every_client
@read_or_not
def test_a_failure_that_hides_under_a_200_is_found_and_what_only_looks_like_one_is_passed_on_whole(client, read):
    headers = {"Content-Type": "application/json"}
    failed = b'{"ok":false,"error":"channel_not_found"}'
    told, _ = through(client, read, Reply(200, headers, failed), "slack")
    assert told.status >= 400
    assert b"channel_not_found" not in told.body
    well = b'{"ok":true,"channels":[]}'
    told, _ = through(client, read, Reply(200, headers, well), "slack")
    assert (told.status, told.body) == (200, well)
    long = b'{"ok":true,"text":"' + b"x" * 100_000 + b'"}'
    told, _ = through(client, read, Reply(200, headers, long), "slack")
    assert (told.status, told.body) == (200, long)


@by_every_client
def test_a_stream_that_breaks_off_stays_broken(client, caplog):
    told, _ = through(client, False, Reply(200, {"Content-Length": str(len(TEXT))}, TEXT, Trouble.TRUNCATE))
    assert told.raised is not None or told.status >= 400


@pytest.mark.parametrize("source", [object(), None, "text", ValueError(), b""])
def test_what_is_no_response_is_a_mistake_that_is_told(source):
    with pytest.raises(TypeError, match="a response of httpx, requests, aiohttp or urllib3 is wanted, not"):
        asyncio.run(passing(source))


def test_an_apps_own_normalizer_judges():
    normalizer = Normalizer(vendors={"lionbridge": {"statuses": {"304": 422}}})
    response = httpx.Response(409, content=REFUSED, request=httpx.Request("GET", "https://x.example"))
    with pytest.raises(VendorError) as caught:
        asyncio.run(passing(response, vendor="lionbridge", normalizer=normalizer))
    assert caught.value.error.vendor_code == "304"


def test_a_body_that_is_used_up_is_not_passed_off_as_an_empty_one():
    async def used_up():
        with Vendor(Reply(200, THEIRS, TEXT)) as there:
            async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", there.url) as response:
                assert b"".join([part async for part in response.aiter_bytes()]) == TEXT
                return await passing(response)

    async def run():
        return await exchange(await used_up(), http_scope())

    assert isinstance(asyncio.run(run()).raised, httpx.StreamConsumed)
