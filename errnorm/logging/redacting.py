"""Other libraries' records without secrets: clients log URLs with keys, and exceptions quote them."""

from __future__ import annotations

import logging
from typing import Any, Final

from errnorm.logging.entries import arguments_of, extras_of, is_secret, members, message_of, said
from errnorm.scrubbing import LEFT_OUT, SECRET, hidden

NOTE: Final = "[a record that could not be cleaned]"
DEEPEST: Final = 6
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
_formatter = logging.Formatter()


class RedactingFilter(logging.Filter):
    """For handlers: takes secrets out of every record, whoever wrote it, and lets every record pass.

    Message, arguments, extras, exception and stack. A record is changed where it holds a secret, and is then without
    it for the handlers that come later too: the message has its arguments in it, and what stands in for an exception is
    one of the same name. Never raises; of what cannot be cleaned nothing is told but that it was.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self._complained = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        try:
            _redact(record)
        except Exception:  # noqa: BLE001 - a record must neither be lost nor told as it is
            _blank(record)
            if not self._complained:
                self._complained = True
                # later, for it makes our logger: dictConfig disables those that are there while it reads its settings
                from errnorm.mishaps import complain

                complain("cleaning a log record failed; it was told without what it said")
        return True


def _redact(record: logging.LogRecord) -> None:
    if isinstance(record.msg, dict):  # structlog's
        record.msg = _without(record.msg, 0)
    else:
        told = hidden(message_of(record))
        if told != _message(record) or arguments_of(record) is not record.args:
            record.msg, record.args = told, ()
    for name, value in list(extras_of(record)):
        if not name.startswith("errnorm_"):
            setattr(record, name, _member(name, value, 0))
    if record.stack_info:
        record.stack_info = hidden(record.stack_info)
    _redact_exception(record)


def _message(record: logging.LogRecord) -> str | None:
    """The message as a handler would tell it; None where it cannot, and would tell all of it where it complains."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - whatever an argument does
        return None


def _redact_exception(record: logging.LogRecord) -> None:
    """Formatters of logging take the text, others make one of the exception themselves."""
    text, raised = record.exc_text, record.exc_info
    if raised and raised[1] is not None:
        text = text or _formatter.formatException(raised)
        record.exc_text = hidden(text)
        if record.exc_text != text:
            record.exc_info = (type(made := stand_in(raised[1])), made, raised[2])
    elif text:
        record.exc_text = hidden(text)


def stand_in(raised: BaseException, depth: int = 0) -> Exception:
    """An exception of the same name, traceback and chain, with nothing of its own but its text without secrets."""
    kind = type(raised)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    text = hidden(said(raised))
    if isinstance(raised, BaseExceptionGroup) and depth < DEEPEST:
        inner = [stand_in(each, depth + 1) for each in raised.exceptions]
        made: Exception = type(kind.__name__, (ExceptionGroup,), names)(hidden(raised.message), inner)
    else:
        made = type(kind.__name__, (Exception,), names)(text)
    if depth < DEEPEST:
        made.__cause__ = raised.__cause__ and stand_in(raised.__cause__, depth + 1)
        if not raised.__suppress_context__:
            made.__context__ = raised.__context__ and stand_in(raised.__context__, depth + 1)
            made.__suppress_context__ = False
    for note in getattr(raised, "__notes__", ()):
        made.add_note(hidden(said(note)))
    made.__errnorm_id__ = getattr(raised, "__errnorm_id__", None)  # type: ignore[attr-defined] # who met it knows it
    return made.with_traceback(raised.__traceback__)


def _member(name: Any, value: Any, depth: int) -> Any:
    """A value without secrets, or itself where it holds none; `[its type]` where that cannot be known."""
    try:
        return SECRET if is_secret(name, value) else _without(value, depth)
    except Exception:  # noqa: BLE001 - a thing may fail in any way when it is asked what it is, or what it holds
        return f"[{type(value).__name__}]"


def _without(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float | type):
        return value
    if type(value) in _CONTAINERS:
        if depth > DEEPEST:
            return LEFT_OUT
        inner = [(name, _member(name, each, depth + 1)) for name, each in members(value)]
        if type(value) is dict:
            return {_member(None, name, depth + 1): each for name, each in inner}
        return type(value)(each for _, each in inner)
    text = value if isinstance(value, str) else said(value)
    if (told := hidden(text)) == text:
        return value
    return stand_in(value) if isinstance(value, BaseException) else told


def _blank(record: logging.LogRecord) -> None:
    record.msg, record.args = NOTE, ()
    record.exc_info = record.exc_text = record.stack_info = None
    for name in [name for name, _ in extras_of(record) if not name.startswith("errnorm_")]:
        setattr(record, name, LEFT_OUT)
