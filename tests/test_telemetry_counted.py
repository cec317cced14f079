"""Nothing is counted twice: where an instrumentation of OpenTelemetry's own counts a client's requests, we do not.

With the real ones, put on before the door and after it, for the process and for one client.
"""

import asyncio

import pytest

pytest.importorskip("opentelemetry.instrumentation.httpx")

import aiohttp
import httpx
import requests
import urllib3
from opentelemetry.instrumentation._semconv import _StabilityMode
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor, create_trace_config
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.trace import SpanKind

import errnorm.aiohttp
import errnorm.httpx
import errnorm.requests
import errnorm.urllib3
from errnorm import Normalizer
from errnorm.metrics.instruments import CALLS, REQUESTS
from tests.loopback import Reply, Vendor
from tests.sdk import instrumented

SETTINGS = {
    "vendor": "lionbridge",
    "throttle": None,
    "normalizer": Normalizer(vendors={"lionbridge": {"hosts": ["127.0.0.1"]}}),
}


@pytest.fixture(autouse=True)
def stable(monkeypatch):
    """The names of today, and whatever was told before forgotten."""
    from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Stability

    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    monkeypatch.setattr(Stability, "_initialized", False)
    monkeypatch.setattr(Stability, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", {})


@pytest.fixture
def sdk():
    with instrumented() as sdk:
        yield sdk


def on_httpx(url, *, late=lambda: None, client=lambda client: None):
    with errnorm.httpx.install(httpx.Client(trust_env=False), **SETTINGS) as made:
        late()
        client(made)
        made.get(url)


def on_httpx_transport(url, *, late=lambda: None, client=lambda client: None):
    with httpx.Client(transport=errnorm.httpx.install(httpx.HTTPTransport(), **SETTINGS)) as made:
        late()
        client(made)
        made.get(url)


def on_httpx_async(url, *, late=lambda: None, client=lambda client: None):
    async def main():
        async with errnorm.httpx.install(httpx.AsyncClient(trust_env=False), **SETTINGS) as made:
            late()
            client(made)
            await made.get(url)

    asyncio.run(main())


def on_requests(url, *, late=lambda: None):
    with requests.Session() as session:
        session.trust_env = False
        errnorm.requests.install(session, **SETTINGS)
        late()
        session.get(url)


def on_requests_adapter(url, *, late=lambda: None):
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", errnorm.requests.install(requests.adapters.HTTPAdapter(), **SETTINGS))
        late()
        session.get(url)


def on_urllib3(url, *, late=lambda: None):
    with errnorm.urllib3.install(urllib3.PoolManager(), **SETTINGS) as pool:
        late()
        pool.request("GET", url)


def on_aiohttp(url, *, late=lambda: None, **options):
    async def main():
        watch = errnorm.aiohttp.middleware(**SETTINGS)
        async with aiohttp.ClientSession(middlewares=[watch], **options) as session:
            late()
            async with session.get(url):
                pass

    asyncio.run(main())


# Whose instrumentation it is, and whether one that comes after the door still reaches the requests.
WAYS = {
    "httpx": (on_httpx, HTTPXClientInstrumentor, True),
    "httpx transport": (on_httpx_transport, HTTPXClientInstrumentor, False),
    "httpx async": (on_httpx_async, HTTPXClientInstrumentor, True),
    "requests": (on_requests, RequestsInstrumentor, False),
    "requests over urllib3": (on_requests, URLLib3Instrumentor, True),
    "requests adapter": (on_requests_adapter, RequestsInstrumentor, True),
    "requests adapter over urllib3": (on_requests_adapter, URLLib3Instrumentor, True),
    "urllib3": (on_urllib3, URLLib3Instrumentor, True),
    "aiohttp": (on_aiohttp, AioHttpClientInstrumentor, False),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def counts(sdk):
    """How often each scope counted a request."""
    return {
        scope: sum(point.count for point in metric.data.data_points)
        for (scope, name), metric in sdk.metrics.items()
        if name == REQUESTS.name
    }


def once(sdk, *, theirs):
    """One request, counted and told as a client's by one of us."""
    counted = counts(sdk)
    assert list(counted.values()) == [1]
    assert ("errnorm" not in counted) == theirs
    kinds = sorted(span.kind.name for span in sdk.spans if span.instrumentation_scope.name == "errnorm")
    assert kinds == (["INTERNAL"] if theirs else ["CLIENT"])
    assert [count for _, count in sdk.points(CALLS)] == [1]
    assert [span.kind for span in sdk.spans].count(SpanKind.CLIENT) == 1
    (ours,) = (span for span in sdk.spans if span.instrumentation_scope.name == "errnorm")
    assert ours.name == ("lionbridge list-quotes" if theirs else "GET /api/quote")


@each_way
@pytest.mark.parametrize("late", [False, True], ids=["before the door", "after it"])
def test_a_request_is_counted_once_by_whoever_sees_it(sdk, way, late):
    ask, instrumentor, reaches = way
    providers = {"tracer_provider": sdk.tracers, "meter_provider": sdk.meters}
    with Vendor(Reply(200, {}, b"ok")) as vendor:
        try:
            if late:
                ask(url(vendor), late=lambda: instrumentor().instrument(**providers))
            else:
                instrumentor().instrument(**providers)
                ask(url(vendor))
        finally:
            instrumentor().uninstrument()
    once(sdk, theirs=reaches or not late)


@each_way
def test_when_theirs_is_gone_ours_counts(sdk, way):
    ask, instrumentor, _ = way
    instrumentor().instrument(tracer_provider=sdk.tracers, meter_provider=sdk.meters)
    instrumentor().uninstrument()
    with Vendor(Reply(200, {}, b"ok")) as vendor:
        ask(url(vendor))
    once(sdk, theirs=False)


@pytest.mark.parametrize("ask", [on_httpx, on_httpx_async, on_httpx_transport])
def test_one_client_of_httpx_may_be_counted_by_itself(sdk, ask):
    def instrument(client):
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=sdk.tracers, meter_provider=sdk.meters)

    with Vendor(Reply(200, {}, b"ok")) as vendor:
        ask(url(vendor), client=instrument)
        once(sdk, theirs=True)
        ask(url(vendor))
    assert counts(sdk)["errnorm"] == 1


def test_one_session_of_aiohttp_may_be_counted_by_itself(sdk):
    providers = {"tracer_provider": sdk.tracers, "meter_provider": sdk.meters}
    config = create_trace_config(**providers, sem_conv_opt_in_mode=_StabilityMode.HTTP)
    with Vendor(Reply(200, {}, b"ok")) as vendor:
        on_aiohttp(url(vendor), trace_configs=[config])
        once(sdk, theirs=True)
        on_aiohttp(url(vendor))
    assert counts(sdk)["errnorm"] == 1


@each_way
def test_what_is_not_sampled_is_counted_once_too(sdk, way):
    ask, instrumentor, _ = way
    unsampled = TracerProvider(sampling.ALWAYS_OFF, shutdown_on_exit=False)
    with Vendor(Reply(200, {}, b"ok")) as vendor:
        try:
            instrumentor().instrument(tracer_provider=unsampled, meter_provider=sdk.meters)
            ask(url(vendor))
        finally:
            instrumentor().uninstrument()
    assert list(counts(sdk).values()) == [1]
    assert "errnorm" not in counts(sdk)


def url(vendor):
    return f"http://127.0.0.1:{vendor.port}/api/quote"
