"""What is printed: nothing that moves a terminal's cursor, and no word to a reader that has gone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any

UNPRINTABLE = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)))


def put_out(lines: Iterable[str]) -> None:
    """Lines on standard output."""
    for line in lines:
        print(line.translate(UNPRINTABLE))


def put_out_json(value: Any) -> None:
    """A value in ASCII, which every terminal and pipe can take."""
    print(json.dumps(value, indent=2))


def mention(line: str) -> None:
    """A line on what goes on, at once; whoever serves goes on without a reader of it."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)
