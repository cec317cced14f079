"""What a benchmark says: the rows, how they are printed, and where the time goes that is over a goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from measuring import Compared, Contest
    from spending import Spent

HEADINGS = ("work", "floor or peer", "ours", "ratio", "median", "instructions", "", "goal", "met")


class Line(NamedTuple):
    """One line of the table; a `goal` that is None is no goal: the line is there for scale.

    `instructions` are those of the floor and of ours, for one time; `spent` is where it goes.
    """

    work: str
    floor: str
    ours: str
    measured: float | None = None
    median: float | None = None
    goal: float | None = None
    unit: str = "x"
    instructions: tuple[float, float] | None = None
    spent: Spent | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None or self.measured is None else self.measured <= self.goal

    def to_dict(self) -> dict[str, Any]:
        return self._asdict() | {"met": self.met}

    def cells(self) -> tuple[str, ...]:
        counts = self.instructions
        return (
            self.work,
            self.floor,
            self.ours,
            quantity(self.measured, self.unit),
            quantity(self.median, self.unit),
            "" if counts is None else f"{thousands(counts[0])} : {thousands(counts[1])}",
            quantity(counts and counts[1] / counts[0], "x"),
            "" if self.goal is None else f"{self.goal:g} {self.unit}",
            {None: "", True: "yes", False: "no"}[self.met],
        )


def line_of(contest: Contest, compared: Compared) -> Line:
    """A line of a ratio, with both times."""
    return Line(
        contest.work,
        f"{contest.against}: {duration(compared.floor_s)}",
        duration(compared.ours_s),
        compared.ratio,
        compared.median_ratio,
        contest.goal,
    )


def duration(seconds: float) -> str:
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def quantity(measured: float | None, unit: str) -> str:
    if measured is None:
        return ""
    return f"{measured:.3f} {unit}" if measured < 2 else f"{measured:.2f} {unit}"  # some goals are near to 1


def thousands(count: float) -> str:
    return f"{count / 1000:.1f}k"


def written(lines: Sequence[Line], uncounted: str = "") -> str:
    """Rows in columns, the first two flush left; below them, for every goal that is not met, where it goes.

    `uncounted` says why there are no instructions.
    """
    headings = [heading + uncounted if heading == "instructions" else heading for heading in HEADINGS]
    rows = [headings, *(line.cells() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    return "\n".join((*table, *(text for line in lines if line.met is False for text in _spent(line))))


def _spent(line: Line) -> Iterable[str]:
    yield ""
    yield f"{line.work}: {quantity(line.measured, line.unit)}, the goal is {line.goal:g}. Where it goes:"
    for share, place in line.spent or ():
        yield f"  {share:5.1%}  {place}"
    if not line.spent:
        yield "  (nothing to tell it by)"


def _aligned(row: Sequence[str], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if place < 2 or place == len(row) - 1 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
