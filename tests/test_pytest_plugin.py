"""pytest's fixtures do what they say in a run of their own, and a run without them does not even import errnorm."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ("pytester",)
pytestmark = pytest.mark.once

INSTALLED = "errnorm" in {point.name for point in entry_points(group="pytest11")}


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs a file of tests in a process of its own, which is somebody else's: it has no Django project of ours."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)

    def run(source, *options):
        pytester.makepyfile(source)
        named = () if INSTALLED else ("-p", "_errnorm_pytest")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *named, *options)

    return run


def test_a_vendor_stands_in_until_the_test_ends(run):
    pytest.importorskip("httpx")
    result = run(
        """
        import httpx
        import pytest
        import errnorm.httpx
        from errnorm.testing import leading

        client = errnorm.httpx.install(httpx.Client())
        URL = "https://ondemand.lionbridge.com/api/quotes"

        def test_it_fails(errnorm_vendor, errnorm_log):
            lionbridge = errnorm_vendor("lionbridge")
            phrase = errnorm_vendor("phrase-tms", hosts=["tms.example"])
            lionbridge.fails("304")
            phrase.answers(201)
            with pytest.raises(errnorm.VendorError) as raised:
                client.post(URL)
            assert client.post("https://tms.example/x").status_code == 201
            assert raised.value.error.vendor_code == "304"
            errnorm.Normalizer().answer(raised.value)
            assert [record.errnorm_reason for record in errnorm_log] == ["LANGUAGE_PAIR_NOT_OFFERED"]

        def test_it_is_gone(errnorm_log):
            assert leading.under_way() == ()
            assert errnorm_log == []
            client.close()
        """
    )
    result.assert_outcomes(passed=2)


def test_a_test_that_says_nothing_of_a_request_does_not_pass(run):
    pytest.importorskip("httpx")
    result = run(
        """
        import httpx

        def test_swallowed(errnorm_vendor):
            errnorm_vendor("lionbridge")
            try:
                httpx.get("https://ondemand.lionbridge.com/api/quotes")
            except AssertionError:
                pass
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*lionbridge was asked GET /api/quotes, and the test does not say*"])


@pytest.mark.parametrize("level", ["CRITICAL", "NOTSET"])
def test_the_log_is_caught_whatever_logging_is_set_to_and_left_as_it_was(run, level):
    result = run(
        f"""
        import logging
        import errnorm
        import pytest

        logger = logging.getLogger("errnorm")
        logger.setLevel(logging.{level})
        logger.disabled = True
        before = list(logger.handlers)

        @pytest.mark.parametrize("time", [1, 2])
        def test_it_is_caught(errnorm_log, time):
            errnorm.Normalizer().answer(errnorm.parse(b"", status=503))
            assert [record.levelname for record in errnorm_log] == ["WARNING"]

        def test_it_is_as_before():
            added = [each for each in logger.handlers if each not in before]
            assert (logger.level, logger.disabled) == (logging.{level}, True)
            assert all(isinstance(each, logging.NullHandler) for each in added)  # a library's own, once it is imported
        """
    )
    result.assert_outcomes(passed=3)


def test_a_leak_is_told_without_the_inside_of_the_assertion(run):
    result = run(
        """
        from errnorm.testing import assert_no_leak

        def test_leak():
            assert_no_leak("Traceback (most recent call last):")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*the answer tells what no user may see:", "E*body: a stack trace: *"])
    assert "def assert_no_leak" not in result.stdout.str()


def test_who_does_not_ask_for_it_does_not_pay_for_it(run):
    """And so what errnorm's own coverage counts is not imported before it counts."""
    result = run(
        """
        import sys

        def test_nothing_is_there():
            assert "_errnorm_pytest" in sys.modules
            assert not {"errnorm", "msgspec", "httpx", "urllib3", "aiohttp"} & set(sys.modules)
        """,
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:django",
    )
    result.assert_outcomes(passed=1)


def test_no_part_of_errnorm_imports_pytest():
    import subprocess

    code = "import sys, errnorm.testing; print('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
