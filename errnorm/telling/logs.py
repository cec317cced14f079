"""The one log record of a failure."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

import msgspec

from errnorm.families import LOG_LEVELS, Fault
from errnorm.model import CanonicalError, VendorError, reference_of
from errnorm.vendors.alerts import alert_of

logger = logging.getLogger("errnorm")
logger.addHandler(logging.NullHandler())

_KEYS = tuple(f"errnorm_{name}" for name in CanonicalError.__struct_fields__)


def log(
    error: CanonicalError,
    occurrence_id: str,
    *,
    correlation_id: str | None = None,
    traceback: TracebackType | None = None,
    truncated: bool = False,
    key_fingerprint: str | None = None,
) -> None:
    """Logs a failure: one line, the level by whose doing it is, all that is known of it as `errnorm_…` keys.

    The `traceback` is shown only where somebody has to look into it, and with nothing but the error itself: causes and
    contexts are exceptions of clients, which quote urls. `truncated`: the answer had already begun, so that the user
    got only a part of it.
    """
    level = LOG_LEVELS[error.fault]
    if logger.isEnabledFor(level):
        exc_info = None
        if traceback is not None and error.fault is Fault.INTEGRATION:
            exc_info = (VendorError, VendorError(error, occurrence_id=occurrence_id), traceback)
        made = logger.makeRecord(logger.name, level, __file__, 0, str(error), (), exc_info, "log")
        # no key of ours is one of logging's, and no line of ours tells whose call it was
        extra = record(error, occurrence_id, correlation_id, made.__dict__)
        if key_fingerprint is not None:
            extra["errnorm_key_fingerprint"] = key_fingerprint
        if truncated:
            extra["errnorm_truncated"] = True
        logger.handle(made)


def record(
    error: CanonicalError,
    occurrence_id: str,
    correlation_id: str | None = None,
    beside: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The keys of a failure's log record, in plain JSON types; `beside` what is there, if anything is."""
    extra: dict[str, Any] = {} if beside is None else beside
    extra.update(zip(_KEYS, msgspec.structs.astuple(error), strict=True))
    extra["errnorm_retry"] = msgspec.to_builtins(error.retry)
    extra["errnorm_fields"] = [msgspec.to_builtins(field) for field in error.fields] if error.fields else []
    extra["errnorm_others"] = [str(other) for other in error.others] if error.others else []
    extra["errnorm_fingerprint"] = error.fingerprint
    extra["errnorm_alert"] = alert_of(error).value
    extra["errnorm_occurrence_id"] = occurrence_id
    extra["errnorm_reference"] = reference_of(occurrence_id)
    extra["errnorm_correlation_id"] = correlation_id
    return extra


def log_own(
    status: int, occurrence_id: str, raised: BaseException | None = None, correlation_id: str | None = None
) -> None:
    """Notes an error of the app's own with the reference that its user got.

    A warning without a traceback: the framework logs that one, and an error tracker that listens to errors in logs
    would report the same thing twice.
    """
    name = "error" if raised is None else type(raised).__name__
    logger.warning(
        "unexpected %s %s",
        name,
        status,
        extra={
            "errnorm_response_status": status,
            "errnorm_occurrence_id": occurrence_id,
            "errnorm_reference": reference_of(occurrence_id),
            "errnorm_correlation_id": correlation_id,
        },
    )
