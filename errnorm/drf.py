"""The door for Django REST framework: `"EXCEPTION_HANDLER": "errnorm.drf.exception_handler"`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from django.http import Http404
from django.utils.translation import get_language
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as djangos, set_rollback

from errnorm import _json
from errnorm.answering import Normalizer
from errnorm.django.answers import has_to_rise, is_exempt, notify
from errnorm.django.conf import settled
from errnorm.foretelling import problems_of
from errnorm.mishaps import complain
from errnorm.model import IntegratorProblem, Problem, ProblemField, Rendered
from errnorm.redaction import clean
from errnorm.telling.catalogues import language_of, translated
from errnorm.telling.negotiation import MediaType, languages
from errnorm.telling.openapi import NAME, REFERENCE, any_problem, problem_schema
from errnorm.telling.problem import pointer_of
from errnorm.telling.words import FRAMEWORK, phrase_of

if TYPE_CHECKING:
    from drf_spectacular.utils import OpenApiResponse

_PROBLEMS: Final = {
    "application/json": MediaType.PROBLEM_JSON,
    "application/xml": MediaType.PROBLEM_XML,
    "text/xml": MediaType.PROBLEM_XML,
}
# What belongs to the bytes that are not sent, for the renderer writes others.
_NOT_KEPT: Final = frozenset({"Content-Type", "Content-Length"})


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answers a vendor's failure and, with HANDLE "all", what DRF and Django raise by themselves.

    None, which makes it Django's, for whatever is unexpected; with HANDLE "vendor" all the rest is DRF's own handler's.
    """
    try:
        return _answered(exc, context)
    except Exception:  # noqa: BLE001 - DRF has an answer, and what is left Django
        complain("telling an error failed; the answer is DRF's")
        return djangos(exc, dict(context))


def _answered(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    normalizer, request = settled(), context["request"]
    if _is_exempt(context, normalizer):
        return djangos(exc, dict(context))
    failure = normalizer.failure_of(exc)
    if failure is None:
        return _own(exc, context, normalizer) if normalizer.handle == "all" else djangos(exc, dict(context))
    if has_to_rise(failure, normalizer):
        return None
    set_rollback()
    language, audience = get_language(), normalizer.audience_of(request)
    response = ProblemResponse.of(normalizer.answer(failure, MediaType.PROBLEM_JSON, language, audience=audience))
    notify(failure, request._request, normalizer, exception_handler)  # noqa: SLF001 - what Django's own would be sent
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - by us, and Django would again
    return response


class ProblemResponse(Response):
    """A problem as whichever renderer was negotiated writes it: as problem details where it writes JSON or XML."""

    @classmethod
    def of(cls, rendered: Rendered, headers: Mapping[str, str] | None = None) -> ProblemResponse:
        """The response for an answer in JSON; `headers` are what the framework adds."""
        own = {name: value for name, value in rendered.headers if name not in _NOT_KEPT}
        return cls(_json.loads(rendered.body), status=rendered.status, headers={**(headers or {}), **own})

    @property
    def rendered_content(self) -> Any:
        """The body; DRF asks when it has a renderer, which may be later than when it has an error."""
        media = _PROBLEMS.get(self.accepted_renderer.media_type)
        if media is MediaType.PROBLEM_XML:
            with suppress(Exception):  # the answer of last resort is no whole problem
                return self._as_xml()
        if media is not None:
            self.content_type = media.value
        return super().rendered_content

    def _as_xml(self) -> bytes:
        """RFC 9457 prescribes the elements, which a renderer of XML cannot know."""
        kind = IntegratorProblem if any(name.startswith("vendor") for name in self.data) else Problem
        problem = msgspec.convert(self.data | {"language": self.headers.get("Content-Language", "en")}, kind)
        rendered = settled().render(problem, accept=MediaType.PROBLEM_XML)
        self["Content-Type"] = dict(rendered.headers)["Content-Type"]
        return rendered.body


# --- the framework's own ---


def _own(exc: Exception, context: Mapping[str, Any], normalizer: Normalizer) -> Response | None:
    default = djangos(exc, dict(context))  # rolls back, and knows the headers
    if default is None:
        return None
    raised = _translated(exc)
    language = get_language()
    if isinstance(raised, exceptions.ValidationError):
        language = language_of(languages(language))  # what is said of it is ours
    rendered = normalizer.answer_own(
        default.status_code,
        MediaType.PROBLEM_JSON,
        language,
        raised=exc,
        code=_code(raised),
        detail=_detail(raised, language),
        errors=list(_errors(raised)),
        retry_after=_wait(raised),
    )
    kept = {name: value for name, value in default.items() if name not in {*_NOT_KEPT, "Retry-After"}}
    return ProblemResponse.of(rendered, kept)


def _translated(exc: Exception) -> exceptions.APIException:
    """Django's own as DRF's, as DRF has it."""
    if isinstance(exc, exceptions.APIException):
        return exc
    return exceptions.NotFound(*exc.args) if isinstance(exc, Http404) else exceptions.PermissionDenied(*exc.args)


# What DRF itself writes into its exceptions is for developers; ours is for users.
_DRFS_OWN: Final = {
    name: kind
    for name, kind in vars(exceptions).items()
    if isinstance(kind, type) and issubclass(kind, exceptions.APIException)
}
_COMPOSED: Final = (
    exceptions.ParseError,
    exceptions.MethodNotAllowed,
    exceptions.UnsupportedMediaType,
    exceptions.Throttled,
)
_DEFAULT_CODES: Final = frozenset(str(kind.default_code) for kind in _DRFS_OWN.values())
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _code(raised: exceptions.APIException) -> str | None:
    """The app's own name for it, where it has one."""
    code = raised.get_codes()
    own = isinstance(code, str) and code not in _DEFAULT_CODES and _CODE.fullmatch(code)
    return str(code) if own else None


def _detail(raised: exceptions.APIException, language: str | None) -> str | None:
    """What the app says itself to users.

    Where something is broken (500 and above), only what it says of the kind of error: to write another exception's text
    into such an exception is too common to repeat it to users.
    """
    if isinstance(raised, exceptions.ValidationError):
        return translated(FRAMEWORK[422], language_of(languages(language)))  # DRF's is a 400, which says less
    if not isinstance(raised.detail, str) or isinstance(raised, _COMPOSED):
        return None
    said, kind = str(raised.detail), type(raised)
    of_the_kind = said == str(kind.default_detail)
    if (of_the_kind and kind in _DRFS_OWN.values()) or (raised.status_code >= 500 and not of_the_kind):
        return None
    return clean(said) or None


def _errors(raised: exceptions.APIException) -> Iterator[ProblemField]:
    if not isinstance(raised, exceptions.ValidationError):
        return
    for names, text in _leaves(raised.detail, ()):
        yield ProblemField(pointer_of(names), text)


def _leaves(detail: Any, names: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    """Every text of nested details, with the names and indices that lead to its field."""
    from rest_framework.settings import api_settings

    if isinstance(detail, Mapping):
        for name, below in detail.items():
            general = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _leaves(below, names if general else (*names, name))
    elif isinstance(detail, (list, tuple)):
        # a list is either a field's texts, or what is wrong with each item of it, nothing with most
        for index, below in enumerate(detail):
            yield from _leaves(below, names if isinstance(below, str) else (*names, index))
    else:
        yield names, str(detail)


def _wait(raised: exceptions.APIException) -> int | None:
    wait = getattr(raised, "wait", None)
    return max(int(wait), 1) if wait is not None else None


def _is_exempt(context: Mapping[str, Any], normalizer: Normalizer) -> bool:
    """Whether the app left the path, the view, or the one method or action of it to DRF."""
    request, view = context["request"], context["view"]
    name = getattr(view, "action", None) or str(request.method).lower()
    return is_exempt(request._request, normalizer) or getattr(  # noqa: SLF001 - the URLconf's match is Django's
        getattr(view, name, None), "errnorm_exempt", False
    )


# --- documentation ---


def responses(
    vendor: str | Iterable[str] | None = None, *, operation: str | None = None
) -> dict[tuple[int, str], OpenApiResponse]:
    """For drf-spectacular's `extend_schema(responses={200: …, **responses("acme")})`, of a view that calls a vendor, or
    several: each status that our answer may have, with its problems as examples. Raises UnknownVendorError.
    """
    from drf_spectacular.utils import OpenApiExample, OpenApiResponse

    media = MediaType.PROBLEM_JSON.value
    return {
        (status, media): OpenApiResponse(
            dict(REFERENCE),
            description=phrase_of(status),
            examples=[
                OpenApiExample(code, value=problem.to_dict(), summary=problem.detail, media_type=media)
                for code, problem in problems.items()
            ],
        )
        for status, problems in problems_of(settled(), vendor, operation).items()
    }


def document(result: dict[str, Any], generator: Any = None, **_: Any) -> dict[str, Any]:  # noqa: ARG001 - the interface
    """For drf-spectacular's POSTPROCESSING_HOOKS: the schema of a problem, and that any operation may answer one."""
    result.setdefault("components", {}).setdefault("schemas", {}).setdefault(NAME, problem_schema())
    for operations in result.get("paths", {}).values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"] = {"default": any_problem()} | operation["responses"]
    return result
