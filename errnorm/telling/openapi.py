"""A Problem in the words of OpenAPI, 3.0 and 3.1 alike: its schema, and the responses that have it as their body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from errnorm.families import Action
from errnorm.model import Problem
from errnorm.telling.negotiation import MediaType
from errnorm.telling.words import phrase_of

NAME: Final = "Problem"
REFERENCE: Final = {"$ref": f"#/components/schemas/{NAME}"}


def problem_schema() -> dict[str, Any]:
    """What `Problem.to_dict` gives, as a schema; fresh, so that whoever gets it may add to it."""
    field = {
        "type": "object",
        "required": ["pointer"],
        "properties": {
            "pointer": _text("A JSON pointer to the field, as a URI's fragment.", "#/customer/name"),
            "detail": _text("What is wrong with it, for the user."),
        },
    }
    properties: dict[str, Any] = {
        "type": _text("Names the kind of problem.", "about:blank") | {"format": "uri-reference"},
        "title": _text("The kind of problem in a few words, or the status."),
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
        "detail": _text("What happened and what helps, for the user, in the user's language."),
        "instance": _text("Names this occurrence.") | {"format": "uri"},
        "reference": _text("Short, to be read out to support.", "7K3F-9QXM"),
        "code": _text("The kind of problem, for programs.", "service_unavailable"),
        "action": {"type": "string", "enum": [each.value for each in Action], "description": "What helps."},
        "retry_after": {"type": "integer", "minimum": 1, "description": "Seconds to wait before the next try."},
        "errors": {"type": "array", "items": field, "description": "The fields that can be put right."},
    }
    required = [name for name in properties if name not in {"retry_after", "errors"}]
    return {
        "type": "object",
        "title": NAME,
        "description": "Problem details (RFC 9457).",
        "required": required,
        "properties": properties,
    }


def problem_responses(told: Mapping[int, Mapping[str, Problem]]) -> dict[int, dict[str, Any]]:
    """The responses of an operation that may answer these problems, by status and code; they refer to the schema."""
    return {status: _response(status, problems) for status, problems in told.items()}


def any_problem() -> dict[str, Any]:
    """The response of which no more is known than that it is a problem."""
    return _documented("An error", {"schema": dict(REFERENCE)})


def _response(status: int, problems: Mapping[str, Problem]) -> dict[str, Any]:
    examples = {code: {"summary": problem.detail, "value": problem.to_dict()} for code, problem in problems.items()}
    response = _documented(phrase_of(status), {"schema": dict(REFERENCE), "examples": examples})
    if any(problem.retry_after is not None for problem in problems.values()):
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return response


def _documented(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {MediaType.PROBLEM_JSON.value: content}}


def _text(description: str, example: str | None = None) -> dict[str, Any]:
    known = {"type": "string", "description": description}
    return known if example is None else known | {"example": example}
