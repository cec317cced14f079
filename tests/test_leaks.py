"""Nothing that a vendor or a client said reaches an end user, and nothing secret reaches a log, door by door."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import pytest

pytest.importorskip("django")
pytest.importorskip("starlette")
pytest.importorskip("httpx")

import httpx

import errnorm
from errnorm import Normalizer, VendorError
from errnorm.telling.logs import record
from tests.doors import DOORS, raising

CANARY = "Zebrafinch7261quokka"  # no secret by its shape: it may be logged, but no user may see it
SECRETS = {
    "password": "hunter2-Zebrafinch",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJaZWJyYSJ9.c2lnbmF0dXJlWmVicmE",
    "aws": "AKIAZEBRAFINCH726123",
    "stripe": "sk_live_51ZebraFinch726123quokka",
    "github": "ghp_ZebraFinch726123quokkaQUOKKA4567abcd",
    "bearer": "Zebra.Finch_7261-quokkaQUOKKA",
    "mail": "zebra.finch@quokka.example",
}
SAID = (
    "password={password} token {jwt} key {aws} {stripe} {github} Authorization: Bearer {bearer} "
    "write to {mail} at https://zebra:{password}@quokka.example/v1?api_key={stripe}"
).format(**SECRETS)
ACCEPTS = ("application/json", "application/xml", "text/html", "text/plain")
every_door = pytest.mark.parametrize("door", DOORS)

JSON = {
    "error": {
        "code": CANARY,
        "message": f"{CANARY} {SAID}",
        "details": f"{CANARY} {SAID}",
        "field": CANARY,
        CANARY: SAID,
    },
    "errors": [{"field": CANARY, "code": CANARY, "message": f"{CANARY} {SAID}"}],
    "debug": f"{CANARY} {SAID}",
    "request_id": CANARY,
    "unknown": [CANARY, {CANARY: SAID}],
}
XML = (
    f"<Quote><Error><ReasonCode>304</ReasonCode><SimpleMessage>{CANARY} {SAID}</SimpleMessage>"
    f"<DetailedMessage>{CANARY} {SAID}</DetailedMessage><{CANARY}>{CANARY}</{CANARY}></Error></Quote>"
)
HEADERS = {
    "Content-Type": "application/json",
    "X-Request-Id": CANARY,
    "Set-Cookie": f"session={SECRETS['jwt']}",
    "X-Canary": f"{CANARY} {SECRETS['aws']}",
    "WWW-Authenticate": f'Bearer error="{CANARY}", error_description="{CANARY} {SAID}"',
}
URL = f"https://zebra:{SECRETS['password']}@quokka.example/{CANARY}?key={SECRETS['stripe']}&q={CANARY}"


def parsed(status, body=None, **more):
    return errnorm.parse(
        json.dumps(JSON if body is None else body), status=status, headers=HEADERS, url=URL, method="POST", **more
    )


def response(status):
    request = httpx.Request("POST", URL, headers={"Authorization": f"Bearer {SECRETS['bearer']}", "X-Canary": CANARY})
    return httpx.Response(status, headers=HEADERS, json=JSON, request=request)


def of_status(status):
    return lambda: VendorError(parsed(status))


def of_user():
    return VendorError(errnorm.parse(XML, status=409, headers=HEADERS, vendor="lionbridge", url=URL))


def of_status_error():
    return httpx.HTTPStatusError(f"{CANARY} {SAID}", request=response(401).request, response=response(401))


def of_transport():
    return httpx.ConnectError(f"{CANARY} {SAID} {URL}", request=response(500).request)


def with_causes():
    try:
        try:
            raise RuntimeError(f"{CANARY} {SAID}")
        except RuntimeError as inner:
            raise of_transport() from inner
    except httpx.ConnectError as cause:
        error = VendorError(parsed(401))
        error.__cause__ = error.__context__ = cause
        error.add_note(f"{CANARY} {SAID}")
        return error


def of_group():
    return ExceptionGroup(f"{CANARY} {SAID}", [of_status_error(), with_causes(), of_user()])


FAILURES = {
    **{f"status-{status}": of_status(status) for status in (400, 401, 409, 429, 500, 503)},
    "user": of_user,
    "status-error": of_status_error,
    "transport": of_transport,
    "causes": with_causes,
    "group": of_group,
}
every_failure = pytest.mark.parametrize("make", FAILURES.values(), ids=FAILURES)


def found(text, *needles):
    return [needle for needle in needles if needle.lower() in text.lower()]


def test_the_canaries_sing():
    """What is looked for is there to be found, before it is redacted."""
    error = parsed(400)
    assert CANARY in error.vendor_message
    assert CANARY in error.vendor_code
    assert len(found(SAID + URL, *secret_parts())) == len(secret_parts())
    assert "[secret]" in error.vendor_message


def secret_parts():
    """Each secret, and what of it would do harm by itself."""
    return (*SECRETS.values(), "hunter2")


def view(make):
    """Fails among local variables that nobody may see."""

    def do():
        local_password, local_canary = SECRETS["password"], CANARY  # noqa: F841
        raise make()

    return do


@every_door
@every_failure
def test_no_end_user_sees_a_vendors_words(door, make):
    for accept in ACCEPTS:
        for language in ("en", "de", "zz"):
            told = DOORS[door](view(make), headers={"Accept": accept, "Accept-Language": language})
            seen = told.body.decode() + repr(told.headers)
            assert told.status >= 400
            assert not found(seen, CANARY, "quokka", *secret_parts())


@every_door
@every_failure
def test_no_secret_reaches_a_log(door, make, caplog):
    caplog.set_level(logging.DEBUG, "errnorm")
    DOORS[door](view(make))
    ours = [record for record in caplog.records if record.name == "errnorm"]
    assert len(ours) == 1
    written = logging.Formatter("%(message)s").format(ours[0]) + repr(vars(ours[0]))
    assert not found(written, *secret_parts())
    if ours[0].errnorm_fault == "integration":
        assert "Traceback" in logging.Formatter().format(ours[0])


@every_door
@every_failure
@pytest.mark.parametrize("broken", ["template", "recognise"])
def test_no_secret_reaches_a_log_when_we_fail_ourselves(door, make, broken, caplog, capsys):
    if (door, broken) == ("django-drf", "template"):
        pytest.skip("it answers in JSON alone here")

    def fails(_):
        try:
            raise LookupError("inner")
        except LookupError as inner:
            raise ValueError("outer") from inner

    caplog.set_level(logging.DEBUG, "errnorm")
    told = DOORS[door](view(make), headers={"Accept": "text/html"}, **{broken: fails})
    ours = [record for record in caplog.records if record.name == "errnorm"]
    written = (
        "".join(logging.Formatter().format(record) + repr(vars(record)) for record in ours) + capsys.readouterr().err
    )
    assert not found(written + told.body.decode(), *secret_parts())
    assert "ValueError: outer" in written or make not in (of_transport, of_status_error, of_group)


@every_failure
def test_no_secret_is_in_an_error_or_exception(make):
    error = errnorm.normalize(make())
    raised = VendorError(error)
    shown = [str(error), repr(error), str(raised), repr(raised), repr(raised.args), json.dumps(error.to_dict())]
    shown += [repr(pickle.dumps(error)), repr(pickle.dumps(raised)), repr(record(error, raised.occurrence_id))]
    shown += traceback.format_exception(raised)
    assert not found("\n".join(shown), *secret_parts())


def test_a_users_text_is_the_vendors_only_by_the_one_rule(own_profile):
    """fault=user, from_vendor, its language, and nobody has a text of their own."""
    path = own_profile(
        'name = "zebra"\nspeaks = ["json"]\nlanguage = "de"\n[read]\ncode = ["/code"]\nuser_message = ["/say"]\n'
        '[codes]\nown_text = { family = "conflict", fault = "user", text = "Ours." }\n'
        'silent = { family = "conflict", fault = "user" }\nours = "validation"\nvendors = "server"\n'
        'billed = { family = "authentication", fault = "account", action = "reconnect" }\n'
        'open = { family = "server", public = true }\n'
    )
    normalizer = Normalizer(paths=[path])

    def detail(code, language, **more):
        error = normalizer.parse(json.dumps({"code": code, "say": CANARY}), status=409, vendor="zebra")
        assert error.vendor_user_message == CANARY
        problem = normalizer.problem_for(error.replace(**more), language=language)
        return problem.detail, problem.language

    assert detail("silent", "de-AT") == (CANARY, "de")
    for code, language, more in (
        ("silent", "en", {}),
        ("silent", None, {}),  # None is English
        ("silent", "fr", {}),
        ("silent", "de", {"from_vendor": False}),
        ("silent", "de", {"from_vendor": None}),
        ("silent", "de", {"vendor": None}),
        ("own_text", "de", {}),
        ("ours", "de", {}),
        ("vendors", "de", {}),
        ("billed", "de", {}),
        ("open", "de", {}),
        ("unheard-of", "de", {}),
    ):
        told = detail(code, language, **more)
        assert CANARY not in told[0], (code, language, more)
        expected = language or "en"  # the family's text, for which a row's own in English only makes way
        assert told[1] == expected
    general = Normalizer(messages={"conflict": {"de": "Eigenes."}})
    error = normalizer.parse(json.dumps({"code": "silent", "say": CANARY}), status=409, vendor="zebra")
    assert general.problem_for(error, language="de").detail == "Eigenes."


def test_a_view_that_fails_with_a_bug_shows_nothing_of_it():
    for name, door in DOORS.items():
        told = door(raising(RuntimeError(f"{CANARY} {SAID}")))
        if name.startswith("django"):
            assert not found(told.body.decode(), CANARY, *secret_parts())
