"""In a guarded block whatever a vendor's SDK or a socket raises is that vendor's failure, and a bug is a bug."""

import asyncio
import smtplib
import socket
import ssl
import time
from contextlib import suppress

import pytest

import errnorm
from errnorm.answering import Normalizer
from errnorm.families import Family, Verdict
from errnorm.model import CanonicalError, UnknownVendorError, VendorError
from errnorm.throttle import Throttle
from tests.loopback import closed_port

VENDOR = "phase"


class SdkError(Exception):
    """As vendors' SDKs have them."""


def sdk_error(**facts):
    raised = SdkError("no")
    for name, value in facts.items():
        setattr(raised, name, value)
    return raised


def caused(cause):
    try:
        raise SdkError("no") from cause
    except SdkError as raised:
        return raised


def guarded(raised, **options):
    with errnorm.guard(VENDOR, throttle=None, **options):
        raise raised


def guarded_async(raised, **options):
    async def main():
        async with errnorm.guard(VENDOR, throttle=None, **options):
            raise raised

    asyncio.run(main())


both = pytest.mark.parametrize("guard", [guarded, guarded_async])

FAILURES = {
    "refused": (ConnectionRefusedError(111, "no"), Family.CONNECTION, "CONNECTION_REFUSED", False),
    "no number": (ConnectionError("no"), Family.CONNECTION, "CONNECTION", None),
    "reset": (ConnectionResetError(104, "no"), Family.CONNECTION, "CONNECTION_RESET", None),
    "no such host": (socket.gaierror(-2, "no"), Family.CONNECTION, "DNS_FAILURE", False),
    "time is up": (TimeoutError(), Family.TIMEOUT, "TIMEOUT", None),
    "certificate": (ssl.SSLCertVerificationError(), Family.CONNECTION, "TLS_FAILURE", False),
    "an SDK's, of the network": (caused(ConnectionRefusedError()), Family.CONNECTION, "CONNECTION_REFUSED", False),
    "an SDK's, with a status": (sdk_error(status_code=404), Family.NOT_FOUND, "MISSING", True),
    "an SDK's, with a text": (sdk_error(http_status=429, http_body="{}"), Family.RATE_LIMIT, "RATE_LIMIT", True),
    "an SDK's, with a tree": (sdk_error(status=409, body={"error": {}}), Family.CONFLICT, "EXISTS", True),
    "an SDK's, with a code of its own": (sdk_error(code=20_404), Family.UNKNOWN, "UNKNOWN", None),
    "an SDK's, without a word": (SdkError("no"), Family.UNKNOWN, "UNKNOWN", None),
    "a protocol's": (smtplib.SMTPServerDisconnected("no"), Family.UNKNOWN, "UNKNOWN", None),
}  # fmt: skip


@both
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_this_vendor_s(guard, name):
    raised, family, reason, sent = FAILURES[name]
    with pytest.raises(VendorError) as caught:
        guard(raised, operation="send")
    error = caught.value.error
    assert (error.vendor, error.operation, error.family, error.sent) == (VENDOR, "send", family, sent)
    assert error.reason.startswith(reason)
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize("client", ["httpx", "requests", "aiohttp", "urllib3"])
def test_so_is_a_client_s(client):
    module = pytest.importorskip(client)
    url = f"http://127.0.0.1:{closed_port()}/"

    async def through_aiohttp():
        async with errnorm.guard(VENDOR), module.ClientSession() as session:
            await session.get(url)

    def through_others():
        with errnorm.guard(VENDOR):
            module.request("GET", url)

    with pytest.raises(VendorError) as caught:
        asyncio.run(through_aiohttp()) if client == "aiohttp" else through_others()
    assert (caught.value.error.vendor, caught.value.error.reason) == (VENDOR, "CONNECTION_REFUSED")
    assert caught.value.error.retry.verdict is Verdict.SAFE


@both
@pytest.mark.parametrize(
    "bug", [KeyError("a"), TypeError(), ValueError(), ZeroDivisionError(), FileNotFoundError(2, "a")]
)
def test_a_bug_rises_as_it_is(guard, bug):
    with pytest.raises(type(bug)) as caught:
        guard(bug)
    assert caught.value is bug


@both
@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=repr)
def test_so_does_whatever_is_no_failure_at_all(guard, raised):
    with pytest.raises(type(raised)):
        guard(raised)


@both
def test_what_another_door_raised_stays_as_it_is(guard):
    inner = VendorError(CanonicalError(vendor="another"))
    with pytest.raises(VendorError) as caught:
        guard(inner)
    assert caught.value is inner


@both
def test_what_the_app_recognises_is_told_as_it_says(guard):
    known = CanonicalError(vendor=VENDOR, reason="OURS")
    normalizer = Normalizer(recognise=lambda source: known if isinstance(source, SdkError) else None)
    with pytest.raises(VendorError) as caught:
        guard(SdkError("no"), normalizer=normalizer)
    assert caught.value.error is known


def test_causes_in_a_circle_come_to_an_end():
    first, second = SdkError("a"), SdkError("b")
    first.__cause__, second.__cause__ = second, first
    with pytest.raises(VendorError):
        guarded(first)


def test_what_goes_well_goes_well():
    with errnorm.guard(VENDOR) as guard:
        assert guard is not None

    async def main():
        async with errnorm.guard(VENDOR):
            await asyncio.sleep(0)

    asyncio.run(main())


def test_an_unknown_vendor_is_an_error_at_once():
    with pytest.raises(UnknownVendorError, match="phase"):
        errnorm.guard("phasee")


# ---- its turn --------------------------------------------------------------------------------------------------------


def call(throttle, raised=None):
    with errnorm.guard(VENDOR, throttle=throttle, operation="send"):
        if raised is not None:
            raise raised


def call_async(throttle, raised=None):
    async def main():
        async with errnorm.guard(VENDOR, throttle=throttle, operation="send"):
            if raised is not None:
                raise raised

    asyncio.run(main())


either = pytest.mark.parametrize("call", [call, call_async])


def paced(*limits, **options):
    return Throttle(limits={VENDOR: limits}, **options)


@either
def test_who_would_wait_too_long_is_told_so(call):
    throttle = paced({"requests": 1, "seconds": 3600}, max_wait=1)
    call(throttle)
    with pytest.raises(VendorError) as caught:
        call(throttle, AssertionError("the block must not run"))
    error = caught.value.error
    assert (error.reason, error.vendor, error.operation, error.sent) == ("THROTTLED", VENDOR, "send", False)


@either
def test_the_second_waits_for_its_turn(call):
    throttle, begun = paced({"requests": 1, "seconds": 0.3}), time.monotonic()
    call(throttle)
    call(throttle)
    assert time.monotonic() - begun >= 0.3


@either
@pytest.mark.parametrize("raised", [None, SdkError(), KeyError(), KeyboardInterrupt()], ids=repr)
def test_however_a_block_ends_so_does_its_turn(call, raised):
    throttle = paced({"concurrent": 1}, max_wait=0.2)
    with pytest.raises(type(raised)) if isinstance(raised, KeyError | KeyboardInterrupt) else suppress(VendorError):
        call(throttle, raised)
    call(throttle)


def limited(vendor):
    error = errnorm.parse(b"", status=429, headers={"Retry-After": "600"}, vendor=vendor)
    return VendorError(error)


@either
@pytest.mark.parametrize("raised", [sdk_error(status_code=429, headers={"Retry-After": "600"}), limited(VENDOR)])
def test_too_many_of_one_holds_up_the_others(call, raised):
    throttle = paced(max_wait=1)
    with pytest.raises(VendorError):
        call(throttle, raised)
    with pytest.raises(VendorError) as caught:
        call(throttle)
    assert caught.value.error.reason == "THROTTLED"
    assert 590 < caught.value.error.retry.after_s <= 600


@either
def test_another_vendors_too_many_holds_up_nobody_here(call):
    throttle = paced(max_wait=1)
    with pytest.raises(VendorError):
        call(throttle, limited("github"))
    call(throttle)
