"""What a benchmark says: the rows, and how they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from measuring import Compared

HEADINGS = ("work", "floor or peer", "ours", "ratio", "median", "goal", "met")


class Line(NamedTuple):
    """One line of the table; a `goal` that is None is no goal: the line is there for scale."""

    work: str
    floor: str
    ours: str
    measured: float
    median: float | None = None
    goal: float | None = None
    unit: str = "x"

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.measured <= self.goal

    def to_dict(self) -> dict[str, Any]:
        return self._asdict() | {"met": self.met}

    def cells(self) -> tuple[str, ...]:
        return (
            self.work,
            self.floor,
            self.ours,
            quantity(self.measured, self.unit),
            "" if self.median is None else quantity(self.median, self.unit),
            "" if self.goal is None else f"{self.goal:g} {self.unit}",
            {None: "", True: "yes", False: "no"}[self.met],
        )


def ratio_line(work: str, floor: str, compared: Compared, goal: float | None = None) -> Line:
    """A line of a ratio, with both times."""
    return Line(
        work,
        f"{floor}: {duration(compared.floor_s)}",
        duration(compared.ours_s),
        compared.ratio,
        compared.median_ratio,
        goal,
    )


def duration(seconds: float) -> str:
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def quantity(measured: float, unit: str) -> str:
    return f"{measured:.2f} {unit}"


def written(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows in columns, the first two flush left."""
    table = [HEADINGS, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(_aligned(row, widths)).rstrip() for row in table)


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if place < 2 or place == len(row) - 1 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
