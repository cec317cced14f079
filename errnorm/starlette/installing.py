"""Middleware and handlers in one step."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from errnorm import asgi
from errnorm.answering import Normalizer
from errnorm.asgi import settled
from errnorm.starlette.handlers import Handlers
from errnorm.starlette.middleware import ErrorNormalizationMiddleware


def install(app: Starlette, normalizer: Normalizer | None = None, **settings: Any) -> None:
    """Puts the middleware innermost and, with `handle="all"`, handlers for Starlette's own errors beside it.

    An app's own handlers go first. Once is enough: for an app that has the middleware nothing changes. Raises
    RuntimeError where the app has already begun to serve.
    """
    normalizer = guarded(app, settled(normalizer, settings))
    if normalizer is not None and normalizer.handle == "all":
        app.exception_handlers.setdefault(HTTPException, Handlers(normalizer).own)


def guarded(app: Starlette, normalizer: Normalizer) -> Normalizer | None:
    """The normalizer that an app has from now on, in a middleware that is its innermost; None where it had one."""
    if any(
        isinstance(each.cls, type) and issubclass(each.cls, asgi.ErrorNormalizationMiddleware)
        for each in app.user_middleware
    ):
        return None
    if app.middleware_stack is not None:
        raise RuntimeError("errnorm is to be installed before the app serves its first request")
    app.user_middleware.append(Middleware(ErrorNormalizationMiddleware, normalizer=normalizer))
    if normalizer.handle == "all" and not {500, Exception} & app.exception_handlers.keys():
        # what other middlewares raise; what comes from further in is answered there, with their headers
        app.exception_handlers[Exception] = Handlers(normalizer).unexpected
    return normalizer
