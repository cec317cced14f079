"""What errnorm has for pytest: fixtures, and nothing else.

It stands beside the package because pytest loads it in every run: so it costs nothing where nobody asks for it, and
errnorm is imported when coverage already measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from logging import LogRecord

    from errnorm.testing import FakeVendor


@pytest.fixture
def errnorm_vendor() -> Iterator[Callable[..., FakeVendor]]:
    """Makes vendors that stand in until the test ends; what it takes and gives, see `errnorm.testing.FakeVendor`."""
    from errnorm.testing import FakeVendor

    with ExitStack() as stack:

        def stands_in(vendor: str, **options: Any) -> FakeVendor:
            return stack.enter_context(FakeVendor(vendor, **options))

        yield stands_in


@pytest.fixture
def errnorm_log() -> Iterator[list[LogRecord]]:
    """The records of logger `errnorm` in this test, as they come, whatever logging is set to."""
    import logging

    records: list[LogRecord] = []
    handler, logger = logging.Handler(), logging.getLogger("errnorm")
    handler.emit = records.append  # type: ignore[assignment]
    before = logger.level, logger.disabled
    logger.setLevel(logging.DEBUG)
    logger.disabled = False
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(before[0])
    logger.disabled = before[1]
