"""CanonicalError to Problem: what an end user is told apart, and what looks alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import ceil
from urllib.parse import quote

from errnorm.families import FAMILIES, Action, Fault
from errnorm.model import (
    LONGEST_WAIT_S,
    Audience,
    CanonicalError,
    IntegratorProblem,
    Problem,
    ProblemField,
    reference_of,
)
from errnorm.telling.catalogues import language_of, translated
from errnorm.telling.sizes import file_limit_of
from errnorm.telling.texts import Messages, Values, detail_for, file_text, profile_of, reason_of
from errnorm.telling.words import FIELD, TITLES, WAITING_HELPS, WAITING_IS_NO_HELP, phrase_of
from errnorm.vendors.profile import Profile

LONGEST_RETRY_AFTER = 3_600
_WAITING = frozenset({Action.WAIT, Action.RETRY})


def problem_of(
    error: CanonicalError,
    occurrence_id: str,
    *,
    messages: Iterable[Messages] = (),
    fields: Mapping[str, str] | None = None,
    language: str | None = None,
    type_base: str | None = None,
    audience: Audience = "user",
) -> Problem:
    """What the user may know of an error, and an integrator besides.

    `messages` and `fields` are the app's own: texts, the vendor's before the general, and its names for the vendor's
    fields (only those are told).
    """
    alike = None if told_apart(error) else WAITING_HELPS if _waiting_helps(error) else WAITING_IS_NO_HELP
    reference, retry_after, wait = reference_of(occurrence_id), retry_after_of(error), wait_of(error)
    names = _names(error, fields) if fields and error.fields and alike is None else ()
    limit, of_files = _limit(profile_of(error), error.operation), file_limit_of(error)
    values = Values(wait, names[0] if names else None, limit, reference)
    if of_files is not None:
        values = values._replace(**of_files._asdict())
    detail, spoken = detail_for(error, messages, alike, language, values)
    shown = None if audience == "integrator" else alike
    code = shown or error.reason.lower()
    known = (
        f"{type_base}{code.replace('_', '-')}" if type_base else "about:blank",
        title_of(TITLES[alike or error.family] if type_base else phrase_of(error.response_status), spoken),
        error.response_status,
        detail,
        f"urn:uuid:{occurrence_id}",
        reference,
        code,
        error.action if shown is None else Action.WAIT if alike == WAITING_HELPS else Action.CONTACT_SUPPORT,
        retry_after,
        tuple(ProblemField(pointer_of(name.split(".")), title_of(FIELD, spoken)) for name in names)
        if of_files is None
        else _files(error, spoken),
        spoken,
        wait,
    )
    if audience != "integrator":
        return Problem(*known)
    said = (error.vendor_status, error.vendor_code, error.vendor_message, error.vendor_request_id)
    return IntegratorProblem(*known, error.vendor or error.dialect, *said)


@lru_cache(maxsize=1_024)
def title_of(words: str, language: str) -> str:
    """Words of ours in a language, else in English."""
    return translated(words, language_of((language,))) or words


def told_apart(error: CanonicalError) -> bool:
    """Whether an end user is told this failure from others: their own doing, theirs to mend, or marked public."""
    if error.fault is Fault.USER or error.action is Action.RECONNECT:
        return True
    profile = profile_of(error)
    return profile is not None and error.reason in public_reasons(profile)


@lru_cache(maxsize=1_024)
def public_reasons(profile: Profile) -> frozenset[str]:
    """The reasons that a profile marks as public."""
    return frozenset(reason for _, then in profile.rows() if then.public and (reason := reason_of(then)))


def retry_after_of(error: CanonicalError) -> int | None:
    """Whole seconds for our own Retry-After, 1 to 3600, where waiting helps; else None."""
    if not _waiting_helps(error):
        return None
    after = error.retry.after_s
    if after is None:
        after = FAMILIES[error.family].pause or None
    return None if after is None else min(max(ceil(after), 1), LONGEST_RETRY_AFTER)


def wait_of(error: CanonicalError) -> int | None:
    """Whole seconds that people are told to wait; None where nobody named any, or so many that they were clamped."""
    after = error.retry.after_s
    if after is None or after >= LONGEST_WAIT_S or not _waiting_helps(error):
        return None
    return max(ceil(after), 1)


def _waiting_helps(error: CanonicalError) -> bool:
    return error.retry.retryable or error.action in _WAITING


@lru_cache(maxsize=1_024)
def _limit(profile: Profile | None, operation: str | None) -> int | None:
    """The requests that the vendor allows, of the limit on this operation or on all of them."""
    limits = [limit for limit in profile.limits if limit.operation in (None, operation)] if profile else []
    return next((limit.requests for limit in sorted(limits, key=lambda limit: limit.operation is None)), None)


def _names(error: CanonicalError, fields: Mapping[str, str]) -> tuple[str, ...]:
    """The app's own names of the fields that it mapped; nothing of the vendor's words."""
    return tuple(dict.fromkeys(fields[field.path] for field in error.fields if field.path in fields))


def _files(error: CanonicalError, language: str) -> tuple[ProblemField, ...]:
    """The files that we refused, by the app's own names, each with what is wrong with it."""
    return tuple(
        ProblemField(pointer_of(field.path.split(".")), file_text(each.reason, limit, language))
        for each in (error, *error.others)
        if (limit := file_limit_of(each)) is not None
        for field in each.fields
    )


def pointer_of(names: Iterable[object]) -> str:
    """The JSON pointer to what names and indices lead to, as a URI's fragment (RFC 6901, 6); to the whole it is "#"."""
    parts = (str(name).replace("~", "~0").replace("/", "~1") for name in names)
    return "#" + "".join(f"/{quote(part, safe=_UNQUOTED)}" for part in parts)


_UNQUOTED = "~!$&'()*+,;=:@?"
