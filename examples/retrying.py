"""Repeats a call by the vendor's advice: `python examples/retrying.py` charges a card at one that fails twice first."""

from __future__ import annotations

from collections.abc import Callable

import httpx

import errnorm.httpx
import errnorm.retry


def failing_twice(seen: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    """A vendor that is throttled, then down, then well; it notes the idempotency keys that it gets."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Idempotency-Key"])
        if len(seen) == 1:
            return httpx.Response(429, headers={"Retry-After": "1"}, json={"error": {"code": "rate_limit"}})
        return httpx.Response(503) if len(seen) == 2 else httpx.Response(200, json={"id": "ch_1"})

    return answer


# No attempt begins later than 20 s after the first, and no wait is longer than 5 s: someone is looking at the screen.
@errnorm.retry.retrying(timeout=20, max_wait=5)
def charge(client: httpx.Client, cents: int) -> str:
    """The id of the charge, of which there is one however often it is asked for."""
    answer = client.post("https://api.stripe.com/v1/charges", data={"amount": cents, "currency": "eur"})
    return str(answer.json()["id"])


def main() -> None:
    seen: list[str] = []
    with httpx.Client(transport=httpx.MockTransport(failing_twice(seen))) as client:
        errnorm.httpx.install(client, vendor="stripe")
        done = charge(client, 1_999)
    print(f"{done} after {len(seen)} attempts with {len(set(seen))} idempotency key")


if __name__ == "__main__":
    main()
