"""The door for FastAPI: Starlette's, with refused input field by field, and an OpenAPI document that tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from errnorm.answering import Normalizer
from errnorm.asgi import asked, settled
from errnorm.foretelling import problems_of
from errnorm.model import ProblemField
from errnorm.starlette.handlers import Handlers
from errnorm.starlette.installing import guarded
from errnorm.starlette.middleware import ErrorNormalizationMiddleware, exempt
from errnorm.starlette.routes import passing, problem_types
from errnorm.telling.catalogues import ENGLISH, language_of
from errnorm.telling.negotiation import MediaType, languages
from errnorm.telling.openapi import NAME, problem_responses, problem_schema
from errnorm.telling.problem import pointer_of, title_of
from errnorm.telling.words import FIELD

__all__ = ["ErrorNormalizationMiddleware", "exempt", "install", "passing", "problem_types", "responses"]

_MEDIA_TYPE = MediaType.PROBLEM_JSON.value
_COMPONENTS = "#/components/schemas/"


def install(app: FastAPI, normalizer: Normalizer | None = None, **settings: Any) -> None:
    """Puts the middleware innermost, where CORS headers are kept; with `handle="all"` FastAPI's own errors are
    answered in the same way, and its OpenAPI document says so.

    An app's own handlers go first. Once is enough: for an app that has the middleware nothing changes. An app that is
    mounted in another answers for itself, and is to be installed in too. Raises RuntimeError where the app has already
    begun to serve.
    """
    found = guarded(app, settled(normalizer, settings))
    if found is None:
        return
    if found.handle == "all":
        handlers: Mapping[Any, tuple[Any, Any]] = {
            HTTPException: (http_exception_handler, Handlers(found, http_exception_handler).own),
            RequestValidationError: (request_validation_exception_handler, _Refusing(found).invalid_input),
        }
        for raised, (default, handler) in handlers.items():
            if app.exception_handlers.get(raised, default) is default:
                app.exception_handlers[raised] = handler
    _document(app, found)


# --- input that was refused ---


class _Refusing(Handlers):
    async def invalid_input(self, request: Request, raised: RequestValidationError) -> Response:
        """Each field with a JSON pointer; those that are not of the body say where they are from."""
        if self.is_exempt(request.scope):
            return await request_validation_exception_handler(request, raised)
        spoken = language_of(languages(asked(request.scope)["language"]))
        errors = dict.fromkeys(
            ProblemField(_pointer(tuple(error["loc"])), _told(error, spoken)) for error in raised.errors()
        )
        return await self.invalid(request, raised, tuple(errors))


def _pointer(place: tuple[object, ...]) -> str:
    """`("body", "items", 0, "name")` is `#/items/0/name`, `("query", "page")` is `#/query/page`."""
    if place[:1] != ("body",):
        return pointer_of(place)
    # of a body that is no JSON only the position is known, which is none of a document's
    return pointer_of(() if len(place) == 2 and isinstance(place[1], int) else place[1:])


def _told(error: Mapping[str, Any], language: str) -> str:
    """What the app's own validators say, else pydantic's words for those who read English, else ours."""
    own = (error.get("ctx") or {}).get("error")
    if own and error.get("type") in {"value_error", "assertion_error"}:
        return str(own)
    return str(error["msg"]) if language == ENGLISH else title_of(FIELD, language)


# --- what OpenAPI tells ---


def _described(schema: dict[str, Any]) -> None:
    schema.clear()
    schema.update(problem_schema())


class Problem(BaseModel):
    """For FastAPI to refer to; of no use besides."""

    model_config = ConfigDict(json_schema_extra=_described)


def responses(
    vendor: str | Iterable[str] | None = None,
    *,
    operation: str | None = None,
    normalizer: Normalizer | None = None,
    **settings: Any,
) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route that calls a vendor, or several: each status that our answer may have, with its
    problems as examples.

    Computed from the profile's rows, for the one operation if it is named, with the app's statuses and texts. An app
    that the door is installed in tells their schema right.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status, response in problem_responses(problems_of(settled(normalizer, settings), vendor, operation)).items():
        del response["content"][_MEDIA_TYPE]["schema"]  # FastAPI makes one of the model
        found[status] = response | {"model": Problem}
    return found


def _document(app: FastAPI, normalizer: Normalizer) -> None:
    """Has the app's OpenAPI document say of problems what FastAPI cannot be told: their media type, and its own 422."""
    made: Callable[[], dict[str, Any]] = app.openapi
    last: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        document = made()
        if not last or document is not last[0]:
            _correct(document, everything=normalizer.handle == "all")
            last[:] = [document]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _correct(document: dict[str, Any], *, everything: bool) -> None:
    schemas = document.get("components", {}).get("schemas", {})  # of what FastAPI has refuse input, there is one
    # an app may have a Problem of its own, and FastAPI tells the two apart by longer names
    ours = {f"{_COMPONENTS}{name}" for name, schema in schemas.items() if schema == problem_schema()}
    refused = []
    for response in _responses_in(document):
        content = response.get("content", {})
        known = {media: _ref_of(content[media]) for media in content}
        if _MEDIA_TYPE in content:
            for media, ref in known.items():
                if media != _MEDIA_TYPE and ref in ours:
                    content[_MEDIA_TYPE].setdefault("schema", content.pop(media)["schema"])
        elif everything and set(known.values()) == {f"{_COMPONENTS}HTTPValidationError"}:
            refused.append(response)
    if refused and not ours:
        ours = {_add_schema(schemas)}
    for response in refused:
        response["content"] = {_MEDIA_TYPE: {"schema": {"$ref": min(ours)}}}
    for name in ("HTTPValidationError", "ValidationError") if refused else ():
        if f'"{_COMPONENTS}{name}"' not in json.dumps(document):
            schemas.pop(name, None)


def _add_schema(schemas: dict[str, Any]) -> str:
    """Adds ours, by a name that is free; gives the reference to it."""
    name = NAME if NAME not in schemas else f"Errnorm{NAME}"
    schemas[name] = problem_schema()
    return f"{_COMPONENTS}{name}"


def _responses_in(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in (*document.get("paths", {}).values(), *document.get("webhooks", {}).values()):
        for operation in path.values():
            if isinstance(operation, dict):
                yield from operation.get("responses", {}).values()


def _ref_of(media: Mapping[str, Any]) -> str:
    return str(media.get("schema", {}).get("$ref", ""))
