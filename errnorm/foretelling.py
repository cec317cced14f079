"""What an app may answer before anything has failed: each problem that calls of a vendor can end in, for documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from errnorm.answering import Normalizer
from errnorm.families import FAMILIES, Action, Family, Verdict, response_status_of, transport_fault
from errnorm.model import CanonicalError, Problem, RetryAdvice, VendorError
from errnorm.reading.outcomes import OUTCOMES
from errnorm.reading.rulings import foretold
from errnorm.vendors import registry
from errnorm.vendors.profile import Profile, Then, several

_NOBODYS = "00000000-0000-4000-8000-000000000000"  # the id of an occurrence that there was not
_PAGE = b"<!DOCTYPE html><html></html>"  # of a proxy before the vendor


def problems_of(
    normalizer: Normalizer, vendor: str | Iterable[str] | None = None, operation: str | None = None
) -> dict[int, dict[str, Problem]]:
    """One problem of each kind, by status and code, that users may be told where a vendor is called, or one of several.

    Computed from the profiles' rows, for the one operation where it is named, with the app's own statuses and texts; in
    English. Raises UnknownVendorError.
    """
    vendors = (vendor,) if vendor is None or isinstance(vendor, str) else vendor
    told: dict[int, dict[str, Problem]] = {}
    for name in vendors:
        for error in _failures(name, operation, normalizer):
            problem = normalizer.problem_for(VendorError(error, occurrence_id=_NOBODYS))
            told.setdefault(problem.status, {}).setdefault(problem.code, problem)
    return {status: dict(sorted(told[status].items())) for status in sorted(told)}


def _failures(vendor: str | None, operation: str | None, normalizer: Normalizer) -> Iterator[CanonicalError]:
    profile = registry.get(vendor or registry.GENERIC)
    for status in range(400, 600):
        for body in (b"", _PAGE):
            error = normalizer.parse(body, status=status, vendor=vendor, operation=operation)
            yield error
            if profile.read.should_retry:  # where the vendor may say so against its own status
                yield error.replace(retry=RetryAdvice(Verdict.SAFE), action=Action.RETRY)
    for outcome in OUTCOMES.values():
        if outcome.reason:
            family, fault = outcome.family, transport_fault(outcome.family)
            yield CanonicalError(
                vendor=vendor,
                operation=operation,
                family=family,
                reason=outcome.reason,
                fault=fault,
                action=FAMILIES[family].action,
                response_status=response_status_of(family, fault, FAMILIES[family].action),
            )
    if vendor is not None:
        yield from _by_rows(profile, operation)


def _by_rows(profile: Profile, operation: str | None) -> Iterator[CanonicalError]:
    """One for each row of a profile that can decide about this operation, with each code and status it may have."""
    ruled = (
        (rule.then, several(rule.when.code), several(rule.when.status))
        for rule in profile.rules
        if operation is None or not rule.when.operation or operation in several(rule.when.operation)
    )
    tabled = ((then, (code,), ()) for code, then in profile.codes.items())
    for then, codes, statuses in (*ruled, *tabled):
        for status in statuses or _statuses(then):
            for code in codes or (None,):
                yield foretold(profile, then, status, code, operation)


def _statuses(then: Then) -> Iterable[int | None]:
    """The vendor's statuses that make a difference where a row names none."""
    if then.family is None:
        return range(400, 600)
    return (None, *_FINER.get(then.family, ()))


_FINER = {Family.NOT_FOUND: (410,), Family.PAYLOAD: (415,)}
