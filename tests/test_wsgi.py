"""The WSGI door keeps PEP 3333 on both sides: no second response, nothing swallowed, every iterable closed."""

from __future__ import annotations

import io
import json
import logging
from wsgiref.util import FileWrapper

import pytest

from errnorm import Normalizer, SettingsError, VendorError, correlation
from errnorm.wsgi import ErrorNormalizationMiddleware
from tests.failures import bare, lionbridge, raised
from tests.wsgi_driver import ask_wsgi, environ_of, serve


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def door(app, **settings):
    return ErrorNormalizationMiddleware(app, **settings)


def ours(caplog, name="errnorm"):
    return [record for record in caplog.records if record.name == name]


def refused():
    return VendorError(lionbridge(304))


def slow():
    return raised("httpx", "ReadTimeout", "slow")


HEADERS = [("Content-Type", "text/plain"), ("Set-Cookie", "app=1"), ("ETag", "x")]


class Pieces:
    """What an app gives piece by piece, and whether it was closed; exceptions among them are raised."""

    def __init__(self, pieces, close=None):
        self.pieces, self.closed, self.error = iter(pieces), 0, close

    def __iter__(self):
        return self

    def __next__(self):
        piece = next(self.pieces)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self):
        self.closed += 1
        if self.error:
            raise self.error


def at_once(error, start=False, write=None):
    """Raises while it is called."""

    def app(environ, start_response):
        if start:
            sent = start_response("200 OK", HEADERS)
            if write is not None:
                sent(write)
        raise error

    return app


def while_iterated(error, *before, lazily=False):
    """Raises in its iterable, after these pieces; lazily: it starts its response there too."""

    def lazy(environ, start_response):
        start_response("200 OK", HEADERS)
        yield from before
        raise error

    def app(environ, start_response):
        start_response("200 OK", HEADERS)
        app.pieces = Pieces([*before, error])
        return app.pieces

    return lazy if lazily else app


EARLY = {
    "before it starts": at_once,
    "started": lambda error: at_once(error, start=True),
    "wrote nothing": lambda error: at_once(error, start=True, write=b""),
    "iterated": while_iterated,
    "gave nothing": lambda error: while_iterated(error, b"", b""),
    "a generator": lambda error: while_iterated(error, lazily=True),
}
LATE = {
    "wrote": lambda error: at_once(error, start=True, write=b"half"),
    "iterated": lambda error: while_iterated(error, b"half"),
    "a generator": lambda error: while_iterated(error, b"", b"half", lazily=True),
}
early, late = (
    pytest.mark.parametrize("fails", ways.values(), ids=[each.replace(" ", "-") for each in ways])
    for ways in (EARLY, LATE)
)


@early
@pytest.mark.parametrize("make", [refused, slow])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_as_long_as_nothing_was_sent_a_failure_is_answered(fails, make, method, caplog):
    error = make()
    told = ask_wsgi(door(fails(error)), method, headers={"X-Request-ID": "abc"})
    assert told.raised is None
    assert told.status == (409 if isinstance(error, VendorError) else 504)
    assert (told.body == b"") == (method == "HEAD")
    assert int(told.header("Content-Length")) == len(told.body) or method == "HEAD"
    assert told.header("X-Request-ID") == "abc"
    assert told.header("Set-Cookie") is told.header("ETag") is None
    [record] = ours(caplog)
    assert record.errnorm_correlation_id == "abc"
    assert not hasattr(record, "errnorm_truncated")


@late
@pytest.mark.parametrize("make", [refused, slow])
def test_once_a_byte_was_sent_it_is_logged_once_and_rises(fails, make, caplog):
    error = make()
    told = ask_wsgi(door(door(fails(error))))
    assert (told.raised, told.status, told.body) == (error, 200, b"half")
    assert [record.errnorm_truncated for record in ours(caplog)] == [True]


@late
@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_once_a_byte_was_sent_a_bug_rises_as_it_is(fails, handle, caplog):
    bug = ValueError("a bug")
    told = ask_wsgi(door(fails(bug), handle=handle))
    assert (told.raised, told.status, told.body) == (bug, 200, b"half")
    assert not caplog.records


@early
def test_by_default_a_bug_rises_as_it_is(fails, caplog):
    bug = ValueError("a bug")
    assert serve(door(fails(bug)), environ_of()).exchange.raised is bug
    assert not caplog.records


@early
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_process_is_never_caught(fails, kind, caplog):
    end = kind()
    assert serve(door(fails(end), handle="all"), environ_of()).exchange.raised is end
    assert not caplog.records


@early
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_with_all_a_bug_is_answered_and_logged_with_its_traceback_as_nobody_else_can(fails, accept, caplog):
    bug = ValueError("card secret-4242")
    served = serve(door(fails(bug), handle="all"), environ_of(path="/pay", headers={"Accept": accept}))
    told = served.exchange
    assert (told.raised, told.status) == (None, 500)
    assert b"secret" not in told.body
    [noted] = ours(caplog)
    assert noted.errnorm_reference.encode() in told.body
    [reported] = ours(caplog, "errnorm.wsgi")
    assert (reported.levelname, reported.getMessage()) == ("ERROR", "Exception on GET '/pay'")
    assert reported.exc_info[1] is bug
    assert not served.errors


def test_where_nobody_listens_to_logs_the_servers_own_gets_the_traceback(monkeypatch):
    monkeypatch.setattr(logging.getLogger("errnorm"), "propagate", False)
    served = serve(door(at_once(ValueError("a bug")), handle="all"), environ_of())
    assert served.exchange.status == 500
    assert served.errors.startswith("Traceback")
    assert "ValueError: a bug" in served.errors


def test_a_server_whose_log_is_broken_answers_all_the_same(monkeypatch):
    monkeypatch.setattr(logging.getLogger("errnorm"), "propagate", False)
    environ = environ_of()
    environ["wsgi.errors"].close()
    sent = []
    body = door(at_once(ValueError()), handle="all")(environ, lambda *known: sent.append(known))
    assert (sent[0][0], json.loads(b"".join(body))["status"]) == ("500 Internal Server Error", 500)


@pytest.mark.parametrize("key", ["x-wsgiorg.throw_errors", "paste.throw_errors"])
def test_whoever_tests_or_debugs_an_app_gets_its_bugs_and_no_vendors_failures(key, caplog):
    bug = ValueError()
    for error, expected in ((bug, bug), (VendorError(lionbridge(304)), None)):
        told = serve(door(at_once(error), handle="all"), environ_of() | {key: True}).exchange
        assert told.raised is expected
    assert len(caplog.records) == 1


def test_a_server_that_has_sent_the_headers_early_is_not_answered():
    def start_response(status, headers, exc_info=None):
        if exc_info:
            raise exc_info[1]

    for error in (VendorError(lionbridge(304)), ValueError()):
        app = door(at_once(error, start=True), handle="all")
        with pytest.raises(type(error)) as caught:
            app(environ_of(), start_response)
        assert caught.value is error


@pytest.mark.parametrize("error", [None, VendorError(lionbridge(304)), ValueError()])
@pytest.mark.parametrize("before", [(), (b"half",)])
def test_what_an_app_opened_it_may_close_once(error, before):
    pieces = Pieces([*before, *([] if error is None else [error])])

    def app(environ, start_response):
        start_response("200 OK", HEADERS)
        return pieces

    ask_wsgi(door(app, handle="all"))
    assert pieces.closed == 1


@pytest.mark.parametrize("error", [VendorError(bare(503)), ValueError()])
def test_what_fails_while_closing_rises_when_all_was_sent(error, caplog):
    def app(environ, start_response):
        start_response("200 OK", HEADERS)
        return Pieces([b"all"], close=error)

    told = ask_wsgi(door(app, handle="all"))
    assert (told.raised, told.body) == (error, b"all")
    assert len(ours(caplog)) == isinstance(error, VendorError)
    assert not any(hasattr(record, "errnorm_truncated") for record in ours(caplog))


@pytest.mark.parametrize("make", [list, tuple, lambda parts: FileWrapper(io.BytesIO(b"".join(parts)))])
def test_what_a_server_may_send_in_one_go_it_gets_as_it_is(make):
    body = make([b"all"])

    def app(environ, start_response):
        start_response("200 OK", HEADERS)
        return body

    environ = environ_of() | {"wsgi.file_wrapper": FileWrapper}
    assert door(app)(environ, lambda *known: None) is body


def test_healthy_responses_are_the_same():
    def written(environ, start_response):
        start_response("200 OK", HEADERS)(b"a")
        return [b"b"]

    def listed(environ, start_response):
        start_response("404 Not Found", HEADERS)
        return [b"a", b"b"]

    def restarted(environ, start_response):
        start_response("200 OK", HEADERS)
        try:
            raise ValueError
        except ValueError as error:
            start_response("500 Oh", HEADERS, (ValueError, error, error.__traceback__))
        return [b"own"]

    for app in (written, listed, restarted, while_iterated(StopIteration(), b"a", b"b")):
        assert ask_wsgi(door(app)) == ask_wsgi(app)


def test_an_id_is_settled_where_it_is_asked_for_and_told_unless_the_app_tells_one():
    def asks(environ, start_response):
        seen.append(correlation.current())
        start_response("200 OK", [("Content-Type", "text/plain"), *own])
        yield b"a"
        seen.append(correlation.current())
        yield b"b"

    seen, own = [], []
    told = ask_wsgi(door(asks), headers={"X-Request-ID": "abc"})
    assert (told.header("X-Request-ID"), seen) == ("abc", ["abc", "abc"])
    assert len({each for _ in range(20) for each in [ask_wsgi(door(asks)).header("X-Request-ID")]}) == 20
    own = [("x-request-id", "own")]
    assert [value for name, value in ask_wsgi(door(asks)).headers if name.lower() == "x-request-id"] == ["own"]
    assert correlation.current() is None


def test_an_integrator_is_told_more_and_an_app_is_asked_about_the_environ():
    app = door(at_once(VendorError(bare(429, "lionbridge"))), audience=lambda environ: "HTTP_X_STAFF" in environ)
    assert "vendor" not in json.loads(ask_wsgi(app).body)
    assert json.loads(ask_wsgi(app, headers={"X-Staff": "1"}).body)["vendor"] == "lionbridge"


@pytest.mark.parametrize(
    ("headers", "fragment"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), ValueError()])
def test_htmx_gets_what_goes_into_a_page(headers, fragment, error):
    told = ask_wsgi(door(at_once(error), handle="all"), headers={"Accept": "text/html", **headers})
    assert told.body.lstrip().startswith(b"<section") == fragment


@pytest.mark.parametrize("make", [refused, ValueError])
@pytest.mark.parametrize(
    ("path", "flag", "exempt"),
    [
        ("/admin/", {}, True),
        ("/admin/users", {}, True),
        ("/administration", {}, False),
        ("/caf\u00e9/x".encode().decode("latin-1"), {}, True),
        ("/", {"errnorm.exempt": True}, True),
    ],
)
def test_what_is_exempt_rises_as_it_is(make, path, flag, exempt, caplog):
    error = make()
    app = door(at_once(error), handle="all", exempt=("/admin/", "/café"))
    told = serve(app, environ_of(path=path) | flag).exchange
    assert (told.raised is error) == exempt
    assert bool(caplog.records) != exempt


def test_settings_come_as_keywords_or_ready_made_and_are_looked_at_at_once():
    own = {"vendors": {"lionbridge": {"statuses": {"304": 422}}}}
    for settings in (own, {"normalizer": Normalizer(**own)}):
        assert ask_wsgi(door(at_once(VendorError(lionbridge(304))), **settings)).status == 422
    with pytest.raises(SettingsError, match="did you mean 'vendors'"):
        door(None, vendorz={})
