"""In Django Ninja a vendor's failure is told as everywhere, and Ninja's own errors in the same model."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

pytest.importorskip("ninja")

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db import connection
from django.http import Http404, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.utils import translation
from ninja import Body, Form, NinjaAPI, Query, Schema
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, Throttled, ValidationError
from ninja.security import HttpBearer
from ninja.throttling import BaseThrottle
from pydantic import field_validator

from errnorm import VendorError, problem_for
from errnorm.asgi import ErrorNormalizationMiddleware
from errnorm.ninja import install, responses
from tests.asgi_driver import ask as ask_plain
from tests.django_app import OURS
from tests.failures import FAILURES, OCCURRENCE, bare, lionbridge, raised

USER, INTEGRATION, OUTAGE = lionbridge(304), bare(401), bare(503)
PROBLEM = "application/problem+json"
CANARY = "canary-77aa"
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture(autouse=True)
def logs(caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NINJA_SKIP_REGISTRY", "yes")  # before 1.6 each API of a process needs a name of its own
    yield
    translation.deactivate()  # LocaleMiddleware leaves it to the next request


@pytest.fixture
def everything(settings):
    settings.ERRNORM = {"HANDLE": "all"}


@pytest.fixture
def signals():
    seen = []

    def note(sender, request, **kwargs):
        seen.append(request)

    got_request_exception.connect(note)
    yield seen
    got_request_exception.disconnect(note)


@pytest.fixture
def api():
    made = NinjaAPI(urls_namespace="errnorm")
    install(made)
    return made


@pytest.fixture
def ask(settings):
    def ask(api, asynchronous=False, method="GET", at="/api/", *, reraise=False, data=None, form=None, **headers):
        settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [path("api/", api.urls)]})
        client = (AsyncClient if asynchronous else Client)(raise_request_exception=reraise)
        sent = {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}
        if form is not None:
            answer = client.post(at, form, **sent)
        else:
            content = {} if data is None else {"data": data, "content_type": "application/json"}
            answer = client.generic(method, at, **content, **sent)
        return asyncio.run(answer) if asynchronous else answer

    return ask


def raising(api, error, asynchronous=False, **known):
    """The API with an operation that raises it."""
    serve(api, "/", error, asynchronous, **known)
    return api


def serve(api, at, error, asynchronous=False, **known):
    def view(request):
        raise error

    async def aview(request):
        raise error

    api.get(at, **known)(aview if asynchronous else view)


def told(response, status, code):
    assert (response.status_code, response["Content-Type"]) == (status, PROBLEM)
    problem = response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert response["Cache-Control"] == "no-store"
    assert CANARY not in response.content.decode()
    return problem


def in_plain_app(error, **headers):
    """What the plainest door answers."""

    async def app(scope, receive, send):
        raise error

    return ask_plain(ErrorNormalizationMiddleware(app), "GET", "/", headers)


def named(caplog, name, least=logging.WARNING):
    return [record for record in caplog.records if record.name == name and record.levelno >= least]


# --- vendors' failures ---


@both
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
def test_every_failure_is_told_as_every_door_tells_it(ask, api, asynchronous, failure, settings):
    settings.MIDDLEWARE = []
    error = VendorError(failure.error, occurrence_id=OCCURRENCE)
    answer = ask(raising(api, error, asynchronous), asynchronous)
    plain = in_plain_app(VendorError(failure.error, occurrence_id=OCCURRENCE))
    assert (answer.status_code, answer.content) == (plain.status, plain.body)
    assert answer.get("Retry-After") == failure.retry_after


@both
def test_it_is_logged_once_and_signalled_only_where_it_is_ours(ask, asynchronous, caplog, signals):
    for error, signalled in ((USER, 0), (OUTAGE, 0), (INTEGRATION, 1)):
        caplog.clear()
        signals.clear()
        own = NinjaAPI(urls_namespace="errnorm")
        install(own)
        ask(raising(own, VendorError(error), asynchronous), asynchronous)
        assert len(named(caplog, "errnorm", logging.DEBUG)) == 1
        assert not named(caplog, "django.request")
        assert len(signals) == signalled


@both
@pytest.mark.parametrize(
    "error",
    [raised("httpx", "ReadTimeout", CANARY), ExceptionGroup("x", [VendorError(OUTAGE)]), VendorError(OUTAGE)],
    ids=["a client's", "a group", "ours"],
)
@pytest.mark.parametrize("debug", [False, True])
def test_whatever_tells_of_a_vendors_failure(ask, api, asynchronous, error, debug, settings):
    settings.DEBUG = debug
    answer = ask(raising(api, error, asynchronous), asynchronous)
    assert (answer.status_code in (503, 504), answer.json()["code"]) == (True, "service_unavailable")


@both
def test_a_page_is_a_page(ask, api, asynchronous):
    answer = ask(raising(api, VendorError(USER), asynchronous), asynchronous, accept="text/html", hx_request="true")
    assert answer.content.startswith(b"<section")


@both
def test_propagating_exceptions_is_honoured(ask, api, asynchronous, settings, caplog):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    ours = VendorError(INTEGRATION)
    with pytest.raises(VendorError) as caught:
        ask(raising(api, ours, asynchronous), asynchronous)
    assert caught.value is ours
    assert len(named(caplog, "errnorm")) == 1


@pytest.mark.django_db(transaction=True)
def test_a_transaction_is_rolled_back(ask, api, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    @api.get("/")
    def view(request):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO errnorm_ninja VALUES (1)")
        raise VendorError(USER)

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE errnorm_ninja (id integer)")
    try:
        assert ask(api).status_code == 409
        with connection.cursor() as cursor:
            assert cursor.execute("SELECT count(*) FROM errnorm_ninja").fetchone()[0] == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE errnorm_ninja")


# --- Ninja's own ---

OWN = [
    (Http404(CANARY), 404, "not_found"),
    (HttpError(409, "Somebody was faster."), 409, "conflict"),
    (HttpError(500, CANARY), 500, "internal_server_error"),
    (AuthenticationError(), 401, "unauthorized"),
    (AuthorizationError(), 403, "forbidden"),
    (Throttled(wait=7), 429, "too_many_requests"),
    (Throttled(wait=None), 429, "too_many_requests"),
    (PermissionDenied(CANARY), 403, "forbidden"),
    (ValidationError([{"loc": ("query", "page"), "msg": "No.", "type": "x"}]), 422, "unprocessable_content"),
    (KeyError(CANARY), 500, "internal_server_error"),
]


@both
@pytest.mark.parametrize(("error", "status", "code"), OWN, ids=range(len(OWN)))
def test_every_exception_is_told(ask, api, asynchronous, everything, error, status, code):
    problem = told(ask(raising(api, error, asynchronous), asynchronous), status, code)
    assert problem["detail"] != getattr(error, "message", None) or status == 409
    assert problem.get("retry_after") == getattr(error, "wait", None)


@pytest.mark.parametrize(("error", "status", "code"), OWN, ids=range(len(OWN)))
def test_without_the_setting_it_is_ninjas(ask, api, error, status, code):
    ours = ask(raising(api, error))
    theirs = ask(raising(NinjaAPI(urls_namespace="errnorm"), error))
    assert (ours.status_code, ours.content, dict(ours.items())) == (
        theirs.status_code,
        theirs.content,
        dict(theirs.items()),
    )


@both
def test_the_unexpected_is_djangos(ask, api, asynchronous, everything, signals, caplog, settings):
    bug = ZeroDivisionError(CANARY)
    told(ask(raising(api, bug, asynchronous), asynchronous), 500, "internal_server_error")
    assert len(signals) == 1
    assert len(named(caplog, "django.request", logging.ERROR)) == 1
    with pytest.raises(ZeroDivisionError):
        ask(api, asynchronous, reraise=True)
    settings.DEBUG = True
    assert b"Traceback" in ask(api, asynchronous).content


class Nobody(HttpBearer):
    def authenticate(self, request, token):
        return None


class Never(BaseThrottle):
    def allow_request(self, request):
        return False

    def wait(self):
        return 6.4


@both
def test_what_stands_before_an_operation_is_told(ask, api, asynchronous, everything):
    raising(api, KeyError(), asynchronous, auth=Nobody())
    told(ask(api, asynchronous), 401, "unauthorized")
    answer = ask(api, asynchronous, "POST")
    assert (answer.status_code, answer["Allow"]) == (405, "GET")

    own = NinjaAPI(urls_namespace="errnorm")
    install(own)
    raising(own, KeyError(), asynchronous, throttle=[Never()])
    answer = ask(own, asynchronous)
    assert (told(answer, 429, "too_many_requests")["retry_after"], answer["Retry-After"]) == (7, "7")


# --- input ---


class Address(Schema):
    city: int


class Order(Schema):
    name: str
    size: int
    addresses: list[Address] | None = None

    @field_validator("size")
    @classmethod
    def fits(cls, size):
        if size == 5:
            raise AssertionError("Five are never left.")
        if size > 3:
            raise ValueError("At most three.")
        return size


class Paging(Schema):
    page: int


@pytest.fixture
def shop(api, everything):
    @api.post("/one")
    def one(request, order: Order):
        return {}

    @api.post("/two")
    def two(request, order: Order, other: Order):
        return {}

    @api.post("/several")
    def several(request, orders: list[Order]):
        return {}

    @api.post("/scalar")
    def scalar(request, a: int = Body(...), b: int = Body(...)):
        return {}

    @api.post("/form")
    def form(request, paging: Form[Paging]):
        return {}

    @api.get("/listed/{kind}")
    def listed(request, kind: int, paging: Query[Paging]):
        return {}

    return api


IN_ORDER = ["#/order/name", "#/order/size", "#/order/addresses/1/city"]
WRONG = {"size": 7, "addresses": [{"city": 1}, {"city": "x"}]}


@pytest.mark.parametrize(
    ("at", "sent", "pointers"),
    [
        ("one", WRONG, ["#/name", "#/size", "#/addresses/1/city"]),
        ("two", {"order": WRONG, "other": {}}, [*IN_ORDER, "#/other/name", "#/other/size"]),
        ("several", [{"name": "x", "size": 1}, WRONG], ["#/1/name", "#/1/size", "#/1/addresses/1/city"]),
        ("scalar", {"a": "x"}, ["#/a", "#/b"]),
        ("one", {}, ["#/name", "#/size"]),
    ],
)
def test_what_was_entered_is_pointed_at_in_what_was_sent(ask, shop, at, sent, pointers):
    problem = told(ask(shop, False, "POST", f"/api/{at}", data=json.dumps(sent)), 422, "unprocessable_content")
    assert [error["pointer"] for error in problem["errors"]] == pointers


def test_what_is_not_of_the_body_says_where_it_is(ask, shop):
    errors = told(ask(shop, at="/api/listed/x?page=y"), 422, "unprocessable_content")["errors"]
    assert {error["pointer"] for error in errors} == {"#/path/kind", "#/query/page"}
    errors = told(ask(shop, at="/api/form", form={"page": "y"}), 422, "unprocessable_content")["errors"]
    assert [error["pointer"] for error in errors] == ["#/page"]


def test_the_apps_own_words_are_told_and_pydantics_to_those_who_read_english(ask, shop, settings):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", OURS]

    def details(size, **headers):
        sent = json.dumps({"size": size})
        found = ask(shop, False, "POST", "/api/one", data=sent, **headers).json()["errors"]
        return {error["pointer"]: error["detail"] for error in found}

    assert details(7) == {"#/name": "Field required", "#/size": "At most three."}
    assert details(5)["#/size"] == "Five are never left."
    german = details(7, accept_language="de")
    assert german["#/size"] == "At most three."
    assert german["#/name"] not in ("", "Field required")


def test_a_body_that_is_no_json_is_told(ask, shop, settings):
    settings.DEBUG = True  # where Ninja says more
    assert "Cannot" not in told(ask(shop, False, "POST", "/api/one", data="{"), 400, "bad_request")["detail"]


# --- an app's own ---


def test_an_apps_own_handlers_win(ask, everything):
    class BusyError(VendorError):
        pass

    def theirs(request, raised):
        return HttpResponse("theirs", status=418)

    before, after = NinjaAPI(urls_namespace="errnorm"), NinjaAPI(urls_namespace="errnorm")
    for kind in (Http404, HttpError, ValidationError, BusyError):
        before.add_exception_handler(kind, theirs)
    install(before)
    install(after)
    for kind in (Http404, HttpError, ValidationError, BusyError):
        after.add_exception_handler(kind, theirs)
    for own in (before, after):
        for number, error in enumerate((Http404(), HttpError(400, "x"), ValidationError([]), BusyError(USER))):
            serve(own, f"/{number}", error)
        for number in range(4):
            assert ask(own, at=f"/api/{number}").content == b"theirs"


def test_a_handler_for_all_gets_what_is_left(ask):
    own = NinjaAPI(urls_namespace="errnorm")
    own.add_exception_handler(Exception, lambda request, raised: HttpResponse("theirs", status=418))
    install(own)
    install(own)  # once is enough
    serve(own, "/bug", KeyError())
    serve(own, "/vendor", raised("httpx", "ConnectError"))
    assert ask(own, at="/api/bug").status_code == 418
    assert ask(own, at="/api/vendor").status_code == 502


def test_a_path_may_be_exempt(ask, api, settings):
    settings.ERRNORM = {"HANDLE": "all", "EXEMPT": ["/api/left"]}
    serve(api, "/left", Http404())
    serve(api, "/told", Http404())
    assert ask(api, at="/api/left").json() == {"detail": "Not Found"}
    told(ask(api, at="/api/told"), 404, "not_found")


# --- documentation ---


def test_openapi_documents_the_responses(ask, api):
    jsonschema = pytest.importorskip("jsonschema")
    api.get("/orders", response=Order, openapi_extra=responses("lionbridge"))(lambda request: {})
    schema = ask(api, at="/api/openapi.json").json()
    operation = schema["paths"]["/api/orders"]["get"]["responses"]
    assert {"200", "409", "422", "500", "502", "503", "504"} <= set(operation)
    problem = schema["components"]["schemas"]["Problem"]
    assert "Order" in schema["components"]["schemas"]
    for status in operation.keys() - {"200"}:
        content = operation[status]["content"][PROBLEM]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code, example in content["examples"].items():
            jsonschema.validate(example["value"], problem)
            assert (example["value"]["code"], str(example["value"]["status"])) == (code, status)
    assert "language_pair_not_offered" in operation["409"]["content"][PROBLEM]["examples"]
    assert "Retry-After" in operation["503"]["headers"]
    for error in (USER, OUTAGE):
        jsonschema.validate(problem_for(error).to_dict(), problem)
