"""Which codes and families have no text in which language: of an app's own texts and the profiles' together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from errnorm.checking import Finding, file_of, shown_path
from errnorm.linting import File, family_in, told_apart
from errnorm.telling.texts import has_language, reason_of, texts_of
from errnorm.telling.words import ALIKE, FAMILIES
from errnorm.vendors.profile import ProfileError, several

Own = Mapping[str, Any]  # texts by code, reason or family


def silent(files: Iterable[Path], languages: Sequence[str], texts: tuple[Own, Mapping[str, Own]]) -> list[Finding]:
    """What has no text in one of the languages, which are those of the app's own texts where none is named."""
    general, by_vendor = texts
    wanted = languages or _languages_in(general, *by_vendor.values())
    findings = [Finding("messages", f"{name}: no text in {each}") for each in wanted for name in _silent(each, general)]
    for path in files:
        with suppress(ProfileError):  # what is off in it, `check` says
            file = file_of(path)
            own = (by_vendor.get(file.own.name, {}), general)
            findings += [
                Finding(shown_path(path), f"{address}: no text in {each}")
                for each in wanted
                for address in _silent_rows(file, each, own)
            ]
    return findings


def _silent_rows(file: File, language: str, own: Sequence[Own]) -> Iterator[str]:
    """The rows without a text, of those that an end user is told apart or that have one in another language."""
    texts = texts_of(file.profile)
    codes = {f"rules.{rule.title or number}": rule.when.code for number, rule in enumerate(file.own.rules, 1)}
    for address, _, then in file.rows():
        reason, (table, _, name) = reason_of(then), address.partition(".")
        keys = (*several(codes.get(address, name if table == "codes" else ())), reason, family_in(address, then))
        known = [each[key] for each in own for key in keys if key and key in each]
        known += texts.get(reason, ()) if reason else ()
        if (known or told_apart(then)) and not any(has_language(text, language) for text in known):
            yield address


def _silent(language: str, own: Own) -> Iterator[str]:
    """The families, and what looks alike, without a text, be it the app's or ours."""
    for name, text in (FAMILIES | ALIKE).items():
        if not any(has_language(each, language) for each in (text, own.get(name)) if each):
            yield name


def _languages_in(*tables: Own) -> list[str]:
    texts = [text for table in tables for text in table.values() if isinstance(text, Mapping)]
    return sorted({language for text in texts for language in text})
