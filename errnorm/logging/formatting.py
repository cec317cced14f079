"""Entries to lines: JSON for programs, and a line for people; one for each record, and never an exception."""

from __future__ import annotations

import json
import logging
import os
from typing import Any, Final, TextIO

from errnorm.logging.entries import Entry, entry_of, line_of, timestamp

# Of a failure's keys, what people read first; the rest is for programs.
_TOLD: Final = ("vendor_code", "vendor_message", "operation", "alert", "suppressed", "reference", "correlation_id")
_SHOWN: Final = frozenset(f"errnorm_{name}" for name in _TOLD)
_UNSAID: Final = frozenset(("timestamp", "level", "logger", "message", "exception", "stack", "trace_id", "span_id"))
_COLOURS: Final = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON in ASCII, which every handler's encoding can write.

    Keys: `timestamp` (RFC 3339, UTC, milliseconds), `level`, `logger`, `message`, `trace_id` and `span_id` where
    OpenTelemetry has a current span, the record's extras with their own names (a failure's `errnorm_…` among them),
    `exception`, `stack`. Cleaned, redacted and bounded, whoever wrote the record. Never raises.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without an end."""
        try:
            return _encode(entry_of(record))
        except Exception as failed:  # noqa: BLE001 - a line must be written, whatever the record is
            return _encode(_instead(record, failed))


class ConsoleFormatter(logging.Formatter):
    """A record as one line for people: time (UTC), level, logger, message, what else was said, the traceback folded.

    In colour where `stream`, which is the one that the handler writes to, is a terminal and NO_COLOR is not set;
    without a `stream` in none. Cleaned, redacted and bounded. Never raises.
    """

    def __init__(self, *args: Any, stream: TextIO | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if not (stream is None or hasattr(stream, "isatty")):
            right = "a stream such as sys.stderr, in dictConfig 'ext://sys.stderr'"
            raise ValueError(f"ConsoleFormatter: stream must be {right}, not {stream!r:.50}")
        self._coloured = stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")

    def format(self, record: logging.LogRecord) -> str:
        """The line, without an end."""
        try:
            entry = entry_of(record)
        except Exception as failed:  # noqa: BLE001 - likewise
            entry = _instead(record, failed)
        level = f"{entry['level']:8}"
        if self._coloured:
            level = f"\x1b[{_COLOURS.get(entry['level'], '0')}m{level}\x1b[0m"
        time = entry["timestamp"].replace("T", " ")
        return " ".join((time, level, f"{entry['logger']}:", entry["message"], *_beside(entry), *_folded(entry)))


def _beside(entry: Entry) -> list[str]:
    """What a person wants to know beside the message, as `name=value`."""
    return [
        f"{name.removeprefix('errnorm_')}={_value(value)}"
        for name, value in entry.items()
        if name not in _UNSAID and value is not None and (name in _SHOWN or not name.startswith("errnorm_"))
    ]


def _value(value: Any) -> str:
    plain = isinstance(value, str) and value and not set(' "=|') & set(value)
    return value if plain else json.dumps(value, ensure_ascii=False)


def _folded(entry: Entry) -> list[str]:
    """The lines of tracebacks, one behind the other."""
    texts = [entry[name] for name in ("exception", "stack") if name in entry]
    return ["| " + " | ".join(line.strip() for line in text.splitlines() if line.strip()) for text in texts]


def _instead(record: logging.LogRecord, failed: Exception) -> Entry:
    """What can be said of a record of which nothing can be said."""
    try:
        when, level, name = timestamp(float(record.created)), line_of(str(record.levelname)), line_of(str(record.name))
    except Exception:  # noqa: BLE001 - it is somebody's own making
        when, level, name = timestamp(0), "ERROR", "errnorm"
    message = f"[a record that could not be written: {type(failed).__name__}]"
    return {"timestamp": when, "level": level, "logger": name, "message": message}
