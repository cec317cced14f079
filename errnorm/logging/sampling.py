"""The first of a class of failures is told, the others are counted, so that an outage does not fill a disk."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet, ref

from errnorm.logging.entries import message_of

REFERENCES: Final = 50  # of failures that are counted, so that a user's can be found
_SAYS: Final = ("vendor", "dialect", "operation", "family", "reason", "fault", "fingerprint", "alert")
Class = tuple[str, object, int]


class Counted(logging.LogRecord):
    """What one filter tells of a class that fell silent; others of its kind leave that to it."""

    __slots__ = ("by",)  # so that no formatter takes it for something to tell
    by: int


class _Line:
    """What is known of one class since its last record passed."""

    __slots__ = ("count", "first", "references", "since")

    def __init__(self, first: Counted, since: float) -> None:
        self.first, self.since, self.count = first, since, 0
        self.references: list[str] = []


class SamplingFilter(logging.Filter):
    """For a handler, or the logger `errnorm`: of each class of failures one record passes in `interval` seconds.

    A class has one `errnorm_fingerprint`, level and alert. The next one of it that passes has the number of those
    between in `errnorm_suppressed`, and the first fifty of their references. Where none comes, a record of its own
    tells them when anything is logged after the interval, or at the end of the process (see `flush`). Nothing passes
    always: a wrong key fails as often as an outage, and its first is told at once. All other records pass. At most
    `most` classes are remembered; the oldest makes room, and is told. `clock` gives seconds. Never raises.
    """

    def __init__(
        self, interval: float = 60.0, *, most: int = 1_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        if not interval > 0 or not most > 0:
            raise ValueError("interval and most must be greater than 0")
        self.interval, self.most, self._clock = interval, most, clock
        self._lines: OrderedDict[Class, _Line] = OrderedDict()  # those that began first, first
        self._lock = threading.RLock()
        self._last = threading.local()
        _alive.add(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes."""
        if isinstance(record, Counted):
            return record.by == id(self)
        last = self._last
        if getattr(last, "record", _no_record)() is not record:  # it may stand at several handlers
            passes = True
            with suppress(Exception):  # sampling must not cost the app its record, or its call
                passes = self._judge(record)
            last.record, last.passes = ref(record), passes
        return bool(last.passes)

    def flush(self) -> None:
        """Tells what was counted so far, and begins anew."""
        with self._lock:
            lines = [line for line in self._lines.values() if line.count]
            self._lines.clear()
        for line in lines:
            _tell(line)

    def forked(self) -> None:
        """Begins anew in a child process: its parent tells what it counted."""
        self._lock = threading.RLock()
        self._lines.clear()

    def _judge(self, record: logging.LogRecord) -> bool:
        fingerprint = getattr(record, "errnorm_fingerprint", None)
        with self._lock:
            now = self._clock()
            passes = not isinstance(fingerprint, str) or self._begins(fingerprint, record, now)
            ended = list(self._ended(now))
        for line in ended:
            _tell(line)
        return passes

    def _begins(self, fingerprint: str, record: logging.LogRecord, now: float) -> bool:
        """Whether a record is the first of its class in an interval; if not, it is counted."""
        key = (fingerprint, getattr(record, "errnorm_alert", None), record.levelno)
        line = self._lines.get(key)
        if line is not None and now - line.since < self.interval:
            line.count += 1
            reference = getattr(record, "errnorm_reference", None)
            if len(line.references) < REFERENCES and isinstance(reference, str):
                line.references.append(reference)
            return False
        if line is not None:
            del self._lines[key]
        for name in ("errnorm_suppressed", "errnorm_suppressed_references"):  # another filter's word
            vars(record).pop(name, None)
        vars(record).update(_counted(line))
        self._lines[key] = _Line(_brief(record, id(self)), now)
        return True

    def _ended(self, now: float) -> Iterator[_Line]:
        """Classes that fell silent, or must make room, if there is anything to tell of them."""
        while self._lines:
            key, line = next(iter(self._lines.items()))
            if now - line.since < self.interval and len(self._lines) <= self.most:
                return
            del self._lines[key]
            if line.count:
                yield line


def _tell(line: _Line) -> None:
    """One record through the logger that the first of them came through."""
    record = line.first
    record.msg = f"{record.msg}: {line.count} more of these were not logged one by one"
    record.created = time.time()
    record.msecs = record.created % 1 * 1000
    vars(record).update(_counted(line))
    logging.getLogger(record.name).handle(record)


def _brief(first: logging.LogRecord, by: int) -> Counted:
    """What a class's own record says: nothing that is one failure's."""
    record = Counted(first.name, first.levelno, "", 0, message_of(first), (), None)
    record.by = by
    for name in _SAYS:
        setattr(record, f"errnorm_{name}", getattr(first, f"errnorm_{name}", None))
    return record


def _no_record() -> None:
    """Of a thread that has seen none."""


def _counted(line: _Line | None) -> dict[str, Any]:
    if line is None or not line.count:
        return {}
    return {"errnorm_suppressed": line.count, "errnorm_suppressed_references": list(line.references)}


_alive: WeakSet[SamplingFilter] = WeakSet()


@atexit.register
def flush() -> None:
    """Every filter tells what it counted so far: Python's end does that, and an app that a signal ends has to."""
    for each in list(_alive):
        each.flush()


def _forked() -> None:
    for each in list(_alive):
        each.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
