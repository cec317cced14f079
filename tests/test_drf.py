"""In DRF a vendor's failure is told by whichever renderer was negotiated, and DRF's own errors in the same model."""

from __future__ import annotations

import asyncio
import json
import logging
from xml.etree import ElementTree as ET  # of our own documents

import pytest

pytest.importorskip("rest_framework")

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db import connection
from django.http import Http404
from django.test import AsyncClient, Client
from django.urls import path, re_path
from django.utils import translation
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import api_view
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from errnorm import VendorError
from errnorm.asgi import ErrorNormalizationMiddleware
from errnorm.django import exempt
from tests.asgi_driver import ask as ask_plain
from tests.django_app import OURS
from tests.failures import FAILURES, OCCURRENCE, bare, lionbridge, raised

USER, INTEGRATION, OUTAGE = lionbridge(304), bare(401), bare(503)
PROBLEM = "application/problem+json"
CANARY = "canary-51c2"


class XML(BaseRenderer):
    """As the usual ones do it."""

    media_type, format, charset = "application/xml", "xml", "utf-8"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return "<root>theirs</root>"


class Lines(BaseRenderer):
    """Neither JSON nor XML."""

    media_type, format, charset = "application/x-lines", "lines", "utf-8"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return "\n".join(f"{name}={value}" for name, value in data.items())


class Basic(BaseAuthentication):
    def authenticate(self, request):
        if request.headers.get("Authorization") == "wrong":
            raise exceptions.AuthenticationFailed(CANARY) if request.query_params else exceptions.AuthenticationFailed

    def authenticate_header(self, request):
        return 'Basic realm="api"'


class Never(BaseThrottle):
    def allow_request(self, request, view):
        return False

    def wait(self):
        return 6.4


@pytest.fixture(autouse=True)
def configured(settings, caplog):
    settings.INSTALLED_APPS = ["django.contrib.staticfiles", "rest_framework", "errnorm.django"]
    settings.STATIC_URL = "/static/"
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
    settings.REST_FRAMEWORK = {
        "EXCEPTION_HANDLER": "errnorm.drf.exception_handler",
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
    }
    caplog.set_level(logging.DEBUG)
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


def raising(error, **known):
    """A view that raises it."""

    def get(self, request):
        raise error

    own = {"renderer_classes": [JSONRenderer], "authentication_classes": [], "permission_classes": [], **known}
    return type("Raising", (APIView,), {"get": get, "post": get, "parser_classes": [JSONParser], **own})


@pytest.fixture
def ask(settings):
    def ask(view, method="GET", at="/", *, reraise=False, asynchronous=False, data=None, **headers):
        made = view.as_view() if isinstance(view, type) else view
        settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [re_path("", made)]})
        sent = {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}
        content = {} if data is None else {"data": data, "content_type": "application/json"}
        if asynchronous:
            return asyncio.run(AsyncClient(raise_request_exception=reraise).generic(method, at, **content, **sent))
        return Client(raise_request_exception=reraise).generic(method, at, **content, **sent)

    return ask


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


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
@pytest.mark.parametrize("middleware", [[], [OURS]], ids=["alone", "behind the middleware"])
def test_every_failure_is_told_as_every_door_tells_it(ask, failure, middleware, settings):
    settings.MIDDLEWARE = middleware
    answer = ask(raising(VendorError(failure.error, occurrence_id=OCCURRENCE)), accept="application/json")
    plain = in_plain_app(VendorError(failure.error, occurrence_id=OCCURRENCE))
    assert (answer.status_code, answer.content) == (plain.status, plain.body)
    assert answer.get("Retry-After") == failure.retry_after
    for name in ("Content-Type", "Content-Language", "Cache-Control", "X-Content-Type-Options"):
        assert answer[name] == plain.header(name)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
def test_every_failure_is_told_in_the_same_xml(ask, failure, everything):
    error = VendorError(failure.error, occurrence_id=OCCURRENCE)
    answer = ask(raising(error, renderer_classes=[XML]), accept="text/xml, application/xml")
    plain = in_plain_app(VendorError(failure.error, occurrence_id=OCCURRENCE), Accept="application/xml")
    assert (answer.content, answer["Content-Type"]) == (plain.body, plain.header("Content-Type"))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_it_is_logged_once_and_signalled_only_where_it_is_ours(ask, asynchronous, caplog, signals):
    for error, signalled in ((USER, 0), (OUTAGE, 0), (INTEGRATION, 1)):
        caplog.clear()
        signals.clear()
        ask(raising(VendorError(error)), asynchronous=asynchronous)
        assert len(named(caplog, "errnorm", logging.DEBUG)) == 1
        assert not named(caplog, "django.request")
        assert len(signals) == signalled


def test_the_test_client_raises_what_is_ours_to_mend(ask):
    assert ask(raising(VendorError(OUTAGE)), reraise=True).status_code == 503
    with pytest.raises(VendorError):
        ask(raising(VendorError(INTEGRATION)), reraise=True)


def test_propagating_exceptions_is_honoured(ask, settings, caplog):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    assert ask(raising(VendorError(OUTAGE))).status_code == 503
    with pytest.raises(VendorError):
        ask(raising(VendorError(INTEGRATION)))
    assert len(named(caplog, "errnorm")) == 2


def test_a_clients_own_exception_and_a_group_are_told(ask):
    assert ask(raising(raised("httpx", "ReadTimeout", CANARY))).status_code == 504
    assert told(ask(raising(ExceptionGroup("x", [VendorError(USER)]))), 409, "language_pair_not_offered")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("handle", "error"), [("vendor", VendorError(USER)), ("all", Http404())])
def test_a_transaction_is_rolled_back(ask, settings, monkeypatch, handle, error):
    settings.ERRNORM = {"HANDLE": handle}
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    class Writing(raising(error)):
        def get(self, request):
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO errnorm_drf VALUES (1)")
            raise error

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE errnorm_drf (id integer)")
    try:
        assert ask(Writing).status_code in (404, 409)
        with connection.cursor() as cursor:
            assert cursor.execute("SELECT count(*) FROM errnorm_drf").fetchone()[0] == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE errnorm_drf")


def test_the_audience_is_asked_about_drfs_request(ask, settings):
    asked = []
    settings.ERRNORM = {"AUDIENCE": lambda request: asked.append(request.query_params) or "integrator"}
    assert ask(raising(VendorError(USER))).json()["vendor_code"] == "304"
    assert len(asked) == 1


# --- the renderer survives ---

EVERY = {"renderer_classes": [JSONRenderer, XML, Lines, BrowsableAPIRenderer]}


@pytest.mark.parametrize("error", [VendorError(lionbridge(306)), Http404()], ids=["vendor", "own"])
@pytest.mark.parametrize(
    ("accept", "content_type", "holds"),
    [
        ("application/json", PROBLEM, '"status":'),
        ("*/*", PROBLEM, '"status":'),
        ("application/xml", "application/problem+xml; charset=utf-8", '<problem xmlns="urn:ietf:rfc:7807">'),
        ("application/x-lines", "application/x-lines; charset=utf-8", "status="),
        ("text/html", "text/html; charset=utf-8", "<b>Content-Language:</b>"),
    ],
)
def test_it_writes_the_problem_in_its_own_way(ask, everything, error, accept, content_type, holds):
    answer = ask(raising(error, **EVERY), accept=accept)
    assert (answer["Content-Type"], answer.status_code) == (content_type, answer.data["status"])
    assert holds in answer.content.decode()
    assert answer.data["reference"] in answer.content.decode()
    assert "Accept" in answer["Vary"]
    assert answer.get("Retry-After") == (None if "retry_after" not in answer.data else str(answer.data["retry_after"]))


def test_xml_is_that_of_the_standard_for_an_integrator_too(ask, settings):
    settings.ERRNORM = {"AUDIENCE": lambda request: True, "HANDLE": "all"}
    document = ET.fromstring(ask(raising(VendorError(USER), **EVERY), accept="application/xml").content)
    assert document.find("{urn:ietf:rfc:7807}vendor_code").text == "304"
    refused = raising(exceptions.ValidationError({"name": ["No."]}), **EVERY)
    document = ET.fromstring(ask(refused, accept="application/xml").content)
    assert document.find("{*}errors/{*}i/{*}pointer").text == "#/name"


def test_what_cannot_be_negotiated_is_told_too(ask, everything):
    told(ask(raising(VendorError(USER)), accept="image/png"), 406, "not_acceptable")


# --- DRF's own ---


class Subscribe(exceptions.APIException):
    status_code, default_detail, default_code = 402, "Please subscribe.", "subscription_needed"


class Closed(exceptions.APIException):
    status_code, default_detail, default_code = 503, "We are counting the stock.", "stocktaking"


OWN = [
    (exceptions.ParseError(CANARY), 400, "bad_request"),
    (exceptions.NotFound(), 404, "not_found"),
    (exceptions.PermissionDenied(), 403, "forbidden"),
    (exceptions.NotAcceptable(), 406, "not_acceptable"),
    (exceptions.UnsupportedMediaType(CANARY), 415, "unsupported_media_type"),
    (exceptions.MethodNotAllowed(CANARY), 405, "method_not_allowed"),
    (exceptions.Throttled(), 429, "too_many_requests"),
    (exceptions.APIException(CANARY), 500, "internal_server_error"),
    (Closed(CANARY), 503, "stocktaking"),
    (Http404(), 404, "not_found"),
    (PermissionDenied(), 403, "forbidden"),
]
OWN_IDS = [f"{type(error).__module__}.{type(error).__name__}" for error, *_ in OWN]


@pytest.mark.parametrize(("error", "status", "code"), OWN, ids=OWN_IDS)
def test_every_exception_of_drfs_is_told(ask, everything, error, status, code):
    assert told(ask(raising(error)), status, code)["detail"]


@pytest.mark.parametrize(("error", "status", "code"), OWN, ids=OWN_IDS)
def test_without_the_setting_it_is_drfs(ask, settings, error, status, code):
    ours = ask(raising(error))
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": "rest_framework.views.exception_handler"}
    theirs = ask(raising(error))
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    assert dict(ours.items()) == dict(theirs.items())


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (exceptions.PermissionDenied("Only the owner may."), "forbidden", "Only the owner may."),
        (exceptions.PermissionDenied("Only so.", code="owners_only"), "owners_only", "Only so."),
        (exceptions.NotFound("No such order.\x00"), "not_found", "No such order."),
        (Subscribe(), "subscription_needed", "Please subscribe."),
        (Subscribe(code="<b>"), "payment_required", "Please subscribe."),
        (Closed(), "stocktaking", "We are counting the stock."),
    ],
)
def test_what_the_app_says_itself_is_told(ask, everything, error, code, detail):
    problem = ask(raising(error)).json()
    assert (problem["code"], problem["detail"]) == (code, detail)


class Address(serializers.Serializer):
    city = serializers.CharField()


class Order(serializers.Serializer):
    name = serializers.CharField()
    size = serializers.IntegerField(max_value=3)
    addresses = Address(many=True)

    def validate(self, attrs):
        raise serializers.ValidationError("It does not fit.")


class Ordering(raising(None)):
    def post(self, request):
        Order(data=request.data).is_valid(raise_exception=True)


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"size": 7, "addresses": [{"city": "x"}, {}]}, {"#/name", "#/size", "#/addresses/1/city"}),
        ({"name": "x", "size": 1, "addresses": [{"city": "x"}]}, {"#"}),
        ([1], {"#"}),
    ],
)
def test_what_was_entered_is_pointed_at(ask, everything, sent, errors):
    problem = told(ask(Ordering, "POST", data=json.dumps(sent)), 400, "bad_request")
    assert {error["pointer"] for error in problem["errors"]} == errors
    assert all(error["detail"] for error in problem["errors"])
    assert (problem["action"], problem["detail"].partition(" ")[0]) == ("fix_input", "Some")


@pytest.mark.parametrize(
    ("detail", "errors"),
    [
        ("No.", [("#", "No.")]),
        (["No.", "Never."], [("#", "No."), ("#", "Never.")]),
        ({"a/b": {"c~d": ["No."]}}, [("#/a~1b/c~0d", "No.")]),
        ([{}, {"a": ["No."]}], [("#/1/a", "No.")]),
        ({"non_field_errors": ["No."], "a": "Never."}, [("#", "No."), ("#/a", "Never.")]),
        ({"a": {"non_field_errors": ["No."]}}, [("#/a", "No.")]),
    ],
)
def test_details_of_every_shape(ask, everything, detail, errors):
    found = ask(raising(exceptions.ValidationError(detail))).json()["errors"]
    assert [(each["pointer"], each["detail"]) for each in found] == errors


def test_texts_are_in_djangos_language(ask, everything, settings):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", OURS]
    problem = ask(Ordering, "POST", data="{}", accept_language="de").json()
    assert problem["errors"][0]["detail"].startswith("Dieses Feld ist ")
    assert "erneut" in problem["detail"]


def test_a_wait_is_named(ask, everything):
    answer = ask(raising(None, throttle_classes=[Never]))
    assert (told(answer, 429, "too_many_requests")["retry_after"], answer["Retry-After"]) == (7, "7")


def test_a_challenge_and_what_is_allowed_are_kept(ask, everything):
    guarded = raising(None, authentication_classes=[Basic], permission_classes=[IsAuthenticated])
    for answer in (ask(guarded), ask(guarded, authorization="wrong")):
        told(answer, 401, "unauthorized")
        assert answer["WWW-Authenticate"] == 'Basic realm="api"'
    answer = ask(raising(None), "PUT")
    told(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"
    told(ask(raising(None, permission_classes=[IsAuthenticated])), 403, "forbidden")


def test_a_body_that_is_no_json_is_told(ask, everything):
    told(ask(Ordering, "POST", data="{"), 400, "bad_request")


@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_the_unexpected_is_djangos(ask, settings, signals, caplog, handle):
    settings.ERRNORM = {"HANDLE": handle}
    answer = ask(raising(ZeroDivisionError(CANARY)))
    assert len(signals) == 1
    assert len(named(caplog, "django.request", logging.ERROR)) == 1
    if handle == "all":
        told(answer, 500, "internal_server_error")
    with pytest.raises(ZeroDivisionError):
        ask(raising(ZeroDivisionError("x")), reraise=True)


# --- opting out ---


def test_a_view_an_action_or_a_path_may_opt_out(ask, settings):
    settings.ERRNORM = {"HANDLE": "all", "EXEMPT": ["/left"]}

    @exempt
    @api_view(["GET"])
    def function(request):
        raise Http404

    class Method(raising(Http404())):
        @exempt
        def get(self, request):
            raise Http404

    class Actions(ViewSet):
        @exempt
        def list(self, request):
            raise Http404

        def retrieve(self, request):
            raise Http404

    assert ask(function).json() == {"detail": "Not found."}
    assert ask(Method).json() == {"detail": "Not found."}
    told(ask(Method, "POST"), 404, "not_found")
    assert ask(Actions.as_view({"get": "list"})).json() == {"detail": "Not found."}
    told(ask(Actions.as_view({"get": "retrieve"})), 404, "not_found")
    assert ask(raising(Http404()), at="/left/x").json() == {"detail": "Not found."}
    assert ask(raising(VendorError(USER)), at="/left/x").status_code == 500


# --- documentation ---


class Documented(raising(None)):
    def get(self, request):
        return Response({})


def test_spectacular_documents_the_responses(settings):
    pytest.importorskip("drf_spectacular")
    jsonschema = pytest.importorskip("jsonschema")
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.settings import patched_settings
    from drf_spectacular.types import OpenApiTypes
    from drf_spectacular.utils import extend_schema
    from drf_spectacular.validation import validate_schema

    from errnorm import drf, problem_for

    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular"]
    schema_class = "drf_spectacular.openapi.AutoSchema"
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_SCHEMA_CLASS": schema_class}

    class Order(Documented):
        schema = AutoSchema()

        @extend_schema(responses={200: OpenApiTypes.OBJECT, **drf.responses("lionbridge")})
        def post(self, request):
            return Response({})

        @extend_schema(responses={200: OpenApiTypes.OBJECT})
        def get(self, request):
            return Response({})

    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [path("orders", Order.as_view())]})
    with patched_settings({"POSTPROCESSING_HOOKS": ["errnorm.drf.document"]}):
        schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    responses = {method: operation["responses"] for method, operation in schema["paths"]["/orders"].items()}
    reference = {"$ref": "#/components/schemas/Problem"}
    assert responses["get"].keys() == {"200", "default"}
    assert {"200", "default", "409", "422", "500", "502", "503", "504"} <= responses["post"].keys()
    problem = schema["components"]["schemas"]["Problem"]
    told = 0
    for status, response in responses["post"].items():
        if status != "200":
            content = response["content"][PROBLEM]
            assert response["content"].keys() == {PROBLEM}
            assert content["schema"] == reference
            for example in content.get("examples", {}).values():
                jsonschema.validate(example["value"], problem)
                assert str(example["value"]["status"]) == status
                told += 1
    assert told > 10
    assert any(each["value"]["code"] == "language_pair_not_offered" for each in content_of(responses, "409").values())
    for error in (USER, OUTAGE):
        jsonschema.validate(problem_for(error).to_dict(), problem)


def content_of(responses, status):
    return responses["post"][status]["content"][PROBLEM]["examples"]
