"""Who keeps a limit among processes: `python benchmarks/throttling.py`, with the dependency group `throttling`.

Eight processes go as fast as they are let through a limit of 30 requests in 2 s, with a real redis-server between them,
each package in the configuration that does best here. `used`: of what the limit would have let through; `worst window`:
the most within any 2 s, by the one clock that all processes of a machine share; `skewed`: the same where half of them
have a time of day that is 5 s ahead; `without Redis`: what one more request meets when it is gone, and after how long.
Nothing is asserted: a busy machine is no failure. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parent.parent))

from tests.redis_server import RedisServer
from tests.throttled import most_in_a_window

REQUESTS, SECONDS, WORKERS, SKEW = 30, 2, 8, 5.0
Take = Callable[[float], bool]  # waits for a turn until that moment of time.monotonic(); whether it came


def errnorm(url: str) -> Take:
    from errnorm.throttle import Throttle
    from errnorm.vendors import registry

    limits = {"lionbridge": [{"requests": REQUESTS, "seconds": SECONDS}]}
    throttle, profile = Throttle(url, limits=limits, workers=WORKERS), registry.get("lionbridge")

    def take(until: float) -> bool:
        turn = throttle.turn(profile, None, "one")
        assert turn
        while (wait := turn.take()) > 0:
            if time.monotonic() + wait > until:
                turn.leave()
                return False
            time.sleep(min(wait, turn.nap))
        return True

    return take


def limits(url: str) -> Take:
    from limits import parse  # pyright: ignore[reportMissingImports]
    from limits.storage import storage_from_string  # pyright: ignore[reportMissingImports]
    from limits.strategies import MovingWindowRateLimiter  # pyright: ignore[reportMissingImports]

    limiter = MovingWindowRateLimiter(storage_from_string(url.replace("unix://", "redis+unix://")))
    limit = parse(f"{REQUESTS} per {SECONDS} second")

    def take(until: float) -> bool:
        while not limiter.hit(limit, "one"):  # which waits for nobody
            if time.monotonic() > until:
                return False
            free = limiter.get_window_stats(limit, "one").reset_time - time.time()
            time.sleep(min(max(free, 0.005), 0.1))
        return True

    return take


def pyrate(url: str) -> Take:
    import redis
    from pyrate_limiter import Limiter, Rate, RedisBucket  # pyright: ignore[reportMissingImports]

    bucket: Any = RedisBucket.init([Rate(REQUESTS, SECONDS * 1000)], redis.Redis.from_url(url), "one")
    limiter = Limiter(bucket)
    return lambda until: bool(limiter.try_acquire("one", timeout=max(0.0, until - time.monotonic())))


def throttled(url: str) -> Take:
    from datetime import timedelta

    from throttled import RateLimiterType, Throttled, store  # pyright: ignore[reportMissingImports]
    from throttled.rate_limiter import per_duration  # pyright: ignore[reportMissingImports]

    quota = per_duration(timedelta(seconds=SECONDS), REQUESTS, burst=1)
    shared = store.RedisStore(server=url)

    def take(until: float) -> bool:
        left = max(0.001, until - time.monotonic())
        throttle = Throttled(key="one", using=RateLimiterType.GCRA.value, quota=quota, store=shared, timeout=left)
        return not throttle.limit().limited

    return take


CONTESTANTS = {
    ("errnorm", "`Throttle(redis)`"): errnorm,
    ("limits", "moving window, asked again when it says"): limits,
    ("pyrate-limiter", "`RedisBucket`, sliding log"): pyrate,
    ("throttled-py", "GCRA, burst 1"): throttled,
}


class Run(NamedTuple):
    """What the processes were let do: when each request of each was admitted."""

    admitted: list[list[float]]
    lasts: float

    @property
    def moments(self) -> list[float]:
        return sorted(moment for each in self.admitted for moment in each)

    @property
    def used(self) -> float:
        """Of the limit in that time; a whole window's may go at once at first, so that it can be a little more."""
        return len(self.moments) / (REQUESTS * self.lasts / SECONDS)

    @property
    def worst(self) -> int:
        return most_in_a_window(self.moments, SECONDS)

    @property
    def shares(self) -> str:
        counts = sorted(map(len, self.admitted))
        return f"{counts[0]}..{counts[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks/throttling.py", description="Who keeps a limit among processes.")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    lasts: float = parser.parse_args().seconds
    print("| package | version | configuration | admitted | used | worst window | share | skewed | without Redis |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|")
    for (package, configuration), contestant in CONTESTANTS.items():
        if (found := _version(package)) is None:
            continue
        right, skewed = (run(contestant, lasts, skew) for skew in (0.0, SKEW))
        cells = [package, found, configuration, str(len(right.moments)), f"{right.used:.0%}", str(right.worst)]
        cells += [right.shares, f"{skewed.worst}, {skewed.used:.0%}", without_redis(contestant)]
        print(f"| {' | '.join(cells)} |", flush=True)


def run(contestant: Callable[[str], Take], lasts: float, skew: float) -> Run:
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        ends, start = [spawn.Pipe() for _ in range(WORKERS)], spawn.Barrier(WORKERS)
        processes = [
            spawn.Process(
                target=work,
                args=(contestant, server.url, start, there),
                kwargs={"lasts": lasts, "skew": skew * (at % 2)},
            )
            for at, (_, there) in enumerate(ends)
        ]
        for process in processes:
            process.start()
        admitted: list[list[float]] = [here.recv() for here, _ in ends]
        for process in processes:
            process.join()
    return Run(admitted, lasts)


def work(contestant: Callable[[str], Take], url: str, start: Any, told: Any, *, lasts: float, skew: float) -> None:
    """One of the processes."""
    right = time.time
    time.time = lambda: right() + skew
    take = contestant(url)
    start.wait()
    until = time.monotonic() + lasts
    admitted: list[float] = []
    while time.monotonic() < until and take(until):
        admitted.append(time.monotonic())
    told.send(admitted)


def without_redis(contestant: Callable[[str], Take]) -> str:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        take = contestant(server.url)
        take(time.monotonic() + 5)
        server.stop()
        begun = time.monotonic()
        try:
            outcome = "goes on, by its share" if take(begun + 10) else "refused"
        except Exception as failed:  # noqa: BLE001 - it is told, not hidden
            outcome = f"`{type(failed).__name__}`"
        return f"{outcome}, after {time.monotonic() - begun:.2g} s"


def _version(package: str) -> str | None:
    if package == "errnorm":
        return "this one"
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
