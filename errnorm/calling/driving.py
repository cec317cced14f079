"""Takes a call, or a job, through its flow: whoever drives it performs the steps that are his own, the rest we do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from errnorm import loops
from errnorm.calling.steps import Leave, Refresh, Settle, Sleep, Take

T = TypeVar("T")


def _settled(settle: Settle) -> Awaitable[object]:
    """That nobody shall call for a while is told even by a call that was cancelled."""
    told = settle.turn.asettle(settle.pause, settle.windows)
    return told if settle.pause is None else loops.shielded(told)


# The steps that are no client's.
_OURS: dict[type[Any], Callable[[Any], object]] = {
    Take: lambda step: step.turn.take(),
    Sleep: lambda step: time.sleep(step.seconds),
    Leave: lambda step: step.turn.leave(),
    Settle: lambda step: step.turn.settle(step.pause, step.windows),
    Refresh: lambda step: step.renewal.renew(step.key_by, step.seen),
}
_OURS_ASYNC: dict[type[Any], Callable[[Any], Awaitable[object]]] = {
    Take: lambda step: step.turn.atake(),
    Sleep: lambda step: loops.sleep(step.seconds),
    Leave: lambda step: loops.shielded(step.turn.aleave()),
    Settle: _settled,
    Refresh: lambda step: step.renewal.arenew(step.key_by, step.seen),
}


def drive(flow: Generator[Any, Any, T], perform: Callable[[Any], object]) -> T:
    """Takes a flow through to its end, and gives what comes of it; what a step raises, the flow is told."""
    try:
        step = next(flow)
        while True:
            try:
                outcome = [_OURS.get(type(step), perform)(step)]
            except BaseException as raised:  # noqa: BLE001 - the flow raises it again, or better
                step = flow.throw(raised)
            else:
                step = flow.send(outcome.pop())  # so that no body stays in this frame
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def drive_async(flow: Generator[Any, Any, T], perform: Callable[[Any], Awaitable[object]]) -> T:
    """As `drive`; a cancellation is told to the flow too, so that it gives up its place in the queue."""
    try:
        step = next(flow)
        while True:
            try:
                outcome = [await _OURS_ASYNC.get(type(step), perform)(step)]
            except GeneratorExit:  # nobody awaits us any more, and nothing can be awaited
                flow.close()
                raise
            except BaseException as raised:  # noqa: BLE001 - likewise
                step = flow.throw(raised)
            else:
                step = flow.send(outcome.pop())
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
