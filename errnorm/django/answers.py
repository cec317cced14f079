"""Django's request to what the Normalizer asks for, and its answer to Django's response."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language

from errnorm.answering import Normalizer
from errnorm.model import Rendered, VendorError

# Who is being answered, for an app's own page: what the Normalizer knows of requests is only what it was told.
asking: ContextVar[HttpRequest | None] = ContextVar("errnorm_asking", default=None)


class Answer(HttpResponse):
    """A response of ours."""

    def logged(self) -> Answer:
        """Says that it has been logged, which Django would do again, and with less."""
        self._has_been_logged = True
        return self


def answer_to(failure: VendorError, request: HttpRequest, normalizer: Normalizer) -> Answer:
    """The answer to a vendor's failure, which is logged."""
    token = asking.set(request)
    try:
        rendered = normalizer.answer(
            failure,
            request.headers.get("Accept"),
            get_language(),
            audience=normalizer.audience_of(request),
            fragment=wants_fragment(request),
        )
    finally:
        asking.reset(token)
    return response_of(rendered, request).logged()


def answer_own(request: HttpRequest, normalizer: Normalizer, status: int, **known: Any) -> Answer:
    """The answer to an error of the app's own or of Django's, which logs it; what is `known`, `answer_own` takes."""
    return response_of(rendered_own(request, normalizer, status, **known), request)


def rendered_own(request: HttpRequest, normalizer: Normalizer, status: int, **known: Any) -> Rendered:
    """The same, not yet a response."""
    token = asking.set(request)
    try:
        return normalizer.answer_own(
            status, request.headers.get("Accept"), get_language(), fragment=wants_fragment(request), **known
        )
    finally:
        asking.reset(token)


def response_of(rendered: Rendered, request: HttpRequest) -> Answer:
    """An answer as a response; to HEAD without its body, with the headers that GET would get."""
    response = Answer(b"" if request.method == "HEAD" else rendered.body, status=rendered.status)
    for name, value in rendered.headers:
        response.headers[name] = value
    return response


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for what goes into a part of the page; a boosted link and the history want a whole one."""
    asked = request.headers
    whole = asked.get("HX-Boosted") == "true" or asked.get("HX-History-Restore-Request") == "true"
    return asked.get("HX-Request") == "true" and not whole


def is_exempt(request: HttpRequest, normalizer: Normalizer) -> bool:
    """Whether the app left this path, or the view that it leads to, to Django."""
    if normalizer.exempts(request.path_info):
        return True
    match = request.resolver_match
    return match is not None and getattr(match.func, "errnorm_exempt", False)


def has_to_rise(failure: VendorError, normalizer: Normalizer) -> bool:
    """Whether a failure that is ours to mend goes up to whoever set DEBUG_PROPAGATE_EXCEPTIONS; it is logged then."""
    if not (settings.DEBUG_PROPAGATE_EXCEPTIONS and normalizer.is_ours(failure)):
        return False
    normalizer.log(failure)
    return True


def notify(failure: VendorError, request: HttpRequest, normalizer: Normalizer, sender: object) -> None:
    """Tells whoever listens for errors (a test client, an error tracker) what is ours to mend, as Django would."""
    if normalizer.is_ours(failure):
        got_request_exception.send_robust(sender=sender, request=request)
