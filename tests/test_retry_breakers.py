"""A breaker counts what tells of an outage and nothing else, and one that is open is a 503 that says when to return."""

import asyncio
from datetime import timedelta

import pytest

pytest.importorskip("httpx")
pytest.importorskip("purgatory")
pytest.importorskip("pybreaker")
pytest.importorskip("starlette")

import httpx
import purgatory
import pybreaker
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import errnorm
import errnorm.starlette
from errnorm import Normalizer, retry
from errnorm.families import Family, Fault, Verdict
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from tests.loopback import closed_port

OUTAGES = {Family.SERVER, Family.UPSTREAM, Family.UNAVAILABLE, Family.TIMEOUT, Family.CONNECTION}


def failure(status=503, **facts):
    return VendorError(errnorm.parse(b"", status=status).replace(**facts))


def fail(raised):
    raise raised


def with_pybreaker(raised=None, **settings):
    """A breaker of pybreaker's that opened on one failure, as something to call."""
    breaker = pybreaker.CircuitBreaker(
        fail_max=1, reset_timeout=40, exclude=[lambda raised: not retry.counts_as_outage(raised)], **settings
    )
    with pytest.raises((VendorError, pybreaker.CircuitBreakerError)):
        breaker.call(fail, raised or failure())
    return lambda: breaker.call(lambda: "well")


def with_purgatory(raised=None):
    """Likewise of purgatory's."""
    factory = purgatory.SyncCircuitBreakerFactory(
        default_threshold=1, default_ttl=40, exclude=[(Exception, lambda raised: not retry.counts_as_outage(raised))]
    )
    guarded = factory("acme")
    with pytest.raises(VendorError):
        guarded(fail)(raised or failure())
    return guarded(lambda: "well")


BREAKERS = [with_pybreaker, with_purgatory]


@pytest.mark.parametrize("status", [*range(400, 500), 500, 502, 503, 504, 520, 529, 598])
def test_no_refusal_counts_and_every_outage_does(status):
    assert retry.counts_as_outage(failure(status)) is (status >= 500)


@pytest.mark.parametrize("family", Family)
def test_where_no_status_came_the_family_decides(family):
    assert retry.counts_as_outage(VendorError(CanonicalError(family=family))) is (family in OUTAGES)


def test_what_is_no_vendor_s_failure_does_not_count():
    assert not retry.counts_as_outage(KeyError("a bug"))
    assert not retry.counts_as_outage(asyncio.CancelledError())
    assert not retry.counts_as_outage(ExceptionGroup("", [failure(), KeyError("a bug")]))
    with pytest.raises(httpx.ConnectError) as caught:
        httpx.get(f"http://127.0.0.1:{closed_port()}/")
    assert retry.counts_as_outage(caught.value)


def test_the_predicate_never_raises(monkeypatch, caplog):
    monkeypatch.setattr("errnorm.reading.parsing.response_of", None)
    assert retry.counts_as_outage(ValueError("a bug")) is False
    assert "recognising a failure failed" in caplog.text


@pytest.mark.parametrize("breaker", BREAKERS)
@pytest.mark.parametrize(("raised", "opens"), [(failure(503), True), (failure(429), False), (failure(404), False)])
def test_a_breaker_opens_on_outages_only(breaker, raised, opens):
    guarded = breaker(raised)
    if opens:
        with pytest.raises((pybreaker.CircuitBreakerError, purgatory.domain.model.OpenedState)):
            guarded()
    else:
        assert guarded() == "well"


@pytest.mark.parametrize("breaker", BREAKERS)
def test_an_open_breaker_is_a_failure_that_was_never_sent(breaker):
    guarded = breaker()
    with pytest.raises(Exception, match="open") as caught:
        guarded()
    error = errnorm.normalize(caught.value, vendor="stripe", operation="charge")
    assert error is not None
    assert (error.vendor, error.operation) == ("stripe", "charge")
    assert (error.family, error.reason, error.fault) == (Family.UNAVAILABLE, "CIRCUIT_OPEN", Fault.VENDOR)
    assert (error.sent, error.retry.verdict, error.response_status) == (False, Verdict.SAFE, 503)
    assert 30.0 < error.retry.after_s <= 40.0
    assert not retry.counts_as_outage(caught.value), "a breaker around another would stay open for ever"
    assert retry.countdown(caught.value) >= 30.0


def test_the_call_by_which_pybreaker_opens_was_made():
    breaker = pybreaker.CircuitBreaker(fail_max=1)
    with pytest.raises(pybreaker.CircuitBreakerError) as caught:
        breaker.call(fail, failure())
    error = errnorm.normalize(caught.value)
    assert (error.reason, error.sent, error.retry) == ("CIRCUIT_OPEN", None, RetryAdvice(Verdict.IF_IDEMPOTENT))
    assert not retry.backoff_hook(caught.value)


def test_a_breaker_that_tells_no_time_is_answered_all_the_same():
    error = errnorm.normalize(purgatory.domain.model.OpenedState("acme"))
    assert (error.sent, error.retry) == (False, RetryAdvice(Verdict.SAFE))
    answer = Normalizer().answer(error)
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "30")
    assert errnorm.normalize(pybreaker.CircuitBreakerError()).retry.after_s is None


def test_a_breaker_with_another_clock_never_asks_for_the_past(monkeypatch):
    guarded = with_pybreaker()
    with pytest.raises(pybreaker.CircuitBreakerError) as caught:
        guarded()
    frame = caught.value.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    later = (frame.tb_frame.f_locals["opened_at"] + timedelta(hours=1)).timestamp()
    monkeypatch.setattr("errnorm.reading.breakers.time.time", lambda: later)
    assert errnorm.normalize(caught.value).retry.after_s == 0.0


@pytest.mark.parametrize("breaker", BREAKERS)
def test_the_user_gets_a_503_with_retry_after_and_a_reference_of_their_own(breaker, caplog):
    guarded = breaker()

    def page(_):
        return PlainTextResponse(guarded())

    app = Starlette(routes=[Route("/", page)])
    errnorm.starlette.install(app)
    answers = [TestClient(app).get("/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503] * 3
    assert all(30 < int(answer.headers["Retry-After"]) <= 40 for answer in answers)
    assert len({answer.json()["reference"] for answer in answers}) == 3
    assert caplog.text.count("CIRCUIT_OPEN") >= 3, "purgatory's one exception is three failures"
