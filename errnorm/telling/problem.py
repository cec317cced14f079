"""CanonicalError to Problem: what an end user is told apart, and what looks alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from math import ceil
from urllib.parse import quote

from errnorm.families import FAMILIES, Action, Fault
from errnorm.model import CanonicalError, Problem, ProblemField, reference_of
from errnorm.telling.texts import WAITING_HELPS, WAITING_IS_NO_HELP, Messages, detail_for, profile_of, reason_of
from errnorm.vendors.profile import Profile

LONGEST_RETRY_AFTER = 3_600
_WAITING = frozenset({Action.WAIT, Action.RETRY})
# RFC 9110 renamed two; Python's table followed in 3.13.
_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
_PHRASES = {int(status): status.phrase for status in HTTPStatus} | _RENAMED


def problem_of(
    error: CanonicalError,
    occurrence_id: str,
    *,
    messages: Iterable[Messages] = (),
    fields: Mapping[str, str] | None = None,
    language: str | None = None,
    type_base: str | None = None,
) -> Problem:
    """What the user may know of an error.

    `messages` and `fields` are the app's own: texts, the vendor's before the general, and its names for the vendor's
    fields (only those are told).
    """
    alike = None if told_apart(error) else WAITING_HELPS if _waiting_helps(error) else WAITING_IS_NO_HELP
    detail, spoken = detail_for(error, messages, alike, language)
    code = alike or error.reason.lower()
    return Problem(
        f"{type_base}{code.replace('_', '-')}" if type_base else "about:blank",
        code.replace("_", " ").capitalize() if type_base else _PHRASES.get(error.response_status, "Error"),
        error.response_status,
        detail,
        f"urn:uuid:{occurrence_id}",
        reference_of(occurrence_id),
        code,
        error.action if alike is None else Action.WAIT if alike == WAITING_HELPS else Action.CONTACT_SUPPORT,
        retry_after_of(error),
        _errors(error, fields) if fields and error.fields and alike is None else (),
        spoken,
    )


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


def _waiting_helps(error: CanonicalError) -> bool:
    return error.retry.retryable or error.action in _WAITING


def _errors(error: CanonicalError, fields: Mapping[str, str]) -> tuple[ProblemField, ...]:
    """The fields that the app mapped to its own names, as JSON pointers; nothing of the vendor's words."""
    names = dict.fromkeys(fields[field.path] for field in error.fields if field.path in fields)
    return tuple(ProblemField(f"#/{_pointed(name)}", FIELD_TEXT) for name in names)


def _pointed(name: str) -> str:
    """A dotted name as a JSON pointer that is a URI's fragment (RFC 6901, 6)."""
    return quote(
        "/".join(part.replace("~", "~0").replace("/", "~1") for part in name.split(".")), safe="/~!$&'()*+,;=:@?"
    )


FIELD_TEXT = "This was not accepted. Please check it."
