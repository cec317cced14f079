"""The four nouns of the story: CanonicalError, VendorError, Problem, Rendered."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Literal, Self

import msgspec

from errnorm.families import Action, Family, Fault, Verdict, WaitSource

Credentials = Literal["app", "user"]
Audience = Literal["user", "integrator"]

BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 60.0
LONGEST_WAIT_S = 31 * 86_400.0  # no quota's window is longer than a month; what claims to be is clamped
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing in it is misread or misheard
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_VARIANTS = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


class RetryAdvice(msgspec.Struct, frozen=True, gc=False):
    """Whether the same request may be sent again, and when.

    `after_s` is what the vendor asks, in seconds, or None where it asks nothing; `reroute` says that another route
    (a fallback provider or channel) may succeed where this one failed.
    """

    verdict: Verdict = Verdict.NEVER
    after_s: float | None = None
    source: WaitSource = WaitSource.DEFAULT
    reroute: bool = False

    @property
    def retryable(self) -> bool:
        """Whether the same request, unchanged, may succeed later."""
        return self.verdict is Verdict.SAFE or self.verdict is Verdict.IF_IDEMPOTENT

    def wait(self, attempt: int = 1, *, base_s: float = BACKOFF_BASE_S, cap_s: float = BACKOFF_CAP_S) -> float:
        """Seconds to wait before the next try, after `attempt` tries: what the vendor asks, and on top of it capped
        exponential backoff with full jitter, so that not all callers return in the same second.
        """
        import random  # slow to import, and few processes wait

        backoff = base_s * 2 ** min(max(int(attempt), 1) - 1, 30)
        return max(self.after_s or 0.0, 0.0) + random.uniform(0.0, min(cap_s, backoff))  # noqa: S311 - no secret


class FieldError(msgspec.Struct, frozen=True, gc=False):
    """One field that the vendor refused; `path` is the vendor's own name for it, dotted."""

    path: str
    vendor_code: str | None = None
    vendor_message: str | None = None


class CanonicalError(msgspec.Struct, frozen=True, gc=False):
    """A failure in one shape, whichever vendor it came from: for programs and logs.

    Everything whose name begins with `vendor_` is what the vendor said, cleaned and redacted.
    """

    vendor: str | None = None
    dialect: str | None = None
    operation: str | None = None
    method: str | None = None
    family: Family = Family.UNKNOWN
    reason: str = "UNKNOWN"
    fault: Fault = Fault.UNKNOWN
    action: Action = Action.CONTACT_SUPPORT
    retry: RetryAdvice = RetryAdvice()
    sent: bool | None = None
    response_status: int = 502
    vendor_status: int | None = None
    vendor_code: str | None = None
    vendor_message: str | None = None
    vendor_detail: str | None = None
    vendor_user_message: str | None = None
    vendor_request_id: str | None = None
    fields: tuple[FieldError, ...] = ()
    others: tuple[CanonicalError, ...] = ()
    from_vendor: bool | None = None
    rule: str | None = None
    mapped: bool = True

    @property
    def fingerprint(self) -> str:
        """Stable per failure class: twelve hex digits of vendor, reason and operation."""
        return _fingerprint(self.vendor or "", self.reason, self.operation or "")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with what follows from the fields too: `fingerprint` and `retry.retryable`."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain["retry"]["retryable"] = self.retry.retryable
        plain["fields"] = list(plain["fields"])
        plain["others"] = [other.to_dict() for other in self.others]
        plain["fingerprint"] = self.fingerprint
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """The equal of what `to_dict` was called on; keys and enum values of a newer version are passed over."""
        return msgspec.convert(_known(plain), cls)

    def replace(self, **changes: Any) -> Self:
        """A copy that differs in the named fields."""
        return msgspec.structs.replace(self, **changes)

    def __str__(self) -> str:
        status = "" if self.vendor_status is None else f" {self.vendor_status}"
        return f"{self.vendor or self.dialect or 'unknown'} {self.reason}{status}"

    def __reduce__(self) -> tuple[Any, ...]:
        return CanonicalError.from_dict, (self.to_dict(),)


@lru_cache(maxsize=1_024)
def _fingerprint(*words: str) -> str:
    from hashlib import blake2b  # slow to import

    return blake2b("\x1f".join(words).encode(errors="replace"), digest_size=6).hexdigest()


_ENUMS: dict[str, frozenset[str]] = {
    "family": frozenset(Family),
    "fault": frozenset(Fault),
    "action": frozenset(Action),
    "verdict": frozenset(Verdict),
    "source": frozenset(WaitSource),
}


def _known(plain: dict[str, Any]) -> dict[str, Any]:
    """`plain` without the enum values that this version does not know, so that their defaults stand in."""
    kept = {key: value for key, value in plain.items() if key not in _ENUMS or str(value) in _ENUMS[key]}
    if isinstance(kept.get("retry"), dict):
        kept["retry"] = _known(kept["retry"])
    if "others" in kept:
        kept["others"] = [_known(other) for other in kept["others"]]
    return kept


class VendorError(Exception):
    """Carries a CanonicalError up the stack; a fresh one for each failure, never shared.

    `credentials` says for this call whose credential it was made with; None leaves it to the app's settings.
    `key_fingerprint` tells support the key of the call from others, without telling the key. `logged` is set by whoever
    logs it, so that it is logged once however far it climbs.
    """

    def __init__(
        self,
        error: CanonicalError,
        *,
        occurrence_id: str | None = None,
        credentials: Credentials | None = None,
        key_fingerprint: str | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.occurrence_id = occurrence_id or new_occurrence_id()
        self.credentials: Credentials | None = credentials
        self.key_fingerprint = key_fingerprint
        self.logged = False

    def __str__(self) -> str:
        return str(self.error)

    def __repr__(self) -> str:
        """Without the vendor's words, for loops and reporters log it."""
        return f"{type(self).__name__}({self})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _raised, (self.error, self.occurrence_id, self.credentials, self.key_fingerprint)


def _raised(
    error: CanonicalError, occurrence_id: str, credentials: Credentials | None, key_fingerprint: str | None = None
) -> VendorError:
    return VendorError(error, occurrence_id=occurrence_id, credentials=credentials, key_fingerprint=key_fingerprint)


class UnknownVendorError(LookupError):
    """A vendor's name that no profile bears."""


class ProblemField(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One field of the app's own that the user can put right; `pointer` is a JSON pointer (RFC 6901) as a fragment."""

    pointer: str
    detail: str | None = None


class Problem(msgspec.Struct, frozen=True, gc=False):
    """What the user may know: problem details (RFC 9457) with our extension members.

    Safety is the absence of a field: nothing here can hold a vendor's words but `detail`, by the one rule for it.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    reference: str
    code: str
    action: Action
    retry_after: int | None = None
    errors: tuple[ProblemField, ...] = ()
    language: str = "en"
    wait: int | None = None  # seconds, for people: known, and not shortened, unlike those for machines

    def to_dict(self) -> dict[str, Any]:
        """The members as they are serialised: without `language` and `wait`, and those that are empty."""
        plain: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
            "reference": self.reference,
            "code": self.code,
            "action": self.action.value,
        }
        if self.retry_after is not None:
            plain["retry_after"] = self.retry_after
        if self.errors:
            plain["errors"] = msgspec.to_builtins(self.errors)
        return plain


class IntegratorProblem(Problem, frozen=True, gc=False):
    """What those may know besides who call the vendor through the app, or watch over it: never an end user."""

    vendor: str | None = None
    vendor_status: int | None = None
    vendor_code: str | None = None
    vendor_message: str | None = None
    vendor_request_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The members as they are serialised."""
        known = {name: getattr(self, name) for name in _VENDORS_OWN}
        return super().to_dict() | {name: value for name, value in known.items() if value is not None}


_VENDORS_OWN = tuple(name for name in IntegratorProblem.__struct_fields__ if name.startswith("vendor"))


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """An answer as bytes; `headers` are pairs in the order to send them."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def new_occurrence_id() -> str:
    """A random UUID (RFC 9562, version 4) as text."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


def reference_of(occurrence_id: str) -> str:
    """The first forty bits of an occurrence id in eight letters, to read out to support: `7K3F-9QXM`."""
    number = int(occurrence_id[:8] + occurrence_id[9:11], 16)
    first, second = _PAIRS[number >> 30], _PAIRS[number >> 20 & 1023]
    return f"{first}{second}-{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"
