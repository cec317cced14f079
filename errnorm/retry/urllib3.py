"""urllib3's own retries, and so those of requests' adapters, by our law."""

from __future__ import annotations

import time
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from errnorm import listening
from errnorm.answering import default
from errnorm.backoff import Backoff, Settings
from errnorm.families import verdict_of
from errnorm.model import CanonicalError, RetryAdvice, VendorError
from errnorm.reading.clients import Response
from errnorm.retry.deciding import judge
from errnorm.vendors import registry

if TYPE_CHECKING:
    from urllib3.util import Retry


def urllib3_retry(vendor: str | None = None, **settings: Unpack[Settings]) -> Retry:
    """A urllib3.Retry for a PoolManager's `retries=`, or the `max_retries=` of an adapter of requests.

    Status, headers and method decide, for the body is not read yet, and whether the request carries a key is not known:
    a POST is repeated only where nothing was sent, or with `idempotent`. The last answer comes back as it is. `timeout`
    counts from the first failure. Raises UnknownVendorError where no profile bears the name.
    """
    if vendor is not None:
        registry.get(vendor)
    retry = _lawful()(total=None, redirect=10, allowed_methods=None, raise_on_status=False)
    retry.course = _Course(Backoff(**settings), vendor)
    made: Retry = retry
    return made


class _Course(NamedTuple):
    """What goes from one attempt to the next.

    `began` is when the first failed, by `time.monotonic()`; `wait` was decided on, because of what `failed`.
    """

    backoff: Backoff
    vendor: str | None
    attempt: int = 1
    began: float | None = None
    wait: float = 0.0
    failed: CanonicalError | None = None

    def after(self, error: CanonicalError | None) -> _Course | None:
        """The next attempt, None where there is none."""
        now = time.monotonic()
        began = now if self.began is None else self.began
        if error is None:
            return None
        decision = judge(VendorError(error), self.backoff, self.attempt, self.backoff.timeout - (now - began))
        if decision is None:
            return None
        return self._replace(attempt=self.attempt + 1, began=began, wait=decision.seconds, failed=error)

    def answered(self, status: int) -> None:
        """An answer came, which is no failure if its status tells of none."""
        if listening.listeners and status < 400 and self.failed is not None:
            listening.tell(listening.Retried(self.failed, "recovered"))


@cache
def _lawful() -> type[Any]:
    from urllib3.exceptions import MaxRetryError, ResponseError
    from urllib3.util import Retry

    class LawfulRetry(Retry):
        course: _Course

        def new(self, **changes: Any) -> Any:
            made: Any = super().new(**changes)
            made.course = self.course
            return made

        def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002
            self.course.answered(status_code)
            return status_code >= 400  # `increment` sees the headers too

        def increment(
            self,
            method: str | None = None,
            url: str | None = None,
            response: Any = None,
            error: Exception | None = None,
            _pool: Any = None,
            _stacktrace: TracebackType | None = None,
        ) -> Any:
            if error is None and (response is None or response.get_redirect_location()):
                return super().increment(method, url, response, error, _pool, _stacktrace)
            course = self.course.after(_error_of(error or response, self.course.vendor, method, url, _pool))
            if course is not None:
                again: Any = super().increment(method, url, response, error, _pool, _stacktrace)
                again.course = course
                return again
            if error is not None and self._is_read_error(error):  # as urllib3 does, and requests expects
                raise error.with_traceback(_stacktrace)
            raise MaxRetryError(_pool, url or "", error or ResponseError(ResponseError.GENERIC_ERROR)) from error

        def sleep(self, response: Any = None) -> None:  # noqa: ARG002
            time.sleep(self.course.wait)

        async def async_sleep(self, response: Any = None) -> None:  # noqa: ARG002
            import asyncio  # urllib3-future's, which alone asks for this

            await asyncio.sleep(self.course.wait)

        def get_retry_after(self, response: Any) -> None:
            """None before a redirect, which is all that still asks."""

    return LawfulRetry


def _error_of(source: Any, vendor: str | None, method: str | None, url: str | None, pool: Any) -> CanonicalError | None:
    """What a response or an exception of urllib3 tells of, neither of which knows its request."""
    if not isinstance(source, Exception):
        body, host = getattr(source, "_body", None), getattr(pool, "host", None)
        address = f"//{host}{url}" if host else url
        source = Response(source.status, source.headers, body if isinstance(body, bytes) else b"", method, address)
        return default().normalize(source, vendor=vendor)
    error = default().normalize(source, vendor=vendor)
    if error is None or error.sent is False:
        return error
    return error.replace(method=method, retry=RetryAdvice(verdict_of(error.family, None, method, error.sent)))
