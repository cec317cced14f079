"""An app's own errors, and its framework's, told as a Problem: what a status means to the person who meets it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from errnorm.families import Action
from errnorm.model import Problem, ProblemField, reference_of
from errnorm.telling.catalogues import ENGLISH, UNDETERMINED, language_of, span, spoken_in, translated
from errnorm.telling.negotiation import languages
from errnorm.telling.words import FRAMEWORK, FRAMEWORK_WAITING, phrase_of

# What helps, where it is not that there is nothing to do.
_HELPS: dict[int | str, Action] = {
    **dict.fromkeys((400, 402, 413, 415, 422), Action.FIX_INPUT),
    **dict.fromkeys((408, 409, 412, "csrf"), Action.RETRY),
    **dict.fromkeys((423, 429, 503), Action.WAIT),
    403: Action.ASK_ADMIN,
    500: Action.CONTACT_SUPPORT,
}


def own_problem(
    status: int,
    occurrence_id: str,
    *,
    language: str | None = None,
    code: str | None = None,
    detail: str | None = None,
    errors: Iterable[ProblemField] = (),
    retry_after: int | None = None,
    type_base: str | None = None,
) -> Problem:
    """What the user is told of an error that is no vendor's.

    `code` is finer than the status ("csrf"); `detail` what the app itself says to users, in `language`; `errors` the
    fields, by JSON pointers. Where we do not speak the first language asked for, a detail is in it if it was the only
    one, as Django's active language is; of a list, nobody knows which the app has chosen, and none is named.
    """
    known = next(key for key in (code, status, 400 if status < 500 else 500) if key in FRAMEWORK)
    ranges = languages(language)
    foreign = bool(detail and ranges and ranges[0] != "*" and not spoken_in(ranges[0]))
    spoken = ENGLISH if foreign else language_of(ranges)
    text = FRAMEWORK[known] if retry_after is None else FRAMEWORK_WAITING.get(known, FRAMEWORK[known])
    told = translated(text, spoken)
    spoken, told = (spoken, told) if told else (ENGLISH, text)
    if retry_after is not None:
        told = told.replace("{wait}", span(retry_after, spoken))
    phrase = phrase_of(status)
    name = code or re.sub(r"\W+", "_", phrase.lower().replace("'", ""))
    return Problem(
        f"{type_base}{name.replace('_', '-')}" if type_base else "about:blank",
        translated(phrase, spoken) or phrase,
        status,
        detail or told,
        f"urn:uuid:{occurrence_id}",
        reference_of(occurrence_id),
        name,
        _HELPS.get(known, Action.NONE),
        retry_after,
        tuple(errors),
        spoken if not foreign else ranges[0] if len(ranges) == 1 else UNDETERMINED,
        retry_after,
    )
