"""The contract's own lines do what they promise: a script's, and one's own text in German."""

from types import SimpleNamespace
from typing import Any

import pytest

import errnorm

SCRIPT = """\
error = errnorm.parse(body, status=409, headers=headers, vendor="lionbridge")
if error.vendor_code == "304": ...
elif error.retry.retryable: time.sleep(error.retry.wait(attempt=1))   # seconds, always a number
print(error.family == "conflict", error.reason, error.vendor_message)
"""
OWN_TEXT = """\
normalizer = errnorm.Normalizer(vendors={"lionbridge": {"messages": {"304": {"de": "Dieses Sprachpaar …", "en": "…"}}}})
problem = normalizer.problem_for(error, language="de-AT")
problem.detail, problem.language                    # "Dieses Sprachpaar …", "de"
"""


def body(code: str) -> str:
    return f"<Quote><Error><ReasonCode>{code}</ReasonCode><SimpleMessage>No.</SimpleMessage></Error></Quote>"


def run_script(code: str) -> list[float]:
    """Runs the script on a body; how long it slept."""
    slept: list[float] = []
    names = {"errnorm": errnorm, "headers": {}, "body": body(code), "time": SimpleNamespace(sleep=slept.append)}
    exec(SCRIPT, names)
    return slept


def test_a_script_knows_the_code(capsys):
    assert run_script("304") == []
    assert capsys.readouterr().out == "True LANGUAGE_PAIR_NOT_OFFERED No.\n"


def test_a_script_sleeps_as_long_as_the_vendor_asks_and_a_little_more(capsys):
    (slept,) = run_script("306")
    assert 60 <= slept <= 61
    assert capsys.readouterr().out == "True QUOTE_NOT_PRICED_YET No.\n"


@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "str"])
def test_ones_own_text_in_german(as_bytes):
    error = errnorm.parse(body("304").encode() if as_bytes else body("304"), status=409, vendor="lionbridge")
    names: dict[str, Any] = {"errnorm": errnorm, "error": error}
    exec(OWN_TEXT, names)
    problem = names["problem"]
    assert (problem.detail, problem.language) == ("Dieses Sprachpaar …", "de")
