"""Which text, in which language: the app's own, the profile's, the vendor's where that is allowed, the family's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from errnorm.families import Fault
from errnorm.model import CanonicalError
from errnorm.telling.catalogues import ENGLISH, language_of, span, spoken_in, translated
from errnorm.telling.negotiation import languages, lookup
from errnorm.telling.words import ALIKE, FAMILIES, WAITING
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then

Text = Any  # one's own: plain, lazily translated (anything that str() translates), or a mapping by language
# one's own texts by vendor code, reason or family; or what finds one for an error and a language range, or None
Messages = Mapping[str, Text] | Callable[[CanonicalError, str | None], Text | None]


class Values(NamedTuple):
    """What a failure carries that a text may name in braces; one that names what is not there is passed over."""

    wait: int | None = None  # seconds
    field: str | None = None  # the app's own name of it
    limit: int | None = None  # requests
    reference: str | None = None


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
    others, or None where it is told apart. Of texts that are not the app's, the first counts that is there in the
    reader's language: a general sentence in one's own says more than a precise one in another.
    """
    wanted = languages(language) if language else ()
    for text in _own(error, messages, alike, language):
        told, spoken = in_language(text, wanted)
        if told and (filled := _filled(told, values, spoken)) is not None:
            return filled, spoken
    name = alike or error.family
    precise = () if alike else _precise(error, wanted)
    named = (WAITING[name],) if name in WAITING else ()
    return _ours((*precise, *named, _PLAIN[name]), wanted, values)


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


def _precise(error: CanonicalError, wanted: tuple[str, ...]) -> tuple[Text, ...]:
    """What the profile says for just this, else what the vendor wrote for users, where it is fit to reach one: it is
    theirs, the vendor's, and in their language.
    """
    profile = profile_of(error)
    if profile is None:
        return ()
    if texts := texts_of(profile).get(error.reason):
        return texts
    said, language = error.vendor_user_message, profile.language
    fit = said and error.from_vendor and error.fault is Fault.USER
    return ({language: said},) if fit and lookup(wanted or (ENGLISH,), (language,), "") else ()


def _ours(texts: Iterable[Text], wanted: tuple[str, ...], values: Values) -> tuple[str, str]:
    """The first of the texts that is there in the reader's language, their favourite first, else in English; the last
    names no value.
    """
    known = list(texts)
    for range_ in (*wanted, ENGLISH):
        for text in known:
            told, spoken = _spoken(text, range_)
            if told and (filled := _filled(told, values, spoken)) is not None:
                return filled, spoken
    raise LookupError("no text in English")


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
    return _VALUE.sub(lambda name: known[name[1]], text)


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
def texts_of(profile: Profile) -> dict[str, tuple[Text, ...]]:
    """A profile's texts by reason; where several rows share one, those of the first."""
    texts: dict[str, tuple[Text, ...]] = {}
    for _, then in profile.rows():
        if then.texts and (reason := reason_of(then)):
            texts.setdefault(reason, then.texts)
    return texts


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
