"""A vendor goes down under many callers: `python benchmarks/storm.py`, with stamina and httpx.

One way to repeat after the other: the vendor is well for a third of `--seconds`, down for all of them, warms up for
another third, and is then watched for as long as it was down. Vendor and callers are processes of their own.

`in the outage`: requests that reached the vendor then; `peak`: the most within any second; `per call`: requests for one
call of the app's; `succeeded`: of the calls that ended after the outage began, and p50 and p95 of the time that they
took; `recovered`: when 95 % of the callers had been served again, from the end of the outage; `memory`: by how much the
callers' process outgrew what it was before it. Nothing is asserted: a busy machine is no failure.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import sys
import time
from array import array
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parent.parent))

from storm_callers import WAYS, Calls, call_on
from storm_picture import Panel, drawn
from storm_vendor import Ledger, Plan, planned, serve

SERVED = 0.95
HEADINGS = (
    "retries",
    "in the outage",
    "peak, in 1 s",
    "per call",
    "calls",
    "succeeded",
    "recovered",
    "p50",
    "p95",
    "memory",
    "processor time",
)


class Figures(NamedTuple):
    """What a storm came to with one way to repeat; times are seconds, `memory` is bytes."""

    way: str
    in_outage: int
    peak: int
    per_call: float
    calls: int
    succeeded: float
    recovered: float | None
    p50: float
    p95: float
    memory: int
    cpu: float
    sent: int
    came: int
    unfinished: int
    answered: list[int]
    refused: list[int]

    def cells(self) -> list[str]:
        return [
            self.way,
            f"{self.in_outage:,}",
            f"{self.peak:,}",
            f"{self.per_call:.2f}",
            f"{self.calls:,}",
            f"{self.succeeded:.0%}",
            self._recovered(),
            f"{self.p50:.2g} s",
            f"{self.p95:.2g} s",
            f"{self.memory / 2**20:.1f} MiB",
            f"{self.cpu:.1f} s",
        ]

    def panel(self) -> Panel:
        remark = f"{self.in_outage:,} in the outage, {self.succeeded:.0%} succeeded, recovered: {self._recovered()}"
        return Panel(self.way, remark, self.answered, self.refused)

    def _recovered(self) -> str:
        return "never" if self.recovered is None else f"{self.recovered:.1f} s"


def main() -> None:
    arguments = _arguments()
    plan = planned(arguments.seconds, arguments.callers)
    if not arguments.json:
        print(f"{plan.callers} callers, {arguments.seconds:g} s, {_machine()}\n")
        print(f"| {' | '.join(HEADINGS)} |\n|---|{'---:|' * (len(HEADINGS) - 1)}")
    storms: list[Figures] = []
    for way in WAYS:
        storms.append(figures(way, plan, *storm(way, plan)))
        if not arguments.json:
            print(f"| {' | '.join(storms[-1].cells())} |", flush=True)
    if arguments.json:
        print(json.dumps({"on": _machine(), "plan": plan._asdict(), "storms": [each._asdict() for each in storms]}))
    if arguments.picture:
        Path(arguments.picture).write_text(drawn(plan, [each.panel() for each in storms]), encoding="utf-8")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="benchmarks/storm.py", description="A vendor goes down under many callers.")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the outage; all takes 13 times as long")
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--picture", metavar="FILE.svg", help="requests at the vendor over time")
    return parser.parse_args()


def storm(way: str, plan: Plan) -> tuple[Ledger, Calls]:
    """One storm, in two processes that count for themselves."""
    spawn = multiprocessing.get_context("spawn")
    (at_vendor, vendors), (at_callers, callers) = spawn.Pipe(), spawn.Pipe()
    vendor = spawn.Process(target=serve, args=(plan, vendors), daemon=True)
    vendor.start()
    calling = spawn.Process(target=call_on, args=(way, plan, at_vendor.recv(), callers), daemon=True)
    calling.start()
    callers.close()  # else nobody would learn that the process is gone
    at_callers.recv()
    start = time.monotonic() + 0.1
    at_vendor.send(start)
    at_callers.send(start)
    calls: Calls = at_callers.recv()
    at_vendor.send("over")
    ledger: Ledger = at_vendor.recv()
    calling.join()
    vendor.join()
    return ledger, calls


def figures(way: str, plan: Plan, ledger: Ledger, calls: Calls) -> Figures:
    rows = zip(calls.began, calls.ended, calls.well, strict=True)
    stormy = [(ended - began, well) for began, ended, well in rows if ended >= plan.down]
    times = sorted(lasted for lasted, _ in stormy)
    return Figures(
        way,
        in_outage=sum(plan.down <= moment < plan.up for moment in ledger.moments),
        peak=most_in_a_second(ledger.moments),
        per_call=len(ledger.moments) / (len(calls.ended) + calls.unfinished),
        calls=len(stormy),
        succeeded=sum(well for _, well in stormy) / len(stormy) if stormy else math.nan,
        recovered=recovered(plan, calls),
        p50=_quantile(times, 0.5),
        p95=_quantile(times, 0.95),
        memory=calls.resident[1] - calls.resident[0],
        cpu=calls.cpu_s,
        sent=calls.sent,
        came=len(ledger.moments),
        unfinished=calls.unfinished,
        answered=_by_bin(plan, ledger, answered=True),
        refused=_by_bin(plan, ledger, answered=False),
    )


def recovered(plan: Plan, calls: Calls) -> float | None:
    """Seconds from the end of the outage until 95 % of the callers had been served again, None if they never were."""
    first: dict[int, float] = {}
    for who, ended, well in zip(calls.callers, calls.ended, calls.well, strict=True):
        if well and ended >= plan.up:
            first.setdefault(who, ended - plan.up)
    enough = math.ceil(SERVED * plan.callers)
    return sorted(first.values())[enough - 1] if len(first) >= enough else None


def most_in_a_second(moments: array[float]) -> int:
    most = first = 0
    for at, moment in enumerate(moments):  # as they came
        while moments[first] <= moment - 1:
            first += 1
        most = max(most, at - first + 1)
    return most


def _quantile(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(share * len(times)))] if times else math.nan


def _by_bin(plan: Plan, ledger: Ledger, *, answered: bool) -> list[int]:
    """Requests in each second."""
    counts = [0] * math.ceil(plan.end)
    for moment, well in zip(ledger.moments, ledger.answered, strict=True):
        if well == answered and moment < plan.end:
            counts[int(moment)] += 1
    return counts


def _machine() -> str:
    cores = os.cpu_count()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    packages = ", ".join(f"{name} {version(name)}" for name in ("httpx", "stamina"))
    return f"Python {platform.python_version()}, {packages}, {cores} cores, load {load}"


if __name__ == "__main__":
    main()
