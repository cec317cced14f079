"""The vendor that the examples order from in their tests: one that fails on demand, over real HTTP.

    errnorm play --vendor lionbridge --port 8001        # the same by hand; then open http://127.0.0.1:8001/

    with FakeVendor() as vendor:
        httpx.post(f"{vendor.url}/lionbridge/api/quote/reason-code-304-under-quoteauthorization/authorize")

The examples run as processes of their own and are told its url, so a part of a path says what is answered. Tests in the
app's own process need no url: see test_your_app.py.
"""

from __future__ import annotations

from pathlib import Path

import errnorm.testing


class FakeVendor(errnorm.testing.FakeVendor):
    """Listens on 127.0.0.1 as a context manager; `vendor` may be the file of a profile of one's own."""

    def __init__(self, vendor: str | Path = "lionbridge") -> None:
        super().__init__(vendor, hosts=[])
