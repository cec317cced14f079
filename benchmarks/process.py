"""What the process pays: the import, and memory after very many failures."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

sys.path.append(str(Path(__file__).resolve().parent.parent))

from table import Line, duration

import errnorm

FAILURES = 200_000
WARM = 10_000  # failures until every bounded cache is full
RUNS = 15


def importing() -> Iterator[Line]:
    """`import errnorm` in a fresh interpreter, against one that does nothing; what is imported is compiled already."""
    with TemporaryDirectory() as folder:
        environment = os.environ | {
            "PYTHONPATH": str(Path(errnorm.__file__).parent.parent),
            "PYTHONPYCACHEPREFIX": folder,
            "PYTHONDONTWRITEBYTECODE": "",
        }

        def run(code: str) -> float:
            start = perf_counter()
            subprocess.run([sys.executable, "-c", code], env=environment, check=True)
            return perf_counter() - start

        run("import errnorm")
        bare, ours = zip(*((run("pass"), run("import errnorm")) for _ in range(RUNS)), strict=True)
    more = median(own - floor for own, floor in zip(ours, bare, strict=True))
    yield Line(
        "import errnorm, above bare Python",
        f"python -c pass: {duration(min(bare))}",
        duration(min(ours)),
        1e3 * (min(ours) - min(bare)),
        1e3 * more,
        45,
        "ms",
    )


def million(count: int = FAILURES) -> Iterator[Line]:
    """Failures that all differ, read and answered, in a process of their own: what it is larger by afterwards."""
    ran = subprocess.run([sys.executable, __file__, str(count)], capture_output=True, check=True, text=True)
    before, after = map(int, ran.stdout.split())
    grown = (after - before) / 2**20
    held = [f"{size / 2**20:.1f} MiB" for size in (before, after)]
    yield Line(f"{count:,} failures, growth of memory", f"before: {held[0]}", held[1], grown, None, 1, "MiB")


def fail(count: int) -> tuple[int, int]:
    """What the process holds before so many failures, and after them."""
    failures = _failures()
    normalizer = errnorm.Normalizer()
    before = 0
    for number in range(WARM + count):
        if number == WARM:
            gc.collect()
            before = resident()
        body, status, vendor, accept = next(failures)
        error = normalizer.parse(body, status=status, headers={"x-request-id": str(number)}, vendor=vendor)
        normalizer.answer(errnorm.VendorError(error), accept, "de")
    gc.collect()
    return before, resident()


def _failures() -> Iterator[tuple[bytes, int, str, str]]:
    """Bodies of which no two are alike, under many statuses and for many clients."""
    for number in itertools.count():
        status, accept = 400 + number % 200, f"text/html;q=0.{number % 1000}, application/json"
        xml = f"<Quote><Error><ReasonCode>{number}</ReasonCode>Order {number} is refused.</Error></Quote>"
        json = f'{{"error": "There is no key {number}.", "k{number}": ["may not be blank"]}}'
        yield xml.encode(), status, "lionbridge", accept
        yield json.encode(), status, "phase", accept


def resident() -> int:
    """Bytes of memory that the process holds now; where nobody tells, the most that it ever held."""
    return _status("VmRSS") or _most()


def peak() -> int:
    """The most that it ever held."""
    return _status("VmHWM") or _most()


def _status(key: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


def _most() -> int:
    try:
        import resource
    except ImportError:  # on Windows nobody tells
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(*fail(int(sys.argv[1])))
