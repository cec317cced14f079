"""The plain ASGI door watches one request and changes nothing else: no second answer, no mixed ids, no other scope."""

from __future__ import annotations

import asyncio
import json
import logging
import random

import pytest

from errnorm import Normalizer, VendorError, correlation
from errnorm.asgi import ErrorNormalizationMiddleware
from tests.asgi_driver import ask, exchange, http_scope
from tests.failures import FAILURES, bare, lionbridge, raised


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def in_middleware(app):
    return ErrorNormalizationMiddleware(app)


def raises(error):
    async def app(scope, receive, send):
        raise error

    return app


def begins(error, body=b"half"):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        raise error

    return app


def ours(caplog):
    return [record for record in caplog.records if record.name == "errnorm"]


@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), raised("httpx", "ReadTimeout", "slow")])
def test_no_second_response_is_started(error, caplog):
    told = ask(in_middleware(begins(error)))
    assert told.raised is error
    assert [message["type"] for message in told.messages] == ["http.response.start", "http.response.body"]
    assert [record.errnorm_truncated for record in ours(caplog)] == [True]


@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), raised("httpx", "ReadTimeout", "slow")])
def test_a_failure_that_climbs_through_two_doors_is_logged_once(error, caplog):
    told = ask(in_middleware(in_middleware(begins(error))))
    assert told.raised is error
    assert len(ours(caplog)) == 1


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_task_is_never_caught(kind, caplog):
    async def run():
        return await exchange(in_middleware(raises(error)), http_scope())

    error = kind()
    told = asyncio.run(run())
    assert told.raised is error
    assert not told.messages
    assert not ours(caplog)


def test_a_cancelled_request_stays_cancelled(caplog):
    async def app(scope, receive, send):
        await asyncio.sleep(30)

    async def run():
        task = asyncio.create_task(in_middleware(app)(http_scope(), None, None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(run())
    assert not ours(caplog)


def test_lifespan_passes_by():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))
        raise error

    async def receive():
        raise AssertionError

    async def send(message):
        raise AssertionError

    error, scope = VendorError(lionbridge(304)), {"type": "lifespan"}
    with pytest.raises(VendorError) as caught:
        asyncio.run(in_middleware(app)(scope, receive, send))
    assert caught.value is error
    assert seen == [(scope, receive, send)]


def test_a_client_that_went_away_is_told_without_what_it_would_have_read():
    async def send(message):
        raise OSError("gone")

    async def run():
        with pytest.raises(OSError, match="gone") as caught:
            await in_middleware(raises(raised("httpx", "ConnectError", "https://user:secret@host")))(
                http_scope(), None, send
            )
        assert caught.value.__context__ is None

    asyncio.run(run())


def test_the_context_is_as_it_was():
    async def run():
        await exchange(in_middleware(raises(VendorError(lionbridge(304)))), http_scope())
        await exchange(in_middleware(raises(ValueError())), http_scope())
        assert correlation.current() is None

    asyncio.run(run())


@pytest.mark.parametrize("start", [{"headers": iter([(b"x-own", b"1")])}, {"headers": [(b"x-own", b"1")]}, {}])
def test_an_apps_own_message_is_not_changed(start):
    message = {"type": "http.response.start", "status": 200, **start}

    async def app(scope, receive, send):
        correlation.current()
        await send(message)
        await send({"type": "http.response.body", "body": b""})

    before = dict(message)
    told = ask(in_middleware(app), headers={"X-Request-ID": "first"})
    assert told.header("x-request-id") == "first"
    assert told.header("x-own") == ("1" if start else None)
    assert message == before
    if not hasattr(start.get("headers"), "__next__"):
        assert ask(in_middleware(app), headers={"X-Request-ID": "second"}).header("x-request-id") == "second"


def test_an_apps_own_correlation_header_is_kept():
    async def app(scope, receive, send):
        correlation.current()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Request-Id", b"own")]})
        await send({"type": "http.response.body", "body": b""})

    assert [value for name, value in ask(in_middleware(app)).headers if name.lower() == "x-request-id"] == ["own"]


def test_correlation_ids_are_never_mixed(caplog):
    async def app(scope, receive, send):
        before = correlation.current()
        await asyncio.sleep(random.random() / 50)
        inner = await asyncio.create_task(asked())
        assert before == inner == correlation.current() == scope["path"][1:]
        raise VendorError(lionbridge(304))

    async def asked():
        await asyncio.sleep(0)
        return correlation.current()

    async def run(door):
        scopes = [http_scope(path=f"/id-{n}", headers={"X-Request-ID": f"id-{n}"}) for n in range(200)]
        return await asyncio.gather(*(exchange(door, scope) for scope in scopes))

    answers = asyncio.run(run(in_middleware(app)))
    assert [told.header("X-Request-ID") for told in answers] == [f"id-{n}" for n in range(200)]
    assert sorted(r.errnorm_correlation_id for r in ours(caplog)) == sorted(f"id-{n}" for n in range(200))
    assert len({told.body for told in answers}) == 200


def test_doors_within_each_other_agree_on_an_id():
    """Nobody sent one, and both ask: a mounted app's own door, and whoever stands before it."""
    seen = []

    async def app(scope, receive, send):
        seen.append(correlation.current())
        raise VendorError(lionbridge(304))

    async def between(scope, receive, send):
        seen.append(correlation.current())
        await in_middleware(app)(scope, receive, send)

    told = ask(in_middleware(between))
    assert {told.header("X-Request-ID")} == set(seen)


# --- websockets ---

CONNECT = {"type": "websocket.connect"}
GONE = {"type": "websocket.disconnect", "code": 1001}
ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close", "code": 1000}
DENIED = {"type": "websocket.http.response.start", "status": 403, "headers": []}


def websocket(app, *received, extensions=(), headers=None, path="/"):
    """What a websocket's server gets, and what rises."""
    scope = http_scope(path=path, headers=headers) | {
        "type": "websocket",
        "extensions": {each: {} for each in extensions},
    }
    return asyncio.run(_connected(app, scope, [CONNECT, *received]))


async def _connected(app, scope, received):
    sent, waiting = [], iter(received)

    async def receive():
        return next(waiting)

    async def send(message):
        sent.append(dict(message))

    try:
        await app(scope, receive, send)
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        return sent, error
    return sent, None


def socket(error, *messages, receives=1):
    async def app(scope, receive, send):
        for _ in range(receives):
            await receive()
        for message in messages:
            await send(message)
        raise error

    return app


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
@pytest.mark.parametrize("accepted", [False, True])
def test_a_vendors_failure_closes_a_websocket_once_with_a_reason_that_is_ours(failure, accepted, caplog):
    error = VendorError(failure.error)
    sent, rose = websocket(in_middleware(socket(error, *[ACCEPT] * accepted)))
    assert rose is None
    *before, close = sent
    assert before == [ACCEPT] * accepted
    [told] = ours(caplog)
    assert close["type"] == "websocket.close"
    assert close["reason"] == f"{failure.code} {told.errnorm_reference}"
    assert len(close["reason"].encode()) <= 123
    waiting = json.loads(Normalizer().answer(failure.error).body)["action"] in {"wait", "retry"}
    assert close["code"] == (1013 if waiting else 1011)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
def test_where_the_server_can_the_handshake_is_answered_as_a_request_would_be(failure, caplog):
    headers = {"Accept": "application/problem+xml", "X-Request-ID": "abc"}
    error = VendorError(failure.error)
    sent, rose = websocket(in_middleware(socket(error)), extensions=["websocket.http.response"], headers=headers)
    told = ask(in_middleware(raises(error)), headers=headers)
    assert rose is None
    assert sent == [message | {"type": f"websocket.{message['type']}"} for message in told.messages]
    assert len(ours(caplog)) == 1  # for both, as it is the same failure


@pytest.mark.parametrize(
    ("sent", "received"), [((ACCEPT, CLOSE), ()), ((CLOSE,), ()), ((ACCEPT,), (GONE,)), ((DENIED,), ())]
)
@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), raised("httpx", "ReadTimeout", "slow")])
def test_a_websocket_that_is_closed_already_is_not_closed_again(error, sent, received, caplog):
    error = type(error)(*error.args) if not isinstance(error, VendorError) else VendorError(error.error)
    door = in_middleware(in_middleware(socket(error, *sent, receives=1 + len(received))))
    assert websocket(door, *received) == ([*sent], error)
    assert len(ours(caplog)) == 1


@pytest.mark.parametrize("handle", ["vendor", "all"])
@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError(), KeyboardInterrupt()])
def test_what_else_a_websocket_raises_is_left_to_the_server(error, handle, caplog):
    door = ErrorNormalizationMiddleware(socket(error, ACCEPT), handle=handle)
    assert websocket(door) == ([ACCEPT], error)
    assert not ours(caplog)


def test_a_websockets_failure_is_logged_under_the_id_that_came_with_it(caplog):
    websocket(in_middleware(socket(VendorError(lionbridge(304)), ACCEPT)), headers={"X-Request-ID": "abc"})
    [told] = ours(caplog)
    assert told.errnorm_correlation_id == "abc"
    assert correlation.current() is None


# --- what is unexpected, with handle="all" ---


def in_all(app, **settings):
    return ErrorNormalizationMiddleware(app, handle="all", **settings)


@pytest.mark.parametrize("accept", ["application/json", "application/xml", "text/html", "text/plain"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_bug_is_answered_and_rises(accept, method, language, caplog):
    bug = ValueError("card secret-4242")
    told = ask(
        in_all(raises(bug)), method, headers={"Accept": accept, "Accept-Language": language, "X-Request-ID": "a"}
    )
    assert told.raised is bug
    assert told.status == 500
    assert told.header("Content-Language") == language
    assert told.header("X-Request-ID") == "a"
    assert (told.body == b"") == (method == "HEAD")
    assert b"secret" not in told.body
    [record] = ours(caplog)
    assert record.exc_info is None
    if method == "GET":
        assert record.errnorm_reference.encode() in told.body


def test_by_default_a_bug_is_none_of_ours(caplog):
    bug = ValueError()
    assert ask(in_middleware(raises(bug))) == ([], bug)
    assert not ours(caplog)


def test_a_bug_that_comes_too_late_is_not_answered(caplog):
    bug = ValueError()
    told = ask(in_all(begins(bug)))
    assert told.raised is bug
    assert [message["type"] for message in told.messages] == ["http.response.start", "http.response.body"]
    assert not ours(caplog)


def test_a_bug_is_not_masked_by_a_client_that_went_away():
    async def send(message):
        raise OSError("gone")

    bug = ValueError()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - it is looked at
        asyncio.run(in_all(raises(bug))(http_scope(), None, send))
    assert caught.value is bug


def test_a_bug_is_answered_by_the_innermost_door_alone(caplog):
    told = ask(in_all(in_all(raises(ValueError()))))
    assert [message["type"] for message in told.messages] == ["http.response.start", "http.response.body"]
    assert len(ours(caplog)) == 1


@pytest.mark.parametrize("handle", ["vendor", "all"])
def test_a_framework_that_had_an_answer_too_late_hides_no_failure(handle, caplog):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            raise cause
        except VendorError as error:
            raise RuntimeError("too late") from error

    cause = VendorError(bare(503))
    told = ask(ErrorNormalizationMiddleware(in_middleware(app), handle=handle))
    assert told.raised.__cause__ is cause
    assert [record.errnorm_truncated for record in ours(caplog)] == [True]


# --- who asks, and what is left alone ---


def test_an_integrator_is_told_more_and_an_app_is_asked_about_the_scope():
    seen = []

    def audience(scope):
        seen.append(scope)
        return (b"x-staff", b"1") in scope["headers"]

    door = ErrorNormalizationMiddleware(raises(VendorError(bare(429, "lionbridge"))), audience=audience)
    user, staff = ask(door), ask(door, headers={"X-Staff": "1"})
    assert "vendor" not in json.loads(user.body)
    assert json.loads(staff.body)["vendor"] == "lionbridge"
    assert "Cookie" in user.header("Vary")
    assert [scope["type"] for scope in seen] == ["http", "http"]


@pytest.mark.parametrize(
    ("headers", "fragment"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "false"}, False),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), ValueError()])
def test_htmx_gets_what_goes_into_a_page(headers, fragment, error):
    told = ask(in_all(raises(error)), headers={"Accept": "text/html", **headers})
    assert told.body.lstrip().startswith(b"<section") == fragment
    assert told.body.lstrip().lower().startswith(b"<!doctype html>") != fragment


@pytest.mark.parametrize("error", [VendorError(lionbridge(304)), ValueError()])
@pytest.mark.parametrize(
    ("path", "scope", "exempt"),
    [
        ("/admin/", {}, True),
        ("/admin/users", {}, True),
        ("/administration", {}, False),
        ("/app/admin/users", {"root_path": "/app"}, True),
        ("/app/admin/users", {"root_path": "/app/admin", "app_root_path": "/app"}, True),
        ("/app/admin/users", {}, False),
        ("/", {"errnorm.exempt": True}, True),
    ],
)
def test_what_is_exempt_rises_as_it_is(error, path, scope, exempt, caplog):
    error = VendorError(error.error) if isinstance(error, VendorError) else error
    told = asyncio.run(exchange(in_all(raises(error), exempt=("/admin/",)), http_scope(path=path) | scope))
    assert bool(told.messages) != exempt
    assert bool(ours(caplog)) != exempt
    assert (told.raised is error) == (exempt or isinstance(error, ValueError))


def test_an_exempt_websocket_is_left_alone(caplog):
    error = VendorError(lionbridge(304))
    door = ErrorNormalizationMiddleware(socket(error, ACCEPT), exempt=("/ws",))
    assert websocket(door, path="/ws") == ([ACCEPT], error)
    assert not ours(caplog)
