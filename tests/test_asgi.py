"""The plain ASGI door watches one request and changes nothing else: no second answer, no mixed ids, no other scope."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from errnorm import VendorError, correlation
from errnorm.asgi import ErrorNormalizationMiddleware
from tests.asgi_driver import ask, exchange, http_scope
from tests.failures import lionbridge, raised


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


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_pass_by(kind):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))
        raise error

    async def receive():
        raise AssertionError

    async def send(message):
        raise AssertionError

    error, scope = VendorError(lionbridge(304)), {"type": kind}
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
