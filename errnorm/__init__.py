"""What other people's APIs say when they fail, turned into what your users, your code and your operators can use.

Reading order: `families` and `model` (the words), `vendors` (what is known of each, as data), `reading` (bytes to a
CanonicalError), `telling` (a CanonicalError to what people see), `answering` (both joined), then the doors, each named
for who comes through it: `django`, `starlette`, `httpx`, `requests`, `aiohttp`, `urllib3`, the command line. Behind the
doors to vendors lies `calling` (one call as a flow), with `throttle`, `retry` and `polling` beside it; `listening` and
`metrics` are for those who operate an app, `testing` for those who test one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.families import Action, Family, Fault, Verdict, WaitSource
from errnorm.model import (
    CanonicalError,
    Credentials,
    FieldError,
    Problem,
    ProblemField,
    Rendered,
    RetryAdvice,
    UnknownVendorError,
    VendorError,
)
from errnorm.reading.parsing import Reader

if TYPE_CHECKING:
    from errnorm.answering import Normalizer
    from errnorm.calling.guarding import guard
    from errnorm.settings import SettingsError

__version__ = "0.1.0"
__all__ = [
    "Action",
    "CanonicalError",
    "Family",
    "Fault",
    "FieldError",
    "Normalizer",
    "Problem",
    "ProblemField",
    "Rendered",
    "RetryAdvice",
    "SettingsError",
    "UnknownVendorError",
    "VendorError",
    "Verdict",
    "WaitSource",
    "guard",
    "normalize",
    "parse",
    "problem_for",
    "raise_for_error",
    "render",
]

Response = TypeVar("Response")

_reader = Reader()
parse = _reader.parse
normalize = _reader.normalize


def raise_for_error(
    response: Response,
    *,
    vendor: str | None = None,
    operation: str | None = None,
    credentials: Credentials | None = None,
) -> Response:
    """The response of any client as it came, or a VendorError where it tells of a failure.

    `credentials` says for this call whose they were, the app's or the user's, where that is not what the app settled.
    Raises TypeError for what is no response: its text, its JSON, or one that nobody has awaited.
    """
    error = _reader.judge(response, vendor=vendor, operation=operation)
    if error is None:
        return response
    raise VendorError(error, credentials=credentials)


def problem_for(failure: VendorError | CanonicalError, *, language: str | None = None) -> Problem:
    """What an end user may know of a failure; a CanonicalError gets a fresh occurrence id."""
    from errnorm.answering import default

    return default().problem_for(failure, language=language)


def render(problem: Problem, *, accept: str | None = "*/*") -> Rendered:
    """A problem as status, headers and body, in the media type that an Accept header asks for."""
    from errnorm.answering import default

    return default().render(problem, accept=accept)


def __getattr__(name: str) -> Any:
    """Telling is imported by those who tell, and guards by those who call."""
    if name == "Normalizer":
        from errnorm.answering import Normalizer

        return Normalizer
    if name == "SettingsError":
        from errnorm.settings import SettingsError

        return SettingsError
    if name == "guard":
        from errnorm.calling.guarding import guard

        return guard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
