"""Logs to the coverage ledger: what JSON lines tell of codes that no profile maps."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from errnorm import _json
from errnorm.coverage import LONGEST, Ledger, counted
from errnorm.model import CanonicalError
from errnorm.redaction import clean
from errnorm.vendors import registry
from errnorm.vendors.profile import nearest

LONGEST_LINE = 1_048_576  # bytes
_TIMES = ("timestamp", "@timestamp", "time", "ts", "datetime", "asctime", "created")
_LATEST = 253_402_300_800  # 10000-01-01, where datetime ends
_UNITS = (1, 1e3, 1e6, 1e9)  # of a second


class LogError(ValueError):
    """A log that tells nothing of what was asked: one line that says why."""


class Covered(NamedTuple):
    """What came of reading logs: the ledger, how many lines told of a failure or of nothing that is ours, and whose
    failures there were.
    """

    ledger: Ledger
    failures: int
    passed_over: int
    vendors: frozenset[str]

    def in_full(self) -> str:
        """The table, and a line on what was read for it."""
        failures, others = counted(self.failures, "failure"), counted(self.passed_over, "other line")
        return f"{self.ledger.report()}\n{failures} in the logs; {others} passed over"

    def stub(self, vendor: str) -> str:
        """The rows to paste into a vendor's profile, or a comment that none is wanted. Raises LogError for a vendor of
        whom nobody knows.
        """
        known = self.vendors | set(registry.default.names())
        if vendor not in known:
            raise LogError(f"no vendor {vendor!r}{nearest(vendor, known)}")
        return self.ledger.stub(vendor) or f"# No code of {vendor!r} came that no profile maps."


def cover(files: list[str]) -> Covered:
    """Reads logs; `-` is standard input. Raises LogError for a log that holds no JSON lines, and OSError."""
    ledger = Ledger()
    failures = passed_over = 0
    vendors: set[str] = set()
    for file in files:
        lines = objects = 0
        for line in _lines(file):
            record = _object(line)
            lines, objects = lines + 1, objects + (record is not None)
            if (keys := _keys(record or {})) is None:
                passed_over += 1
            else:
                failures += 1
                error = _error(keys)
                vendors.add(error.vendor or error.dialect or "unknown")
                ledger.note(error, _when(keys) or _when(record or {}) or _when((record or {}).get("record", {})))
        if lines and not objects:
            raise LogError(f"{file}: holds no JSON lines, which are JSON objects, one a line")
    return Covered(ledger, failures, passed_over, frozenset(vendors))


def _lines(file: str) -> Iterator[bytes]:
    """The lines of a log that are not blank; of a longer one only the beginning, which is no JSON."""
    with ExitStack() as stack:
        stream: BinaryIO
        if file != "-":
            stream = stack.enter_context(Path(file).open("rb"))
        elif sys.stdin is not None:
            stream = sys.stdin.buffer
        else:
            raise LogError("no standard input to read a log from: name a LOG")
        start = True
        while line := stream.readline(LONGEST_LINE):
            beginning = line.removeprefix(BOM_UTF8) if start else line
            start = False
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
            if beginning.strip():
                yield beginning


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = _json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _keys(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Where the keys of a failure are: in the record itself, or one level deeper; in loguru's, in its own `extra`."""
    loguru = record.get("record")
    inner = [value for each in (record, loguru) if isinstance(each, dict) for value in each.values()]
    places = (record, *(value for value in inner if isinstance(value, dict)))
    return next((keys for keys in places if "errnorm_mapped" in keys and "errnorm_vendor_code" in keys), None)


def _error(keys: Mapping[str, Any]) -> CanonicalError:
    """As much of the error as the ledger counts; whoever wrote the log, it is cleaned again."""

    def text(name: str, limit: int = LONGEST) -> str | None:
        value = keys.get(f"errnorm_{name}")
        return clean(value, limit) or None if isinstance(value, str) else None

    status = keys.get("errnorm_vendor_status")
    return CanonicalError(
        vendor=text("vendor"),
        dialect=text("dialect"),
        vendor_status=status if type(status) is int and 100 <= status <= 999 else None,
        vendor_code=text("vendor_code"),
        vendor_message=text("vendor_message"),
        mapped=keys["errnorm_mapped"] is not False,
    )


def _when(record: Any) -> float:
    """Seconds since 1970, by the first key that holds a time; 0 where none does. A time without a zone is UTC's."""
    if not isinstance(record, dict):
        return 0.0
    return next((seconds for name in _TIMES if (seconds := _seconds(record.get(name)))), 0.0)


def _seconds(value: Any) -> float:
    seconds = 0.0
    if isinstance(value, dict):  # loguru's
        value = value.get("timestamp")
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value.strip())
        except ValueError:
            return 0.0
        seconds = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    elif type(value) in (int, float):
        seconds = next((value / unit for unit in _UNITS if value / unit < 1e11), 0.0)
    return seconds if 0 < seconds < _LATEST else 0.0
