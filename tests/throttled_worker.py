"""One of several processes that go as fast as a throttle lets them: `python -m tests.throttled_worker URL OPTIONS`.

It says that it is ready, goes when it is told to, and says when each of its requests was admitted: by the clock that
all processes of a machine share, and by that of Redis. Its own time of day is off by `skew` seconds.
"""

from __future__ import annotations

import json
import sys
import time

import errnorm.throttle
from errnorm.throttling import line
from errnorm.vendors import registry
from tests.throttled import log_key

VENDOR = "lionbridge"


def main(url: str, options: dict[str, float]) -> None:
    import redis

    line.TIMEOUT = 5.0  # a busy machine is no lost Redis
    right, skew = time.time, options["skew"]
    time.time = lambda: right() + skew
    limit = errnorm.throttle.Limit(requests=int(options["requests"]), seconds=options["seconds"])
    throttle = errnorm.throttle.Throttle(url, limits={VENDOR: [limit]}, workers=int(options["workers"]))
    profile, key = registry.get(VENDOR), log_key(VENDOR, limit, "one")
    client = redis.Redis.from_url(url, decode_responses=True)
    client.ping()
    say("ready")
    sys.stdin.readline()
    until = time.monotonic() + options["lasts"]
    while (turn := taken(throttle.turn(profile, None, "one"), until)) is not None:
        try:
            admitted = client.zscore(key, turn._ticket.name)
        except redis.RedisError:
            admitted = None
        say(json.dumps([time.monotonic(), admitted and admitted / 1e6]))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def taken(turn: errnorm.throttle.Turn, until: float) -> errnorm.throttle.Turn | None:
    while (wait := turn.take()) > 0:
        if time.monotonic() + wait > until:
            turn.leave()
            return None
        time.sleep(min(wait, turn.nap))
    return turn if time.monotonic() < until else None


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
