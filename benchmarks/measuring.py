"""Who is slower, and by how much, on a machine that does other things besides: all in turn, many short rounds."""

from __future__ import annotations

import gc
import timeit
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

Runner = Callable[[int], float]  # does the work so many times, and gives the seconds that it took

ROUND_S = 0.002  # short enough that a round is often left alone by the other work of the machine
ROUNDS = 200
MOST_S = 10.0  # for one comparison, all of its contestants together
STABLE = 0.004  # the ratio of the minima has moved by less, in the last half of the rounds


class Compared(NamedTuple):
    """One contestant against the floor: seconds at its best, and two ratios that agree where the machine was quiet."""

    floor_s: float
    ours_s: float
    ratio: float  # of the minima
    median_ratio: float  # the median of the ratios, round by round


def statement(code: str, **names: Any) -> Runner:
    """A statement as `timeit` runs it: in its loop, with no call around it."""
    return timeit.Timer(code, globals=names).timeit


def compare(floor: Runner, contestants: Mapping[str, Runner], most_s: float = MOST_S) -> dict[str, Compared]:
    """Each contestant against the floor, all measured in turn: A B C A B C …"""
    runners = [floor, *contestants.values()]
    with quiet():
        counts = [calibrated(runner) for runner in runners]
        rounds: list[list[float]] = []
        end = perf_counter() + most_s
        while perf_counter() < end and not (len(rounds) >= ROUNDS and len(rounds) % 50 == 0 and _stable(rounds)):
            rounds.append([_round(runner, count) for runner, count in zip(runners, counts, strict=True)])
    floors, *others = zip(*rounds, strict=True)
    return {name: _compared(floors, ours) for name, ours in zip(contestants, others, strict=True)}


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


def _compared(floors: tuple[float, ...], ours: tuple[float, ...]) -> Compared:
    ratios = [own / floor for own, floor in zip(ours, floors, strict=True)]
    return Compared(min(floors), min(ours), min(ours) / min(floors), median(ratios))


def _stable(rounds: list[list[float]]) -> bool:
    """Whether no contestant's ratio has moved since half of the rounds were done."""
    before, now = _minima(rounds[: len(rounds) // 2]), _minima(rounds)
    moved = (abs(b / before[0] - n / now[0]) / (n / now[0]) for b, n in zip(before[1:], now[1:], strict=True))
    return all(each < STABLE for each in moved)


def _minima(rounds: list[list[float]]) -> list[float]:
    return [min(column) for column in zip(*rounds, strict=True)]
