"""Brings the catalogues of `errnorm/locale` up to date: `python tools/catalogues.py`, then fill in what is empty.

Every text of ours that a user may read becomes an entry of `errnorm.pot`; each language's `.po` keeps its translations,
loses what is no longer said, and is compiled to the `.mo` beside it. Needs Babel.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from errnorm.telling import words
from errnorm.telling.catalogues import DOMAIN, ENGLISH, LANGUAGES
from errnorm.telling.texts import reason_of
from errnorm.vendors import registry

LOCALE = Path(__file__).resolve().parent.parent / "errnorm" / "locale"
TEMPLATE = LOCALE / f"{DOMAIN}.pot"
# Whose texts for single codes are translated; the others' users read the family's text in their language.
VENDORS = ("lionbridge", "phase", "phrase-tms", "risumail")
_WHEN = datetime(2026, 1, 1, tzinfo=UTC)  # the same texts make the same files


class Entry(NamedTuple):
    """A text, where several are counted its plural, and what a translator should know."""

    text: str
    plural: str | None
    comment: str


class Timeless(Catalog):
    """A catalogue that does not say which version of Babel wrote it."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        *headers, (name, value) = (header for header in super().mime_headers if header[0] != "Generated-By")
        return [*headers, (name, f"{value}\n")]


def entries() -> Iterator[Entry]:
    """Every text that the catalogues translate."""
    span = "{wait} is a span of time as the entries with {count} have it; a sentence has to fit them as they are."
    for table, comment in (
        (words.ALIKE, "The whole message to an end user."),
        (words.FAMILIES, "The whole message to an end user."),
        (words.WAITING, f"The whole message to an end user. {span}"),
        ({"": words.FIELD}, "Stands beside one field of a form."),
        (words.FILES, "The whole message to an end user. {size} is a size as the entries with {count} and KB have it."),
        (words.SIZES, "A size on its own, as after a colon: 10 MB."),
        (words.FRAMEWORK, "The whole message to an end user."),
        (words.FRAMEWORK_WAITING, f"The whole message to an end user. {span}"),
        (words.TITLES, "A heading."),
        (words.PHRASES, "A heading: what an HTTP status means, in a few words."),
        ({"": words.OTHER_PHRASE}, "A heading."),
        (words.LABELS, "A label or a button on the page."),
        (words.ACTIONS, "What an end user can do."),
    ):
        yield from (Entry(text, None, comment) for text in table.values())
    for one, several in words.UNITS.values():
        yield Entry(one, several, "On its own, as after a colon: 5 minutes.")
    for vendor in VENDORS:
        for address, then in registry.get(vendor).rows():
            for text in then.texts if reason_of(then) else ():
                note = span if "{wait}" in text else ""
                where = f"The whole message to an end user ({vendor}, {address.split('.')[0]})."
                yield Entry(text, None, f"{where} {note}".rstrip())


def catalogue(language: str | None = None) -> Catalog:
    """Our texts, with the translations into a language as far as there are any."""
    made = Timeless(
        locale=LANGUAGES[language] if language else None,
        project=DOMAIN,
        version="1",
        msgid_bugs_address="the project's issues",
        last_translator=DOMAIN,
        language_team=DOMAIN,
        creation_date=_WHEN,
        revision_date=_WHEN,
        header_comment="# What errnorm tells users.",
        fuzzy=False,
    )
    known = read(language) if language and file(language).exists() else Catalog()
    for text, plural, comment in entries():
        key = (text, plural) if plural else text
        if text in made:
            continue
        old = known.get(text)
        made.add(key, old.string if old else None, auto_comments=[comment])
    return made


def file(language: str, suffix: str = "po") -> Path:
    """A language's catalogue."""
    return LOCALE / LANGUAGES[language] / "LC_MESSAGES" / f"{DOMAIN}.{suffix}"


def read(language: str) -> Catalog:
    """A language's `.po`."""
    with file(language).open("rb") as opened:
        return read_po(opened, locale=LANGUAGES[language])


def written(made: Catalog) -> bytes:
    """A catalogue as a `.po` or `.pot`."""
    out = BytesIO()
    write_po(out, made, width=120, include_previous=False, no_location=True)
    return out.getvalue()


def compiled(made: Catalog) -> bytes:
    """A catalogue as a `.mo`."""
    out = BytesIO()
    write_mo(out, made)
    return out.getvalue()


def main() -> None:
    LOCALE.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(written(catalogue()))
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        made = catalogue(language)
        file(language).parent.mkdir(parents=True, exist_ok=True)
        file(language).write_bytes(written(made))
        file(language, "mo").write_bytes(compiled(made))
        empty = sum(not message.string or not any(message.string) for message in made if message.id)
        print(f"{language:<8} {len(made)} texts, {empty} not translated")


if __name__ == "__main__":
    main()
