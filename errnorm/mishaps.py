"""What of ours, or of an app's own, may fail without harm: it is complained of, and something stands in."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress

from errnorm import correlation
from errnorm.model import CanonicalError, Rendered
from errnorm.telling.logs import logger
from errnorm.telling.texts import NO_TEXT

VARY = "Accept, Accept-Language"
_LAST_RESORT = (
    b'{"type":"about:blank","title":"Internal Server Error","status":500,'
    b'"detail":"Something went wrong. Please try again later.","code":"service_error","action":"contact_support"}'
)
# What the user gets when telling itself fails: no template, no translation, nothing of the failure.
LAST_RESORT = Rendered(
    500,
    (
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(_LAST_RESORT))),
        ("Content-Language", "en"),
        ("Cache-Control", "no-store"),
        ("Vary", VARY),
    ),
    _LAST_RESORT,
)


def complain(sentence: str) -> None:
    """Says that errnorm itself failed, with the exception in hand: in the log, else on standard error.

    Without what was being answered, in whose midst it failed: that may be a client's exception, which quotes urls.
    """
    link = sys.exception()
    while link is not None:
        link.__suppress_context__ = True
        link = link.__cause__
    try:
        logger.exception(sentence)
    except Exception:
        with suppress(Exception):
            sys.stderr.write(f"{sentence}\n")
            traceback.print_exc()


def correlation_id() -> str | None:
    """The id of the current context. Never raises."""
    try:
        return correlation.current()
    except Exception:
        complain("reading the correlation id failed")
        return None


def recognised(recognise: Callable[[object], object], source: object) -> CanonicalError | None:
    """What an app's own `recognise` sees in a source; None where it fails, or gives something else."""
    try:
        error = recognise(source)
        if not isinstance(error, CanonicalError | None):
            complain(f"the app's own `recognise` gave a {type(error).__name__}; it is passed over")
            return None
        return error
    except Exception:
        complain("the app's own `recognise` failed; it is passed over")
        return None


def said(
    messages: Callable[[CanonicalError, str | None], object], error: CanonicalError, language: str | None
) -> object:
    """What an app's own `messages` says of an error; None where it fails, or gives what is no text."""
    try:
        text = messages(error, language)
        for each in text.values() if isinstance(text, Mapping) else (text,):
            if isinstance(each, NO_TEXT):
                complain(f"the app's own `messages` gave a {type(each).__name__}; it is passed over")
                return None
        return text
    except Exception:
        complain("the app's own `messages` failed; it is passed over")
        return None
