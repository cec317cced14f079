"""In Starlette a vendor's failure becomes an answer, and everything else passes as if we were not there."""

from __future__ import annotations

import asyncio
import logging

import pytest

pytest.importorskip("starlette")

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from errnorm import Normalizer, SettingsError, VendorError
from errnorm.reading.outcomes import OUTCOMES
from errnorm.starlette import ErrorNormalizationMiddleware, exception_handlers
from tests.asgi_driver import ask, http_scope
from tests.failures import bare, lionbridge


@pytest.fixture(autouse=True)
def every_level(caplog):
    caplog.set_level(logging.DEBUG, "errnorm")


def in_middleware(app):
    return ErrorNormalizationMiddleware(app)


def in_handlers(app):
    return Starlette(routes=[Mount("/", app)], exception_handlers=exception_handlers())


both = pytest.mark.parametrize("door", [in_middleware, in_handlers])


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


@both
def test_a_group_with_one_bug_in_it_rises_untouched(door, caplog):
    group = ExceptionGroup("mixed", [VendorError(bare(503)), ExceptionGroup("inner", [ValueError("a bug")])])
    told = ask(door(raises(group)))
    assert told.raised is group
    assert not ours(caplog)


@both
def test_the_gravest_of_a_group_leads_and_the_rest_are_its_others(door, caplog):
    errors = [VendorError(lionbridge(304)), VendorError(bare(401)), VendorError(bare(503))]
    told = ask(door(raises(ExceptionGroup("tasks", errors))))
    assert told.status == 500
    [record] = ours(caplog)
    assert record.errnorm_occurrence_id == errors[1].occurrence_id
    assert (
        sorted(record.errnorm_others) == ["generic UNAVAILABLE 503", "lionbridge LANGUAGE_PAIR_NOT_OFFERED 409"]
        or len(record.errnorm_others) == 2
    )


def test_a_task_group_is_answered_like_its_one_task():
    async def fail():
        raise VendorError(lionbridge(304))

    async def app(scope, receive, send):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    assert ask(in_middleware(app)).status == 409


def test_a_websockets_failure_is_not_answered_by_handlers(caplog):
    async def endpoint(websocket):
        await websocket.accept()
        raise error

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    error, sent = VendorError(lionbridge(304)), []
    app = Starlette(routes=[WebSocketRoute("/", endpoint)], exception_handlers=exception_handlers())
    with pytest.raises(VendorError):
        asyncio.run(app(http_scope() | {"type": "websocket", "subprotocols": []}, receive, send))
    assert sent == ["websocket.accept"]
    assert not ours(caplog)


def test_healthy_responses_are_the_same_byte_for_byte():
    async def stream():
        for number in range(3):
            yield b"%d" % number

    routes = [
        Route("/plain", lambda request: PlainTextResponse("well", headers={"X-Own": "1"})),
        Route("/json", lambda request: JSONResponse({"a": 1}, 201)),
        Route("/stream", lambda request: StreamingResponse(stream())),
        Route("/missing", lambda request: PlainTextResponse("no", 404)),
    ]
    for path in ("/plain", "/json", "/stream", "/missing", "/nowhere"):
        app = Starlette(routes=routes)
        bare_, behind = ask(app, path=path), ask(in_middleware(app), path=path)
        assert behind == bare_


def test_frameworks_own_exceptions_are_untouched():
    def endpoint(request):
        raise HTTPException(418, "short and stout", headers={"X-Own": "1"})

    for kept in ({}, {"exception_handlers": exception_handlers()}):
        app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(ErrorNormalizationMiddleware)], **kept)
        told = ask(app)
        assert (told.status, told.body, told.header("X-Own")) == (418, b"short and stout", "1")


def test_cors_headers_stay_when_we_are_inside():
    def endpoint(request):
        raise VendorError(lionbridge(304))

    middleware = [Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(ErrorNormalizationMiddleware)]
    told = ask(
        Starlette(routes=[Route("/", endpoint)], middleware=middleware), headers={"Origin": "https://app.example"}
    )
    assert (told.status, told.header("Access-Control-Allow-Origin")) == (409, "*")


def test_a_background_tasks_failure_leaves_the_answer_alone(caplog):
    async def later():
        raise error

    error = VendorError(bare(503))
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("sent", background=BackgroundTask(later)))])
    told = ask(in_middleware(app))
    assert (told.status, told.body, told.raised) == (200, b"sent", error)
    [record] = ours(caplog)
    assert not hasattr(record, "errnorm_truncated")  # the user got the whole of it


def test_a_stream_that_breaks_off_stays_broken(caplog):
    async def stream():
        yield b"a"
        raise error

    error = VendorError(bare(503))
    told = ask(in_middleware(Starlette(routes=[Route("/", lambda request: StreamingResponse(stream()))])))
    assert told.raised is error or error in getattr(told.raised, "exceptions", ())
    assert (told.status, told.body) == (200, b"a")
    assert [record.errnorm_truncated for record in ours(caplog)] == [True]


def test_handlers_never_answer_twice(caplog):
    told = ask(in_handlers(begins(VendorError(bare(503)))))
    assert told.raised is not None
    assert [message["type"] for message in told.messages] == ["http.response.start", "http.response.body"]


def test_handlers_know_every_exception_that_the_middleware_answers():
    for client in ("httpx", "requests", "aiohttp", "urllib3"):
        pytest.importorskip(client)
    import sys
    import urllib.error

    assert urllib.error
    known = tuple(exception_handlers())
    for word, outcome in OUTCOMES.items():
        client, name = word.split(":")[0].split(".")
        for module in (client, f"{client}.exceptions", f"{client}.error"):
            found = getattr(sys.modules.get(module), name, None)
            if (
                outcome.reason
                and isinstance(found, type)
                and client in ("httpx", "requests", "aiohttp", "urllib3", "urllib")
            ):
                assert issubclass(found, known), word


def test_a_total_timeout_of_aiohttp_is_answered_by_both():
    aiohttp = pytest.importorskip("aiohttp")
    from tests.loopback import Reply, Trouble, Vendor

    with Vendor(Reply(trouble=Trouble.STALL)) as vendor:

        async def app(scope, receive, send):
            timeout = aiohttp.ClientTimeout(total=0.05)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(vendor.url):
                pass

        for door in (in_middleware, in_handlers):
            assert ask(door(app)).status == 504


def test_settings_come_as_keywords_or_ready_made():
    async def app(scope, receive, send):
        raise VendorError(lionbridge(304))

    own = {"vendors": {"lionbridge": {"statuses": {"304": 422}}}}
    for door in (
        ErrorNormalizationMiddleware(app, **own),
        ErrorNormalizationMiddleware(app, normalizer=Normalizer(**own)),
        Starlette(routes=[Mount("/", app)], exception_handlers=exception_handlers(**own)),
        Starlette(routes=[Mount("/", app)], exception_handlers=exception_handlers(Normalizer(**own))),
    ):
        assert ask(door).status == 422


def test_a_wrong_setting_is_told_at_once_with_the_nearest_name():
    for make in (lambda **own: ErrorNormalizationMiddleware(None, **own), exception_handlers):
        with pytest.raises(SettingsError, match="did you mean 'vendors'"):
            make(vendorz={})
        with pytest.raises(TypeError, match="not both: messages"):
            make(normalizer=Normalizer(), messages={})


def test_what_an_app_recognises_is_answered():
    class OrderError(Exception):
        pass

    def recognise(source):
        return lionbridge(304) if isinstance(source, OrderError) else None

    assert ask(ErrorNormalizationMiddleware(raises(OrderError()), recognise=recognise)).status == 409
