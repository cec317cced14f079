"""What holds for every test, those of the examples included."""

import importlib.util
import os
import re
from collections.abc import Generator

import pytest

if importlib.util.find_spec("django"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django_settings")

# Which libraries may be missing. Unset, as outside of tox: any.
MAY_MISS = os.environ.get("ERRNORM_TESTS_MAY_MISS")


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
