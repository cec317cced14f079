"""What a limit on files is in words: the one that they did not keep, and a size as people write it."""

from __future__ import annotations

from typing import NamedTuple

from errnorm.model import CanonicalError
from errnorm.telling.catalogues import language_of, translated
from errnorm.telling.words import FILES, SIZES


class FileLimit(NamedTuple):
    """The limit that files did not keep; one of them."""

    size: int | None = None  # bytes
    types: str | None = None
    files: int | None = None


def file_limit_of(error: CanonicalError) -> FileLimit | None:
    """The limit that an error of ours about files names in its rule; None where it is a vendor's own error."""
    key, marked, value = (error.rule or "").partition(":")[2].partition("=")
    if error.reason not in FILES or not marked or not key.startswith("files."):
        return None
    if key == "files.types":
        return FileLimit(types=", ".join(value.split()))
    if not value.isdecimal():
        return FileLimit()
    return FileLimit(files=int(value)) if key == "files.max_files" else FileLimit(size=int(value))


def size_in_words(size: int, language: str) -> str:
    """A size in bytes: exact where it is a round number of a unit, of 1,024 or of 1,000, else rounded down."""
    unit, count = next((each for each in _rounds(size)), ("byte", size))
    text = SIZES[unit]
    return (translated(text, language_of((language,))) or text).format(count=count)


def _rounds(size: int) -> list[tuple[str, int]]:
    """The ways to say it, the best first."""
    units = ((unit, base**power) for unit, power in _POWERS for base in (1_024, 1_000))
    exact = [(unit, size // of) for unit, of in units if size >= of and size % of == 0 and size // of < 10_000]
    about = [(unit, size // 1_024**power) for unit, power in _POWERS if size >= 2 * 1_024**power]
    return exact + about


_POWERS = (("gigabyte", 3), ("megabyte", 2), ("kilobyte", 1))
