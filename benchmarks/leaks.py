"""Whose error answers give secrets away: `python benchmarks/leaks.py`, with the dependency group `peers` installed.

Every package stands as its own documentation sets it up and nothing else is configured, each in its framework; what is
not installed is left out, and the bare framework is there for scale. A view fails in five ways, each with one secret of
every kind in tests/leak_kinds.py: in the text of an exception; in its cause; in the URL of a vendor's response that
`raise_for_status()` raises for; in the body and headers of one; in the detail of a 502 that the app passes on in its
framework's own exception. Asked is for JSON and for HTML; found is what stands in the status line, headers or body of
either.
"""

from __future__ import annotations

import asyncio
import importlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parent.parent))

import httpx

from tests.asgi_driver import exchange, http_scope
from tests.leak_kinds import Canary, canaries

ACCEPTS = ("application/json", "text/html")
Failing = Callable[[str], None]
Asking = Callable[[Failing, str, str], str]  # what fails, with which secret, for which Accept: all that the client gets


class Contestant(NamedTuple):
    """A package in a framework; `package` is what has to be installed."""

    title: str
    package: str
    framework: str
    ask: Callable[[], Asking]


def in_text(word: str) -> None:
    raise RuntimeError(f"the call failed: {word}")


def in_cause(word: str) -> None:
    try:
        in_text(word)
    except RuntimeError as cause:
        raise ValueError("the call failed") from cause


def in_url(word: str) -> None:
    request = httpx.Request("GET", "https://vendor.example/v1", params={"q": word})
    httpx.Response(401, request=request).raise_for_status()


def in_response(word: str) -> None:
    body = {"error": {"code": word, "message": word}}
    headers = {"X-Said": " ".join(word.split())}
    request = httpx.Request("GET", "https://vendor.example/v1")
    httpx.Response(401, json=body, headers=headers, request=request).raise_for_status()


def in_detail(word: str) -> None:
    raise _Passed(word)


class _Passed(Exception):  # noqa: N818 - stands in for the framework's own
    """The app passes on what the vendor said; each framework has an exception of its own for that."""


PLACES = {
    "exception text": in_text,
    "cause": in_cause,
    "URL": in_url,
    "vendor's response": in_response,
    "passed on": in_detail,
}


def _nothing(_app: Any) -> None:
    """The bare framework."""


def _starlette(install: Callable[[Any], None] = _nothing) -> Asking:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Route

    doing: list[Any] = []

    async def view(_request: Any) -> None:
        _do(doing, lambda word: HTTPException(502, detail=word))

    app = Starlette(routes=[Route("/", view)])
    install(app)
    return _asgi(app, doing)


def _fastapi(install: Callable[[Any], None] = _nothing) -> Asking:
    from fastapi import FastAPI, HTTPException

    doing: list[Any] = []
    app = FastAPI()
    install(app)

    @app.get("/")
    async def view() -> None:
        _do(doing, lambda word: HTTPException(502, detail=word))

    return _asgi(app, doing)


def _asgi(app: Any, doing: list[Any]) -> Asking:
    def ask(failing: Failing, word: str, accept: str) -> str:
        doing[:] = [failing, word]
        told = asyncio.run(exchange(app, http_scope("GET", "/", {"Accept": accept})))
        return "\n".join(f"{message!r} {message.get('body', b'').decode()}" for message in told.messages)

    return ask


def _drf(handler: str | None = None, middleware: tuple[str, ...] = (), **settings: Any) -> Asking:
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings
    from django.urls import include, path
    from rest_framework.decorators import api_view
    from rest_framework.exceptions import APIException

    class BadGateway(APIException):
        status_code = 502

    doing: list[Any] = []

    @api_view(["GET"])
    def view(_request: Any) -> Any:
        _do(doing, BadGateway)

    more = [path("", include("drf_problems.urls"))] if handler and handler.startswith("drf_problems") else []
    urls: Any = type("Urls", (), {"urlpatterns": [path("", view), *more]})
    rest = {} if handler is None else {"EXCEPTION_HANDLER": handler}
    override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware, REST_FRAMEWORK=rest, **settings).enable()

    handle: Any = WSGIHandler()

    def ask(failing: Failing, word: str, accept: str) -> str:
        doing[:] = [failing, word]
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "HTTP_ACCEPT": accept,
            "wsgi.input": io.BytesIO(),
            "wsgi.url_scheme": "http",
        }
        started: list[Any] = []
        answer: Any = handle(environ, lambda *start: started.append(start))
        body = b"".join(answer).decode()
        answer.close()
        return f"{started!r}\n{body}"

    return ask


def _do(doing: list[Any], passed: Callable[[str], Exception]) -> None:
    failing, word = doing
    try:
        failing(word)
    except _Passed as said:
        raise passed(str(said)) from None


def _fastapi_problem(app: Any) -> None:
    module: Any = importlib.import_module("fastapi_problem.handler")
    module.add_exception_handler(app, module.new_exception_handler())


def _call(module: str, name: str, **more: Any) -> Callable[[Any], None]:
    return lambda app: getattr(importlib.import_module(module), name)(app, **more)


def _errnorm_drf(**settings: Any) -> Asking:
    ours = "errnorm.django.ErrorNormalizationMiddleware"
    return _drf("errnorm.drf.exception_handler", (ours,), ERRNORM=settings)


CONTESTANTS = (
    Contestant("Starlette alone", "starlette", "Starlette", _starlette),
    Contestant(
        "starlette-problem",
        "starlette-problem",
        "Starlette",
        lambda: _starlette(_call("starlette_problem.handler", "add_exception_handler")),
    ),
    Contestant("errnorm", "errnorm", "Starlette", lambda: _starlette(_call("errnorm.starlette", "install"))),
    Contestant(
        'errnorm, `handle="all"`',
        "errnorm",
        "Starlette",
        lambda: _starlette(_call("errnorm.starlette", "install", handle="all")),
    ),
    Contestant("FastAPI alone", "fastapi", "FastAPI", _fastapi),
    Contestant("fastapi-problem", "fastapi-problem", "FastAPI", lambda: _fastapi(_fastapi_problem)),
    Contestant(
        "fastapi-problem-details",
        "fastapi-problem-details",
        "FastAPI",
        lambda: _fastapi(_call("fastapi_problem_details", "init_app")),
    ),
    Contestant("errium", "errium", "FastAPI", lambda: _fastapi(_call("errium", "install"))),
    Contestant("errnorm", "errnorm", "FastAPI", lambda: _fastapi(_call("errnorm.fastapi", "install"))),
    Contestant(
        'errnorm, `handle="all"`',
        "errnorm",
        "FastAPI",
        lambda: _fastapi(_call("errnorm.fastapi", "install", handle="all")),
    ),
    Contestant("DRF alone", "djangorestframework", "DRF", _drf),
    Contestant(
        "drf-standardized-errors",
        "drf-standardized-errors",
        "DRF",
        lambda: _drf("drf_standardized_errors.handler.exception_handler"),
    ),
    Contestant("drf-problems", "drf-problems", "DRF", lambda: _drf("drf_problems.exceptions.exception_handler")),
    Contestant("drf-canon", "drf-canon", "DRF", lambda: _drf("drf_canon.errors.exception_handler")),
    Contestant("errium", "errium", "DRF", lambda: _drf("errium_drf.errium_exception_handler")),
    Contestant("errnorm", "errnorm", "DRF", _errnorm_drf),
    Contestant('errnorm, `handle="all"`', "errnorm", "DRF", lambda: _errnorm_drf(HANDLE="all")),
)


def main() -> None:
    logging.disable()
    _configure()
    planted = canaries()
    print(f"| package | version | framework | planted in each | {' | '.join(PLACES)} |")
    print(f"|---|---|---|---:|{'---:|' * len(PLACES)}")
    for contestant in CONTESTANTS:
        if (found := _version(contestant.package)) is None:
            continue
        cells = [contestant.title, found, contestant.framework, str(len(planted))]
        print(f"| {' | '.join([*cells, *_counted(contestant, planted)])} |", flush=True)


def _counted(contestant: Contestant, planted: list[Canary]) -> Iterator[str]:
    ask: Asking | None = None
    try:
        ask = contestant.ask()
        wrong = (
            "" if "502" in ask(in_detail, "nothing", ACCEPTS[0]) else "no 502"
        )  # what is not found would say nothing
    except Exception as failed:  # noqa: BLE001 - it is told, not hidden
        wrong = type(failed).__name__
    if ask is None or wrong:
        yield from [f"did not start: {wrong}", *[""] * (len(PLACES) - 1)]
        return
    for failing in PLACES.values():
        told = ((canary, "\n".join(ask(failing, canary.text, accept) for accept in ACCEPTS)) for canary in planted)
        yield str(sum(canary.survives_in(text) for canary, text in told))


def _configure() -> None:
    """Django, where it is: as a new project has it, for production."""
    if _version("djangorestframework") is None:
        return
    import django
    from django.conf import settings

    peers = {"drf_standardized_errors": "drf-standardized-errors", "drf_problems": "drf-problems"}
    apps = [app for app, package in peers.items() if _version(package)]
    apps += ["rest_framework", "django.contrib.auth", "django.contrib.contenttypes"]
    settings.configure(SECRET_KEY="benchmarks", ALLOWED_HOSTS=["*"], INSTALLED_APPS=apps, USE_TZ=True)
    django.setup()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        if package != "errnorm":
            return None
        import tomllib

        here = Path(__file__).resolve().parent.parent / "pyproject.toml"
        return str(tomllib.loads(here.read_text(encoding="utf-8"))["project"]["version"])


if __name__ == "__main__":
    main()
