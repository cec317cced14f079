"""What happens at a vendor's is in metrics and spans: once, by the table, the two agreeing, through every door.

By OpenTelemetry's own SDK, and beside its own instrumentations of the clients.
"""

import asyncio
import threading
import time
import uuid
from contextlib import suppress

import pytest

pytest.importorskip("opentelemetry.sdk")

import httpx
from opentelemetry import trace

import errnorm.httpx
import errnorm.requests
import errnorm.starlette
import errnorm.telemetry
from errnorm import Normalizer, VendorError, listening, polling, retry
from errnorm.metrics.instruments import (
    CALLS,
    FAILURES,
    INSTRUMENTS,
    POLLS,
    QUOTA_LIMIT,
    QUOTA_REMAINING,
    REQUESTS,
    RETRIES,
    THROTTLE,
    UNMAPPED,
    WEBHOOKS,
)
from errnorm.model import reference_of
from errnorm.throttle import Throttle
from tests.callers import DOORS, every_door
from tests.loopback import Reply, Trouble, Vendor
from tests.sdk import instrumented

KNOWN = Normalizer(vendors={"lionbridge": {"hosts": ["127.0.0.1"]}})
SETTINGS = {"vendor": "lionbridge", "normalizer": KNOWN, "throttle": None}
REFUSED = Reply(409, {"Content-Type": "text/xml"}, b"<Error><ReasonCode>304</ReasonCode></Error>")
HIDDEN = Reply(200, {"Content-Type": "text/xml"}, b"<Quote><Error><ReasonCode>304</ReasonCode></Error></Quote>")
WELL, DOWN = Reply(200, {"Content-Type": "text/xml"}, b"<Quotes/>"), Reply(503)
OF_CALL = {"vendor": "lionbridge", "operation": "list-quotes"}


@pytest.fixture
def sdk():
    with instrumented() as sdk:
        yield sdk


def url(vendor):
    return f"http://127.0.0.1:{vendor.port}/api/quote"


def without(names, attributes):
    return {name: value for name, value in attributes.items() if name not in names}


def call(door, at, **options):
    return DOORS[door](url(at), **(SETTINGS | options))


def own(spans):
    return [span for span in spans if span.instrumentation_scope.name == "errnorm"]


@every_door
@pytest.mark.parametrize("reply", [WELL, REFUSED, HIDDEN], ids=["well", "refused", "hidden"])
def test_a_request_is_counted_once_and_its_span_says_the_same(sdk, door, reply):
    with Vendor(reply) as vendor:
        failure = None
        try:
            door(url(vendor), **SETTINGS)
        except VendorError as raised:
            failure = raised
    assert (failure is None) == (reply is WELL)
    of_failure = (
        {}
        if failure is None
        else {
            "family": failure.error.family.value,
            "fault": failure.error.fault.value,
            "error.type": failure.error.reason,
        }
    )
    expected = OF_CALL | {"http.response.status_code": reply.status} | of_failure
    assert sdk.points(CALLS) == [(expected, 1)]
    reason = {} if failure is None else {"reason": failure.error.reason}
    http = {"http.request.method": "GET", "server.address": "127.0.0.1"}
    (span,) = own(sdk.spans)
    [(of_request, count)] = sdk.points(REQUESTS)
    assert (of_request, count) == (expected | reason | http, 1)
    said = {name.removeprefix("errnorm."): value for name, value in span.attributes.items()}
    assert without(("url.full", "occurrence_id", "reference"), said) == of_request
    assert said["url.full"] == url(vendor)
    assert (span.name, span.kind) == ("GET /api/quote", trace.SpanKind.CLIENT)
    assert (span.status.status_code is trace.StatusCode.ERROR) == (failure is not None)
    if failure is not None:
        assert said["occurrence_id"] == failure.occurrence_id
        assert said["reference"] == reference_of(failure.occurrence_id)
    assert not sdk.points(FAILURES)  # nobody has answered it yet


@every_door
def test_what_never_came_back_has_no_status(sdk, door):
    with Vendor(Reply(trouble=Trouble.STALL)) as vendor, pytest.raises(VendorError) as caught:
        door(url(vendor), **SETTINGS, timeout=0.2)
    [(attributes, count)] = sdk.points(CALLS)
    reason = caught.value.error.reason
    assert (attributes, count) == (OF_CALL | {"family": "timeout", "fault": "network", "error.type": reason}, 1)
    (span,) = own(sdk.spans)
    assert span.attributes["error.type"] == reason
    assert span.status.status_code is trace.StatusCode.ERROR
    assert "http.response.status_code" not in span.attributes


def test_the_apps_span_is_the_parent_and_the_exemplar_names_the_requests(sdk):
    with Vendor(WELL) as vendor, sdk.tracers.get_tracer("app").start_as_current_span("page") as page:
        call("httpx", vendor)
        assert trace.get_current_span() is page
    (span,) = own(sdk.spans)
    assert span.parent.span_id == page.get_span_context().span_id
    metrics = sdk.metrics
    for instrument in (REQUESTS, CALLS):
        (point,) = metrics["errnorm", instrument.name].data.data_points
        assert [(each.span_id, each.trace_id) for each in point.exemplars] == [
            (span.context.span_id, span.context.trace_id)
        ]
        assert point.explicit_bounds == instrument.buckets


def test_a_recovered_call_is_no_failure(sdk):
    @retry.retrying(base=0.0)
    def order():
        return call("httpx", vendor)

    with Vendor(DOWN, WELL) as vendor:
        assert order()[0] == 200
    outcomes = [(attributes["outcome"], count) for attributes, count in sdk.points(RETRIES)]
    assert outcomes == [("again", 1), ("recovered", 1)]
    assert not sdk.points(FAILURES)
    assert sorted(attributes.get("family", "") for attributes, _ in sdk.points(CALLS)) == ["", "unavailable"]
    first, second = own(sdk.spans)
    assert first.status.status_code is trace.StatusCode.ERROR
    assert second.status.status_code is trace.StatusCode.UNSET
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1


def test_a_call_that_stays_bad_is_given_up_once_and_what_no_attempt_would_mend_needed_none(sdk):
    @retry.retrying(attempts=3, base=0.0)
    def order():
        return call("httpx", vendor)

    for reply, expected in ((DOWN, {"again": 2, "gave_up": 1}), (REFUSED, {})):
        before = {attributes["outcome"]: count for attributes, count in sdk.points(RETRIES)}
        with Vendor(reply) as vendor, pytest.raises(VendorError):
            order()
        after = {attributes["outcome"]: count for attributes, count in sdk.points(RETRIES)}
        assert {outcome: after[outcome] - before.get(outcome, 0) for outcome in after if after != before} == expected


def test_loops_of_others_tell_of_recoveries_too(sdk):
    import tenacity
    import urllib3

    @tenacity.retry(retry=retry.tenacity_retry(base=0.0), wait=retry.tenacity_wait)
    def order():
        return call("httpx", vendor)

    with Vendor(DOWN, WELL) as vendor:
        order()
    assert [(attributes["outcome"], count) for attributes, count in sdk.points(RETRIES)] == [
        ("again", 1),
        ("recovered", 1),
    ]
    with Vendor(DOWN, WELL) as vendor, urllib3.PoolManager(retries=retry.urllib3_retry("lionbridge", base=0.0)) as pool:
        assert pool.request("GET", url(vendor)).status == 200
    counted = {}
    for attributes, count in sdk.points(RETRIES):
        counted[attributes["outcome"]] = counted.get(attributes["outcome"], 0) + count
    assert counted == {"again": 2, "recovered": 2}


def test_the_throttles_waits_are_counted_and_what_it_refuses_is_no_call(sdk):
    throttle = Throttle(limits={"lionbridge": [{"requests": 1, "seconds": 60}]}, max_wait=0.0)
    with Vendor(WELL) as vendor:
        call("httpx", vendor, throttle=throttle, account="one")
        with pytest.raises(VendorError):
            call("httpx", vendor, throttle=throttle, account="one")
    assert sdk.points(THROTTLE) == [
        (OF_CALL | {"outcome": "admitted"}, 1),
        (OF_CALL | {"outcome": "refused"}, 1),
    ]
    assert [count for _, count in sdk.points(CALLS)] == [1]
    assert len(own(sdk.spans)) == 1


def test_what_is_left_of_a_limit_is_by_the_limits_of_the_accounts_plan(sdk):
    left = Reply(200, {"X-RateLimit-Remaining": "4321", "X-RateLimit-Reset": "1900000000"}, b"{}")
    with Vendor(left) as vendor:
        call("httpx", vendor, vendor="github", throttle=Throttle())
        call("httpx", vendor, vendor="github", throttle=Throttle(plans={"github": "anonymous"}))
    remaining, allowed = sdk.points_of(QUOTA_REMAINING, QUOTA_LIMIT)
    assert remaining == [
        ({"vendor": "github", "limit": "user 3600s"}, 4321),
        ({"vendor": "github", "limit": "address 3600s, anonymous"}, 4321),
    ]
    assert [value for _, value in allowed] == [5000, 60]


def test_the_end_of_a_poll_and_the_lag_of_a_webhook_are_measured(sdk):
    def job(**more):
        key = uuid.uuid4().hex
        return polling.Job("lionbridge", key=key, deadline=5.0, first=0.01, operation="get-project", **more)

    woken = job()
    polling.wake(woken.key, at=time.time() - 40)
    woken.wait(lambda: True, done=bool)
    late = polling.Job("lionbridge", key="late", deadline=0.05, first=0.01, longest=0.02)
    with pytest.raises(VendorError):
        late.wait(lambda: False, done=bool)
    with Vendor(REFUSED) as vendor, pytest.raises(VendorError):
        asyncio.run(job().wait_async(lambda: asyncio.to_thread(call, "httpx", vendor), done=bool))
    of_job = {"vendor": "lionbridge", "operation": "get-project"}
    assert sdk.points(POLLS) == [
        (of_job | {"outcome": "done"}, 1),
        ({"vendor": "lionbridge", "outcome": "deadline"}, 1),
        (of_job | {"outcome": "failed"}, 1),
    ]
    assert sdk.points(WEBHOOKS) == [(of_job, 1)]
    assert 39 < sdk.raw(WEBHOOKS)[0].sum < 60


@pytest.mark.parametrize("doors", [1, 2])
def test_a_failure_is_counted_once_however_far_it_climbs(sdk, doors):
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route
    from starlette.testclient import TestClient

    async def page(request):
        current = trace.get_current_span()
        try:
            with Vendor(REFUSED) as vendor:
                await asyncio.to_thread(call, "httpx", vendor)
        finally:
            assert trace.get_current_span() is current

    class Server:
        """What an instrumentation of a server does."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            with sdk.tracers.get_tracer("server").start_as_current_span("GET /"):
                await self.app(scope, receive, send)

    ours = Middleware(errnorm.starlette.ErrorNormalizationMiddleware)
    app = Starlette(routes=[Route("/", page)], middleware=[Middleware(Server), *[ours] * doors])
    reply = TestClient(app).get("/", headers={"Accept": "application/json"}).json()
    [(attributes, count)] = sdk.points(FAILURES)
    assert count == 1
    assert attributes["alert"] == "count"
    assert not sdk.points(UNMAPPED)
    client, server = sdk.spans
    for span in (client, server):
        assert span.attributes["errnorm.reference"] == reply["reference"]
        assert f"urn:uuid:{span.attributes['errnorm.occurrence_id']}" == reply["instance"]


def test_a_code_that_no_profile_maps_is_counted_and_is_no_label(sdk):
    body = b"<Error><ReasonCode>98765</ReasonCode></Error>"
    error = errnorm.parse(body, status=409, vendor="lionbridge", operation="a name of the app's own")
    Normalizer().log(VendorError(error))
    [(attributes, count)] = sdk.points(UNMAPPED)
    assert (attributes, count) == ({"vendor": "lionbridge", "operation": "_OTHER"}, 1)
    assert "98765" not in str(sdk.points(FAILURES))


def test_a_cancelled_request_is_neither_well_nor_the_vendors_failure(sdk):
    async def main():
        async with httpx.AsyncClient(trust_env=False) as client:
            errnorm.httpx.install(client, **SETTINGS)
            task = asyncio.create_task(client.get(url(vendor)))
            await asyncio.to_thread(asked.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asked = threading.Event()

    def stall(request):
        asked.set()
        return Reply(trouble=Trouble.STALL)

    with Vendor(stall) as vendor:
        asyncio.run(main())
    assert not sdk.points(CALLS)
    [(attributes, count)] = sdk.points(REQUESTS)
    assert (attributes["error.type"], count) == ("_OTHER", 1)
    (span,) = own(sdk.spans)
    assert span.attributes["error.type"] == "_OTHER"


def test_a_door_within_a_door_counts_once(sdk):
    with Vendor(REFUSED) as vendor, httpx.Client(transport=errnorm.httpx.install(httpx.HTTPTransport())) as client:
        errnorm.httpx.install(client, **SETTINGS)
        with pytest.raises(VendorError):
            client.get(url(vendor))
    assert [count for _, count in sdk.points(CALLS)] == [1]
    assert len(own(sdk.spans)) == 1


class SdkError(Exception):
    status_code = 503


def guarded(raised):
    with errnorm.guard("lionbridge", operation="list-quotes", throttle=None):
        if raised is not None:
            raise raised


def guarded_async(raised):
    async def main():
        async with errnorm.guard("lionbridge", operation="list-quotes", throttle=None):
            await asyncio.sleep(0)
            if raised is not None:
                raise raised

    asyncio.run(main())


@pytest.mark.parametrize("guard", [guarded, guarded_async])
@pytest.mark.parametrize("raised", [None, SdkError(), KeyError(), KeyboardInterrupt()], ids=repr)
def test_a_guarded_block_is_a_call_that_may_be_well_or_fail_or_neither(sdk, guard, raised):
    with suppress(VendorError, KeyError, KeyboardInterrupt):
        guard(raised)
    failed = {"family": "unavailable", "fault": "vendor", "http.response.status_code": 503}
    (span,) = own(sdk.spans)
    assert (span.name, span.kind) == ("lionbridge list-quotes", trace.SpanKind.INTERNAL)
    assert not sdk.points(REQUESTS)  # if it was one, nobody but its client knows
    if isinstance(raised, KeyError | KeyboardInterrupt):
        assert not sdk.points(CALLS)
        assert span.attributes["error.type"] == "_OTHER"
        return
    [(attributes, count)] = sdk.points(CALLS)
    reason = attributes.pop("error.type", None)
    assert (attributes, count) == (OF_CALL | ({} if raised is None else failed), 1)
    assert reason == span.attributes.get("error.type")
    assert (reason is None) == (raised is None) == (span.status.status_code is trace.StatusCode.UNSET)


def test_a_door_in_a_guarded_block_counts_and_the_block_does_not(sdk):
    with Vendor(WELL, REFUSED, WELL) as vendor:
        with errnorm.guard("lionbridge", throttle=None), errnorm.guard("lionbridge", throttle=None):
            call("httpx", vendor)
        with pytest.raises(VendorError), errnorm.guard("lionbridge", throttle=None):
            call("requests", vendor)
        assert sum(count for _, count in sdk.points(CALLS)) == 2
        with errnorm.guard("phase", throttle=None):
            call("httpx", vendor)  # another vendor's
    assert sum(count for _, count in sdk.points(CALLS)) == 4
    assert len(own(sdk.spans)) == 7


def test_what_fails_in_a_guarded_block_beside_a_door_is_counted(sdk):
    def block():
        with errnorm.guard("lionbridge", throttle=None):
            call("httpx", vendor)
            raise SdkError

    with Vendor(WELL) as vendor, pytest.raises(VendorError):
        block()
    assert sorted(attributes.get("family", "") for attributes, _ in sdk.points(CALLS)) == ["", "unavailable"]


def test_tasks_that_are_begun_in_a_guarded_block_count_for_themselves_during_it_and_later(sdk):
    async def one(turn):
        await turn.wait()
        async with errnorm.guard("lionbridge", throttle=None):
            await asyncio.sleep(0)

    async def main():
        now, later = asyncio.Event(), asyncio.Event()
        now.set()
        async with errnorm.guard("lionbridge", throttle=None):
            await asyncio.gather(one(now), one(now))
            task = asyncio.create_task(one(later))
            await asyncio.sleep(0)
        later.set()
        await task

    asyncio.run(main())
    assert sum(count for _, count in sdk.points(CALLS)) == 3


def test_nobody_records_twice(sdk):
    with pytest.raises(ValueError, match="instrumented already"):
        errnorm.telemetry.instrument(sdk.meters, sdk.tracers)
    with instrumented() as other, Vendor(WELL) as vendor:
        call("httpx", vendor)
        assert len(other.points(CALLS)) == len(sdk.points(CALLS)) == 1


def test_what_the_throttle_refuses_within_a_guarded_block_is_no_call_either(sdk):
    throttle = Throttle(limits={"lionbridge": [{"requests": 1, "seconds": 60}]}, max_wait=0.0)
    with Vendor(WELL) as vendor:
        call("httpx", vendor, throttle=throttle)
        with pytest.raises(VendorError), errnorm.guard("lionbridge", throttle=None):
            call("httpx", vendor, throttle=throttle)
    assert [count for _, count in sdk.points(CALLS)] == [1]


def test_judging_an_answer_that_was_fetched_before_is_no_request(sdk):
    with Vendor(REFUSED) as vendor, pytest.raises(VendorError):
        errnorm.raise_for_error(httpx.get(url(vendor)), vendor="lionbridge")
    assert not sdk.points(CALLS)
    assert not sdk.spans


def test_whoever_fails_to_listen_harms_nobody(sdk, caplog):
    def fails(event):
        raise RuntimeError("listening is hard")

    def fails_late(event):
        return fails

    leave = [listening.listen(fails), listening.listen(fails_late)]
    try:
        with Vendor(WELL) as vendor:
            assert call("httpx", vendor)[0] == 200
    finally:
        for each in leave:
            each()
    assert "a listener failed" in caplog.text
    assert [count for _, count in sdk.points(CALLS)] == [1]


def test_when_all_have_left_nothing_is_told():
    with instrumented():
        assert len(listening.listeners) == 1
    assert listening.listeners == ()


def test_every_instrument_of_the_table_is_made_by_its_kind(sdk):
    kinds = {"counter": "Sum", "histogram": "Histogram", "gauge": "Gauge"}
    recorded = listening.listeners[0].__self__._record_by
    assert set(recorded) == {each.name for each in INSTRUMENTS}
    for each in INSTRUMENTS:
        recorded[each.name](1, {})
        metric = sdk.metrics["errnorm", each.name]
        assert type(metric.data).__name__ == kinds[each.kind]
        assert (metric.unit, metric.description) == (each.unit, each.description)
