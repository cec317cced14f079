"""A call with its attempts: our own loop, and what one needs for a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from errnorm import attempts, listening
from errnorm.attempts import Call
from errnorm.backoff import Backoff, Settings
from errnorm.retry.deciding import decide, number_of_attempt

P = ParamSpec("P")
R = TypeVar("R")


@overload
def retrying(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def retrying(**settings: Unpack[Settings]) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def retrying(function: Callable[..., Any] | None = None, /, **settings: Unpack[Settings]) -> Any:
    """Repeats a function, sync or async, while the vendor's advice and the settings (see `Backoff`) allow it.

    All attempts are one call: the vendor gets the same idempotency keys, and `rerouted` knows what was advised. The
    last failure rises as it is. The loop is stamina's, with its instrumentation and its switches for tests. Raises
    TypeError for a generator, whose items cannot be taken back.
    """
    backoff = Backoff(**settings)
    return partial(_repeated, backoff=backoff) if function is None else _repeated(function, backoff)


def _repeated(function: Callable[..., Any], backoff: Backoff) -> Callable[..., Any]:
    import stamina

    if isgeneratorfunction(function) or isasyncgenfunction(function):
        raise TypeError("retrying: a function or a coroutine function is wanted, not a generator")
    loop = stamina.retry(on=partial(_again, backoff=backoff), attempts=None, timeout=None)

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        @wraps(function)
        def attempt() -> Any:  # without arguments, for stamina logs those
            return function(*args, **kwargs)

        with _begun() as call:
            _bind(call, backoff)
            return loop(attempt)()

    @wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        @wraps(function)
        async def attempt() -> Any:
            return await function(*args, **kwargs)

        with _begun() as call:
            _bind(call, backoff)
            return await loop(attempt)()

    return awaited if iscoroutinefunction(function) else called


def _bind(call: Call, backoff: Backoff) -> None:
    call.looped = True
    call.deadline = min(call.deadline, call.started + backoff.timeout)


def _again(raised: Exception, backoff: Backoff) -> bool | float:
    """The law of our own loop, which is all there is to stop it."""
    running = attempts.current()
    decision = decide(raised, backoff, running.number if running else 1, own=True)
    return False if decision is None else decision.seconds


def call(key: str | None = None, attempt: int = 1) -> AbstractContextManager[Call]:
    """One call of the app's, for a loop that is not errnorm's: one block, or one decorated function, for one loop.

    Where each attempt is a block of its own, as a task's that a queue repeats, `key` is what all of them have in common
    and no other call has (the task's id), and `attempt` which of them this is, from 1. Raises ValueError for a key that
    can be no call's own.
    """
    if key is not None and not (isinstance(key, str) and key):  # type: ignore[redundant-expr]
        raise ValueError(f"key: a text that no other call has is wanted, a task's id say, not {key!r}")
    return _begun(key, attempt)


@contextmanager
def _begun(key: str | None = None, attempt: int = 1) -> Generator[Call]:
    """A call, and whoever listens is told if a further attempt made it well."""
    with attempts.begin(key, attempt) as running:
        yield running
    if listening.listeners and running.failed is not None:
        listening.tell(listening.Retried(running.failed, "recovered"))


def rerouted() -> bool:
    """Whether the attempt that is running should take another route, a fallback provider say: the vendor advised it."""
    running = attempts.current()
    return running is not None and running.rerouted


def delay(raised: BaseException, attempt: int | None = None, **settings: Unpack[Settings]) -> float | None:
    """Seconds to wait before the next attempt, None to give up: for a loop of one's own.

    `attempt` is which one failed, from 1; None takes the number, and the time gone by, from the `call` around the loop.
    """
    backoff = Backoff(**settings)
    decision = decide(raised, backoff, attempt or number_of_attempt() or 1, backoff.timeout)
    return None if decision is None else decision.seconds
