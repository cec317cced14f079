"""What it costs a call that somebody might listen, while nobody does."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

from measuring import Contest, statement

from errnorm import Normalizer
from errnorm.calling.driving import drive
from errnorm.calling.flow import Caller
from errnorm.calling.steps import Answer, Request, Send

if TYPE_CHECKING:
    from errnorm.calling.outcome import Sending
    from errnorm.calling.steps import Step
    from errnorm.model import VendorError

GOAL = 1.03  # of a call without a client and without its turn: 0.2 µs would be more


class Deaf(Caller):
    """A caller that nobody can listen to."""

    def _attempt(self, call: Sending) -> Generator[Step, Any, VendorError | None]:
        return (yield from self._exchange(call)).failure


def unheard() -> Iterator[Contest]:
    """A call that is well, through the whole flow, with a client that does nothing."""
    request = Request("GET", "https://api.stripe.com/v1/charges", frozenset(), True)
    answer = Answer(200, {"Content-Type": "application/json"})

    def perform(step: object) -> object:
        return answer if isinstance(step, Send) else None

    def runner(kind: type[Caller]) -> Any:
        caller = kind(Normalizer(), "stripe", client=perform)
        names = {"drive": drive, "call": caller.call, "request": request, "perform": perform}
        return statement("drive(call(request), perform)", **names)

    yield Contest(
        "a call while nobody listens", "one without a place for listeners", runner(Deaf), runner(Caller), GOAL
    )
