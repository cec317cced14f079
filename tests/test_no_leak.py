"""An answer that tells of a vendor is found out, wherever it tells and whatever it is; one of ours never is.

The second half is a sweep over every sample of every profile in every media type.
"""

from __future__ import annotations

import asyncio
import base64
import json
from functools import cache

import pytest

import errnorm
from errnorm.answering import default
from errnorm.model import Rendered
from errnorm.samples import built_in_files, samples_of
from errnorm.telling.negotiation import MediaType
from errnorm.testing import FakeVendor, assert_no_leak
from errnorm.testing.repertoire import replay
from errnorm.testing.server import Asked
from tests.leak_kinds import canaries

KEY = "zebrafinch-7261-zebrafinch"
PASSWORD = "otter9-otter9"
BASIC = base64.b64encode(f"shop:{PASSWORD}".encode()).decode()
MESSAGE = "There is no such pair in the workflow that the account has bought."
ASKED = Asked(
    "POST",
    f"/api/v2/projects/81726354?api_key={KEY}-query",
    {
        "host": "ondemand.lionbridge.com",
        "authorization": f"Basic {BASIC}",
        "x-api-key": KEY,
        "x-request-id": "abc-123-def-456",
        "accept": "application/xml",
    },
    json.dumps({"client_secret": f"{KEY}-body", "title": "Spring catalogue"}).encode(),
)
SAFE = {"type": "about:blank", "title": "Bad Gateway", "status": 502, "detail": "Something went wrong.", "code": "x"}


@pytest.fixture
def lionbridge():
    """A vendor that has failed once."""
    body = (
        f"<Quote><Error><ReasonCode>201</ReasonCode><SimpleMessage>{MESSAGE}</SimpleMessage>"
        "<DetailedMessage>com.lionbridge.Workflow: null pair 17/42 at node gw-eu-3</DetailedMessage></Error></Quote>"
    )
    with FakeVendor("lionbridge", hosts=["ondemand.lionbridge.com"]) as vendor:
        vendor.fails("201")
        vendor.given.append(vendor._next()._replace(body=body.encode(), headers={"X-Amzn-RequestId": "9d1f-77aa-e0"}))
        vendor._asked.append(ASKED)
    return vendor


def rendered(**members):
    return Rendered(502, (("Content-Type", "application/problem+json"),), json.dumps(SAFE | members).encode())


LEAKS = {
    "the vendor's message": MESSAGE,
    "a half of it": "We heard: such pair in the workflow that the",
    "in capitals": MESSAGE.upper(),
    "its detail": "com.lionbridge.Workflow: null pair 17/42 at node gw-eu-3",
    "its code": "Their code was 201.",
    "our reason": "MALFORMED_INPUT",
    "its request id": "9d1f-77aa-e0",
    "its host": "could not reach ondemand.lionbridge.com",
    "its path": "/api/v2/projects/81726354",
    "a key": KEY,
    "a password": PASSWORD,
    "a credential": BASIC,
    "a key of the query": f"{KEY}-query",
    "a key of the body": f"{KEY}-body",
    "a stack trace": 'Traceback (most recent call last):\n  File "/srv/app.py", line 7, in order',
    "another's stack trace": "at com.acme.Orders(Orders.java:17)",
    "an exception": "httpx.ConnectError happened",
    "an exception by its name": "there was a RemoteProtocolError",
    "another exception": "ValueError: no",
    "somebody else's key": "sk_live_4eC39HqLyjWDarjtT1zdp7dc4242",
}
every_leak = pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)


@every_leak
def test_it_is_found_in_the_body(lionbridge, leak):
    with pytest.raises(AssertionError, match="body: "):
        assert_no_leak(rendered(detail=f"Sorry: {leak} (so)"), lionbridge)


@every_leak
def test_it_is_found_in_a_header(lionbridge, leak):
    answer = Rendered(502, (("X-Debug", " ".join(leak.split())),), b"")
    with pytest.raises(AssertionError, match="header X-Debug: "):
        assert_no_leak(answer, lionbridge)


@every_leak
def test_it_is_found_in_markup_and_its_entities(lionbridge, leak):
    page = "<!doctype html><p>" + "".join(f"&#{ord(letter)};" if letter in "':/.-" else letter for letter in leak)
    with pytest.raises(AssertionError, match="body: "):
        assert_no_leak(page + "</p>", lionbridge)


@every_leak
def test_it_is_found_behind_the_escapes_of_json(lionbridge, leak):
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in leak)
    with pytest.raises(AssertionError, match="body: "):
        assert_no_leak(f'{{"a": [{{"b": "{escaped}"}}]}}'.encode(), lionbridge)


def test_it_is_found_in_the_status_line(lionbridge):
    httpx = pytest.importorskip("httpx")
    response = httpx.Response(502, extensions={"reason_phrase": b"no ondemand.lionbridge.com"})
    with pytest.raises(AssertionError, match="status line: the vendor's host"):
        assert_no_leak(response, lionbridge)


def test_it_is_found_in_a_problem(lionbridge):
    error = errnorm.parse(b"", status=502, vendor="lionbridge")
    problem = errnorm.problem_for(error)
    assert_no_leak(problem, lionbridge)
    leaking = errnorm.Normalizer(messages={error.family.value: MESSAGE, problem.code: MESSAGE})
    with pytest.raises(AssertionError, match="member detail: the vendor's message"):
        assert_no_leak(leaking.problem_for(error), lionbridge)


def test_what_integrators_see_is_for_no_user(lionbridge):
    given = lionbridge.given[-1]
    error = errnorm.parse(given.body, status=given.status, vendor="lionbridge")
    assert_no_leak(default().answer(error), lionbridge)
    with pytest.raises(AssertionError, match="the vendor's code"):
        assert_no_leak(default().answer(error, audience="integrator"), lionbridge)


def test_texts_of_the_tests_own():
    assert_no_leak("a quiet answer", "loud")
    with pytest.raises(AssertionError, match="a text that must not be there"):
        assert_no_leak("a quiet answer", b"quiet")


def test_the_complaint_does_not_repeat_a_secret(lionbridge):
    said = f"{KEY} {BASIC} {PASSWORD} Authorization: Basic {BASIC} {canaries()[0].text} {MESSAGE}"
    with pytest.raises(AssertionError) as raised:
        assert_no_leak(said, lionbridge)
    complaint = str(raised.value)
    assert "zeb… (26 characters)" in complaint
    for secret in (KEY, BASIC, PASSWORD, *canaries()[0].pieces):
        assert secret not in complaint
    assert MESSAGE[:20] in complaint


@pytest.mark.parametrize("canary", canaries(), ids=lambda canary: canary.kind)
def test_a_secret_of_any_kind_is_found(canary):
    with pytest.raises(AssertionError, match="what looks like a secret"):
        assert_no_leak(rendered(detail=f"so: {canary.text}"))


# What is no leak.


def test_what_a_user_may_read_is_none(lionbridge):
    """Written for users, by the vendor, and their doing."""
    lionbridge.given.clear()
    lionbridge.given.append(replay(lionbridge.repertoire.samples.find("304")))
    assert_no_leak(rendered(detail="Languages do not fit.", code="language_pair_not_offered"), lionbridge)


def test_ids_of_the_apps_own_are_none(lionbridge):
    given = lionbridge.given[-1]
    lionbridge.given.append(given._replace(headers={"X-Request-ID": "abc-123-def-456"}))
    assert_no_leak(Rendered(502, (("X-Request-ID", "abc-123-def-456"),), b""), lionbridge)


def test_a_form_of_djangos_and_its_session_are_none():
    page = '<form><input type="hidden" name="csrfmiddlewaretoken" value="mM8Yk2cVd0PLpXoIu7Qs5Trz3NbFa1Gh"></form>'
    assert_no_leak(Rendered(200, (("Set-Cookie", "sessionid=q8w7e6r5t4y3u2i1o0p9; Path=/"),), page.encode()))


@cache
def samples():
    return [
        (name, number, sample)
        for name, file in built_in_files().items()
        for number, sample in enumerate(samples_of(file))
    ]


def sweep(every, first):
    vendors = {name: FakeVendor(name, hosts=[]) for name in built_in_files()}
    for name, number, sample in samples():
        if number % every == first:
            vendor = vendors[name]
            vendor.given[:] = [replay(sample)]
            vendor._asked[:] = [ASKED]
            error = sample.read(default().parse, name)
            for kind in MediaType:
                assert_no_leak(default().answer(error, kind.value), vendor)
            assert_no_leak(default().problem_for(error), vendor)


def test_answers_of_ours_pass():
    sweep(40, 1)


@pytest.mark.once
@pytest.mark.parametrize("first", range(8))
def test_all_answers_of_ours_pass(first):
    sweep(8, first)


@pytest.mark.once
def test_what_vendors_say_does_not():
    """Of their messages that are sentences, and are not what we may pass on, none gets through."""
    found = through = 0
    for name, _, sample in samples():
        vendor = FakeVendor(name, hosts=[])
        error = sample.read(default().parse, name)
        if error.fault == "user" or len((error.vendor_message or "").split()) < 4 or not sample.tells_failure(name):
            continue
        vendor.given.append(replay(sample))
        try:
            assert_no_leak(rendered(detail=f"The service says: {error.vendor_message}"), vendor)
            through += 1
        except AssertionError:
            found += 1
    assert found > 100
    assert through == 0


# Whatever holds the answer.


def leaking(module, make):
    def answer():
        pytest.importorskip(module)
        return make()

    return pytest.param(answer, id=module)


def of_django():
    from django.conf import settings
    from django.http import HttpResponse

    if not settings.configured:
        pytest.skip("Django is not set up")
    return HttpResponse(MESSAGE, status=502)


def of_django_streaming():
    pytest.importorskip("django")
    from django.conf import settings
    from django.http import StreamingHttpResponse

    if not settings.configured:
        pytest.skip("Django is not set up")
    return StreamingHttpResponse([MESSAGE.encode()], status=502)


def of_starlettes_test_client():
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    async def view(_request):
        return PlainTextResponse(MESSAGE, 502)

    return TestClient(Starlette(routes=[Route("/", view)])).get("/")


def of_flasks_test_client():
    from flask import Flask

    app = Flask("shop")
    app.add_url_rule("/", view_func=lambda: (MESSAGE, 502))
    return app.test_client().get("/")


def of_httpx():
    import httpx

    return httpx.Response(502, text=MESSAGE)


def of_requests():
    import requests

    with FakeVendor("phase", hosts=["app.example"]) as app:
        app.answers(502, body=MESSAGE)
        return requests.get("http://app.example/", timeout=30)


def of_aiohttp():
    import aiohttp

    async def ask():
        async with aiohttp.ClientSession() as session, session.get("http://app.example/") as response:
            with pytest.raises(TypeError, match="has not been read"):
                assert_no_leak(response)
            await response.read()
            return response

    with FakeVendor("phase", hosts=["app.example"]) as app:
        app.answers(502, body=MESSAGE)
        return asyncio.run(ask())


@pytest.mark.parametrize(
    "answer",
    [
        leaking("django", of_django),
        pytest.param(of_django_streaming, id="django, streaming"),
        leaking("starlette.testclient", of_starlettes_test_client),
        leaking("flask", of_flasks_test_client),
        leaking("httpx", of_httpx),
        leaking("requests", of_requests),
        leaking("aiohttp", of_aiohttp),
        pytest.param(lambda: rendered(detail=MESSAGE), id="rendered"),
        pytest.param(lambda: MESSAGE, id="text"),
        pytest.param(MESSAGE.encode, id="bytes"),
    ],
)
def test_the_answer_of_any_framework_or_client(lionbridge, answer):
    given = answer()
    assert_no_leak(given)
    with pytest.raises(AssertionError, match="the vendor's message"):
        assert_no_leak(given, lionbridge)


def test_what_is_no_answer_is_refused():
    with pytest.raises(TypeError, match="a response, a Problem, a Rendered, a text or bytes is wanted, not int"):
        assert_no_leak(502)
