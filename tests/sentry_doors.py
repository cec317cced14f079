"""Serves failures through one door with the real Sentry SDK listening, and prints what it would have sent.

`python -m tests.sentry_doors DOOR [all] [expected] [SCENARIO ...]`: a process of its own, for the SDK patches what it
finds. With `all` the door answers everything; with `expected` the integration that reports expected failures is on.
Printed is one JSON object: by scenario, the items of each kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import httpx
import sentry_sdk
from sentry_sdk.transport import Transport

import errnorm
import errnorm.sentry
from errnorm import VendorError
from tests.asgi_driver import http_scope
from tests.failures import bare, lionbridge

CANARY = "hunter2-Zebrafinch7261"
KEY = "sk_" + "live_51ZebraFinch726123quokka"
SAID = f"password={CANARY} and the key {KEY} at https://zebra:{CANARY}@quokka.example/v1?api_key={KEY}&q={CANARY}"
QUERY = f"page=2&access_token={CANARY}&q={CANARY}"
HEADERS = {
    "Authorization": f"Bearer {CANARY}",
    "Cookie": f"sid={CANARY}; csrftoken={CANARY}",
    "X-Api-Key": CANARY,
    "X-Unheard-Of": CANARY,
    "Referer": f"https://shop.example/?session={CANARY}",
    "Content-Type": "application/json",
    "Accept": "application/json",
}
BODY = json.dumps({"user": "zebra", "password": CANARY, "card": {"api_key": KEY}, "note": SAID}).encode()


def _response(status: int) -> httpx.Response:
    request = httpx.Request("POST", f"https://zebra:{CANARY}@quokka.example/v1?q={CANARY}", headers=HEADERS)
    return httpx.Response(status, json={"message": SAID}, request=request, headers={"Set-Cookie": f"sid={CANARY}"})


def bug() -> None:
    try:
        raise LookupError(SAID)
    except LookupError as inner:
        raise RuntimeError(SAID) from inner


def ours() -> None:
    raise VendorError(bare(401, "lionbridge"))


def ours_by_client() -> None:
    response = _response(401)
    raise httpx.HTTPStatusError(f"{SAID} {response.request.url}", request=response.request, response=response)


def outage() -> None:
    raise VendorError(bare(503, "lionbridge"))


def outage_with_cause() -> None:
    try:
        raise httpx.ConnectError(SAID, request=_response(503).request)
    except httpx.ConnectError as cause:
        raise VendorError(bare(503, "lionbridge")) from cause


def unreachable() -> None:
    raise httpx.ConnectError(SAID, request=_response(503).request)


def declined() -> None:
    raise VendorError(lionbridge(304))


def group() -> None:
    raise ExceptionGroup(SAID, [VendorError(bare(401)), VendorError(bare(503))])


def group_with_bug() -> None:
    raise ExceptionGroup(SAID, [VendorError(bare(503)), RuntimeError(SAID)])


def logged_and_raised() -> None:
    try:
        unreachable()
    except httpx.ConnectError:
        logging.getLogger("shop").exception("no answer with token=%s from %s", CANARY, SAID)
        raise


def bug_logged_and_raised() -> None:
    try:
        bug()
    except RuntimeError:
        logging.getLogger("shop").exception("cannot go on")
        raise


SCENARIOS: dict[str, Callable[[], None]] = {
    make.__name__: make
    for make in (
        *(bug, ours, ours_by_client, outage, outage_with_cause, unreachable, declined, group, group_with_bug),
        *(logged_and_raised, bug_logged_and_raised),
    )
}


class Kept(Transport):
    """What would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[tuple[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.items += [(item.type, item.payload.json or json.loads(item.get_bytes())) for item in envelope.items]


def _do(scenario: Callable[[], None]) -> None:
    """Fails in a program that knows secrets, and has called a vendor before."""
    password, api_key, header = CANARY, KEY, [(b"authorization", f"Basic {CANARY}".encode())]  # noqa: F841
    settings = {"smtp": {"user": "zebra", "password": CANARY}, "tokens": [CANARY, KEY]}  # noqa: F841
    alias = CANARY  # noqa: F841 - known by what stands beside it elsewhere
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    with client:
        client.get(f"https://zebra:{CANARY}@quokka.example/v1?api_key={KEY}&q={CANARY}")
    scenario()


def _scope() -> dict[str, Any]:
    return http_scope("POST", "/", HEADERS) | {"query_string": QUERY.encode()}


def _asked(app: Any) -> None:
    from tests import asgi_driver

    asyncio.run(asgi_driver.exchange(app, _scope()))


HANDLE: dict[str, Any] = {}  # the doors' setting


def _django_settings() -> None:
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.sentry_urls",
        MIDDLEWARE=["errnorm.django.ErrorNormalizationMiddleware"],
        INSTALLED_APPS=["errnorm.django"],
        ERRNORM={name.upper(): value for name, value in HANDLE.items()},
    )
    django.setup()


def _served(app: Any) -> None:
    """One request over WSGI."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": QUERY,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(BODY),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "CONTENT_LENGTH": str(len(BODY)),
        "CONTENT_TYPE": "application/json",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()},
    }
    with contextlib.suppress(Exception):  # which a server logs
        answer = app(environ, lambda *_: lambda data: None)
        b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()


def in_django(scenario: Callable[[], None], late: bool) -> None:
    from django.core.handlers.wsgi import WSGIHandler

    _route(scenario, late, asynchronous=False)
    _served(WSGIHandler())


def in_wsgi(scenario: Callable[[], None], late: bool) -> None:
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

    from errnorm.wsgi import ErrorNormalizationMiddleware

    def app(environ: Any, start_response: Any) -> Any:
        if late:
            start_response("200 OK", [])
            yield b"begun"
        _do(scenario)
        start_response("200 OK", [])

    _served(SentryWsgiMiddleware(ErrorNormalizationMiddleware(app, **HANDLE)))


def in_django_async(scenario: Callable[[], None], late: bool) -> None:
    from django.core.handlers.asgi import ASGIHandler

    _route(scenario, late, asynchronous=True)
    _asked(ASGIHandler())


def _route(scenario: Callable[[], None], late: bool, asynchronous: bool) -> None:
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import clear_url_caches, path
    from django.views.decorators.csrf import csrf_exempt

    def chunks() -> Any:
        yield b"begun"
        _do(scenario)

    async def achunks() -> Any:
        yield b"begun"
        _do(scenario)

    def view(request: Any) -> Any:
        if late:
            return StreamingHttpResponse(achunks() if asynchronous else chunks())
        _do(scenario)
        return HttpResponse()

    async def aview(request: Any) -> Any:
        return view(request)

    urls = type(sys)("tests.sentry_urls")
    urls.urlpatterns = [path("", csrf_exempt(aview if asynchronous else view))]  # type: ignore[attr-defined]
    for name in ("handler404", "handler500") if HANDLE else ():
        setattr(urls, name, f"errnorm.django.{name}")
    sys.modules["tests.sentry_urls"] = urls
    clear_url_caches()


def _streaming(scenario: Callable[[], None], late: bool) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if late:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        _do(scenario)

    return app


def in_asgi(scenario: Callable[[], None], late: bool) -> None:
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware

    from errnorm.asgi import ErrorNormalizationMiddleware

    _asked(SentryAsgiMiddleware(ErrorNormalizationMiddleware(_streaming(scenario, late), **HANDLE)))


def in_starlette(scenario: Callable[[], None], late: bool) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Route

    from errnorm.starlette import install

    app = Starlette(routes=[Route("/", _endpoint(scenario, late), methods=["POST"])])
    install(app, **HANDLE)
    _asked(app)


def in_starlette_handlers(scenario: Callable[[], None], late: bool) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Route

    from errnorm.starlette import exception_handlers

    route = Route("/", _endpoint(scenario, late), methods=["POST"])
    _asked(Starlette(routes=[route], exception_handlers=exception_handlers(**HANDLE)))


def in_fastapi(scenario: Callable[[], None], late: bool) -> None:
    from fastapi import FastAPI

    from errnorm.fastapi import install

    app = FastAPI()
    install(app, **HANDLE)
    app.post("/")(_endpoint(scenario, late, plain=True))
    _asked(app)


def _endpoint(scenario: Callable[[], None], late: bool, plain: bool = False) -> Any:
    from starlette.responses import Response, StreamingResponse

    async def chunks() -> Any:
        yield b"begun"
        _do(scenario)

    async def endpoint(request: Any = None) -> Any:
        if late:
            return StreamingResponse(chunks())
        _do(scenario)
        return Response()

    async def bare_endpoint() -> Any:
        return await endpoint()

    return bare_endpoint if plain else endpoint


def in_script(scenario: Callable[[], None], late: bool) -> None:
    try:
        _do(scenario)
    except Exception:  # noqa: BLE001 - as the interpreter does at the end
        sys.excepthook(*sys.exc_info())


DOORS = {
    "django": in_django,
    "django-async": in_django_async,
    "starlette": in_starlette,
    "starlette-handlers": in_starlette_handlers,
    "fastapi": in_fastapi,
    "asgi": in_asgi,
    "wsgi": in_wsgi,
    "script": in_script,
}


def main(door: str, *more: str) -> None:
    if "all" in more:
        HANDLE["handle"] = "all"
    if door.startswith("django"):
        _django_settings()
    sys.excepthook = lambda *_: None
    kept = Kept()
    sentry_sdk.init(
        transport=kept,
        dsn="https://public@sentry.example/1",
        before_send=errnorm.sentry.before_send,
        before_send_transaction=errnorm.sentry.before_send_transaction,
        before_send_log=errnorm.sentry.before_send_log,
        integrations=[errnorm.sentry.integration()] if "expected" in more else [],
        enable_logs=True,
        traces_sample_rate=1.0,
        send_default_pii=True,
        max_request_body_size="always",
    )
    told: dict[str, list[tuple[str, Any]]] = {}
    for name, scenario in SCENARIOS.items():
        if SCENARIOS.keys() & {*more} and name not in more:
            continue
        for late in (False, True):
            if late and door == "script":
                continue
            for _ in range(10 if name == "outage" and not late else 1):
                with sentry_sdk.isolation_scope():
                    DOORS[door](scenario, late)
            sentry_sdk.flush()
            told[f"late {name}" if late else name] = kept.items
            kept.items = []
    os.write(1, json.dumps(told).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
