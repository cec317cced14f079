"""The words for a failure, and the one table of what follows from each where no profile says otherwise."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Family(StrEnum):
    """What kind of failure it is, whoever says it and however."""

    VALIDATION = "validation"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    LOCKED = "locked"
    PAYMENT = "payment"
    PAYLOAD = "payload"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    UPSTREAM = "upstream"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    UNKNOWN = "unknown"


class Fault(StrEnum):
    """Whose doing it is, seen from the app that called the vendor."""

    USER = "user"
    ACCOUNT = "account"
    INTEGRATION = "integration"
    VENDOR = "vendor"
    NETWORK = "network"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What helps."""

    NONE = "none"
    RETRY = "retry"
    WAIT = "wait"
    FIX_INPUT = "fix_input"
    RECONNECT = "reconnect"
    ASK_ADMIN = "ask_admin"
    CONTACT_SUPPORT = "contact_support"


class Verdict(StrEnum):
    """Whether the same request, unchanged, may be sent again."""

    NEVER = "never"
    SAFE = "safe"
    IF_IDEMPOTENT = "if_idempotent"
    AFTER_REFRESH = "after_refresh"


class Alert(StrEnum):
    """Whom a failure of a class is to reach in operations."""

    PAGE = "page"  # somebody, at once
    TICKET = "ticket"  # somebody, in working hours
    COUNT = "count"  # nobody by itself: a trend of them may


class WaitSource(StrEnum):
    """Who named the time to wait."""

    HEADER = "header"
    BODY = "body"
    PROFILE = "profile"
    DEFAULT = "default"


class Defaults(NamedTuple):
    """A family's row: what follows from it where neither a profile nor the status says more."""

    fault: Fault
    action: Action
    user_action: Action  # where a profile knows that it is the user's doing
    transient: bool  # the same request may succeed later
    user_status: int  # our own status where it is the user's doing
    vendor_status: int  # our own status where it is the vendor's, the network's, or nobody knows
    pause: int  # seconds our own Retry-After names where nobody named a wait; 0: waiting is no help


# Our own status is never a vendor's 401 or 403: those speak of our own resource, and log people out.
# A malformed request, a wrong key, scope or path is a bug or a setting of ours, so `integration`: our 500.
FAMILIES: dict[Family, Defaults] = {
    # fault, action, action for the user, transient, our status: the user's doing, others'; pause
    Family.VALIDATION: Defaults(Fault.INTEGRATION, Action.CONTACT_SUPPORT, Action.FIX_INPUT, False, 422, 502, 0),
    Family.AUTHENTICATION: Defaults(Fault.INTEGRATION, Action.ASK_ADMIN, Action.RECONNECT, False, 409, 502, 0),
    Family.PERMISSION: Defaults(Fault.INTEGRATION, Action.ASK_ADMIN, Action.ASK_ADMIN, False, 409, 502, 0),
    Family.NOT_FOUND: Defaults(Fault.INTEGRATION, Action.CONTACT_SUPPORT, Action.NONE, False, 404, 502, 0),
    Family.METHOD_NOT_ALLOWED: Defaults(Fault.INTEGRATION, Action.CONTACT_SUPPORT, Action.NONE, False, 409, 502, 0),
    # a bare 409 may be the user's second click or our own race: nobody knows
    Family.CONFLICT: Defaults(Fault.UNKNOWN, Action.CONTACT_SUPPORT, Action.NONE, False, 409, 502, 0),
    # somebody else holds it, and will let go
    Family.LOCKED: Defaults(Fault.VENDOR, Action.WAIT, Action.WAIT, False, 423, 503, 300),
    # the bill is with whoever owns the account; no user of the app can pay it
    Family.PAYMENT: Defaults(Fault.ACCOUNT, Action.ASK_ADMIN, Action.FIX_INPUT, False, 409, 502, 0),
    # what the app let through, the app should have checked
    Family.PAYLOAD: Defaults(Fault.INTEGRATION, Action.CONTACT_SUPPORT, Action.FIX_INPUT, False, 413, 502, 0),
    Family.RATE_LIMIT: Defaults(Fault.VENDOR, Action.WAIT, Action.WAIT, True, 429, 503, 60),
    # it may have done half of the work, so again only if that does no harm
    Family.SERVER: Defaults(Fault.VENDOR, Action.RETRY, Action.RETRY, False, 502, 502, 0),
    Family.UPSTREAM: Defaults(Fault.VENDOR, Action.RETRY, Action.RETRY, True, 502, 502, 0),
    Family.UNAVAILABLE: Defaults(Fault.VENDOR, Action.WAIT, Action.WAIT, True, 503, 503, 30),
    Family.TIMEOUT: Defaults(Fault.VENDOR, Action.RETRY, Action.RETRY, True, 504, 504, 0),
    Family.CONNECTION: Defaults(Fault.NETWORK, Action.RETRY, Action.RETRY, True, 502, 502, 0),
    Family.UNKNOWN: Defaults(Fault.UNKNOWN, Action.CONTACT_SUPPORT, Action.CONTACT_SUPPORT, False, 502, 502, 0),
}

_STATUSES: dict[Family, tuple[int, ...]] = {
    Family.VALIDATION: (400, 406, 411, 412, 414, 416, 417, 422, 428, 431),
    Family.AUTHENTICATION: (401, 407, 511),
    Family.PERMISSION: (403, 451),
    Family.NOT_FOUND: (404, 410),
    Family.METHOD_NOT_ALLOWED: (405, 501),
    Family.TIMEOUT: (408, 504, 522, 524),
    Family.CONFLICT: (409, 425),
    Family.PAYMENT: (402,),
    Family.PAYLOAD: (413, 415),
    Family.LOCKED: (423,),
    Family.RATE_LIMIT: (420, 429, 456, 509),
    Family.UPSTREAM: (502, 520, 521, 523, 525, 526, 530),
    Family.UNAVAILABLE: (503, 529, 598),
}
_FAMILY_OF = {status: family for family, statuses in _STATUSES.items() for status in statuses}

# The status alone says "again": throttled, too early, timed out, or an answer that never came through.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 502, 503, 504, *range(520, 530)})
# RFC 9110, 9.2.2
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})


def transport_fault(family: Family) -> Fault:
    """Whose doing it is where nothing came back: the network's, but for a request that could not be made."""
    return Fault.NETWORK if FAMILIES[family].transient else FAMILIES[family].fault


_INFO, _WARNING, _ERROR = 20, 30, 40  # as in logging, which is slow to import
LOG_LEVELS = {
    Fault.USER: _INFO,
    Fault.ACCOUNT: _WARNING,
    Fault.VENDOR: _WARNING,
    Fault.NETWORK: _WARNING,
    Fault.INTEGRATION: _ERROR,  # a bug or a setting of ours: somebody has to do something
    Fault.UNKNOWN: _ERROR,
}


_ALERTS = {
    Fault.USER: Alert.COUNT,
    Fault.ACCOUNT: Alert.TICKET,
    Fault.VENDOR: Alert.COUNT,  # nobody here can mend it, and a retry may; an outage is a trend
    Fault.NETWORK: Alert.COUNT,
    Fault.INTEGRATION: Alert.TICKET,
    Fault.UNKNOWN: Alert.TICKET,
}
# Our key, or what it may do: nothing works until somebody mends it.
_AT_ONCE = (Family.AUTHENTICATION, Family.PERMISSION)
# Of an account's own trouble: it passes, or its user mends it.
_BY_ITSELF = (Action.NONE, Action.RETRY, Action.WAIT, Action.FIX_INPUT, Action.RECONNECT)


def alert_for(family: Family, fault: Fault, action: Action) -> Alert:
    """Whom a failure is to reach where no profile says otherwise: see `errnorm.vendors.alerts` for both together."""
    if fault is Fault.INTEGRATION and family in _AT_ONCE:
        return Alert.PAGE
    return Alert.COUNT if fault is Fault.ACCOUNT and action in _BY_ITSELF else _ALERTS[fault]


def family_of(status: int | None) -> Family:
    """The family that an HTTP status speaks of; any other 5xx is `server`."""
    if status is None:
        return Family.UNKNOWN
    return _FAMILY_OF.get(status) or (Family.SERVER if 500 <= status <= 599 else Family.UNKNOWN)


def verdict_of(family: Family, status: int | None, method: str | None, sent: bool | None = True) -> Verdict:
    """The verdict on repeating a request.

    `status` is None where the family is known otherwise than by the status (a code, a rule, a transport failure): then
    the family's row decides. `sent` is False where the request is known never to have reached the vendor.
    """
    transient = FAMILIES[family].transient if status is None else status in TRANSIENT_STATUSES
    if transient:
        return Verdict.SAFE if sent is False or method in IDEMPOTENT_METHODS else Verdict.IF_IDEMPOTENT
    if status == 500 or (status is None and family is Family.SERVER):
        return Verdict.IF_IDEMPOTENT
    return Verdict.NEVER


def response_status_of(family: Family, fault: Fault, action: Action, vendor_status: int | None = None) -> int:
    """What our own response says: by whose doing it is first, by the family then."""
    defaults = FAMILIES[family]
    if fault is Fault.USER:
        # the finer of two: gone rather than never there, the wrong type rather than the wrong size
        return {(404, 410): 410, (413, 415): 415}.get((defaults.user_status, vendor_status or 0), defaults.user_status)
    if fault is Fault.INTEGRATION:
        return 500
    if fault is Fault.ACCOUNT and action is Action.RECONNECT:
        return 409
    return defaults.vendor_status
