"""Our texts in the languages of the people who read them: gettext catalogues, each read when first needed."""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from typing import Final

from errnorm.telling.negotiation import lookup
from errnorm.telling.words import UNITS

ENGLISH: Final = "en"
UNDETERMINED: Final = "und"  # RFC 5646: where a page has to name a language, and nobody knows which it is
DOMAIN: Final = "errnorm"
# What we speak, and the folder of it.
LANGUAGES: Final[dict[str, str]] = {
    tag: tag.replace("-", "_")
    for tag in ("en", "de", "fr", "es", "it", "pt-BR", "nl", "pl", "ar", "ja", "ko", "zh-Hans")
}
# What else it answers to; whoever asks for Portuguese or Chinese of another kind reads ours sooner than English.
SPOKEN: Final[dict[str, str]] = {tag: tag for tag in LANGUAGES} | {"pt": "pt-BR", "zh": "zh-Hans"}


class _Missing(NullTranslations):
    """What a catalogue does not have is nothing, not English."""

    def gettext(self, message: str) -> str:  # noqa: ARG002
        return ""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:  # noqa: ARG002
        return ""


@lru_cache(maxsize=256)
def language_of(wanted: tuple[str, ...]) -> str:
    """The first of the language ranges that we speak, else English (RFC 4647, 3.4)."""
    return SPOKEN[lookup(wanted, SPOKEN, ENGLISH)]


@lru_cache(maxsize=256)
def spoken_in(range_: str) -> str:
    """The language of ours that a language range asks for; "" where we speak none."""
    return SPOKEN.get(lookup((range_,), SPOKEN, ""), "")


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> NullTranslations:
    from importlib.resources import files

    file = files("errnorm").joinpath("locale", LANGUAGES[language], "LC_MESSAGES", f"{DOMAIN}.mo")
    with file.open("rb") as opened:
        catalogue = GNUTranslations(opened)
    catalogue.add_fallback(_Missing())
    return catalogue


def translated(text: str, language: str) -> str | None:
    """A text of ours in a language of `LANGUAGES`; None where nobody has translated it."""
    if language == ENGLISH or not text:  # nothing is what catalogues have their own heads under
        return text or None
    return _catalogue(language).gettext(text) or None


def span(seconds: int, language: str) -> str:
    """A span of time in words, in the largest unit of which there are two; rounded up, for too early is of no use."""
    unit, size = next(((unit, size) for unit, size in _SIZES if seconds >= 2 * size), ("second", 1))
    count = -(-seconds // size)
    one, several = UNITS[unit]
    spoken = "" if language == ENGLISH else _catalogue(language).ngettext(one, several, count)
    return (spoken or (one if count == 1 else several)).format(count=count)


_SIZES = (("day", 86_400), ("hour", 3600), ("minute", 60))
