"""In Django a vendor's failure that a view raises becomes an answer, sync and async; everything else stays Django's."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import ClassVar

import pytest

pytest.importorskip("django")

from asgiref.sync import SyncToAsync, iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import connection
from django.http import Http404, HttpResponse, StreamingHttpResponse

from errnorm import VendorError, correlation
from errnorm.django import ErrorNormalizationMiddleware
from tests.django_app import OURS
from tests.failures import bare, lionbridge, raised

USER, INTEGRATION, OUTAGE = lionbridge(304), bare(401), bare(503)
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def signals():
    """Every exception that got_request_exception was sent for."""
    import sys

    seen = []

    def note(sender, request, **kwargs):
        seen.append(sys.exc_info()[1])

    got_request_exception.connect(note)
    yield seen
    got_request_exception.disconnect(note)


def raises(error):
    def view(request):
        raise error

    return view


def named(caplog, name):
    return [record for record in caplog.records if record.name == name]


@both
def test_a_failure_is_answered_and_logged_once(ask, asynchronous, caplog):
    told = ask(raises(VendorError(USER)), asynchronous, accept="application/json")
    assert (told.status_code, told["Content-Type"]) == (409, "application/problem+json")
    assert len(named(caplog, "errnorm")) == 1
    assert not [record for record in named(caplog, "django.request") if record.levelno >= logging.WARNING]


@both
def test_only_what_is_ours_to_mend_is_told_to_error_trackers(ask, asynchronous, signals):
    for error in (USER, OUTAGE, bare(402), bare(409), bare(None)):
        assert ask(raises(VendorError(error)), asynchronous, reraise=True).status_code >= 400
    assert signals == []
    ours = VendorError(INTEGRATION)
    assert ask(raises(ours), asynchronous).status_code == 500
    assert signals == [ours]


@both
def test_a_listener_that_fails_does_not_harm_the_answer(ask, asynchronous):
    def fails(**kwargs):
        raise LookupError("listening failed")

    got_request_exception.connect(fails)
    try:
        told = ask(raises(VendorError(INTEGRATION)), asynchronous)
    finally:
        got_request_exception.disconnect(fails)
    assert (told.status_code, told["Content-Type"]) == (500, "application/problem+json")


@both
def test_the_test_client_raises_what_is_ours_to_mend(ask, asynchronous):
    with pytest.raises(VendorError):
        ask(raises(VendorError(INTEGRATION)), asynchronous, reraise=True)


@both
@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_exception_is_djangos(ask, asynchronous, debug, settings, signals, caplog):
    settings.DEBUG = debug
    bug = ZeroDivisionError("a bug")
    told = ask(raises(bug), asynchronous, accept="text/html")
    assert told.status_code == 500
    assert (b"ZeroDivisionError" in told.content) is debug
    assert signals == [bug]
    assert not named(caplog, "errnorm")
    assert len([record for record in named(caplog, "django.request") if record.levelno >= logging.ERROR]) == 1


@both
def test_a_vendors_failure_is_answered_with_debug_on_too(ask, asynchronous, settings):
    settings.DEBUG = True
    assert ask(raises(VendorError(USER)), asynchronous)["Content-Type"] == "application/problem+json"


@both
def test_propagating_exceptions_is_honoured_for_what_is_ours(ask, asynchronous, settings, signals, caplog):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    assert ask(raises(VendorError(OUTAGE)), asynchronous).status_code == 503
    ours = VendorError(INTEGRATION)
    with pytest.raises(VendorError) as caught:
        ask(raises(ours), asynchronous)
    assert caught.value is ours
    assert len(named(caplog, "errnorm")) == 2


@both
@pytest.mark.parametrize(
    ("error", "status"),
    [(Http404("x"), 404), (PermissionDenied("x"), 403), (SuspiciousOperation("x"), 400), (BadRequest("x"), 400)],
    ids=lambda value: type(value).__name__,
)
def test_djangos_own_exceptions_are_untouched(ask, asynchronous, error, status, settings, caplog):
    told = ask(raises(error), asynchronous)
    settings.MIDDLEWARE = []
    without = ask(raises(error), asynchronous)
    assert told.status_code == without.status_code == status
    assert (told.content, dict(told.items())) == (without.content, dict(without.items()))
    assert not named(caplog, "errnorm")
    if isinstance(error, SuspiciousOperation):
        assert len(named(caplog, "django.security.SuspiciousOperation")) == 2


class Answers:
    """Another middleware with a process_exception of its own."""

    sync_capable = async_capable = True
    seen: ClassVar[list[Exception]] = []

    def __new__(cls, get_response):
        if not iscoroutinefunction(get_response):

            def made(request):
                return get_response(request)

        else:

            async def made(request):
                return await get_response(request)

        made.process_exception = cls.process_exception
        return made

    @staticmethod
    def process_exception(request, exception):
        Answers.seen.append(exception)
        return HttpResponse("theirs", status=418)


@both
def test_others_process_exceptions_see_what_is_not_ours(ask, asynchronous, settings):
    settings.MIDDLEWARE = ["tests.test_django.Answers", OURS]
    Answers.seen.clear()
    assert ask(raises(VendorError(USER)), asynchronous).status_code == 409
    assert Answers.seen == []
    bug = KeyError("bug")
    assert ask(raises(bug), asynchronous).status_code == 418
    assert Answers.seen == [bug]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [VendorError(USER), VendorError(INTEGRATION), raised("httpx", "ReadTimeout", "slow")])
def test_a_transaction_is_rolled_back(ask, error, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    def view(request):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO errnorm_orders VALUES (1)")
        if request.headers.get("X-Fail"):
            raise error
        return HttpResponse("kept")

    def rows():
        with connection.cursor() as cursor:
            return cursor.execute("SELECT count(*) FROM errnorm_orders").fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE errnorm_orders (id integer)")
    try:
        assert ask(view, x_fail="yes").status_code in (409, 500, 504)
        assert rows() == 0
        assert ask(view).content == b"kept"
        assert rows() == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE errnorm_orders")


@both
def test_streaming_is_untouched(ask, asynchronous):
    async def parts():
        yield b"a"
        yield b"b"

    told = ask(lambda request: StreamingHttpResponse(parts() if asynchronous else iter([b"a", b"b"])), asynchronous)
    assert told.streaming
    if asynchronous:

        async def read():
            return [part async for part in told]

        assert asyncio.run(read()) == [b"a", b"b"]
    else:
        assert list(told) == [b"a", b"b"]


def test_a_template_that_fails_while_rendering_is_answered(ask):
    from django.template.response import SimpleTemplateResponse

    class Late(SimpleTemplateResponse):
        rendered_content = property(lambda self: raises(VendorError(USER))(None))

    assert ask(lambda request: Late("x.html")).status_code == 409


@pytest.mark.parametrize("debug", [False, True])
def test_a_healthy_async_request_never_leaves_its_thread(ask, settings, monkeypatch, caplog, debug):
    settings.DEBUG = debug
    hops, original = [], SyncToAsync.__call__

    def counted(self, *args, **kwargs):
        hops.append(self.func)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    threads = []

    def view(request):
        threads.append((threading.get_ident(), correlation.current()))
        return HttpResponse("well")

    counts = []
    for middleware in ([], [OURS]):
        settings.MIDDLEWARE = middleware
        hops.clear()
        ask(view, True, x_request_id="mine")
        counts.append(len(hops))
    assert counts[0] == counts[1]
    assert threads == [(threading.get_ident(), None), (threading.get_ident(), "mine")]
    assert not [record for record in caplog.records if "adapted" in record.getMessage()]
    assert iscoroutinefunction(ErrorNormalizationMiddleware(counted_async))
    assert not iscoroutinefunction(ErrorNormalizationMiddleware(view))


async def counted_async(request):
    return HttpResponse()


@both
def test_what_a_view_asked_for_is_on_its_answer(ask, asynchronous):
    told = ask(lambda request: HttpResponse(correlation.current()), asynchronous, x_request_id="mine")
    assert (told.content, told["X-Request-ID"]) == (b"mine", "mine")
    told = ask(lambda request: HttpResponse("well"), asynchronous, x_request_id="mine")
    assert "X-Request-ID" not in told
    assert correlation.current() is None
