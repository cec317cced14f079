"""What the process pays: the import, and memory after very many failures."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

from spending import Spent, shares
from table import Line, duration

import errnorm

FAILURES = 200_000
WARM = 10_000  # failures until every bounded cache is full
RUNS = 15
GOAL_MS, GOAL_MIB = 45, 1
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", re.MULTILINE)


def importing() -> Iterator[Line]:
    """`import errnorm` in a fresh interpreter, against one that does nothing; what is imported is compiled already."""
    with TemporaryDirectory() as folder:
        environment = environment_with(Path(errnorm.__file__).parent.parent, compiled=folder)
        started("import errnorm", environment)
        runs = ((started("pass", environment), started("import errnorm", environment)) for _ in range(RUNS))
        bare, ours = zip(*runs, strict=True)
        more_ms = 1e3 * (min(ours) - min(bare))
        line = Line(
            "import errnorm, above bare Python",
            f"python -c pass: {duration(min(bare))}",
            duration(min(ours)),
            more_ms,
            1e3 * median(own - floor for own, floor in zip(ours, bare, strict=True)),
            GOAL_MS,
            "ms",
        )
        yield line if line.met else line._replace(spent=imported("import errnorm", environment))


def environment_with(*places: Path, compiled: str) -> dict[str, str]:
    """For a child that imports from these places first, and not from where it stands; and keeps compiled code apart."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "PYTHONSAFEPATH": "1",
        "PYTHONPYCACHEPREFIX": compiled,
        "PYTHONDONTWRITEBYTECODE": "",
    }


def started(code: str, environment: Mapping[str, str]) -> float:
    """Seconds for an interpreter from its start to its end."""
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return perf_counter() - start


def imported(code: str, environment: Mapping[str, str]) -> Spent:
    """Where it goes: to which modules of ours and which packages of others, and what follows the imports."""
    timed = f"import sys, time\nstart = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", timed], env=environment, check=True, capture_output=True, text=True
    )
    places: Counter[str] = Counter()
    _, _, since = ran.stderr.partition("| time\n")
    for microseconds, module in _IMPORT.findall(since or ran.stderr):
        own = module.startswith("errnorm")
        places[f"import {module if own else module.partition('.')[0]}"] += int(microseconds)
    total = max(1e6 * float(ran.stdout.split()[-1]), places.total())
    places["what follows the imports"] = round(total - places.total())
    return shares([(taken / total, place) for place, taken in places.items()])


def million(count: int = FAILURES) -> Iterator[Line]:
    """Failures that all differ, read and answered, in a process of their own: what it is larger by afterwards."""
    before, after = map(int, _child(str(count)).split())
    grown = (after - before) / 2**20
    held = [f"{size / 2**20:.1f} MiB" for size in (before, after)]
    work = f"{count:,} failures that all differ, growth of memory"
    line = Line(work, f"before: {held[0]}", held[1], grown, None, GOAL_MIB, "MiB")
    yield line if line.met else line._replace(spent=_kept(count // 10))


def _kept(count: int) -> Spent:
    """Which lines hold what was allocated meanwhile, as shares of it."""
    rows = [line.partition("\t") for line in _child(str(count), "--trace").splitlines()]
    return shares([(float(share), place) for share, _, place in rows])


def _child(*arguments: str) -> str:
    ran = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, check=True, text=True)
    return ran.stdout


def fail(count: int) -> tuple[int, int]:
    """What the process holds before so many failures, and after them."""
    failures = _failures(Random(1))
    answer_all(failures, WARM)
    gc.collect()
    before = resident()
    answer_all(failures, count)
    gc.collect()
    return before, resident()


def answer_all(failures: Iterator[Failure], count: int) -> None:
    """Reads so many failures and answers them, with the ledger's line and a record for each."""
    normalizer = errnorm.Normalizer()
    for _ in range(count):
        body, facts, accept, language = next(failures)
        error = normalizer.parse(body, **facts)
        normalizer.answer(errnorm.VendorError(error), accept, language)


Failure = tuple[bytes, dict[str, Any], str, str]  # a body, its facts, and what the user's client accepts


def _failures(chance: Random) -> Iterator[Failure]:
    """Bodies of which no two are alike, from known and unknown vendors and hosts, for very many clients."""
    while True:
        number, status, word = chance.getrandbits(64), 400 + chance.randrange(200), f"{chance.getrandbits(64):x}"
        accept = f"text/html;q=0.{number % 1000}, application/json, x/{word}"
        facts: dict[str, Any] = {
            "status": status,
            "headers": {"x-request-id": word, "retry-after": str(number % 9_999)},
        }
        near, far = f"https://api.phase.dev/v1/{word}/{number}?a={word}", f"https://{word}.example/{number}"
        xml = f"<Quote><Error><ReasonCode>{word}</ReasonCode>Order {number} is refused.</Error></Quote>"
        sentence = f'{{"error": "There is no key {number}.", "k{word}": ["may not be blank"]}}'
        coded = f'{{"code": "{word}", "message": "{word} says {number}", "at": {{"{word}": {number}}}}}'
        for body, named in (
            (xml, {"vendor": "lionbridge"}),
            (sentence, {"url": near, "method": "GET"}),
            (coded, {"url": far, "method": METHODS[number % 5], "operation": word}),
            (coded, {}),
            (f"{word} at {number}", {"vendor": "aws-s3"}),
        ):
            yield body.encode(), facts | named, accept, f"x-{word[:8]}, de;q=0.{number % 100}"


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


def _trace(count: int) -> Iterator[tuple[float, str]]:
    import tracemalloc

    failures = _failures(Random(1))
    answer_all(failures, WARM)
    tracemalloc.start()
    answer_all(failures, count)
    gc.collect()
    lines = tracemalloc.take_snapshot().statistics("lineno")
    total = sum(line.size for line in lines) or 1
    for line in lines:
        at = line.traceback[0]
        yield line.size / total, f"{'/'.join(Path(at.filename).parts[-2:])}, line {at.lineno}"


if __name__ == "__main__":
    if "--trace" in sys.argv:
        print(*(f"{share}\t{place}" for share, place in _trace(int(sys.argv[1]))), sep="\n")
    else:
        print(*fail(int(sys.argv[1])))
