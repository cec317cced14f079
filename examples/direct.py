"""Calls the parser directly, on saved answers of four vendors: `python examples/direct.py` prints what it decides."""

import errnorm

# What was kept of each answer: vendor, status, headers, body.
SAVED = (
    (
        "lionbridge",
        409,
        {},
        b"<Quote><Error><ReasonCode>304</ReasonCode><SimpleMessage>Wrong pair.</SimpleMessage></Error></Quote>",
    ),
    ("phrase-tms", 429, {"Ratelimit-Limit": "6000"}, b""),
    ("phase", 409, {}, b'{"error":"A key of that name is there."}'),
    ("risumail", 503, {"Retry-After": "120"}, b'{"success":false,"error":"No mail goes out at the moment."}'),
)


def decide(body: bytes, status: int, headers: dict[str, str], vendor: str) -> str:
    """What a script does about a failure."""
    error = errnorm.parse(body, status=status, headers=headers, vendor=vendor)
    if error.vendor_code == "304":
        return "ask for another language pair"
    if error.retry.retryable:
        seconds = error.retry.wait(attempt=1)  # never less than the vendor asks for, with jitter on top
        return f"try again in {seconds:.0f} s or so, which the {error.retry.source} asks for"
    return f"{error.family}, {error.reason}, fault of the {error.fault}: {error.vendor_message}"


if __name__ == "__main__":
    for vendor, status, headers, body in SAVED:
        print(f"{vendor}: {decide(body, status, headers, vendor)}")
