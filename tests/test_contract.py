"""One failure reads the same through every door, status, headers and bytes, and none says more than it may."""

from __future__ import annotations

import json
import logging
import re

import pytest

pytest.importorskip("django")
pytest.importorskip("starlette")

from errnorm import Family, Fault, VendorError, correlation
from errnorm.families import Action, response_status_of
from errnorm.telling.catalogues import LANGUAGES
from errnorm.telling.negotiation import MediaType
from tests.doors import DOORS, raising
from tests.failures import FAILURES, OCCURRENCE, VENDOR_HEADERS, Failure

ACCEPTS = {
    "application/json": "application/problem+json",
    "application/xml": "application/problem+xml; charset=utf-8",
    "text/html": "text/html; charset=utf-8",
    "text/plain": "text/plain; charset=utf-8",
}
ID = "caller-7.42"
OURS = {
    "cache-control", "content-language", "content-length", "content-security-policy", "content-type", "referrer-policy",
    "retry-after", "vary", "x-content-type-options", "x-request-id",
}  # fmt: skip


def kept(told):
    """The headers, without the one that DRF sends with whatever it sends."""
    return [(name.lower(), value) for name, value in told.headers if name.lower() != "allow"]


every_door = pytest.mark.parametrize("door", DOORS)
every_failure = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title.replace(" ", "-"))


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def answer(door: str, failure: Failure, method: str = "GET", **headers: str):
    raised = VendorError(failure.error, occurrence_id=OCCURRENCE)
    sent = {"X-Request-ID": ID, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return DOORS[door](raising(raised), method, sent)


# DRF settles by its own renderers what it can write, and these are JSON alone.
NEGOTIATES = sorted(set(DOORS) - {"django-drf"})


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_door_speaks_every_language_alike(language, accept):
    for failure in (FAILURES[0], *(each for each in FAILURES[1:] if each.retry_after)):
        doors = DOORS if accept == "application/json" else NEGOTIATES
        answers = [answer(door, failure, Accept=accept, Accept_Language=language) for door in doors]
        assert len({(each.status, each.body) for each in answers}) == 1
        assert {each.header("Content-Language") for each in answers} == {language}


@every_failure
@pytest.mark.parametrize("accept", ACCEPTS)
def test_every_door_answers_alike(failure, accept):
    answers = {
        door: answer(door, failure, Accept=accept)
        for door in DOORS
        if accept == "application/json" or door in NEGOTIATES
    }
    told = {(a.status, a.body, tuple(sorted(kept(a)))) for a in answers.values()}
    assert len(told) == 1, answers
    first = answers["asgi"]
    assert first.status == failure.status
    assert first.header("Content-Type") == ACCEPTS[accept]
    assert first.header("Content-Length") == str(len(first.body))


@every_failure
def test_the_answer_is_what_the_three_rules_say(failure):
    told = answer("asgi", failure)
    problem = json.loads(told.body)
    assert (told.status, problem["code"]) == (failure.status, failure.code)
    assert told.header("Retry-After") == failure.retry_after
    assert problem.get("retry_after") == (failure.retry_after and int(failure.retry_after))
    assert problem["instance"] == f"urn:uuid:{OCCURRENCE}"
    assert told.status == problem["status"] not in (401, 403)


@every_failure
@every_door
def test_no_header_of_the_vendor_reaches_the_client(failure, door):
    headers = dict(kept(answer(door, failure)))
    assert {name.lower() for name in headers} <= OURS
    assert not set(headers.values()) & (set(VENDOR_HEADERS.values()) - {"text/xml"})


@every_failure
@every_door
def test_every_answer_has_the_headers_that_the_contract_names(failure, door):
    told = answer(door, failure)
    assert told.header("Cache-Control") == "no-store"
    assert told.header("Vary") == "Accept, Accept-Language"
    assert told.header("Content-Language") == "en"
    assert told.header("X-Request-ID") == ID
    waits = told.header("Retry-After")
    assert waits is None or (re.fullmatch(r"[1-9]\d{0,3}", waits) and int(waits) <= 3600)


@every_door
@pytest.mark.parametrize("accept", ACCEPTS)
def test_head_gets_the_headers_and_no_body(door, accept):
    got, asked = (answer(door, FAILURES[0], method, Accept=accept) for method in ("GET", "HEAD"))
    assert asked.body == b""
    assert got.body
    assert (asked.status, sorted(asked.headers)) == (got.status, sorted(got.headers))


@every_door
def test_what_no_media_type_fits_is_json_never_406(door):
    for accept in ("image/png", "text/html;q=0", "nonsense", "*/*", ""):
        told = answer(door, FAILURES[0], Accept=accept)
        assert (told.status, told.header("Content-Type")) == (409, MediaType.PROBLEM_JSON)


@every_door
@pytest.mark.parametrize("own", ["a", "A-1._:+/=", "7" * 128])
def test_a_valid_correlation_id_is_kept(door, own, caplog):
    seen = []

    def do():
        seen.append(correlation.current())
        raise VendorError(FAILURES[0].error)

    told = DOORS[door](do, headers={"X-Request-ID": own})
    assert told.header("X-Request-ID") == own == caplog.records[-1].errnorm_correlation_id
    assert seen == ([None] if door == "starlette-handlers" else [own])  # handlers come after the view


@every_door
@pytest.mark.parametrize("bad", [None, "", "a b", 'a"b', "7" * 129, "a,b", "é", "a\tb"])
def test_an_invalid_correlation_id_is_regenerated(door, bad, caplog):
    told = DOORS[door](raising(VendorError(FAILURES[0].error)), headers={} if bad is None else {"X-Request-ID": bad})
    own = told.header("X-Request-ID")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", own)
    assert own == caplog.records[-1].errnorm_correlation_id
    assert correlation.current() is None


@every_door
def test_the_correlation_header_is_the_apps_choice(door):
    told = DOORS[door](raising(VendorError(FAILURES[0].error)), headers={"X-Trace": "t1"}, correlation_header="X-Trace")
    assert (told.header("X-Trace"), told.header("X-Request-ID")) == ("t1", None)


@pytest.mark.parametrize("door", sorted(set(DOORS) - {"starlette-handlers"}))
def test_a_healthy_answer_bears_the_id_only_if_somebody_asked_for_it(door):
    asked = DOORS[door](lambda: str(correlation.current()), headers={"X-Request-ID": ID})
    assert (asked.status, asked.body, asked.header("X-Request-ID")) == (200, ID.encode(), ID)
    silent = DOORS[door](lambda: "well", headers={"X-Request-ID": ID})
    assert (silent.body, silent.header("X-Request-ID")) == (b"well", None)


@every_door
def test_a_clients_own_exception_is_answered(door):
    told = DOORS[door](raising(VendorError(FAILURES[0].error)))
    assert told.status == 409
    for client, name, error in (
        ("httpx", "ConnectError", "ConnectError"),
        ("requests", "ReadTimeout", "ReadTimeout"),
        ("aiohttp", "ServerDisconnectedError", "ServerDisconnectedError"),
        ("urllib3", "exceptions.NewConnectionError", None),
    ):
        module = pytest.importorskip(client)
        for part in name.split("."):
            module = getattr(module, part)
        raised = module("no such host") if error else module(None, "no such host")
        told = DOORS[door](raising(raised))
        assert told.status in (502, 504), (client, told)
        assert b"no such host" not in told.body


@every_door
def test_a_group_is_answered_when_every_leaf_is_a_vendors(door):
    pytest.importorskip("httpx")
    import httpx

    inner = ExceptionGroup("inner", [httpx.ReadTimeout("slow"), VendorError(FAILURES[0].error)])
    told = DOORS[door](raising(ExceptionGroup("outer", [VendorError(FAILURES[0].error), inner])))
    assert told.status == 504  # the network's weighs more than the user's


@every_door
def test_credentials_of_one_call_hold_in_a_group_too(door):
    rejected = next(failure.error for failure in FAILURES if failure.title == "our key")
    for raised in (
        VendorError(rejected, credentials="user"),
        ExceptionGroup("one", [VendorError(rejected, credentials="user")]),
    ):
        told = DOORS[door](raising(raised), headers={"Accept": "application/json"})
        assert (told.status, json.loads(told.body)["action"]) == (409, "reconnect")


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("action", Action)
def test_no_answer_speaks_of_our_own_resource(family, fault, action):
    for vendor_status in (None, 401, 403, 404, 410, 413, 415):
        assert response_status_of(family, fault, action, vendor_status) not in (401, 403)


@every_door
def test_an_apps_own_exception_is_none_of_ours(door, caplog):
    told = DOORS[door](raising(ZeroDivisionError("a bug")))
    raised = told.raised
    assert isinstance(raised, ZeroDivisionError) if not door.startswith("django") else told.status == 500
    assert not [record for record in caplog.records if record.name == "errnorm"]


@every_door
def test_gateway_statuses_become_503(door):
    for failure in FAILURES:
        told = DOORS[door](raising(VendorError(failure.error)), gateway_statuses="503")
        assert told.status == (503 if failure.status in (502, 504) else failure.status)
