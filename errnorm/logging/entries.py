"""A log record to an entry: plain JSON types within bounds, every text cleaned, whoever wrote it."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import copy
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from unicodedata import category

from errnorm.redaction import beginning, clean
from errnorm.scrubbing import LEFT_OUT, SECRET, hidden, tells

MESSAGE: Final = 4_000  # characters of a message
TEXT: Final = 2_000  # of any other text
NAME: Final = 100
TRACEBACK: Final = 8_000
WHOLE: Final = 32_000  # of all extras together
MOST: Final = 100  # extras, or items of one
DEEPEST: Final = 6

Entry = dict[str, Any]
# What logging itself puts into a record.
OWN: Final = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"))
_SIGNS: Final = "://", "?", ", "  # of URLs and of headers shown as pairs: all else is hidden where a text is cleaned
_SEVERAL: Final = (dict, list, tuple, set, frozenset)
_formatter = logging.Formatter()


def entry_of(record: logging.LogRecord) -> Entry:
    """What a record says, in the order to be read; what an app calls as we do gets an underscore behind."""
    entry: Entry = {
        "timestamp": timestamp(record.created),
        "level": line_of(str(record.levelname)),
        "logger": line_of(str(record.name)),
        "message": line_of(message_of(record), MESSAGE),
        **_trace(),
    }
    ours = (*entry, "exception", "stack")
    for name, value in _Plain(record).extras():
        entry[f"{name}_" if name in ours else name] = value
    if exception := exception_of(record):
        entry["exception"] = exception
    if record.stack_info:
        entry["stack"] = traceback_of(str(record.stack_info))
    return entry


def extras_of(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """What was said beside the message; a name with an underscore first is somebody's own affair."""
    return ((name, value) for name, value in vars(record).items() if name not in OWN and not name.startswith("_"))


def message_of(record: logging.LogRecord) -> str:
    """The message as it is meant, its arguments as `arguments_of` has them; where they do not fit, without them."""
    try:
        if (args := arguments_of(record)) is not record.args:
            record = copy(record)
            record.args = args
        return record.getMessage()
    except Exception as failed:  # noqa: BLE001 - whatever an argument does when it is asked for its text
        unfit = f" [its arguments do not fit: {type(failed).__name__}]" if record.args else ""
        return f"{said(record.msg)}{unfit}"


def arguments_of(record: logging.LogRecord) -> Any:
    """A record's arguments; of a mapping, whose values a message may show alone, without those of secret names."""
    args: Any = record.args
    if not isinstance(args, Mapping) or not any(is_secret(name, value) for name, value in args.items()):
        return args
    return {name: SECRET if is_secret(name, value) else value for name, value in args.items()}


def exception_of(record: logging.LogRecord) -> str:
    """The traceback of a record, cleaned; "" where there is none."""
    text = record.exc_text
    if not text and record.exc_info and record.exc_info[0] is not None:
        text = _formatter.formatException(record.exc_info)
    return traceback_of(text) if text else ""


def line_of(text: str, limit: int = TEXT) -> str:
    """One line of printable characters without secrets, at most `limit` of them."""
    if len(text) > 8 * limit:
        text = beginning(" ".join(text[: 8 * limit].split()))
    text = clean(text, limit)
    if any(map(text.__contains__, _SIGNS)):
        text = hidden(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def traceback_of(text: str) -> str:
    """Lines as they are indented, printable and without secrets; of too many those in the middle are left out."""
    text = hidden("\n".join(_printable(line) for line in text[: 4 * TRACEBACK].splitlines()))
    if len(text) > TRACEBACK:
        text = f"{text[: TRACEBACK // 4]}\n{LEFT_OUT}\n{text[TRACEBACK // 4 - TRACEBACK :]}"
    return text


def timestamp(created: float) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    return datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def members(several: Any) -> Iterator[tuple[Any, Any]]:
    """A container's values, each with the name beside it: a key, a field, the first of a pair; None without one."""
    if isinstance(several, dict):
        yield from several.items()
    elif fields := getattr(several, "_fields", None):
        yield from zip(fields, several, strict=True)
    elif isinstance(several, (list, tuple)) and len(several) == 2 and _is_word(several[0]):  # a header, or a parameter
        yield from ((None, several[0]), (several[0], several[1]))
    else:
        yield from ((None, each) for each in several)


def is_secret(name: Any, value: Any) -> bool:
    """Whether a name says that the value beside it is secret; our own say what may be told of keys and tokens."""
    if value is None or value is True or value is False or not _is_text(name) or len(name) > NAME:
        return False
    name = _text_of(name)
    return not name.startswith("errnorm_") and tells(name)


def _is_word(value: Any) -> bool:
    return _is_text(value) and len(value.split(None, 1)) == 1


def _is_text(value: Any) -> bool:
    return issubclass(type(value), (str, bytes))  # whatever else would say of itself


def _text_of(name: Any) -> str:
    return name.decode("utf-8", "replace") if issubclass(type(name), bytes) else said(name)


def _name(name: str) -> str:
    return _short_name(name) if len(name) <= NAME else line_of(name, NAME)


@lru_cache(maxsize=2_048)
def _short_name(name: str) -> str:
    return line_of(name, NAME)


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    letters = (each if each.isprintable() else " " * (category(each) == "Cc") for each in line.expandtabs(4))
    return "".join(letters).rstrip()


def _trace() -> Entry:
    """The ids of OpenTelemetry's current span, where it is in use and there is one."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    with suppress(Exception):  # a record is worth more than its trace
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    return {}


def said(value: Any) -> str:
    """What a thing says of itself, as far as that can be had."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a thing's own word may fail in any way
        return f"[{type(value).__name__}]"


class _Plain:
    """Makes plain what one record says beside its message; `left` characters may still be said."""

    def __init__(self, record: logging.LogRecord) -> None:
        self.record, self.left = record, WHOLE
        self._own = record.name == "errnorm"  # what we say was cleaned when it was read

    def extras(self) -> Iterator[tuple[str, Any]]:
        """Names and values: texts and numbers first, so that no list of a hundred leaves no room for them."""
        pairs = sorted(extras_of(self.record), key=lambda pair: issubclass(type(pair[1]), _SEVERAL))
        for name, value in islice(pairs, MOST):
            yield _name(name), self._member(name, value, 0)

    def _plain(self, value: Any, depth: int) -> Any:
        self.left -= 1
        try:
            return self._shown(value, depth)
        except Exception:  # noqa: BLE001 - a thing may fail in any way when it is asked what it is, or what it holds
            return self._text(f"[{type(value).__name__}]")

    def _shown(self, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (int, float)):
            return self._number(value)
        if isinstance(value, _SEVERAL):
            return self._several(value, depth + 1) if depth < DEEPEST and self.left > 0 else LEFT_OUT
        if isinstance(value, bytes | bytearray):
            return self._text(value[: 4 * TEXT].decode("utf-8", "replace"))
        return self._text(value.isoformat() if isinstance(value, date) else said(value))

    def _several(self, value: Any, depth: int) -> Any:
        items = list(islice(members(value), MOST))
        more = len(value) > len(items)
        if isinstance(value, dict):
            named = {_name(_text_of(key)): self._member(key, each, depth) for key, each in items}
            return named | {LEFT_OUT: len(value) - len(items)} if more else named
        return [self._member(key, each, depth) for key, each in items] + [LEFT_OUT] * more

    def _member(self, name: Any, value: Any, depth: int) -> Any:
        return SECRET if is_secret(name, value) else self._plain(value, depth)

    def _number(self, value: float) -> Any:
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else self._text(f"{value:#x}")
        return float(value) if math.isfinite(value) else str(float(value))

    def _text(self, text: str) -> str:
        if self.left <= 0:
            return LEFT_OUT
        if not (self._own and len(text) <= min(TEXT, self.left) and text.isprintable()):
            text = line_of(str.__str__(text), min(TEXT, self.left))
        self.left -= len(text)
        return text
