"""What views use: exemption, a vendor's response passed on, a form's errors, and the pages about problem types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import BaseForm, BaseFormSet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import get_language

from errnorm.django.answers import answer_own, response_of
from errnorm.django.conf import settled
from errnorm.model import ProblemField, VendorError
from errnorm.reading.clients import Response as Received
from errnorm.telling.problem import pointer_of
from errnorm.telling.types import describe, rendered_type

if TYPE_CHECKING:
    from errnorm.passing import Passed

View = TypeVar("View", bound=Callable[..., Any])


def exempt(view: View) -> View:
    """Leaves a view, sync or async, to Django; a class's by `@method_decorator(exempt, name="dispatch")`."""

    def made(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    wrapped: Any = wraps(view)(made)
    wrapped.errnorm_exempt = True
    if iscoroutinefunction(view):  # pyright: ignore[reportDeprecated] - Python 3.11 has no other
        markcoroutinefunction(wrapped)  # what it returns is the view's own coroutine
    return wrapped  # type: ignore[no-any-return]


def passing(response: Any, *, vendor: str | None = None, operation: str | None = None) -> HttpResponseBase:
    """What a vendor answered, handed on as it is: status, bytes and those headers that tell how to read them.

    Of a failure nothing is handed on: it is a VendorError. `response` is a client's (httpx, requests, urllib3), read or
    not, or what the view has made of one, a stream among them, which is left unread.
    """
    if isinstance(response, HttpResponseBase):
        return _judged(response, vendor, operation)
    from errnorm.passing import passed

    return _handed_on(passed(response, settled(), vendor, operation))


async def apassing(response: Any, *, vendor: str | None = None, operation: str | None = None) -> HttpResponseBase:
    """The same of a client that is awaited (httpx, aiohttp)."""
    if isinstance(response, HttpResponseBase):
        return _judged(response, vendor, operation)
    from errnorm.passing import passed_async

    return _handed_on(await passed_async(response, settled(), vendor, operation))


def _judged(response: HttpResponseBase, vendor: str | None, operation: str | None) -> HttpResponseBase:
    body = response.content if isinstance(response, HttpResponse) else b""
    received = Received(response.status_code, dict(response.items()), body, None, None)
    error = settled().normalize(received, vendor=vendor, operation=operation)
    if error is None:
        return response
    for close in getattr(response, "_resource_closers", ()):  # not close(): for Django that ends the request
        with suppress(Exception):
            close()
    raise VendorError(error)


def _handed_on(passed: Passed) -> HttpResponseBase:
    kind = dict(passed.headers).get("Content-Type", "application/octet-stream")  # Django's default is HTML
    made = HttpResponse if isinstance(passed.body, bytes) else StreamingHttpResponse
    return made(passed.body, status=passed.status, headers=dict(passed.headers) | {"Content-Type": kind})


def invalid(request: HttpRequest, form: BaseForm | BaseFormSet[Any] | ValidationError) -> HttpResponse:
    """The answer to a form, a set of forms or a ValidationError that was refused: 422, each field with its own texts.

    The pointers name the fields as they were sent.
    """
    errors = [ProblemField(pointer_of(names), text) for names, text in _refused(form)]
    return answer_own(request, settled(), 422, errors=errors)


def _refused(form: BaseForm | BaseFormSet[Any] | ValidationError) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(form, ValidationError):
        by_field: Mapping[str, Any] = form.message_dict if hasattr(form, "error_dict") else {"": form.messages}
        yield from _of_fields(by_field, lambda name: name)
    elif isinstance(form, BaseFormSet):
        yield from (((), str(text)) for text in form.non_form_errors())
        for each in form.forms:
            yield from _refused(each)
    else:
        yield from _of_fields(form.errors, form.add_prefix)


def _of_fields(by_field: Mapping[str, Any], sent_as: Callable[[str], str]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, texts in by_field.items():
        names = () if name in {"", NON_FIELD_ERRORS} else (sent_as(name),)
        yield from ((names, str(text)) for text in texts)


def problem_type(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem type means; `TYPE_BASE` is where this view is."""
    normalizer = settled()
    described = describe(code, normalizer, get_language())
    if described is None:
        return answer_own(request, normalizer, 404)
    response = HttpResponse()
    told = response_of(rendered_type(described, request.headers.get("Accept")), request)
    response.content, response.headers = told.content, told.headers
    return response
