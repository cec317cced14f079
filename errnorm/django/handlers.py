"""Django's own errors in our model: handlers for the URLconf, or in place of Django's where it names none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings, urls
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views import csrf, defaults
from django.views.decorators.csrf import requires_csrf_token

from errnorm.django.answers import answer_own, answer_to, is_exempt
from errnorm.django.conf import settled
from errnorm.mishaps import complain

Handler = Callable[..., HttpResponseBase]


# Decorated as Django's own are: a page may hold a form.


@requires_csrf_token
def handler400(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answers what Django takes for a bad request, or for too large a one."""
    status = 413 if isinstance(exception, RequestDataTooBig) else 400
    return _answered(defaults.bad_request, request, status, exception)


@requires_csrf_token
def handler403(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answers PermissionDenied."""
    return _answered(defaults.permission_denied, request, 403, exception)


@requires_csrf_token
def handler404(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answers Http404, and a path that leads nowhere."""
    return _answered(defaults.page_not_found, request, 404, exception)


@requires_csrf_token
def handler500(request: HttpRequest) -> HttpResponseBase:
    """Answers what nobody expected; a vendor's failure that no view raised, but a middleware, as what it is."""
    return _answered(defaults.server_error, request, 500, None)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """For CSRF_FAILURE_VIEW; with DEBUG it is Django's, which explains what is missing."""
    if settings.DEBUG:
        return csrf.csrf_failure(request, reason)
    return _answered(csrf.csrf_failure, request, 403, reason, code="csrf")


def _answered(
    djangos: Handler, request: HttpRequest, status: int, told: object, code: str | None = None
) -> HttpResponseBase:
    """Our answer, else what Django's own handler says, which knows what it was `told`: of an exemption, or if we fail.

    Django has logged and signalled by itself what there is to log and to signal.
    """
    try:
        normalizer = settled()
        if not is_exempt(request, normalizer):
            failure = normalizer.failure_of(raised) if status == 500 and (raised := sys.exception()) else None
            if failure is not None:
                return answer_to(failure, request, normalizer)
            return answer_own(request, normalizer, status, raised=sys.exception(), code=code)
    except Exception:  # noqa: BLE001 - Django has an answer
        complain("telling an error failed; the answer is Django's")
    return djangos(request) if told is None else djangos(request, told)


def _instead_of(djangos: Handler, ours: Handler) -> Handler:
    def handler(request: HttpRequest, *known: Any, **named: Any) -> HttpResponseBase:
        try:
            if settled().handle == "all":
                return ours(request, *known, **named)
        except Exception:  # noqa: BLE001 - likewise
            complain("telling an error failed; the answer is Django's")
        return djangos(request, *known, **named)

    return handler


_DEFAULTS: dict[str, tuple[Handler, Handler]] = {
    "handler400": (defaults.bad_request, handler400),
    "handler403": (defaults.permission_denied, handler403),
    "handler404": (defaults.page_not_found, handler404),
    "handler500": (defaults.server_error, handler500),
}


def take_over() -> None:
    """Makes ours the handlers of a URLconf that names none, where nobody else has done that before.

    Whether they answer, HANDLE says each time, so that a test may change it.
    """
    for name, (djangos, ours) in _DEFAULTS.items():
        if getattr(urls, name) is djangos:
            setattr(urls, name, _instead_of(djangos, ours))
