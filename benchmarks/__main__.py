"""One table of what this package costs: `python benchmarks`, or `tox -e bench`.

Every ratio is measured side by side in this run, all contestants in turn in many short rounds; `ratio` is that of the
best rounds, `median` the median of the ratios round by round. Nothing is asserted: a busy machine is no failure.
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

import orjson
from table import Line, written

Subject = Callable[[], Iterator[Line]]

SUBJECTS = {
    "xml": "reading.xml",
    "json": "reading.json",
    "starlette": "requests_starlette.passing",
    "django": "requests_django.passing",
    "failure": "requests_starlette.failure",
    "import": "process.importing",
    "worst": "worst.bodies",
    "million": "process.million",
}
SHOWN = ("lxml", "orjson", "msgspec", "starlette", "django", "errium")


def main() -> None:
    arguments = _arguments()
    lines: list[Line] = []
    for name in arguments.only or SUBJECTS:
        if sys.stderr.isatty():
            print(f"\r{name:<12}\r", end="", file=sys.stderr, flush=True)
        lines += subject(name, arguments.full)()
    if arguments.json:
        print(orjson.dumps({"on": machine(), "lines": [line.to_dict() for line in lines]}).decode())
    else:
        print(", ".join(f"{name} {version}" for name, version in machine().items()))
        print(written(line.cells() for line in lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="One table of what this package costs.")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--full", action="store_true", help="a million failures, not a fifth of that")
    return parser.parse_args()


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
