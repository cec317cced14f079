"""How many instructions one time takes, by callgrind: unlike times they repeat, on a busy machine too."""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measuring import Contest

WARM = 100
TIMES = 30  # and twice as many; what they differ by is the work alone

_SUMMARY = re.compile(r"^summary: (\d+)", re.MULTILINE)
Counts = dict[tuple[str, str], tuple[float, float]]  # by work and whom it is held against: the floor's, ours


def available() -> bool:
    """Whether there is a callgrind to ask."""
    return all(map(shutil.which, ("valgrind", "callgrind_control")))


def counted(subjects: Sequence[str]) -> Counts:
    """The instructions of the contests of subjects (`module.function`), measured in one process of its own."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        valgrind = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--dump-before=getsid"]
        ran = subprocess.run(
            [*valgrind, f"--callgrind-out-file={out}", sys.executable, __file__, *subjects],
            env=os.environ | {"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            print(ran.stderr, file=sys.stderr)
            return {}
        names = [tuple(name) for name in json.loads(ran.stdout.splitlines()[-1])]
        dumps = [_total(out.with_name(f"out.{number}")) for number in range(1, 6 * len(names) + 1)]
    counts: Counts = {}
    for number, (work, against) in enumerate(names):
        # for the floor and for ours each: what came before, the work, twice the work
        _, floor, floor_twice, _, ours, ours_twice = dumps[6 * number : 6 * number + 6]
        counts[work, against] = (floor_twice - floor) / TIMES, (ours_twice - ours) / TIMES
    return counts


def _total(file: Path) -> int:
    found = _SUMMARY.search(file.read_text())
    return int(found[1]) if found else 0


def contests(subject: str) -> Iterator[Contest]:
    """Those of a subject whose instructions say something."""
    module, _, function = subject.partition(".")
    found: Callable[[], Iterator[Any]] = getattr(importlib.import_module(module), function)
    return (each for each in found() if isinstance(each, Contest) and each.counted)


def _run(subjects: Sequence[str]) -> list[tuple[str, str]]:
    """Does the work under callgrind, which writes down its count whenever the process asks for its session."""
    names: list[tuple[str, str]] = []
    gc.disable()
    for subject in subjects:
        for contest in contests(subject):
            for runner in (contest.floor, contest.ours):
                runner(WARM)
            _switch("on")  # and off again, for imports are quicker while nobody looks
            for runner in (contest.floor, contest.ours):
                gc.collect()
                for times in (TIMES, 2 * TIMES):
                    os.getsid(0)
                    runner(times)
                os.getsid(0)
            _switch("off")
            names.append((contest.work, contest.against))
    return names


def _switch(state: str) -> None:
    subprocess.run(["callgrind_control", "-i", state, str(os.getpid())], check=True, capture_output=True)


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1:])))
