"""The middleware: a vendor's failure that a view raises becomes an answer; a healthy request only passes by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from errnorm.correlation import Inbound, bind, unbind
from errnorm.django.answers import Answer, answer_to, has_to_rise, is_exempt, notify, rendered_own
from errnorm.django.conf import settled
from errnorm.django.handlers import take_over
from errnorm.django.streams import watch
from errnorm.mishaps import LAST_RESORT, complain
from errnorm.settings import SettingsError

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class ErrorNormalizationMiddleware:
    """The last of `MIDDLEWARE`, so that it is the first to see what a view raises. Sync and async."""

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        try:
            normalizer = settled()
        except SettingsError as error:
            raise ImproperlyConfigured(f"ERRNORM: {error}") from None
        if normalizer.handle == "all":
            take_over()
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
            try:
                if response.status_code >= 400 and _says_nothing(response, request):
                    _fill(response, request)
                if response.streaming or inbound.settled is not None:
                    _finish(response, request, inbound)
            except Exception:  # noqa: BLE001 - what the app answers is worth more
                complain("adding to a response failed; it goes out as it is")
            return response  # type: ignore[no-any-return]
        finally:
            unbind(token)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """The same, without leaving the event loop."""
        inbound = Inbound(_id_of, request)
        token = bind(inbound)
        try:
            response: Any = self.get_response(request)
            response = await response
            try:
                if response.status_code >= 400 and _says_nothing(response, request):
                    await sync_to_async(_fill)(response, request)  # an app's own page may ask the database
                if response.streaming or inbound.settled is not None:
                    _finish(response, request, inbound)
            except Exception:  # noqa: BLE001 - likewise
                complain("adding to a response failed; it goes out as it is")
            return response  # type: ignore[no-any-return]
        finally:
            unbind(token)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to a vendor's failure; None for everything else, which is Django's.

        What a view raised in a transaction has rolled it back by now.
        """
        try:
            normalizer = settled()
            failure = normalizer.failure_of(exception)
        except Exception:  # noqa: BLE001 - Django has an answer
            complain("recognising a failure failed; it is Django's")
            return None
        if failure is None:
            return None
        try:
            if is_exempt(request, normalizer) or has_to_rise(failure, normalizer):
                return None
            response: HttpResponse = answer_to(failure, request, normalizer)
            notify(failure, request, normalizer, type(self))
        except Exception:  # noqa: BLE001 - the user gets an answer
            complain("answering a failure failed; the user got the answer of last resort")
            normalizer.log(failure)
            response = HttpResponse(LAST_RESORT.body, status=LAST_RESORT.status, headers=dict(LAST_RESORT.headers))
        return response


def _id_of(request: HttpRequest) -> str | None:
    return request.headers.get(settled().correlation_header)


def _finish(response: Any, request: HttpRequest, inbound: Inbound) -> None:
    """Gives a response the id that its calls to vendors went out with, and keeps an eye on what it streams."""
    if response.streaming and not is_exempt(request, settled()):
        watch(response, settled(), inbound)
    if inbound.settled is not None:
        response.headers.setdefault(settled().correlation_header, inbound.settled)


def _says_nothing(response: Any, request: HttpRequest) -> bool:
    """Whether an error has no body, as Django's own 405 has none, and the app wants ours for it."""
    if isinstance(response, Answer) or response.streaming or response.content:
        return False
    normalizer = settled()
    return normalizer.handle == "all" and not is_exempt(request, normalizer)


def _fill(response: HttpResponse, request: HttpRequest) -> None:
    """Gives an error its body; what it already says beside that (Allow, WWW-Authenticate, cookies) stays."""
    wait = response.headers.get("Retry-After", "")
    retry_after = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 9 else None
    rendered = rendered_own(request, settled(), response.status_code, retry_after=retry_after)
    response.content = b"" if request.method == "HEAD" else rendered.body
    for name in ("ETag", "Last-Modified", "Content-Encoding"):  # of the body that there was not
        response.headers.pop(name, None)
    for name, value in rendered.headers:
        if name == "Vary":
            patch_vary_headers(response, value.split(", "))
        else:
            response.headers[name] = value
