"""One table of what this package costs: `python benchmarks`, or `tox -e bench`.

Every ratio is measured side by side in this run, both contestants in turn in many short rounds; `ratio` is that of the
best rounds, `median` the median of the ratios round by round, `instructions` what callgrind counts for one time, where
there is one. Nothing is asserted: a busy machine is no failure. Below the table stands where the time goes that is over
a goal.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# An installed errnorm goes before the one in this checkout.
sys.path.append(str(Path(__file__).resolve().parent.parent))

import instructions
import orjson
from measuring import Contest, compare
from spending import sampled
from table import Line, line_of, written

Subject = Callable[[], Iterator[Contest | Line]]

SUBJECTS = {
    "xml": "reading.xml",
    "json": "reading.json",
    "peers": "peers.contests",
    "starlette": "requests_starlette.passing",
    "django": "requests_django.passing",
    "failure": "requests_starlette.failure",
    "drf": "requests_drf.failure",
    "listening": "listening.unheard",
    "scale": "scale.contests",
    "import": "process.importing",
    "worst": "worst.bodies",
    "million": "process.million",
}
COUNTED = ("xml", "json", "peers", "starlette", "django", "failure", "drf", "listening")  # what callgrind can look at
SHOWN = (
    "lxml", "orjson", "msgspec", "starlette", "django", "djangorestframework",
    "errium", "drf-standardized-errors", "botocore", "google-api-core", "xmltodict", "pydantic",
)  # fmt: skip


def main() -> None:
    arguments = _arguments()
    chosen = arguments.only or list(SUBJECTS)
    counts: instructions.Counts = {}
    if not arguments.no_instructions and instructions.available():
        _say("instructions")
        counts = instructions.counted([SUBJECTS[name] for name in chosen if name in COUNTED])
    lines: list[Line] = []
    for name in chosen:
        _say(name)
        for each in subject(name, arguments.full)():
            line = _measured(each) if isinstance(each, Contest) else each
            lines.append(line._replace(instructions=counts.get((line.work, line.floor.partition(":")[0]))))
    if arguments.json:
        print(orjson.dumps({"on": machine(), "lines": [line.to_dict() for line in lines]}).decode())
    else:
        print(", ".join(f"{name} {version}" for name, version in machine().items()))
        print(written(lines, "" if instructions.available() else ": no callgrind here"))


def _measured(contest: Contest) -> Line:
    """A line; where its goal is not met, with what takes the time, while all is still set up for it."""
    line = line_of(contest, compare(contest))
    if line.met is False:
        spent = contest.spent() if contest.spent else sampled(contest.ours)
        return line._replace(spent=spent)
    return line


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="One table of what this package costs.")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--full", action="store_true", help="a million failures, not a fifth of that")
    parser.add_argument("--no-instructions", action="store_true", help="without callgrind, where there is one")
    return parser.parse_args()


def _say(name: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{name:<12}\r", end="", file=sys.stderr, flush=True)


def subject(name: str, full: bool) -> Subject:
    """What measures a subject; its frameworks are imported by then, and not before."""
    module, _, function = SUBJECTS[name].partition(".")
    found = getattr(importlib.import_module(module), function)
    return (lambda: found(1_000_000)) if full and name == "million" else found


def machine() -> dict[str, str]:
    """What the figures hold for."""
    return {"Python": platform.python_version(), "on": platform.platform(terse=True)} | {
        name: found for name in SHOWN if (found := _version(name))
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
