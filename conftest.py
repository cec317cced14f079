"""What holds for every test, those of the examples included."""

import importlib.util
import logging
import os
import re
from collections.abc import Generator, Iterator
from copy import copy

import pytest

from errnorm.vendors import registry

if importlib.util.find_spec("django"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django_settings")

# In development mode it warns of whatever a busy machine is slow to do.
logging.getLogger("asyncio").setLevel(logging.ERROR)

# Which libraries may be missing. Unset, as outside of tox: any.
MAY_MISS = os.environ.get("ERRNORM_TESTS_MAY_MISS")


@pytest.fixture(autouse=True)
def only_built_in_profiles() -> Iterator[None]:
    """What a test adds to the profiles of the process is gone after it."""
    kept = {name: copy(value) if isinstance(value, dict) else value for name, value in vars(registry.default).items()}
    yield
    vars(registry.default).update(kept)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that is skipped for want of a library is a failure where every library is meant to be there."""
    report = yield
    if MAY_MISS and report.skipped:
        missing = re.search(r"could not import '(\w+)", str(report.longrepr))
        if missing and missing[1] not in re.findall(r"\w+", MAY_MISS):
            report.outcome = "failed"
            report.longrepr = f"{report.nodeid}: {missing[1]} is not installed"
    return report
