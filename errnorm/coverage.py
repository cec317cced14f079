"""The coverage ledger: which codes came that no profile maps, how often and when, and rows to map them by."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from errnorm.families import Family, family_of
from errnorm.model import CanonicalError
from errnorm.redaction import clean

MOST = 1_000  # entries; the one seen least recently makes room
EXAMPLE = 120  # characters of an example
LONGEST = 200  # characters of a name or a code, which is as long as any that is read
_COLUMNS = ("vendor", "code", "status", "count", "first seen", "last seen", "example")
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_NAMED = re.compile(r"[^A-Za-z0-9]*[A-Za-z]")  # a code that makes a reason of its own

Key = tuple[str, str, int | None]


class Entry(msgspec.Struct, frozen=True):
    """A code that no profile maps, as it came with one status.

    `vendor` is the profile's name, else the dialect's, else "unknown"; `first` and `last` are in UTC, and None where
    nobody knows when; `example` is a message that came with it, redacted, "" where none did.
    """

    vendor: str
    code: str
    status: int | None
    count: int
    first: datetime | None
    last: datetime | None
    example: str


class _Line:
    """What is counted for one key; times are seconds since 1970, 0 where nobody knows."""

    __slots__ = ("count", "example", "first", "last")

    def __init__(self) -> None:
        self.count, self.first, self.last, self.example = 0, 0.0, 0.0, ""


class Ledger:
    """Counts the codes that no profile maps, at most `most` of them; shared by threads."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._lines: OrderedDict[Key, _Line] = OrderedDict()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many entries had to make room."""
        return self._dropped

    def note(self, error: CanonicalError, when: float | None = None) -> None:
        """Counts an error whose code no profile maps, and passes over any other.

        `when` is in seconds since 1970: None is now, 0 is not known.
        """
        if error.mapped or not error.vendor_code:
            return
        key = (
            (error.vendor or error.dialect or "unknown")[:LONGEST],
            error.vendor_code[:LONGEST],
            error.vendor_status,
        )
        if when is None:
            when = time.time()
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = _Line()
                if len(self._lines) > self.most:
                    self._lines.popitem(last=False)
                    self._dropped += 1
            else:
                self._lines.move_to_end(key)
            line.count += 1
            if not line.example and error.vendor_message:
                line.example = clean(error.vendor_message, EXAMPLE)
            if when:
                line.first = min(line.first or when, when)
                line.last = max(line.last, when)

    def entries(self) -> list[Entry]:
        """Everything that is counted, by vendor, the most frequent first."""
        with self._lock:
            entries = [
                Entry(*key, line.count, _utc(line.first), _utc(line.last), line.example)
                for key, line in self._lines.items()
            ]
        return sorted(entries, key=lambda entry: (entry.vendor, -entry.count, entry.code, entry.status or 0))

    def report(self) -> str:
        """A table for people, with the totals below it."""
        entries = self.entries()
        if not entries:
            return "No code came that no profile maps."
        lines = [_COLUMNS, *map(_cells, entries)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        totals = f"{counted(len(entries), 'entry', 'entries')}, {counted(sum(e.count for e in entries), 'failure')}"
        dropped = f"; {counted(self.dropped, 'entry', 'entries')} had to make room" if self.dropped else ""
        return "\n".join([*rows, "", totals + dropped])

    def stub(self, vendor: str) -> str:
        """TOML to paste into the profile of a vendor: a row for each of its codes; "" where there is none."""
        if not (rows := self.rows(vendor)):
            return ""
        hint = (
            "# Guesses by the statuses that they came with. Where the profile has [codes] already, the rows go there."
        )
        return "\n".join([hint, "[codes]", *rows, ""])

    def rows(self, vendor: str) -> list[str]:
        """The rows of `[codes]` alone. A family is a guess, by the status that came with the code most often.

        Codes that differ in spelling alone make one reason, and so are given one family.
        """
        codes: dict[str, list[Entry]] = {}
        statuses: dict[str, Counter[int | None]] = {}
        for entry in self.entries():
            if entry.vendor == vendor:
                codes.setdefault(entry.code, []).append(entry)
                statuses.setdefault(_spelled(entry.code), Counter())[entry.status] += entry.count
        return [
            _row(code, family_of(statuses[_spelled(code)].most_common(1)[0][0]), entries)
            for code, entries in codes.items()
        ]

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._lines.clear()
            self._dropped = 0

    def forked(self) -> None:
        """Starts anew in a child process: its parent keeps the counts, and the thread that may hold the lock."""
        self._lock = threading.Lock()
        self.clear()


def quoted(text: str) -> str:
    """A text as TOML has it; what cannot be seen is escaped, and half of a surrogate pair is no character."""
    import json  # slow to import, and only for stubs

    return "".join(each if each.isprintable() else _escaped(ord(each)) for each in json.dumps(text, ensure_ascii=False))


def _escaped(code: int) -> str:
    return r"\ufffd" if 0xD800 <= code <= 0xDFFF else rf"\U{code:08x}"


def _spelled(code: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", code.upper())


def _row(code: str, family: Family, entries: list[Entry]) -> str:
    value = f'"{family}"' if _NAMED.match(code) else f'{{ family = "{family}", reason = "{_reason(code)}" }}'
    example = next((f": {entry.example}" for entry in entries if entry.example), "")
    times = counted(sum(entry.count for entry in entries), "time")
    came = ", ".join("no status" if entry.status is None else str(entry.status) for entry in entries)
    return (
        f"{code if _BARE.match(code) else quoted(code)} = {value}  # {times} with {came}{clean(example, 2 * EXAMPLE)}"
    )


def _reason(code: str) -> str:
    """A stopgap for a code that makes no name: CODE_0017."""
    return re.sub(r"[^A-Z0-9]+", "_", f"CODE_{code.upper()}")[:63].rstrip("_")


def _cells(entry: Entry) -> Iterable[str]:
    status = "-" if entry.status is None else str(entry.status)
    return entry.vendor, entry.code, status, str(entry.count), _day(entry.first), _day(entry.last), entry.example


def _day(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when else "-"


def _utc(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: `1 time`, `2,000 times`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


# What came to this process: fed where failures are answered, never by reading alone.
ledger = Ledger()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ledger.forked)
