"""Every client with our door in it, each as one function: `call(url, **what) -> (status, body)`.

`stream`: the body is read as it comes; `headers`, `method` and `content` are the request's; the rest are options of the
door.
"""

import asyncio

import pytest

import errnorm.aiohttp
import errnorm.httpx
import errnorm.requests
import errnorm.urllib3

TIMEOUT = 5


def through_httpx(name, transport=False):
    def call(url, *, stream=False, headers=None, method="GET", content=None, timeout=TIMEOUT, **options):
        module = pytest.importorskip(name)
        if transport:
            inner = errnorm.httpx.install(module.HTTPTransport(), **options)
            client = module.Client(transport=inner, timeout=timeout, follow_redirects=True)
        else:
            client = module.Client(trust_env=False, timeout=timeout, follow_redirects=True)
            errnorm.httpx.install(client, **options)
        with client:
            if not stream:
                response = client.request(method, url, headers=headers, content=content)
                return response.status_code, response.content
            with client.stream(method, url, headers=headers, content=content) as response:
                assert not response.is_stream_consumed
                return response.status_code, b"".join(response.iter_bytes())

    return call


def run_asyncio(main):
    return asyncio.run(main())


def run_trio(main):
    return pytest.importorskip("trio").run(main)


def through_httpx_async(name, transport=False, run=run_asyncio):
    def call(url, *, stream=False, headers=None, method="GET", content=None, timeout=TIMEOUT, **options):
        module = pytest.importorskip(name)

        async def main():
            if transport:
                inner = errnorm.httpx.install(module.AsyncHTTPTransport(), **options)
                client = module.AsyncClient(transport=inner, timeout=timeout, follow_redirects=True)
            else:
                client = module.AsyncClient(trust_env=False, timeout=timeout, follow_redirects=True)
                errnorm.httpx.install(client, **options)
            async with client:
                if not stream:
                    response = await client.request(method, url, headers=headers, content=content)
                    return response.status_code, response.content
                async with client.stream(method, url, headers=headers, content=content) as response:
                    assert not response.is_stream_consumed
                    return response.status_code, b"".join([part async for part in response.aiter_bytes()])

        return run(main)

    return call


def through_requests(name, adapter=False):
    def call(url, *, stream=False, headers=None, method="GET", content=None, timeout=TIMEOUT, **options):
        module = pytest.importorskip(name)
        with module.Session() as session:
            session.trust_env = False
            if adapter:
                session.mount("http://", errnorm.requests.install(module.adapters.HTTPAdapter(), **options))
            else:
                errnorm.requests.install(session, **options)
            with session.request(
                method, url, stream=stream, headers=headers, data=content, timeout=timeout
            ) as response:
                return response.status_code, b"".join(response.iter_content(1000))

    return call


def through_aiohttp(url, *, stream=False, headers=None, method="GET", content=None, timeout=TIMEOUT, **options):
    module = pytest.importorskip("aiohttp")

    async def main():
        limits = module.ClientTimeout(sock_connect=timeout, sock_read=timeout)
        watch = errnorm.aiohttp.middleware(**options)
        async with (
            module.ClientSession(timeout=limits, middlewares=[watch]) as session,
            session.request(method, url, headers=headers, data=content) as response,
        ):
            if stream:
                return response.status, b"".join([part async for part in response.content.iter_any()])
            return response.status, await response.read()

    return run_asyncio(main)


def through_urllib3(url, *, stream=False, headers=None, method="GET", content=None, timeout=TIMEOUT, **options):
    module = pytest.importorskip("urllib3")
    # it would wait itself where an answer says Retry-After
    retries = module.Retry(connect=0, read=0, other=0, redirect=3, respect_retry_after_header=False)
    with errnorm.urllib3.install(module.PoolManager(timeout=timeout, retries=retries), **options) as pool:
        response = pool.request(method, url, headers=headers, body=content, preload_content=not stream)
        if not stream:
            return response.status, response.data
        body = b"".join(response.stream(1000))
        response.release_conn()
        return response.status, body


DOORS = {
    "httpx": through_httpx("httpx"),
    "httpx transport": through_httpx("httpx", transport=True),
    "httpx async": through_httpx_async("httpx"),
    "httpx async transport": through_httpx_async("httpx", transport=True),
    "httpx trio": through_httpx_async("httpx", run=run_trio),
    "httpx2": through_httpx("httpx2"),
    "httpx2 async": through_httpx_async("httpx2"),
    "httpx2 trio": through_httpx_async("httpx2", run=run_trio),
    "requests": through_requests("requests"),
    "requests adapter": through_requests("requests", adapter=True),
    "niquests": through_requests("niquests"),
    "aiohttp": through_aiohttp,
    "urllib3": through_urllib3,
}
# These see each hop of a redirect as a call of its own.
BY_HOP = {"httpx transport", "httpx async transport", "requests adapter", "aiohttp"}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
