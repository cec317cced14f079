"""`python -m tests.corpora.memory FOLDER`: what its worst body takes, C's share too; each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.corpora.reading import FEW, NORMALIZER, bodies_of, warm

LARGEST, OTHERS = 200, 10  # so many of the largest bodies, and one in so many of the rest


def worst(folder: Path) -> tuple[float, str]:
    """MiB, and of which body; where the system does not tell, nothing."""
    if not Path("/proc/self/status").exists():
        return 0.0, "nobody tells here"
    command = [sys.executable, "-m", "tests.corpora.memory", str(folder)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    mebibytes, name = ran.stdout.split(maxsplit=1)
    return float(mebibytes), name.strip()


def grown(call: Callable[[], object]) -> float:
    """What a fork of this process is larger by at its largest, in MiB."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        before = _kibibytes("VmRSS")
        call()
        os.write(writer, str(_kibibytes("VmHWM") - before).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return int(said) / 1024


def _kibibytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def _main(folder: Path) -> None:
    warm(FEW)
    most, of = 0.0, ""
    largest = sorted(bodies_of(folder), key=lambda named: -len(named[1]))
    for number, (name, body) in enumerate(largest[:LARGEST] + largest[LARGEST::OTHERS]):
        vendor = FEW[number % len(FEW)]
        taken = grown(lambda body=body, vendor=vendor: NORMALIZER.parse(body, status=422, vendor=vendor))  # type: ignore[misc]
        if taken > most:
            most, of = taken, name
    sys.stdout.write(f"{most} {of}\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
