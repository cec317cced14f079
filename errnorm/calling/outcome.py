"""What came of a request that was sent: its failure, and whether to send it again is safe."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from errnorm import attempts, backoff
from errnorm.calling.sealed import Headers
from errnorm.calling.steps import Answer, Request
from errnorm.families import IDEMPOTENT_METHODS, Action, Verdict, response_status_of
from errnorm.model import CanonicalError, VendorError
from errnorm.vendors.profile import Profile


class Sending(NamedTuple):
    """What is known of a request before it is sent; `keyed`: by what it carries the vendor knows a repeat for one.

    `client` is what sends it; None where it was answered before.
    """

    request: Request
    profile: Profile | None
    operation: str | None
    headers: Headers
    keyed: bool
    client: object

    @property
    def repeatable(self) -> bool:
        return self.keyed or self.request.method.upper() in IDEMPOTENT_METHODS


class Outcome(NamedTuple):
    """What came of a request; no `answer` where nothing came back."""

    answer: Answer | None
    failure: VendorError | None


def outcome_of(
    call: Sending, answer: Answer | None, error: CanonicalError | None, raised: Exception | None = None
) -> Outcome:
    """What came of a request that was sent, told to those who count."""
    key = call.request.key_fingerprint or (answer and answer.key_fingerprint)
    failure = None if error is None else _failure(error, call, key)
    vendor = None if call.profile is None else call.profile.name
    backoff.note(vendor, None if failure is None else failure.error, repeatable=call.repeatable)
    if failure is not None:
        failure.__cause__ = raised
    return Outcome(answer, failure)


def note_within(call: Sending, within: VendorError) -> None:
    """Where a redirect led to what failed, another method tells so: the request itself was answered before."""
    method, running = within.error.method, attempts.current()
    if running is not None and not call.repeatable and method not in (None, call.request.method.upper()):
        running.commit()


def _failure(error: CanonicalError, call: Sending, key: str | None) -> VendorError:
    if call.keyed and error.retry.verdict is Verdict.IF_IDEMPOTENT:
        error = error.replace(retry=msgspec.structs.replace(error.retry, verdict=Verdict.SAFE))
    return VendorError(error, key_fingerprint=key)


def refused(failure: VendorError) -> bool:
    return failure.error.retry.verdict is Verdict.AFTER_REFRESH


def hopeless(failure: VendorError, raised: Exception | None = None) -> VendorError:
    """A refusal that renewing the credential did not mend: somebody has to see to it, and it is said who."""
    error = failure.error
    retry = msgspec.structs.replace(error.retry, verdict=Verdict.NEVER)
    if error.action is not Action.RECONNECT:  # whose account it is can mend that, and nobody else
        status = response_status_of(error.family, error.fault, Action.ASK_ADMIN, error.vendor_status)
        error = error.replace(action=Action.ASK_ADMIN, response_status=status)
    failure.error = error.replace(retry=retry)
    if raised is not None:
        failure.__cause__ = raised
    return failure
