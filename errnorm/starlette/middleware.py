"""The pure ASGI middleware with what Starlette knows besides: requests, endpoints, a page for those who debug."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from starlette.requests import HTTPConnection, Request

from errnorm import asgi
from errnorm.asgi import Scope

Endpoint = TypeVar("Endpoint")


class ErrorNormalizationMiddleware(asgi.ErrorNormalizationMiddleware):
    """The last of an app's `middleware`, so that it is the first to see what an endpoint raises, inside of CORS.

    With `handle="all"` it answers what is unexpected, but for an app's `debug` page, and for an app that has a handler
    of its own for that; what Starlette has answers of its own to is a matter of `exception_handlers` or `install`.
    """

    def asker(self, scope: Scope) -> object:
        """What the app's own `audience` is asked about: a Request, or the websocket's connection."""
        return Request(scope) if scope["type"] == "http" else HTTPConnection(scope)

    def is_exempt(self, scope: Scope) -> bool:
        """Whether all of a request is left to the app: by its path, its scope or its endpoint."""
        return getattr(scope.get("endpoint"), "errnorm_exempt", False) or super().is_exempt(scope)

    def leaves(self, scope: Scope) -> bool:
        """Whether the app's outermost middleware has a better answer to what is unexpected than ours."""
        app = scope.get("app")
        own = getattr(app, "exception_handlers", None)
        handlers = [own[key] for key in (500, Exception) if key in own] if isinstance(own, dict) else []
        return bool(getattr(app, "debug", False)) or not all(hasattr(handler, "errnorms") for handler in handlers)


def exempt(endpoint: Endpoint) -> Endpoint:
    """Marks an endpoint whose failures and errors are left to the app, as if there were no errnorm."""
    cast("Any", endpoint).errnorm_exempt = True
    return endpoint
