"""The door for Django Ninja: `install(api)`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from math import ceil
from typing import Any, Final

from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, Throttled, ValidationError
from ninja.openapi.schema import OpenAPISchema

from errnorm.django.answers import answer_own, answer_to, has_to_rise, is_exempt, notify
from errnorm.django.conf import settled
from errnorm.foretelling import problems_of
from errnorm.mishaps import complain
from errnorm.model import ProblemField, VendorError
from errnorm.redaction import clean
from errnorm.telling.catalogues import ENGLISH, language_of
from errnorm.telling.negotiation import languages
from errnorm.telling.openapi import NAME, problem_responses, problem_schema
from errnorm.telling.problem import pointer_of, title_of
from errnorm.telling.words import FIELD

Handler = Callable[[HttpRequest, Any], HttpResponse]


def install(api: NinjaAPI) -> None:
    """Has an API answer vendors' failures and, with HANDLE "all", what Ninja raises by itself; documents a Problem.

    An app's own handlers stay: one for all exceptions gets what is left. Once is enough.
    """
    known: Mapping[Any, Any] = api._exception_handlers  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - no other way
    if getattr(known.get(VendorError), "is_errnorms", False):
        return
    vendors = _vendors(known[Exception])
    for of_calls in (VendorError, ExceptionGroup):
        if of_calls not in known:
            api.add_exception_handler(of_calls, vendors)
    api.add_exception_handler(Exception, vendors)  # whatever a client raises
    for kind, ours in _OWN.items():
        before = known[kind]
        if _is_ninjas(before):
            api.add_exception_handler(kind, _own(before, ours))
    _remember_unnamed(api)
    _document(api)


def _is_ninjas(handler: Any) -> bool:
    return getattr(getattr(handler, "func", handler), "__module__", "") == HttpError.__module__


def _vendors(before: Handler) -> Handler:
    def handler(request: HttpRequest, raised: Exception) -> HttpResponse:
        try:
            response = _answered(request, raised)
        except Exception as error:
            if error is raised:
                raise
            complain("answering a failure failed; the answer is Ninja's")
            response = None
        return before(request, raised) if response is None else response

    handler.is_errnorms = True  # type: ignore[attr-defined]
    return handler


def _answered(request: HttpRequest, raised: Exception) -> HttpResponse | None:
    normalizer = settled()
    failure = normalizer.failure_of(raised)
    if failure is None or is_exempt(request, normalizer):
        return None
    if has_to_rise(failure, normalizer):
        raise raised
    _roll_back()
    response = answer_to(failure, request, normalizer)
    notify(failure, request, normalizer, install)
    return response


def _roll_back() -> None:
    """Undoes what a view did in its request's transaction, as if the exception had left the view."""
    for connection in connections.all(initialized_only=True):
        if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
            connection.set_rollback(True)


# --- the framework's own ---


def _own(before: Handler, ours: Handler) -> Handler:
    def handler(request: HttpRequest, raised: Exception) -> HttpResponse:
        try:
            normalizer = settled()
            if normalizer.handle == "all" and not is_exempt(request, normalizer):
                return ours(request, raised)
        except Exception:  # noqa: BLE001 - likewise
            complain("telling an error failed; the answer is Ninja's")
        return before(request, raised)

    return handler


def _missing(request: HttpRequest, raised: Http404) -> HttpResponse:  # noqa: ARG001 - as Ninja calls it
    return answer_own(request, settled(), 404)


def _http_error(request: HttpRequest, raised: HttpError) -> HttpResponse:
    wait = raised.wait if isinstance(raised, Throttled) else None
    retry_after = None if wait is None else max(ceil(wait), 1)
    detail = None if _says_ninja(raised) else clean(raised.message) or None
    return answer_own(request, settled(), raised.status_code, raised=raised, detail=detail, retry_after=retry_after)


def _says_ninja(raised: HttpError) -> bool:
    """Whether the text is none of the app's for users: Ninja's own, or, where something is broken (500 and above), one
    that is too often another exception's.
    """
    said = raised.message
    by_ninja = isinstance(raised, Throttled) or said in _NINJAS_OWN or said.startswith("Cannot parse request body")
    return by_ninja or raised.status_code >= 500


_NINJAS_OWN: Final = (AuthenticationError().message, AuthorizationError().message)


def _invalid(request: HttpRequest, raised: ValidationError) -> HttpResponse:
    """Each field with a JSON pointer; those that are not of the body say where they are from."""
    language = language_of(languages(get_language()))
    unnamed = getattr(raised, "errnorm_unnamed", ())
    errors = dict.fromkeys(
        ProblemField(_pointer(tuple(error["loc"]), unnamed), _told(error, language)) for error in raised.errors
    )
    return answer_own(request, settled(), 422, raised=raised, errors=tuple(errors))


def _pointer(place: tuple[object, ...], unnamed: Collection[tuple[object, ...]]) -> str:
    """`("body", "order", "name")` is `#/name` where the body is the order, else `#/order/name`; `("query", "page")` is
    `#/query/page`.
    """
    if place[:2] in unnamed:
        place = (place[0], *place[2:])
    return pointer_of(place[1:] if place[:1] and place[0] in {"body", "form", "file"} else place)


def _told(error: Mapping[str, Any], language: str) -> str:
    """What the app's own validators say, else pydantic's words for those who read English, else ours."""
    own = (error.get("ctx") or {}).get("error")
    if own and error.get("type") in {"value_error", "assertion_error"}:
        return str(own)
    return str(error["msg"]) if language == ENGLISH else title_of(FIELD, language)


_OWN: Final[dict[type[Exception], Handler]] = {ValidationError: _invalid, HttpError: _http_error, Http404: _missing}


def _remember_unnamed(api: NinjaAPI) -> None:
    """Has a ValidationError know which parameters are the whole of what they are read from, and bear no name there."""
    make = api.validation_error_from_error_contexts

    def made(error_contexts: list[Any]) -> ValidationError:
        error = make(error_contexts)
        models = [context.model for context in error_contexts]
        names = [(model, getattr(model, "__read_from_single_attr__", None)) for model in models]
        error.errnorm_unnamed = {  # type: ignore[attr-defined]
            (getattr(model, "__ninja_param_source__", None), name) for model, name in names if name
        }
        return error

    api.validation_error_from_error_contexts = made  # type: ignore[method-assign]


# --- documentation ---


def responses(vendor: str | Iterable[str] | None = None, *, operation: str | None = None) -> dict[str, Any]:
    """For the `openapi_extra=` of an operation that calls a vendor, or several: each status that our answer may have,
    with its problems as examples. Raises UnknownVendorError.
    """
    return {"responses": problem_responses(problems_of(settled(), vendor, operation))}


def _document(api: NinjaAPI) -> None:
    """Has the API's OpenAPI document hold the schema that `responses` refers to."""
    make = api.get_openapi_schema

    def made(**known: Any) -> OpenAPISchema:
        document = make(**known)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault(NAME, problem_schema())
        return document

    api.get_openapi_schema = made  # type: ignore[method-assign]
