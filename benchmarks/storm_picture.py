"""The storm as a picture: requests at the vendor over time, a strip for each way to repeat, all on one scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from storm_vendor import Plan

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 62, 14, 88, 52
STRIP, GAP = 84, 34
STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #57606a } .title { font-weight: 600 } .head { font-size: 15px; font-weight: 600 }
.ground { fill: #ffffff } .down { fill: #8c959f; fill-opacity: .16 } .line { stroke: #d0d7de; stroke-width: 1 }
.answered { fill: #2f81c4 } .refused { fill: #e0702c }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9ea7b3 } .ground { fill: #0d1117 } .line { stroke: #3d444d }
  .answered { fill: #58a6e8 } .refused { fill: #f0883e } .down { fill: #b1bac4; fill-opacity: .2 }
}"""


class Panel(NamedTuple):
    """One way to repeat: what is said of it, and how many requests were answered and refused in each second."""

    title: str
    remark: str
    answered: Sequence[int]
    refused: Sequence[int]

    @property
    def highest(self) -> int:
        return max(map(sum, zip(self.answered, self.refused, strict=True)))


def drawn(plan: Plan, panels: Sequence[Panel]) -> str:
    """An SVG of its own, for light and dark."""
    height = TOP + len(panels) * (STRIP + GAP) - GAP + BOTTOM
    highest = max(panel.highest for panel in panels)
    step = _step(highest, 2)
    scale = STRIP / (math.ceil(highest / step) * step)
    strips = [
        line
        for at, panel in enumerate(panels)
        for line in _strip(plan, panel, TOP + at * (STRIP + GAP) + STRIP, scale=scale, step=step)
    ]
    down = f"down from second {plan.down:g} to second {plan.up:g}"
    told = "; ".join(f"{panel.title.replace('`', '')}: {panel.remark}" for panel in panels)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="storm-title storm-desc">',
            f'<title id="storm-title">Requests that reach a vendor under {plan.callers} callers, {down}</title>',
            f'<desc id="storm-desc">{escape(told)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            *_heading(plan),
            *strips,
            *_axis(plan, height),
            "</svg>\n",
        ]
    )


def _heading(plan: Plan) -> Iterator[str]:
    title = f"Requests a second at a vendor that is down for {plan.up - plan.down:g} s, {plan.callers} callers"
    yield _text(LEFT, 24, title, "head")
    at = LEFT
    for name, words in (("answered", "answered"), ("refused", "refused (503)"), ("down", "the vendor is down")):
        yield f'<rect class="{name}" x="{at}" y="37" width="12" height="12"/>'
        yield _text(at + 18, 47, words, "small")
        at += 40 + 7 * len(words)


def _strip(plan: Plan, panel: Panel, floor: int, *, scale: float, step: int) -> Iterator[str]:
    yield f'<rect class="down" x="{_x(plan, plan.down)}" y="{floor - STRIP}" width="{_width(plan)}" height="{STRIP}"/>'
    for count in range(0, round(STRIP / scale) + 1, step):
        at = _short(floor - count * scale)
        yield f'<line class="line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
        yield _text(LEFT - 6, _short(floor - count * scale + 4), f"{count}", "small", "end")
    both = [sum(pair) for pair in zip(panel.answered, panel.refused, strict=True)]
    yield _area(plan, "refused", both, floor, scale)
    yield _area(plan, "answered", panel.answered, floor, scale)
    yield _text(LEFT, floor - STRIP - 8, panel.title.replace("`", ""), "title")
    yield _text(WIDTH - RIGHT, floor - STRIP - 8, panel.remark, "small", "end")


def _area(plan: Plan, name: str, counts: Sequence[int], floor: int, scale: float) -> str:
    """Steps, a second each; what is above others is drawn first, and shows where they end."""
    path = f"M{_x(plan, 0)} {floor}"
    for second, count in enumerate(counts):
        path += f"V{_short(floor - count * scale)}H{_x(plan, min(second + 1, plan.end))}"
    return f'<path class="{name}" d="{path}V{floor}Z"/>'


def _axis(plan: Plan, height: int) -> Iterator[str]:
    below = height - BOTTOM
    for second in range(0, math.floor(plan.end) + 1, _step(plan.end, 8)):
        yield _text(_x(plan, second), below + 16, f"{second}", "small", "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, below + 36, "seconds", "small", "middle")
    upright = f'<g transform="translate(14 {_short((TOP + below) / 2)}) rotate(-90)">'
    yield f"{upright}{_text(0, 0, 'requests a second', 'small', 'middle')}</g>"


def _text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{_short(x)}" y="{_short(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def _x(plan: Plan, second: float) -> float:
    return _short(LEFT + second / plan.end * (WIDTH - LEFT - RIGHT))


def _width(plan: Plan) -> float:
    return _short((plan.up - plan.down) / plan.end * (WIDTH - LEFT - RIGHT))


def _short(number: float) -> float:
    return round(number, 1)


def _step(most: float, parts: int) -> int:
    """Between the lines of a scale that has so many parts at most."""
    powers = (1, 10, 100, 1_000, 10_000, 100_000)
    steps = (part * power for power in powers for part in (1, 2, 5))
    return next(step for step in steps if most <= parts * step)
