"""What Django's own WSGI and ASGI handlers put on the wire: answers, streams and bugs, with views of either kind."""

from __future__ import annotations

import gc
import io
import json
import sys
import warnings

import pytest

pytest.importorskip("django")

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse

from errnorm import VendorError, correlation
from errnorm.asgi import ErrorNormalizationMiddleware as Outer
from tests.asgi_driver import Exchange, ask
from tests.django_app import OURS, urls_of
from tests.failures import FAILURES, OCCURRENCE, bare


def by_wsgi(method="GET", headers=None):
    start = {}

    def start_response(status, sent, exc_info=None):
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent]
        start.update({"type": "http.response.start", "status": int(status[:3]), "headers": raw})

    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in (headers or {}).items()},
    }
    response = WSGIHandler()(environ, start_response)
    body = b"".join(response)
    response.close()
    return Exchange([start, {"type": "http.response.body", "body": body}], None)


def by_asgi(method="GET", headers=None):
    return ask(ASGIHandler(), method, "/", headers)


def by_asgi_behind_our_own(method="GET", headers=None):
    return ask(Outer(ASGIHandler()), method, "/", headers)


SERVERS = [by_wsgi, by_asgi, by_asgi_behind_our_own]
every_server = pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.__name__)
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture
def serve(settings):
    def serve(view, asynchronous):
        async def aview(request):
            return view(request)

        settings.ROOT_URLCONF = urls_of(view, asynchronous)
        settings.MIDDLEWARE = [OURS]

    return serve


def raises(error):
    def view(request):
        raise error

    return view


@every_server
@both
@pytest.mark.parametrize("failure", FAILURES[::4], ids=lambda failure: failure.title.replace(" ", "-"))
def test_an_answer_is_the_same_on_every_wire(server, asynchronous, failure, serve, caplog):
    serve(raises(VendorError(failure.error, occurrence_id=OCCURRENCE)), asynchronous)
    told = server(headers={"Accept": "application/json", "X-Request-ID": "mine"})
    assert (told.status, json.loads(told.body)["code"]) == (failure.status, failure.code)
    assert told.header("X-Request-ID") == "mine"
    assert told.header("Content-Length") == str(len(told.body))


@every_server
@both
def test_a_stream_passes_untouched(server, asynchronous, serve):
    async def parts():
        for part in (b"a", b"b"):
            yield part

    asked = server is not by_wsgi
    serve(lambda request: StreamingHttpResponse(parts() if asked else iter([b"a", b"b"])), asynchronous)
    told = server()
    assert (told.status, told.body, told.header("X-Request-ID")) == (200, b"ab", None)


@every_server
@both
def test_a_stream_that_breaks_off_is_no_second_answer(server, asynchronous, serve):
    async def parts():
        yield b"a"
        raise VendorError(bare(503))

    def whole():
        yield b"a"
        raise VendorError(bare(503))

    serve(lambda request: StreamingHttpResponse(parts() if server is not by_wsgi else whole()), asynchronous)
    if server is by_wsgi:
        with pytest.raises(VendorError):
            server()
    else:
        told = server()
        assert isinstance(told.raised, VendorError)
        assert [message["type"] for message in told.messages].count("http.response.start") == 1
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # Django leaves the body's file open
            del told
            gc.collect()


@every_server
@both
def test_a_bug_is_djangos(server, asynchronous, serve):
    serve(raises(ZeroDivisionError("a bug")), asynchronous)
    told = server()
    assert (told.status, told.raised) == (500, None)
    assert b"a bug" not in told.body


@every_server
@both
def test_the_context_is_left_as_it_was(server, asynchronous, serve):
    serve(lambda request: HttpResponse(correlation.current()), asynchronous)
    for own in ("one", "two"):
        told = server(headers={"X-Request-ID": own})
        assert (told.body.decode(), told.header("X-Request-ID")) == (own, own)
    assert correlation.current() is None
