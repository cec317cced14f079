"""Requests through Django REST framework whose view fails: its own exception handler, a peer's and ours in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import BytesIO
from time import perf_counter
from typing import TYPE_CHECKING, Any

from django.core.handlers.wsgi import WSGIRequest
from django.test.utils import override_settings
from django.urls import path
from measuring import Contest
from reading import LIONBRIDGE
from requests_django import ENVIRON, handler
from requests_starlette import written
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings

import errnorm

if TYPE_CHECKING:
    from measuring import Runner
    from rest_framework.request import Request

HANDLERS = {
    "errnorm.drf": "errnorm.drf.exception_handler",
    "drf-standardized-errors": "drf_standardized_errors.handler.exception_handler",
}
OWN = "rest_framework.views.exception_handler"
INVALID = {"source": ["This language is not known."], "pages": ["A valid integer is required."]}


class Unavailable(APIException):
    """What one would raise by hand for a vendor that is down."""

    status_code = 503


def _raising(made: Callable[[], Exception]) -> Any:
    @api_view(["GET"])
    @authentication_classes([])
    def view(_: Request) -> Response:
        raise made()

    return view


@api_view(["GET"])
@authentication_classes([])
def healthy(_: Request) -> Response:
    return Response({"order": 7, "state": "ordered", "pages": 12})


def _failure() -> Exception:
    return errnorm.VendorError(errnorm.parse(LIONBRIDGE, status=409, vendor="lionbridge"))


urlpatterns = [
    path("healthy", healthy),
    path("invalid", _raising(lambda: ValidationError(INVALID))),
    path("unavailable", _raising(Unavailable)),
    path("failing", _raising(_failure)),
]


def requests(path: str, exception_handler: str = OWN) -> Runner:
    """So many requests one after the other, each made anew, under that handler."""
    get_response = handler(is_async=False).get_response
    environ = ENVIRON | {"PATH_INFO": f"/{path}"}
    rest = {"EXCEPTION_HANDLER": exception_handler, "UNAUTHENTICATED_USER": None, **_RENDERER}

    def run(count: int) -> float:
        with override_settings(REST_FRAMEWORK=rest):
            api_settings.EXCEPTION_HANDLER  # noqa: B018 - found once, as in a process that serves for long
            start = perf_counter()
            for _ in range(count):
                get_response(WSGIRequest(environ | {"wsgi.input": BytesIO()})).close()
            return perf_counter() - start

    return run


_RENDERER = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}


def failure() -> Iterator[Contest]:
    """Input that a serializer refuses, and a service that is down, each as every handler answers it and logs it; then a
    vendor's failure from its bytes, which only ours knows.
    """
    found = {name: at for name, at in HANDLERS.items() if find_spec(at.partition(".")[0])}
    settings: dict[str, Any] = {"ROOT_URLCONF": __name__, "ERRNORM": {"HANDLE": "all"}}
    with override_settings(**settings), written("django.request"), written("errnorm"):
        for path, work in (("invalid", "input refused"), ("unavailable", "an APIException")):
            for name, at in found.items():
                yield Contest(f"{work}, DRF, {name}", "DRF's own handler", requests(path), requests(path, at))
        ours = HANDLERS["errnorm.drf"]
        yield Contest("vendor failure, DRF, logged", "healthy request", requests("healthy"), requests("failing", ours))
        work = "the same by hand: an APIException, DRF's own handler"
        yield Contest(work, "healthy request", requests("healthy"), requests("unavailable"))
