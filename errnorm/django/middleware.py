"""The middleware: a vendor's failure that a view raises becomes an answer; a healthy request only passes by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import get_language

from errnorm.correlation import Inbound, bind, unbind
from errnorm.django.conf import settled
from errnorm.model import Rendered
from errnorm.settings import SettingsError

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class ErrorNormalizationMiddleware:
    """The last of `MIDDLEWARE`, so that it is the first to see what a view raises. Sync and async."""

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        try:
            settled()
        except SettingsError as error:
            raise ImproperlyConfigured(f"ERRNORM: {error}") from None
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated] - Python 3.11 has no other
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Lets a request pass, with its correlation id at hand for whoever asks."""
        if self.is_async:
            return self.__acall__(request)
        inbound = Inbound(_id_of, request)
        token = bind(inbound)
        try:
            response: Any = self.get_response(request)
            return response if inbound.settled is None else _marked(response, inbound.settled)
        finally:
            unbind(token)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """The same, without leaving the event loop."""
        inbound = Inbound(_id_of, request)
        token = bind(inbound)
        try:
            response: Any = self.get_response(request)
            response = await response
            return response if inbound.settled is None else _marked(response, inbound.settled)
        finally:
            unbind(token)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to a vendor's failure; None for everything else, which is Django's.

        What a view raised in a transaction has rolled it back by now.
        """
        normalizer = settled()
        failure = normalizer.failure_of(exception)
        if failure is None:
            return None
        unexpected = normalizer.is_ours(failure)
        if unexpected and settings.DEBUG_PROPAGATE_EXCEPTIONS:
            normalizer.log(failure)
            return None
        rendered = normalizer.answer(failure, request.headers.get("Accept"), get_language())
        if unexpected:
            # ours to mend: whoever listens for errors (a test client, an error tracker) is told, as Django would
            got_request_exception.send_robust(sender=type(self), request=request)
        return _response(rendered)


def _id_of(request: HttpRequest) -> str | None:
    return request.headers.get(settled().correlation_header)


def _marked(response: HttpResponseBase, correlation_id: str) -> HttpResponseBase:
    """The response with the id that its calls to vendors went out with."""
    response.headers.setdefault(settled().correlation_header, correlation_id)
    return response


def _response(rendered: Rendered) -> HttpResponse:
    response = HttpResponse(rendered.body, status=rendered.status)
    for name, value in rendered.headers:
        response[name] = value
    cast("Any", response)._has_been_logged = True  # by us: django.request would log it again, and with less  # noqa: SLF001
    return response
