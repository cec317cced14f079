"""Keeps to a vendor's limits together with other processes: `python examples/throttled.py [redis://localhost]`."""

from __future__ import annotations

import sys

import httpx

import errnorm.httpx
from errnorm.throttle import Throttle


def connected(client: httpx.Client, merchant: str, redis: str | None = None, processes: int = 1) -> httpx.Client:
    """The client of one merchant, whose thirty requests a minute all processes share.

    Who would have to wait for more than five seconds gets a VendorError (THROTTLED) at once, and nothing is sent.
    """
    throttle = Throttle(redis, workers=processes, max_wait=5)
    return errnorm.httpx.install(client, vendor="lionbridge", account=merchant, throttle=throttle)


def main() -> None:
    redis = sys.argv[1] if len(sys.argv) > 1 else None
    answers = httpx.MockTransport(lambda _: httpx.Response(200, text="<Projects/>"))
    with connected(httpx.Client(transport=answers), "merchant-1", redis) as client:
        try:
            for number in range(1, 40):
                client.get("https://lionbridge.example/api/projects")
                print(f"request {number} was sent")
        except errnorm.VendorError as failure:
            print(f"the next one was not: {failure}; try again in {failure.error.retry.after_s:.0f} s")


if __name__ == "__main__":
    main()
