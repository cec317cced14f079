"""The first of a class of failures is told, the others are counted, so that an outage does not fill a disk."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final
from weakref import WeakSet, ref

from errnorm.logging.entries import message_of

REFERENCES: Final = 50  # of failures that are counted, so that a user's can be found
_SAYS: Final = ("vendor", "dialect", "operation", "family", "reason", "fault", "fingerprint", "alert")
Class = tuple[str, object, int]


class Counted(logging.LogRecord):
    """What a filter tells of a class that fell silent, where it stands: it passes any other."""


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
    tells them, where the filter stands, when anything is logged after the interval, or at the end of the process (see
    `flush`). Nothing passes always: a wrong key fails as often as an outage, and its first is told at once. All other
    records pass. At most `most` classes are remembered; the oldest makes room, and is told. `clock` gives seconds.
    Never raises.
    """

    def __init__(
        self, interval: float = 60.0, *, most: int = 1_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        settings: dict[str, tuple[Any, str]] = {"interval": (interval, "of seconds"), "most": (most, "of classes")}
        for name, (value, what) in settings.items():
            if not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"SamplingFilter: {name} must be a number {what} greater than 0, not {value!r:.50}")
        self.interval, self.most, self._clock = interval, most, clock
        self._lines: OrderedDict[Class, _Line] = OrderedDict()  # those that began first, first
        self._lock = threading.RLock()
        self._last = threading.local()
        _alive.add(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes."""
        if isinstance(record, Counted):
            return True
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
            self._tell(line)

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
            self._tell(line)
        return passes

    def _begins(self, fingerprint: str, record: logging.LogRecord, now: float) -> bool:
        """Whether a record is the first of its class in an interval; if not, it is counted."""
        key = (fingerprint, getattr(record, "errnorm_alert", None), record.levelno)
        line = self._lines.get(key)
        if line is not None and now - line.since < self.interval:
            line.count += 1
            if line.count == 1:
                _untold[line] = self
                _await_the_end(os.getpid())
            reference = getattr(record, "errnorm_reference", None)
            if len(line.references) < REFERENCES and isinstance(reference, str):
                line.references.append(reference)
            return False
        if line is not None:
            del self._lines[key]
            _untold.pop(line, None)
        for name in ("errnorm_suppressed", "errnorm_suppressed_references"):  # another filter's word
            vars(record).pop(name, None)
        vars(record).update(_counted(line))
        self._lines[key] = _Line(_brief(record), now)
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

    def _tell(self, line: _Line) -> None:
        """One record to where this filter stands, for others were told of each; if that is nowhere any more, to all."""
        _untold.pop(line, None)
        record = line.first
        record.msg = f"{record.msg}: {line.count} more of these were not logged one by one"
        record.created = time.time()
        record.msecs = record.created % 1 * 1000
        vars(record).update(_counted(line))
        logger = logging.getLogger(record.name)
        near: tuple[Iterable[logging.Logger | logging.Handler], ...] = ([logger], _handlers(logger), _out_of_sight())
        for place in next(filter(None, map(self._standing, near)), [logger]):
            with suppress(Exception):  # one that fails costs the others nothing
                if place is logger or record.levelno >= place.level:
                    place.handle(record)

    def _standing(self, places: Iterable[logging.Logger | logging.Handler]) -> list[logging.Logger | logging.Handler]:
        return [each for each in places if self in each.filters]


def _handlers(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    """Those that a logger's records come to."""
    while logger:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _out_of_sight() -> Iterator[logging.Handler]:
    """All that there are: a record comes to some of them by a queue."""
    each: logging.Handler | None
    for known in list(getattr(logging, "_handlerList", ())):
        if (each := known()) is not None:
            yield each


def _brief(first: logging.LogRecord) -> Counted:
    """What a class's own record says: nothing that is one failure's."""
    record = Counted(first.name, first.levelno, "", 0, message_of(first), (), None)
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
_untold: dict[_Line, SamplingFilter] = {}  # which keeps filters that no handler has any more, until they told


@cache
def _await_the_end(process: int) -> None:  # noqa: ARG001 - once in each
    """Has Python's end tell what was counted before it comes to what was to stop a queue then: the last comes first."""
    atexit.register(flush)
    with suppress(KeyError, AttributeError):  # a child of multiprocessing's has an end of its own
        if sys.modules["multiprocessing.process"].parent_process():
            sys.modules["multiprocessing.util"].Finalize(None, flush, exitpriority=100)  # queues close at 10


@atexit.register  # what was still in a queue is counted later
def flush() -> None:
    """Every filter tells what it counted so far: Python's end does that, and an app that a signal ends has to."""
    for each in list(_alive):
        each.flush()


def _forked() -> None:
    _untold.clear()
    for each in list(_alive):
        each.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
