"""Where the time goes: whose code was running, at some thousand moments taken at random."""

from __future__ import annotations

import signal
import sysconfig
from collections import Counter
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

import errnorm

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from measuring import Runner

Spent = list[tuple[float, str]]  # shares, the largest first, and what takes them

SAMPLED_S = 3.0
GAP_S = 1e-4, 5e-4  # at random, so that no rhythm of the work is met
LEAST = 0.02  # what takes less is summed up

_OURS = str(Path(errnorm.__file__).parent)
_LIBRARY = str(Path(sysconfig.get_path("stdlib")))
_INSTALLED = "site-packages"


def sampled(runner: Runner, seconds: float = SAMPLED_S) -> Spent:
    """Shares of the time of some work, by functions of ours, and by packages where it is others'.

    What the standard library or C does is its caller's. Empty where the system has no timer to interrupt with.
    """
    if not hasattr(signal, "setitimer"):
        return []
    places: Counter[str] = Counter()
    gaps = Random(1)

    def look(_: int, frame: FrameType | None) -> None:
        places[_place(frame)] += 1
        signal.setitimer(signal.ITIMER_REAL, gaps.uniform(*GAP_S))

    before = signal.signal(signal.SIGALRM, look)
    try:
        signal.setitimer(signal.ITIMER_REAL, GAP_S[0])
        end = perf_counter() + seconds
        while perf_counter() < end:
            runner(20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    total = places.total()
    return shares([(count / total, place) for place, count in places.items()])


def shares(every: Sequence[tuple[float, str]]) -> Spent:
    """The largest first; the small ones together."""
    large = sorted((one for one in every if one[0] >= LEAST), reverse=True)
    small = [share for share, _ in every if share < LEAST]
    return [*large, (sum(small), f"{len(small)} others, each below {LEAST:.0%}")] if small else large


def _place(frame: FrameType | None) -> str:
    """Who was at work: the interpreter looks for signals when a function begins, so that the time before is meant."""
    if frame is not None and frame.f_back is not None and frame.f_lasti <= _begun(frame):
        frame = frame.f_back
    through = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_OURS):
            module = ".".join(Path(file).relative_to(_OURS).with_suffix("").parts)
            return f"errnorm.{module}: {frame.f_code.co_qualname}{through}"
        if _INSTALLED in file:
            return file.partition(_INSTALLED)[2].split("/")[1].removesuffix(".py")
        if not file.startswith((_LIBRARY, "<")):
            return "the benchmark itself"
        if file.startswith(_LIBRARY):
            through = f", through {Path(file).relative_to(_LIBRARY).parts[0].removesuffix('.py')}"
        frame = frame.f_back
    return "the interpreter"


def _begun(frame: FrameType) -> int:
    """The last place in a function's code at which it has done nothing yet."""
    return 2 * (len(frame.f_code.co_cellvars) + bool(frame.f_code.co_freevars)) + 4
