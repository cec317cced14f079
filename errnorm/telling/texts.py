"""Which text, in which language: the app's own, the profile's, the vendor's where that is allowed, the family's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from errnorm.families import Family, Fault
from errnorm.model import CanonicalError
from errnorm.telling.catalogues import ENGLISH, language_of, span, spoken_in, translated
from errnorm.telling.negotiation import languages, lookup
from errnorm.telling.sizes import FileLimit, size_in_words
from errnorm.telling.words import ALIKE, FAMILIES, FIELD, FILES, WAITING
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then

Text = Any  # one's own: plain, lazily translated (anything that str() translates), or a mapping by language
# one's own texts by vendor code, reason or family; or what finds one for an error and a language range, or None
Messages = Mapping[str, Text] | Callable[[CanonicalError, str | None], Text | None]


NO_TEXT: Final = (int, float, bytes, list, tuple, set, frozenset)  # a lazy text may be of any other class


class Values(NamedTuple):
    """What a failure carries that a text may name in braces; one that names what is not there is passed over."""

    wait: int | None = None  # seconds
    field: str | None = None  # the app's own name of it
    limit: int | None = None  # requests
    reference: str | None = None
    size: int | None = None  # bytes that a file, or all of them, may have at most
    types: str | None = None  # endings that a file may have
    files: int | None = None  # how many may be sent at once


_BRACES: Final = re.compile(r"\{(\w+)\}")
_VALUE: Final = re.compile(rf"\{{({'|'.join(Values._fields)})\}}")
_NO_VALUES: Final = Values()
_PLAIN: Final = FAMILIES | ALIKE


def profile_of(error: CanonicalError) -> Profile | None:
    """The profile that knows this error's texts, or None."""
    name = error.vendor or error.dialect
    return registry.get(name) if name is not None and name in registry.default else None


def detail_for(
    error: CanonicalError,
    messages: Iterable[Messages],
    alike: str | None,
    language: str | None,
    values: Values = _NO_VALUES,
) -> tuple[str, str]:
    """The text for an end user and its language.

    `messages` are the app's own, the vendor's before the general; `alike` is the code under which the error looks like
    others, or None where it is told apart. The first text counts that is there in the reader's language: a general
    sentence in one's own says more than a precise one in another.
    """
    wanted = languages(language) if language else ()
    for text in _own(error, messages, alike, language):
        told, spoken = _in_language(text, wanted)
        if told and (filled := _filled(told, values, spoken)) is not None:
            return filled, spoken
    profile = None if alike else profile_of(error)
    said = _said(error, profile, wanted)
    ours = _ours.__wrapped__ if said else _ours  # what a vendor said to one is not kept
    for told, spoken in ours(alike or error.family, profile, error.reason, wanted, said):
        if (filled := _filled(told, values, spoken)) is not None:
            return filled, spoken
    raise LookupError("no text in English")


def _own(
    error: CanonicalError, messages: Iterable[Messages], alike: str | None, language: str | None
) -> Iterable[Text]:
    """The app's own texts for an error, the most precise first."""
    for own in messages:
        if callable(own):
            text = own(error, language)
            yield from () if text is None else (text,)
        elif own:
            keys = (error.vendor_code, error.reason, error.family.value, alike)
            yield from (own[key] for key in keys if key is not None and key in own)


def _said(error: CanonicalError, profile: Profile | None, wanted: tuple[str, ...]) -> str | None:
    """What the vendor wrote for users, where nobody has written better, and it is fit to reach one: it is theirs, the
    vendor's, and in their language.
    """
    if profile is None or error.fault is not Fault.USER or not error.from_vendor or error.reason in texts_of(profile):
        return None
    return error.vendor_user_message if lookup(wanted or (ENGLISH,), (profile.language,), "") else None


@lru_cache(maxsize=1_024)
def _ours(
    name: str, profile: Profile | None, reason: str, wanted: tuple[str, ...], said: str | None
) -> tuple[tuple[str, str], ...]:
    """The texts that there are in the reader's languages, their favourite first, then in English, each with which that
    is: what the profile says for just this, else what the vendor `said`; then what is said of all that goes by that
    `name`, a family or what looks alike. The last names no value.
    """
    precise = texts_of(profile).get(reason, ()) if profile else ()
    if profile and said:
        precise = ({profile.language: said},)
    elif not precise and name == Family.PAYLOAD and reason in FILES:
        precise = (FILES[reason],)
    named = (WAITING[name],) if name in WAITING else ()
    every = (_spoken(text, range_) for range_ in (*wanted, ENGLISH) for text in (*precise, *named, _PLAIN[name]))
    return tuple(dict.fromkeys(each for each in every if each[0]))


def _spoken(text: Text, range_: str) -> tuple[str, str]:
    """A text in the language of a range, and which that is; "" where there is none in it."""
    if isinstance(text, Mapping):
        language = lookup((range_,), text, "")
        return text.get(language, ""), language
    language = spoken_in(range_)
    return (translated(text, language) or "", language) if language else ("", "")


def _filled(text: str, values: Values, language: str) -> str | None:
    """A text with its values; None where it names one that the failure does not carry."""
    if "{" not in text:
        return text
    if any(getattr(values, name) is None for name in _VALUE.findall(text)):
        return None
    known = {name: str(value) for name, value in values._asdict().items() if value is not None}
    if values.wait is not None:
        known["wait"] = span(values.wait, language_of((language,)))
    if values.size is not None:
        known["size"] = size_in_words(values.size, language)
    return _VALUE.sub(lambda name: known[name[1]], text)


def _in_language(text: Text, wanted: tuple[str, ...]) -> tuple[str, str]:
    """A text of the app's in the first of the reader's languages that it has, else in English, and which that is.

    ("", "") makes way for ours where it has none of these.
    """
    if not isinstance(text, Mapping):
        # a lazy text translates itself, into the language that is active
        active = next((tag for tag in wanted if tag != "*"), ENGLISH)
        return _plain(text), ENGLISH if isinstance(text, str) else active
    language = lookup((*wanted, ENGLISH), text, "")
    return (_plain(text[language]), language) if language else ("", "")


def _plain(text: object) -> str:
    """A lazy text as it is by now; and of a subclass, as Django's SafeString, the plain text, which JSON insists on."""
    return str.__str__(str(text))


@lru_cache(maxsize=1_024)
def texts_of(profile: Profile) -> dict[str, tuple[Text, ...]]:
    """A profile's texts by reason; where several rows share one, those of the first."""
    texts: dict[str, tuple[Text, ...]] = {}
    for _, then in profile.rows():
        if then.texts and (reason := reason_of(then)):
            texts.setdefault(reason, then.texts)
    return texts


def file_text(reason: str, limit: FileLimit, language: str) -> str:
    """What is said of each file that we refused for a reason, in a language of ours."""
    text = FILES[reason]
    values = _NO_VALUES._replace(**limit._asdict())
    return _filled(translated(text, language_of((language,))) or text, values, language) or FIELD


def has_language(text: Text, language: str) -> bool:
    """Whether a text is there in a language; a lazy one may be in any."""
    if isinstance(text, Mapping):
        return bool(lookup((language,), text, ""))
    if not isinstance(text, str):
        return True
    spoken = spoken_in(language)
    return bool(spoken and translated(text, spoken))


def values_in(text: str) -> list[str]:
    """What a text names in braces."""
    return _BRACES.findall(text)


def reason_of(then: Then) -> str | None:
    """The reason that a row gives: its own, else its family's; None where the status decides."""
    return then.reason or (then.family.upper() if then.family else None)
