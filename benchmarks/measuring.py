"""Who is slower, and by how much, on a machine that does other things besides: both in turn, many short rounds."""

from __future__ import annotations

import gc
import timeit
from collections.abc import Callable
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

    from spending import Spent

Runner = Callable[[int], float]  # does the work so many times, and gives the seconds that it took

ROUND_S = 0.002  # short enough that a round is often left alone by the other work of the machine
ROUNDS = 200
MOST_S = 5.0  # for one contest, unless it says otherwise
STABLE = 0.004  # the ratio of the minima has moved by less, in the last half of the rounds


class Contest(NamedTuple):
    """The same work done by ours and by another; `goal` is the most that the ratio of the times may be.

    `counted` is False where instructions say nothing: other threads or processes do the work. `spent` tells where the
    time of ours goes, where looking at this process does not.
    """

    work: str
    against: str
    floor: Runner
    ours: Runner
    goal: float | None = None
    counted: bool = True
    spent: Callable[[], Spent] | None = None
    most_s: float = MOST_S


class Compared(NamedTuple):
    """The outcome: seconds at their best, and two ratios that agree where the machine was quiet."""

    floor_s: float
    ours_s: float
    ratio: float  # of the minima
    median_ratio: float  # the median of the ratios, round by round


def statement(code: str, **names: Any) -> Runner:
    """A statement as `timeit` runs it: in its loop, with no call around it."""
    return timeit.Timer(code, globals=names).timeit


def compare(contest: Contest) -> Compared:
    """Both measured in turn: A B A B …"""
    floor, ours = contest.floor, contest.ours
    with quiet():
        counts = calibrated(floor), calibrated(ours)
        rounds: list[tuple[float, float]] = []
        end = perf_counter() + contest.most_s
        while perf_counter() < end and not (len(rounds) >= ROUNDS and len(rounds) % 50 == 0 and _stable(rounds)):
            rounds.append((_round(floor, counts[0]), _round(ours, counts[1])))
    ratios = [own / other for other, own in rounds]
    floor_s, ours_s = _minima(rounds)
    return Compared(floor_s, ours_s, ours_s / floor_s, median(ratios))


def calibrated(runner: Runner, round_s: float = ROUND_S) -> int:
    """How many times make a round, warm."""
    count = 1
    while (taken := runner(count)) < round_s / 2:
        count = max(2 * count, int(count * round_s / (taken + 1e-9)) // 2)
    return max(1, round(count * round_s / min(runner(count), taken)))


@contextmanager
def quiet() -> Generator[None]:
    """Without the garbage collector, as `timeit` has it; what is there already is kept out of its sight."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _round(runner: Runner, count: int) -> float:
    """Seconds for one time, with nobody else's cycles in memory."""
    gc.collect()
    return runner(count) / count


def _stable(rounds: list[tuple[float, float]]) -> bool:
    """Whether the ratio has moved since half of the rounds were done."""
    before, now = _minima(rounds[: len(rounds) // 2]), _minima(rounds)
    return abs(before[1] / before[0] - now[1] / now[0]) < STABLE * now[1] / now[0]


def _minima(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    return min(floor for floor, _ in rounds), min(ours for _, ours in rounds)
