"""With HANDLE "all", Django's own errors are told in our model, and all that Django does about them stays as it is."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

pytest.importorskip("django")

from django import forms
from django.conf import urls as django_urls
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    ValidationError,
)
from django.core.signals import got_request_exception
from django.http import FileResponse, Http404, HttpResponse, HttpResponseNotAllowed, JsonResponse, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.test import AsyncClient, Client, RequestFactory
from django.urls import include, path, re_path
from django.utils import translation
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import errnorm.django
from errnorm import VendorError
from errnorm.django import ErrorNormalizationMiddleware, apassing, exempt, invalid, passing
from tests.django_app import OURS
from tests.failures import VENDOR_HEADERS, lionbridge

USER = lionbridge(304)
PROBLEM = "application/problem+json"
CANARY = "canary-9f3a"
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture(autouse=True)
def everything(settings, caplog):
    settings.ERRNORM = {"HANDLE": "all"}
    caplog.set_level(logging.DEBUG)
    yield
    translation.deactivate()  # LocaleMiddleware leaves it to the next request


@pytest.fixture
def signals():
    """Every sender and exception of got_request_exception."""
    import sys

    seen = []

    def note(sender, request, **kwargs):
        seen.append(sys.exc_info()[1])

    got_request_exception.connect(note)
    yield seen
    got_request_exception.disconnect(note)


@pytest.fixture
def call(settings):
    """Any method on any path of a view, or of a URLconf, sync or async."""

    def call(where, asynchronous=False, method="GET", at="/", *, reraise=False, data=None, form=None, **headers):
        if callable(where) and not isinstance(where, type):
            where = urls(where, asynchronous)
        settings.ROOT_URLCONF = where
        kind = AsyncClient if asynchronous else Client
        client = kind(raise_request_exception=reraise, enforce_csrf_checks="csrf" in str(settings.MIDDLEWARE))
        sent = {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}
        if form is not None:
            told = client.post(at, form, **sent)
        else:
            content = {"data": data, "content_type": "application/octet-stream"} if data is not None else {}
            told = client.generic(method, at, **content, **sent)
        return asyncio.run(told) if asynchronous else told

    return call


def urls(view, asynchronous=False, **handlers):
    async def aview(request):
        return view(request)

    return type("Urls", (), {"urlpatterns": [re_path("", aview if asynchronous else view)], **handlers})


def raises(error):
    def view(request):
        raise error

    return view


def named(caplog, name, least=logging.WARNING):
    return [record for record in caplog.records if record.name == name and record.levelno >= least]


def told(response, status, code):
    assert (response.status_code, response["Content-Type"]) == (status, PROBLEM)
    problem = response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert response["Cache-Control"] == "no-store"
    assert CANARY not in response.content.decode()
    return problem


# --- what Django raises and answers ---

OWN = [
    (Http404(CANARY), 404, "not_found"),
    (PermissionDenied(CANARY), 403, "forbidden"),
    (BadRequest(CANARY), 400, "bad_request"),
    (SuspiciousOperation(CANARY), 400, "bad_request"),
    (MultiPartParserError(CANARY), 400, "bad_request"),
    (TooManyFieldsSent(CANARY), 400, "bad_request"),
    (RequestDataTooBig(CANARY), 413, "content_too_large"),
    (ZeroDivisionError(CANARY), 500, "internal_server_error"),
]
every_own = pytest.mark.parametrize(("error", "status", "code"), OWN, ids=lambda value: type(value).__name__)


@both
@every_own
def test_every_exception_that_django_knows_is_told(call, asynchronous, error, status, code):
    told(call(raises(error), asynchronous), status, code)


@both
@every_own
def test_django_logs_and_signals_it_as_ever(call, asynchronous, error, status, code, settings, signals, caplog):
    def records():
        kept = [(r.name, r.levelno, r.getMessage(), bool(r.exc_info)) for r in caplog.records if r.name != "errnorm"]
        caplog.clear()
        return [record for record in kept if record[0].startswith("django")]

    call(raises(error), asynchronous)
    ours, ours_signals = records(), signals[:]
    signals.clear()
    settings.ERRNORM = {}
    call(raises(error), asynchronous)
    assert ours == records()
    assert ours_signals == signals
    assert len(signals) == (status == 500)


@both
@every_own
def test_the_test_client_raises_what_it_would_raise(call, asynchronous, error, status, code):
    if status != 500:
        assert call(raises(error), asynchronous, reraise=True).status_code == status
        return
    with pytest.raises(ZeroDivisionError) as caught:
        call(raises(error), asynchronous, reraise=True)
    assert caught.value is error


@both
def test_the_unexpected_is_noted_once_with_the_users_reference(call, asynchronous, caplog):
    problem = told(call(raises(KeyError(CANARY)), asynchronous), 500, "internal_server_error")
    (record,) = named(caplog, "errnorm", logging.DEBUG)
    assert record.errnorm_reference == problem["reference"]
    assert record.getMessage() == "unexpected KeyError 500"
    assert record.levelno == logging.WARNING
    assert record.exc_info is None
    assert len(named(caplog, "django.request", logging.ERROR)) == 1


@both
@pytest.mark.parametrize(("error", "page"), [(Http404("x"), b"Page not found"), (KeyError("x"), b"KeyError")])
def test_debug_pages_stay(call, asynchronous, settings, error, page):
    settings.DEBUG = True
    answer = call(raises(error), asynchronous, accept="text/html")
    assert page in answer.content
    assert answer["Content-Type"].startswith("text/html")


@both
def test_propagating_exceptions_is_honoured(call, asynchronous, settings):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    bug = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError) as caught:
        call(raises(bug), asynchronous)
    assert caught.value is bug


@both
def test_a_path_that_leads_nowhere(call, asynchronous, settings):
    told(call(type("Urls", (), {"urlpatterns": []}), asynchronous, at="/none"), 404, "not_found")


@both
def test_a_vendors_failure_that_a_middleware_raises_is_one_too(call, asynchronous, settings, caplog):
    settings.MIDDLEWARE = ["tests.test_django_all.Raising", OURS]
    told(call(lambda request: HttpResponse("x"), asynchronous), 409, "language_pair_not_offered")
    assert len(named(caplog, "errnorm", logging.DEBUG)) == 1


def Raising(get_response):  # noqa: N802 - a middleware
    def middleware(request):
        raise VendorError(USER)

    return middleware


def test_an_apps_own_handlers_win(call):
    def own(request, exception=None):
        return HttpResponse("theirs", status=418)

    for name, error in (("handler404", Http404()), ("handler403", PermissionDenied()), ("handler500", KeyError())):
        assert call(urls(raises(error), **{name: own})).content == b"theirs"


@pytest.mark.parametrize("handle", ["vendor", "all"])
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_urlconf_may_name_ours_whatever_the_setting(call, settings, handle, status):
    settings.ERRNORM = {"HANDLE": handle}
    error = {400: BadRequest(), 403: PermissionDenied(), 404: Http404(), 500: KeyError()}[status]
    conf = urls(raises(error), **{f"handler{status}": f"errnorm.django.handler{status}"})
    assert call(conf).json()["status"] == status


def test_without_the_setting_all_is_djangos_again(call, settings):
    told(call(raises(Http404())), 404, "not_found")
    settings.ERRNORM = {}
    assert b"<h1>Not Found</h1>" in call(raises(Http404())).content
    assert call(raises(KeyError())).content.startswith(b"\n<!doctype html>")


def test_what_another_package_made_the_default_stays(call, monkeypatch):
    def theirs(request, exception):
        return HttpResponse("theirs", status=404)

    monkeypatch.setattr(django_urls, "handler404", theirs)
    assert call(raises(Http404())).content == b"theirs"


def test_djangos_check_of_handlers_is_content(settings):
    from django.core.checks.urls import check_custom_error_handlers

    handlers = {f"handler{status}": f"errnorm.django.handler{status}" for status in (400, 403, 404, 500)}
    for conf in (urls(raises(Http404()), **handlers), urls(raises(Http404()))):
        settings.ROOT_URLCONF = conf
        assert check_custom_error_handlers(None) == []


# --- CSRF ---


@pytest.fixture
def protected(settings):
    settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware", OURS]
    settings.CSRF_FAILURE_VIEW = "errnorm.django.csrf_failure"


@both
def test_a_refused_form_is_told_as_such(call, asynchronous, protected, caplog):
    problem = told(call(lambda request: HttpResponse(), asynchronous, "POST"), 403, "csrf")
    assert "form" in problem["detail"]
    assert len(named(caplog, "django.security.csrf")) == 1
    assert not named(caplog, "django.request")


def test_with_debug_it_says_what_is_missing(call, protected, settings):
    settings.DEBUG = True
    assert b"CSRF cookie not set" in call(lambda request: HttpResponse(), method="POST").content


# --- errors that say nothing ---


@both
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 418, 429, 500, 503, 599])
def test_an_empty_error_gets_a_body(call, asynchronous, status):
    def view(request):
        return HttpResponse(status=status, headers={"X-Own": "kept", "Vary": "Cookie", "ETag": '"x"'})

    answer = call(view, asynchronous)
    assert answer.json()["status"] == answer.status_code == status
    assert (answer["Content-Type"], answer["X-Own"]) == (PROBLEM, "kept")
    assert answer["Vary"] == "Cookie, Accept, Accept-Language"
    assert answer["Content-Length"] == str(len(answer.content))
    assert "ETag" not in answer


@both
def test_405_keeps_what_is_allowed(call, asynchronous, caplog):
    answer = call(lambda request: HttpResponseNotAllowed(["POST", "PUT"]), asynchronous)
    told(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "POST, PUT"
    assert len(named(caplog, "django.request")) == 1
    answer = call(urls(require_POST(lambda request: HttpResponse())))
    assert (told(answer, 405, "method_not_allowed")["action"], answer["Allow"]) == ("none", "POST")


def test_401_keeps_its_challenge_and_429_its_wait(call):
    def view(request):
        headers = {"WWW-Authenticate": "Basic", "Retry-After": "7"}
        return HttpResponse(status=int(request.headers["X-Status"]), headers=headers)

    answer = call(view, x_status="401")
    assert answer["WWW-Authenticate"] == "Basic"
    answer = call(view, x_status="429")
    assert (answer.json()["retry_after"], answer["Retry-After"]) == (7, "7")


@both
def test_what_says_something_is_untouched(call, asynchronous):
    for made in (JsonResponse({"own": 1}, status=422), HttpResponse("own", status=500), HttpResponse(status=204)):
        content = made.content
        answer = call(lambda request, made=made: made, asynchronous)
        assert (answer.content, answer.status_code) == (content, made.status_code)
        assert answer["Content-Type"] != PROBLEM


@both
def test_a_stream_with_an_error_status_is_untouched(call, asynchronous):
    async def parts():
        yield b"own"

    def view(request):
        return StreamingHttpResponse(parts() if asynchronous else iter([b"own"]), status=500)

    assert call(view, asynchronous).streaming


def test_with_the_setting_off_nothing_is_filled(call, settings):
    settings.ERRNORM = {}
    assert call(lambda request: HttpResponse(status=404)).content == b""


@both
def test_head_gets_the_headers_and_no_body(call, asynchronous):
    for view in (raises(Http404()), raises(VendorError(USER)), lambda request: HttpResponse(status=404)):
        got, asked = (call(view, asynchronous, method) for method in ("GET", "HEAD"))
        assert asked.content == b""
        assert asked.status_code == got.status_code
        for name in ("Content-Type", "Content-Language", "Content-Length"):
            assert asked[name] == got[name]


# --- forms ---


class Customer(forms.Form):
    name = forms.CharField()
    size = forms.IntegerField(max_value=3)

    def clean(self):
        raise ValidationError("They do not fit.")


def refusing(make):
    return lambda request: invalid(request, make())


@both
def test_a_refused_form_names_its_fields_and_keeps_its_texts(call, asynchronous):
    problem = told(call(refusing(lambda: Customer({"size": "7"})), asynchronous, "POST"), 422, "unprocessable_content")
    assert problem["action"] == "fix_input"
    assert problem["errors"] == [
        {"pointer": "#/name", "detail": "This field is required."},
        {"pointer": "#/size", "detail": "Ensure this value is less than or equal to 3."},
        {"pointer": "#", "detail": "They do not fit."},
    ]


@pytest.mark.parametrize(
    ("make", "errors"),
    [
        (lambda: Customer({"a/b-size": "1"}, prefix="a/b"), [("#/a~1b-name", "This field is required.")]),
        (lambda: forms.formset_factory(Customer)({"form-TOTAL_FORMS": "x"}), [("#", None)]),
        (
            lambda: forms.formset_factory(Customer)(
                {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-size": "2"}
            ),
            [("#/form-0-name", "This field is required.")],
        ),
        (lambda: ValidationError({"street": ["Too long.", "Odd."]}), [("#/street", "Too long."), ("#/street", "Odd.")]),
        (lambda: ValidationError("It is late.", params={}), [("#", "It is late.")]),
        (lambda: ValidationError([ValidationError("%(n)s is odd.", params={"n": 3})]), [("#", "3 is odd.")]),
        (lambda: ValidationError({"__all__": ["Both."]}), [("#", "Both.")]),
    ],
    ids=range(7),
)
def test_forms_of_every_kind(call, make, errors):
    found = told(call(refusing(make)), 422, "unprocessable_content")["errors"]
    for pointer, text in errors:
        assert any(each["pointer"] == pointer and text in (None, each["detail"]) for each in found)


def test_a_forms_texts_are_in_the_language_of_ours(call, settings):
    settings.LANGUAGE_CODE = "de"
    problem = call(refusing(lambda: Customer({"size": "1"}))).json()
    assert problem["errors"][0]["detail"] == "Dieses Feld ist zwingend erforderlich."
    assert "erneut" in problem["detail"]


# --- opting out ---


@both
@pytest.mark.parametrize("error", [Http404(), KeyError(), VendorError(USER)])
def test_a_view_may_opt_out(asynchronous, error, settings):
    def view(request):
        raise error

    async def aview(request):
        raise error

    settings.ROOT_URLCONF = type(
        "Urls", (), {"urlpatterns": [path("", csrf_exempt(exempt(aview if asynchronous else view)))]}
    )
    client = (AsyncClient if asynchronous else Client)(raise_request_exception=False)
    answer = asyncio.run(client.get("/")) if asynchronous else client.get("/")
    assert answer["Content-Type"] == "text/html; charset=utf-8"


def test_a_class_of_views_may_opt_out(call):
    @method_decorator(exempt, name="dispatch")
    class Own(View):
        def get(self, request):
            raise Http404

    class Told(View):
        def get(self, request):
            raise Http404

    conf = type("Urls", (), {"urlpatterns": [path("own", Own.as_view()), path("told", Told.as_view())]})
    assert call(conf, at="/own")["Content-Type"].startswith("text/html")
    assert call(conf, method="POST", at="/own").content == b""
    assert call(conf, method="POST", at="/told").json()["status"] == 405
    assert call(conf, at="/told")["Content-Type"] == PROBLEM


@both
def test_what_is_exempt_is_not_filled(call, asynchronous, settings):
    settings.ERRNORM = {"HANDLE": "all", "EXEMPT": ["/admin"]}
    view = urls(lambda request: HttpResponse(status=404), asynchronous)
    assert call(view, asynchronous, at="/admin/x").content == b""
    assert call(view, asynchronous, at="/administrators").json()["status"] == 404


@both
@pytest.mark.parametrize("error", [Http404(), PermissionDenied(), BadRequest(), KeyError(), VendorError(USER)])
def test_a_path_may_be_exempt(call, asynchronous, settings, error):
    settings.ERRNORM = {"HANDLE": "all", "EXEMPT": ["/admin/"]}
    assert call(raises(error), asynchronous, at="/admin/x")["Content-Type"].startswith("text/html")
    assert call(raises(error), asynchronous, at="/shop")["Content-Type"] == PROBLEM


# --- who asked ---


@both
@pytest.mark.parametrize(
    ("headers", "fragment"),
    [
        ({"hx_request": "true"}, True),
        ({"hx_request": "true", "hx_boosted": "true"}, False),
        ({"hx_request": "true", "hx_history_restore_request": "true"}, False),
        ({}, False),
    ],
)
def test_htmx_gets_what_goes_into_a_page(call, asynchronous, headers, fragment):
    for view in (raises(VendorError(USER)), raises(Http404()), lambda request: HttpResponse(status=404)):
        answer = call(view, asynchronous, accept="text/html", **headers)
        assert answer.content.startswith(b"<section" if fragment else b"<!doctype")


@both
def test_an_integrator_sees_more_by_the_apps_word_on_the_request(call, asynchronous, settings):
    settings.ERRNORM = {"AUDIENCE": lambda request: request.headers.get("X-Staff") == "yes"}
    assert call(raises(VendorError(USER)), asynchronous, x_staff="yes").json()["vendor_code"] == "304"
    answer = call(raises(VendorError(USER)), asynchronous)
    assert "vendor_code" not in answer.json()
    assert "Cookie" in answer["Vary"]


@both
def test_our_texts_are_in_djangos_language(call, asynchronous, settings):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", OURS]
    for view in (raises(Http404()), raises(KeyError()), lambda request: HttpResponse(status=404)):
        answer = call(view, asynchronous, accept_language="fr")
        assert answer["Content-Language"] == "fr"
        assert answer.json()["detail"] not in ("", call(view, asynchronous, accept_language="en").json()["detail"])


# --- an app's own page ---


@pytest.fixture
def own_page(settings, tmp_path):
    def write(text):
        (tmp_path / "problem.html").write_text(text, encoding="utf-8")
        settings.TEMPLATES = [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [str(tmp_path)],
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ]
        return tmp_path / "problem.html"

    return write


@both
def test_the_page_may_be_a_template_of_djangos(call, asynchronous, settings, own_page):
    own_page(
        "{{ problem.status }}|{{ problem.detail }}|{{ support_url }}|{{ reconnect_url|default:'-' }}|{{ request.path }}"
    )
    settings.ERRNORM = {
        "HANDLE": "all",
        "TEMPLATE": "problem.html",
        "SUPPORT_URL": "/help?a&b",
        "RECONNECT_URL": "/again",
    }
    page = call(raises(Http404()), asynchronous, at="/x", accept="text/html")
    assert page.content.decode() == "404|This address does not exist, or no longer exists.|/help?a&amp;b|-|/x"
    assert "Content-Security-Policy" not in page
    empty = call(lambda request: HttpResponse(status=404), asynchronous, at="/x", accept="text/html")
    assert empty.content == page.content
    # as Django has it: nothing that context processors add where something is broken
    assert call(raises(KeyError()), asynchronous, accept="text/html").content.decode().endswith("|/help?a&amp;b|-|")


def test_a_reconnect_link_where_that_helps(call, settings, own_page):
    own_page("{{ reconnect_url|default:'-' }}")
    settings.ERRNORM = {"TEMPLATE": "problem.html", "RECONNECT_URL": "/again", "CREDENTIALS": "user"}
    from tests.failures import bare

    assert call(raises(VendorError(bare(401))), accept="text/html").content == b"/again"
    assert call(raises(VendorError(USER)), accept="text/html").content == b"-"


def test_else_it_is_a_file(call, settings, own_page, tmp_path):
    file = tmp_path / "plain.html"
    file.write_text("<p>$detail</p>", encoding="utf-8")
    settings.ERRNORM = {"HANDLE": "all", "TEMPLATE": str(file)}
    assert call(raises(Http404()), accept="text/html").content.startswith(b"<p>This address does not exist")


@both
def test_a_page_that_fails_is_replaced_by_the_last_resort(call, asynchronous, settings, own_page):
    own_page("{% include missing %}")
    settings.ERRNORM = {"HANDLE": "all", "TEMPLATE": "problem.html"}
    for view in (raises(VendorError(USER)), raises(Http404())):
        assert call(view, asynchronous, accept="text/html").json()["code"] == "service_error"


# --- a vendor's response passed on ---

SECRET = f"<Quote><Error><ReasonCode>304</ReasonCode><SimpleMessage>{CANARY}</SimpleMessage></Error></Quote>"


@both
def test_a_proxy_view_hands_on_what_is_well_and_nothing_of_a_failure(call, asynchronous):
    def view(request):
        made = HttpResponse(request.headers["X-Body"], status=int(request.headers["X-Status"]), headers=VENDOR_HEADERS)
        made.set_cookie("vendor", "theirs")
        return passing(made, vendor="lionbridge")

    well = call(view, asynchronous, x_status="200", x_body="<Quote/>")
    assert (well.content, well["X-Vendor"], well.cookies["vendor"].value) == (b"<Quote/>", "theirs", "theirs")
    for status in ("409", "200"):  # which hides it
        failed = call(view, asynchronous, x_status=status, x_body=SECRET)
        told(failed, 409, "language_pair_not_offered")
        assert "theirs" not in str(failed.headers)
        assert not failed.cookies


def test_a_stream_is_handed_on_unread_and_closed_where_it_is_a_failure(call):
    def view(request):
        parts = Parts()
        made.append(parts)
        return passing(StreamingHttpResponse(parts, status=int(request.headers["X-Status"])), vendor="lionbridge")

    made: list[Parts] = []
    assert call(view, x_status="200").streaming
    assert made[-1].read == 0
    told(call(view, x_status="503"), 503, "service_unavailable")
    assert (made[-1].read, made[-1].closed) == (0, True)


class Parts:
    """A vendor's stream."""

    read, closed = 0, False

    def __iter__(self):
        return self

    def __next__(self):
        self.read += 1
        raise StopIteration

    def close(self):
        self.closed = True


@both
def test_a_clients_response_is_handed_on_too(call, asynchronous, settings):
    httpx = pytest.importorskip("httpx")

    def answer(request):
        if request.url.path == "/well":
            return httpx.Response(200, content=b"%PDF", headers={"X-Vendor": "theirs", "Set-Cookie": "vendor=1"})
        return httpx.Response(409, text=SECRET, headers=VENDOR_HEADERS)

    def view(request):
        with httpx.Client(transport=httpx.MockTransport(answer)) as client:
            return passing(client.get(f"https://x.example{request.path}"), vendor="lionbridge")

    async def aview(request):
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await apassing(await client.get(f"https://x.example{request.path}"), vendor="lionbridge")

    conf = type("Urls", (), {"urlpatterns": [re_path("", aview if asynchronous else view)]})
    well = call(conf, asynchronous, at="/well")
    assert (well.content, well["Content-Type"]) == (b"%PDF", "application/octet-stream")
    assert "X-Vendor" not in well
    assert not well.cookies
    told(call(conf, asynchronous, at="/failed"), 409, "language_pair_not_offered")


# --- in the midst of a stream ---


@both
@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_a_failure_in_a_stream_is_logged_once_and_rises(call, asynchronous, handle, settings, caplog):
    settings.ERRNORM = {"HANDLE": handle}
    failure = VendorError(USER)

    def parts():
        yield b"a"
        raise failure

    async def aparts():
        yield b"a"
        raise failure

    made = StreamingHttpResponse(aparts() if asynchronous else parts())
    answer = call(lambda request: made, asynchronous, x_request_id="mine")
    assert answer.status_code == 200

    async def read():
        return [part async for part in answer]

    with pytest.raises(VendorError) as caught:
        asyncio.run(read()) if asynchronous else list(answer)
    assert caught.value is failure
    (record,) = named(caplog, "errnorm", logging.DEBUG)
    assert record.errnorm_truncated
    assert record.errnorm_correlation_id == "mine"


@both
def test_another_exception_in_a_stream_is_none_of_ours(call, asynchronous, caplog):
    def parts():
        yield b"a"
        raise KeyError("bug")

    answer = call(lambda request: StreamingHttpResponse(parts()))
    with pytest.raises(KeyError):
        list(answer)
    assert not named(caplog, "errnorm", logging.DEBUG)


def test_a_server_may_still_send_a_file_by_itself():
    middleware = ErrorNormalizationMiddleware(lambda request: FileResponse(BytesIO(b"x")))
    assert middleware(RequestFactory().get("/")).file_to_stream is not None


# --- the pages about problem types ---


@pytest.fixture
def types():
    return type("Urls", (), {"urlpatterns": [path("problems/", include("errnorm.django.urls"))]})


@both
def test_a_type_leads_to_its_own_page(call, asynchronous, types, settings):
    settings.ERRNORM = {"HANDLE": "all", "TYPE_BASE": "/problems/"}
    for error in (VendorError(USER), Http404(), PermissionDenied(), KeyError(), VendorError(lionbridge(401))):
        problem = call(raises(error), asynchronous).json()
        plain = call(types, asynchronous, at=problem["type"])
        assert (plain.status_code, plain["Content-Type"]) == (200, "application/json")
        assert plain.json()["code"] == problem["code"]
        assert plain.json()["type"] == problem["type"]
        page = call(types, asynchronous, at=problem["type"], accept="text/html")
        assert problem["title"] in page.content.decode()
        assert "default-src 'none'" in page["Content-Security-Policy"]
    told(call(types, asynchronous, at="/problems/no-such-thing"), 404, "not_found")


def test_a_types_page_is_in_djangos_language(call, types, settings):
    settings.LANGUAGE_CODE = "pl"
    answer = call(types, at="/problems/csrf", accept="text/html")
    assert answer["Content-Language"] == "pl"
    assert b'lang="pl"' in answer.content


# --- many at once ---


def test_threads_do_not_mix_up_who_asked_for_what(settings, own_page):
    own_page("{{ problem.status }} {{ request.path }}")
    settings.ERRNORM = {"HANDLE": "all", "TEMPLATE": "problem.html"}
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", OURS]
    views = {
        "/404": (raises(Http404()), 404),
        "/405": (lambda request: HttpResponseNotAllowed(["POST"]), 405),
        "/409": (raises(VendorError(USER)), 409),
        "/403": (raises(PermissionDenied()), 403),
    }
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [path(at[1:], view) for at, (view, _) in views.items()]})
    languages = ("en", "de", "fr", "pl", "ar")

    def one(number):
        at, language, page = list(views)[number % 4], languages[number % 5], number % 3 == 0
        accept = "text/html" if page else "application/json"
        sent = {"Accept": accept, "Accept-Language": language, "X-Request-ID": f"id-{number}"}
        answer = Client(raise_request_exception=False).get(at, headers=sent)
        status = views[at][1]
        assert (answer.status_code, answer["Content-Language"]) == (status, language)
        if page:
            assert answer.content.decode() == f"{status} {at}"
        else:
            assert answer.json()["status"] == status
        assert answer["X-Request-ID"] == f"id-{number}"
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(one, range(240)))) == 240


# --- and no door left open ---


def test_every_name_is_there():
    assert set(errnorm.django.__all__) == {
        *("ErrorNormalizationMiddleware", "apassing", "csrf_failure", "exempt", "handler400", "handler403"),
        *("handler404", "handler500", "invalid", "passing", "problem_type"),
    }
    assert all(hasattr(errnorm.django, name) for name in errnorm.django.__all__)
