"""Which text, in which language: the app's own, the profile's, the vendor's where that is allowed, the family's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from errnorm.families import Family, Fault
from errnorm.model import CanonicalError
from errnorm.telling.negotiation import languages, lookup
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then

Text = Any  # one's own: plain, lazily translated (anything that str() translates), or a mapping by language
Messages = Mapping[str, Text]  # by vendor code, reason or family
ENGLISH = "en"

# What looks alike to an end user: it is not theirs to mend, so that all of it is told in two ways.
WAITING_HELPS = "service_unavailable"
WAITING_IS_NO_HELP = "service_error"
ALIKE = {
    WAITING_HELPS: "A service that this page depends on is not available right now. "
    "Please try again in a little while.",
    WAITING_IS_NO_HELP: "Something went wrong on our side, and trying again will not help. We have made a note of it; "
    "if you get in touch, please give the reference.",
}

# Told apart: the user's own doing, or theirs to mend.
FAMILY_TEXTS: dict[Family, str] = {
    Family.VALIDATION: "Some of what you entered was not accepted. Please check it and send it again.",
    Family.AUTHENTICATION: "The connection to your account has ended. Please connect it again.",
    Family.PERMISSION: "Your account does not allow this. Whoever manages it can change that.",
    Family.NOT_FOUND: "What you asked for is not there, or not there any more.",
    Family.METHOD_NOT_ALLOWED: "This cannot be done here.",
    Family.CONFLICT: "This does not fit with what is already there. "
    "Please look at the current state before you try again.",
    Family.LOCKED: "This is closed or in use at the moment. Please try again later.",
    Family.PAYMENT: "The payment did not go through. Please check the payment details.",
    Family.PAYLOAD: "The file is too large or of a kind that is not accepted. Please choose another one.",
    Family.RATE_LIMIT: "That was too much at once. Please wait a little before you try again.",
    Family.SERVER: "A service that this page depends on had a problem. Please try again.",
    Family.UPSTREAM: "A service that this page depends on could not be reached. Please try again.",
    Family.UNAVAILABLE: "A service that this page depends on is taking a break. Please try again in a little while.",
    Family.TIMEOUT: "The answer took too long. Please try again.",
    Family.CONNECTION: "A service that this page depends on could not be reached. Please try again.",
    Family.UNKNOWN: "Something went wrong. If it happens again, please get in touch and give the reference.",
}


def profile_of(error: CanonicalError) -> Profile | None:
    """The profile that knows this error's texts, or None."""
    name = error.vendor or error.dialect
    return registry.get(name) if name is not None and name in registry.default else None


def detail_for(
    error: CanonicalError, messages: Iterable[Messages], alike: str | None, language: str | None
) -> tuple[str, str]:
    """The text for an end user and its language.

    `messages` are the app's own, the vendor's before the general; `alike` is the code under which the error looks like
    others, or None where it is told apart.
    """
    wanted = languages(language) if language else ()
    if (own := _own(error, messages, alike)) is not None:
        return in_language(own, wanted)
    if alike is not None:
        return ALIKE[alike], ENGLISH
    profile = profile_of(error)
    if profile is not None and (text := texts_of(profile).get(error.reason)) is not None:
        return text, ENGLISH
    if profile is not None and (said := error.vendor_user_message) and _fit_to_tell(error, profile, wanted):
        return said, profile.language
    return FAMILY_TEXTS[error.family], ENGLISH


def _fit_to_tell(error: CanonicalError, profile: Profile, wanted: tuple[str, ...]) -> bool:
    """Whether what the vendor wrote for users may reach one: it is theirs, the vendor's, and in their language."""
    language = profile.language
    return (
        bool(error.from_vendor)
        and error.fault is Fault.USER
        and lookup(wanted or (ENGLISH,), [language], "") == language
    )


def _own(error: CanonicalError, messages: Iterable[Messages], alike: str | None) -> Text | None:
    """The app's own text; None where it has none."""
    for own in messages:
        if own:
            for key in (error.vendor_code, error.reason, error.family.value, alike):
                if key is not None and key in own:
                    return own[key]
    return None


def in_language(text: Text, wanted: Iterable[str]) -> tuple[str, str]:
    """A text in the first of the wanted languages that it has, else in English, else in any; and which that is."""
    ranges = tuple(wanted)
    if not isinstance(text, Mapping):
        # a lazy text translates itself, into the language that is active
        active = next((tag for tag in ranges if tag != "*"), ENGLISH)
        return _plain(text), ENGLISH if isinstance(text, str) else active
    default = ENGLISH if ENGLISH in text else next(iter(text))
    language = lookup(ranges, text, default)
    return _plain(text[language]), language


def _plain(text: object) -> str:
    """A lazy text as it is by now; and of a subclass, as Django's SafeString, the plain text, which JSON insists on."""
    return str.__str__(str(text))


@lru_cache(maxsize=1_024)
def texts_of(profile: Profile) -> dict[str, str]:
    """A profile's texts by reason; where several rows share one, the first."""
    texts: dict[str, str] = {}
    for _, then in profile.rows():
        if then.text and (reason := reason_of(then)):
            texts.setdefault(reason, then.text)
    return texts


def reason_of(then: Then) -> str | None:
    """The reason that a row gives: its own, else its family's; None where the status decides."""
    return then.reason or (then.family.upper() if then.family else None)
