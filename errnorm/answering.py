"""A failure and a request's facts to an answer: judged, told, rendered, logged once; and never failing itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TypeVar

import msgspec

from errnorm import listening
from errnorm.coverage import ledger
from errnorm.families import Fault
from errnorm.mishaps import LAST_RESORT, VARY, complain, correlation_id, recognised, said
from errnorm.model import (
    Audience,
    CanonicalError,
    Credentials,
    Problem,
    ProblemField,
    Rendered,
    VendorError,
    new_occurrence_id,
)
from errnorm.policy import Policy
from errnorm.reading.headers import RawHeaders
from errnorm.reading.parsing import Reader
from errnorm.telling.logs import log, log_own
from errnorm.telling.own import own_problem
from errnorm.telling.problem import problem_of
from errnorm.telling.rendering import Page, page_of, render

Response = TypeVar("Response")


class Normalizer(Policy, frozen=True, eq=False, kw_only=True):
    """An app's way with failures: what it settles (the fields of `Policy`), and what is done by it.

    Frozen, and shared by threads and tasks. Raises SettingsError where a setting is off.
    """

    @cached_property
    def reader(self) -> Reader:
        """How this app reads; what it recognises by itself may fail without harm."""
        reader = self.make_reader()
        if self.recognise is None:
            return reader
        return msgspec.structs.replace(reader, recognise=partial(recognised, self.recognise))

    def parse(
        self,
        body: bytes | str,
        *,
        status: int | None = None,
        headers: RawHeaders = (),
        vendor: str | None = None,
        method: str | None = None,
        url: str | None = None,
        operation: str | None = None,
    ) -> CanonicalError:
        """As `errnorm.parse`, with this app's cap and hosts."""
        return self.reader.parse(
            body, status=status, headers=headers, vendor=vendor, method=method, url=url, operation=operation
        )

    def normalize(
        self, source: object, *, vendor: str | None = None, operation: str | None = None
    ) -> CanonicalError | None:
        """As `errnorm.normalize`, with the exceptions that this app recognises."""
        return self.reader.normalize(source, vendor=vendor, operation=operation)

    def raise_for_error(
        self,
        response: Response,
        *,
        vendor: str | None = None,
        operation: str | None = None,
        credentials: Credentials | None = None,
    ) -> Response:
        """As `errnorm.raise_for_error`, with the exceptions that this app recognises."""
        error = self.reader.judge(response, vendor=vendor, operation=operation)
        if error is None:
            return response
        raise VendorError(error, credentials=credentials)

    def failure_of(self, raised: BaseException) -> VendorError | None:
        """What to answer for an exception, or None where it is not a vendor's failure. Never raises.

        Of its own attributes nothing is kept but the traceback: a client's exception holds urls and requests.
        """
        if isinstance(raised, VendorError):
            return raised
        try:
            error = self.normalize(raised)
        except Exception:
            complain("recognising a failure failed; it rises as it is")
            return None
        if error is None:
            return None
        if error.reason == "CIRCUIT_OPEN":  # purgatory raises one exception again and again: it is no one call's
            return VendorError(error).with_traceback(raised.__traceback__)
        failure = _leading(raised, error) or VendorError(error, occurrence_id=getattr(raised, "__errnorm_id__", None))
        failure.logged = getattr(raised, "__errnorm_logged__", False)
        with suppress(AttributeError, TypeError):  # for whoever meets it again
            raised.__errnorm_id__ = failure.occurrence_id  # type: ignore[attr-defined]
        return failure.with_traceback(raised.__traceback__)

    def is_ours(self, failure: VendorError) -> bool:
        """Whether a failure is this app's to mend, and so to be told to whoever listens for errors. Never raises."""
        try:
            return self.judged(failure.error, failure.credentials).fault is Fault.INTEGRATION
        except Exception:
            complain("judging a failure failed")
            return True

    def problem_for(
        self, failure: VendorError | CanonicalError, *, language: str | None = None, audience: Audience = "user"
    ) -> Problem:
        """What the user may know, or an integrator; `language`: a tag or an Accept-Language header, None is English."""
        failure = _raised(failure)
        error = self.judged(failure.error, failure.credentials)
        return self._problem(error, failure.occurrence_id, language, audience)

    def render(self, problem: Problem, *, accept: str | None = "*/*", fragment: bool = False) -> Rendered:
        """A problem in the media type that an Accept header asks for; as a `fragment`, HTML to put into a page."""
        return render(
            problem,
            accept,
            template=self.page,
            support_url=self.support_url,
            reconnect_url=self.reconnect_url,
            fragment=fragment,
            vary=VARY if self.audience is None else f"{VARY}, Authorization, Cookie",
        )

    def answer(
        self,
        failure: VendorError | CanonicalError,
        accept: str | None = None,
        language: str | None = None,
        *,
        audience: Audience = "user",
        fragment: bool = False,
    ) -> Rendered:
        """The whole answer to a failure, logged once. Never raises: at the worst it is LAST_RESORT."""
        failure = _raised(failure)
        error = failure.error
        try:
            error = self.judged(error, failure.credentials)
            problem = self._problem(error, failure.occurrence_id, language, audience)
            rendered = self.render(problem, accept=accept, fragment=fragment)
        except Exception:
            rendered = LAST_RESORT
            complain("telling a failure failed; the user got the answer of last resort")
        self.log(failure, error)
        return self._marked(rendered)

    def answer_own(
        self,
        status: int,
        accept: str | None = None,
        language: str | None = None,
        *,
        raised: BaseException | None = None,
        code: str | None = None,
        detail: str | None = None,
        errors: Iterable[ProblemField] = (),
        retry_after: int | None = None,
        fragment: bool = False,
    ) -> Rendered:
        """The whole answer to an error of the app's own or its framework's (see `own_problem`). Never raises.

        What was `raised` unexpectedly (a status of 500 or more) is noted with the reference that the user got; its
        traceback is the framework's to log, and an error tracker's to report.
        """
        try:
            occurrence_id = new_occurrence_id()
            problem = own_problem(
                status,
                occurrence_id,
                language=language,
                code=code,
                detail=detail,
                errors=errors,
                retry_after=retry_after,
                type_base=self.type_base,
            )
            rendered = self.render(problem, accept=accept, fragment=fragment)
            if status >= 500:
                log_own(status, occurrence_id, raised, correlation_id())
        except Exception:
            rendered = LAST_RESORT
            complain("telling an error failed; the user got the answer of last resort")
        return self._marked(rendered)

    def audience_of(self, request: object) -> Audience:
        """Who asked, by the app's own word on the request; an end user where it fails. Never raises."""
        if self.audience is None:
            return "user"
        try:
            return "integrator" if self.audience(request) in {True, "integrator"} else "user"
        except Exception:
            complain("the app's own `audience` failed; it was taken for an end user's request")
            return "user"

    @cached_property
    def page(self) -> Page | None:
        """The app's own HTML page."""
        return page_of(self.template) if isinstance(self.template, str | Path) else self.template

    def _marked(self, rendered: Rendered) -> Rendered:
        """An answer with the correlation id."""
        if (settled := correlation_id()) is None:
            return rendered
        header = (self.correlation_header, settled)
        return Rendered(rendered.status, (*rendered.headers, header), rendered.body)

    def log(self, failure: VendorError, error: CanonicalError | None = None, *, truncated: bool = False) -> None:
        """Logs a failure, unless that was done already; `error` is the failure's as this app judged it."""
        if failure.logged:
            return
        failure.logged = True
        try:
            error = error or self.judged(failure.error, failure.credentials)
            if listening.listeners:
                listening.tell(listening.Noted(error, failure.occurrence_id))
            ledger.note(failure.error)
            log(
                error,
                failure.occurrence_id,
                correlation_id=correlation_id(),
                traceback=failure.__traceback__,
                truncated=truncated,
                key_fingerprint=failure.key_fingerprint,
            )
        except Exception:
            complain(f"logging a failure failed: {_named(failure)} {failure.occurrence_id}")

    def _problem(self, error: CanonicalError, occurrence_id: str, language: str | None, audience: Audience) -> Problem:
        messages = self.messages_for(error)
        return problem_of(
            error,
            occurrence_id,
            messages=[partial(said, own) if callable(own) else own for own in messages],
            fields=self.of(error).get("fields"),
            language=language,
            type_base=self.type_base,
            audience=audience,
        )


def _named(failure: VendorError) -> str:
    """What a failure is, as far as that can be said."""
    try:
        return str(failure)
    except Exception:
        return type(failure.error).__name__


def _leading(raised: BaseException, error: CanonicalError) -> VendorError | None:
    """A group's error with what was said for the one call that leads it: its occurrence id, whose credentials."""
    for leaf in _leaves(raised):
        if isinstance(leaf, VendorError) and leaf.error.replace(others=()) == error.replace(others=()):
            return VendorError(
                error,
                occurrence_id=leaf.occurrence_id,
                credentials=leaf.credentials,
                key_fingerprint=leaf.key_fingerprint,
            )
    return None


def _leaves(raised: BaseException) -> Iterator[BaseException]:
    if isinstance(raised, BaseExceptionGroup):
        for each in raised.exceptions:
            yield from _leaves(each)
    else:
        yield raised


def _raised(failure: VendorError | CanonicalError) -> VendorError:
    return failure if isinstance(failure, VendorError) else VendorError(failure)


@lru_cache(maxsize=1)
def default() -> Normalizer:
    """The one that the module's own functions use."""
    return Normalizer()


def chosen(given: Normalizer | None) -> Normalizer:
    """An app's own, else the default one. Raises TypeError where it is none."""
    if given is None:
        return default()
    if not isinstance(given, Normalizer):
        raise TypeError(f"normalizer: an errnorm.Normalizer is wanted, not {type(given).__name__}")
    return given
