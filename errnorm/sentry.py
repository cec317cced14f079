"""Sentry is told of an unexpected error once, of a vendor's failures as one issue for each class, and of no secret.

`sentry_sdk.init(before_send=errnorm.sentry.before_send, before_send_transaction=errnorm.sentry.before_send_transaction,
integrations=[errnorm.sentry.integration()])`; without the last only those failures are reported that are the app's own
to mend, and those that nobody answers.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from errnorm import answering
from errnorm.answering import Normalizer
from errnorm.families import LOG_LEVELS
from errnorm.model import new_occurrence_id
from errnorm.scrubbing import scrubbed
from errnorm.telling import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentry_sdk.integrations import Integration
    from sentry_sdk.types import Event, Hint

_TOO_LATE = "Caught handled exception, but response already started."  # Starlette, of what it has a handler for
REMEMBERED = 4_096  # occurrences, the latest
TAGS = ("vendor", "reason", "family", "operation", "reference")

_reported: dict[str, object] = {}
_busy: ContextVar[bool] = ContextVar("errnorm_sentry_busy", default=False)


def before_send(event: Event, hint: Hint, *, normalizer: Normalizer | None = None) -> Event | None:
    """The event of an error as it may be sent; None where the same occurrence was reported already. Never raises.

    `normalizer` is the app's own, for what it recognises and whose credentials its calls are made with; without one it
    is Django's, or the default. What cannot be cleaned is left out, and the tag `errnorm` says so.
    """
    told = cast("dict[str, Any]", event)
    if not _busy.get():  # what fails below is logged, and becomes an event itself
        token = _busy.set(True)
        try:
            if _is_echo(hint):
                return None
            facts = _facts(hint, normalizer or _settled())
            occurrence_id = facts["errnorm_occurrence_id"] if facts else _marked(_raised(hint))
            if occurrence_id is not None and not _is_first(occurrence_id):
                return None
            if facts:
                _file(told, facts)
        except Exception as failed:  # noqa: BLE001 - whatever it is, the error has to be reported
            told["tags"] = {"errnorm": f"not grouped: {type(failed).__name__}"}
        finally:
            _busy.reset(token)
    return cast("Event", scrubbed(told))


def before_send_transaction(event: Event, hint: Hint) -> Event:  # noqa: ARG001 - Sentry's signature
    """A transaction with its spans, or a log of Sentry's own (`before_send_log`), without secrets. Never raises."""
    return cast("Event", scrubbed(cast("dict[str, Any]", event)))


before_send_log: Any = before_send_transaction


def integration(level: int | str = "WARNING") -> Integration:
    """For `sentry_sdk.init(integrations=[...])`: vendors' failures that are logged become events, one issue per class.

    From WARNING on these are those that no user made: outages, limits, lost connections; INFO adds the users' own,
    where the logger `errnorm` lets them through.
    """
    from sentry_sdk import get_client
    from sentry_sdk.integrations import Integration, logging as sentrys

    class VendorFailures(Integration):
        identifier = "errnorm"

        def __init__(self, level: int) -> None:
            self.level = level

        @staticmethod
        def setup_once() -> None:
            handler = sentrys.EventHandler()
            handler.addFilter(_wanted)
            logs.logger.addHandler(handler)

    def _wanted(record: logging.LogRecord) -> bool:
        ours: Any = get_client().get_integration(VendorFailures.identifier)
        return ours is not None and record.levelno >= ours.level and hasattr(record, "errnorm_fingerprint")

    return VendorFailures(logging.getLevelNamesMapping()[level.upper()] if isinstance(level, str) else level)


def _settled() -> Normalizer:
    """The app's own normalizer, where there is one for the whole process."""
    import sys

    conf = sys.modules.get("errnorm.django.conf")
    return answering.default() if conf is None else conf.settled()


def _is_echo(hint: Mapping[str, Any]) -> bool:
    """Whether an event is but our note about an unexpected error, which is reported by itself."""
    record: Any = hint.get("log_record")
    if hasattr(record, "errnorm_suppressed") and not hasattr(record, "errnorm_occurrence_id"):
        return True  # failures that a sampled log has counted; here they are one by one
    if not hasattr(record, "errnorm_response_status") or hasattr(record, "errnorm_fingerprint"):
        return False
    return bool(record.name == logs.logger.name and record.args[:1] != ("error",))


def _facts(hint: Mapping[str, Any], normalizer: Normalizer) -> Mapping[str, Any] | None:
    """What our log record says of the vendor's failure that an event is about, whether or not there is one."""
    record = hint.get("log_record")
    if hasattr(record, "errnorm_fingerprint"):
        return vars(record)
    raised = _raised(hint)
    failure = None if raised is None else normalizer.failure_of(raised)
    if failure is None:
        return None
    error = normalizer.judged(failure.error, failure.credentials)
    return logs.record(error, failure.occurrence_id, beside={"msg": str(error)})


def _raised(hint: Mapping[str, Any]) -> BaseException | None:
    raised = (hint.get("exc_info") or (None, None))[1]
    if isinstance(raised, RuntimeError) and str(raised) == _TOO_LATE and raised.__cause__ is not None:
        return raised.__cause__
    return cast("BaseException | None", raised)


def _marked(raised: BaseException | None) -> str | None:
    """An id for an unexpected error; Sentry itself knows it again only in the same task."""
    with suppress(AttributeError, TypeError):
        raised.__errnorm_id__ = getattr(raised, "__errnorm_id__", None) or new_occurrence_id()  # type: ignore[union-attr]
    return getattr(raised, "__errnorm_id__", None)


def _is_first(occurrence_id: str) -> bool:
    mine = object()
    first = _reported.setdefault(occurrence_id, mine) is mine  # without a lock, which a fork could leave closed
    with suppress(KeyError, StopIteration, RuntimeError):  # another thread makes room too
        while len(_reported) > REMEMBERED:
            del _reported[next(iter(_reported))]
    return first


def _file(event: dict[str, Any], facts: Mapping[str, Any]) -> None:
    """Puts an event of a vendor's failure to the others of its class; what the app itself has said stays."""
    event.setdefault("fingerprint", [facts["errnorm_fingerprint"]])
    event["level"] = logging.getLevelName(LOG_LEVELS[facts["errnorm_fault"]]).lower()
    tags = {name: facts[f"errnorm_{name}"] for name in TAGS}
    tags["vendor"] = tags["vendor"] or facts["errnorm_dialect"] or "unknown"
    own = event.get("tags")
    event["tags"] = {name: str(value) for name, value in tags.items() if value is not None} | dict(own or {})
    values = (event.get("exception") or {}).get("values") or [{}]
    outermost = next((each for each in values if (each.get("mechanism") or {}).get("exception_id") == 0), values[-1])
    outermost["value"] = facts["msg"]
