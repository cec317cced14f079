"""Tests of one's own: a vendor fails as the test says, and nothing of it may reach a user.

    with FakeVendor("lionbridge") as lionbridge:       # whatever the app asks of its hosts is answered here
        lionbridge.fails("304")                        # by code, reason, status or a sample's title
        response = client.post("/orders")
        assert_no_leak(response)
    assert lionbridge.requests[0].headers["x-request-id"] == response.headers["x-request-id"]

The app's clients, doors and urls stay as they are; nobody waits for a turn with a vendor that somebody stands in for,
and `stamina.set_testing(True, attempts=3)` takes the waits out of retries. `pytest` finds the fixtures `errnorm_vendor`
and `errnorm_log` by itself.
"""

from errnorm.testing.leaks import assert_no_leak
from errnorm.testing.samples import UnknownSampleError
from errnorm.testing.server import Asked, Trouble
from errnorm.testing.vendor import FakeVendor

__all__ = ["Asked", "FakeVendor", "Trouble", "UnknownSampleError", "assert_no_leak"]
