"""By each recipe an app's log is one JSON object a line, with errnorm's keys, without secrets, and read by coverage."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from errnorm.cli import main

SECRET = "Zebrafinch7261quokka"
NEEDS = {"logs_stdlib": "logging", "logs_structlog": "structlog", "logs_loguru": "loguru"}
APP = f"""
import logging, sys, {{recipe}}
{{recipe}}.configure()
import errnorm

url = "https://shop:{SECRET}@vendor.example/v1?key={SECRET}&page=2"
normalizer = errnorm.Normalizer()
failed = errnorm.parse('{{{{"error": {{{{"code": "odd", "message": "No."}}}}}}}}', status=402, vendor="stripe")
for _ in range(5):
    normalizer.answer(errnorm.VendorError(failed))
logging.getLogger("httpx").info('HTTP Request: %s %s "%s"', "GET", url, "HTTP/1.1 200 OK")
try:
    raise ValueError("one\\r\\ntwo \\u2028 " + url)
except ValueError:
    logging.getLogger("app").exception("it failed\\n{{{{}}}}")
"""
OWN = f"""
import structlog
structlog.get_logger("own").info("hello\\n", url=url, password="{SECRET}")
try:
    raise ValueError(url)
except ValueError:
    structlog.get_logger("own").exception("it failed")
"""
recipes = pytest.mark.parametrize("recipe", NEEDS)


def log_of(recipe: str, more: str = "") -> str:
    if find_spec(NEEDS[recipe]) is None:
        pytest.skip(f"{NEEDS[recipe]} is not installed")
    command = [sys.executable, "-c", APP.format(recipe=recipe) + more]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, check=True, timeout=60)
    return done.stderr.decode()


def keys_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Where a recipe puts the keys."""
    return entry["record"]["extra"] if "record" in entry else entry


@recipes
def test_an_apps_log(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = log_of(recipe)
    assert SECRET not in log
    assert "page=2" in log
    lines = log.splitlines()
    assert len(lines) == 4  # the first of five, httpx, the exception, and at the end the other four
    entries = [json.loads(line) for line in lines]
    first, *_, last = map(keys_of, entries)
    assert (first["errnorm_reason"], first["errnorm_alert"]) == ("REQUEST_FAILED", "ticket")
    assert not any(name.startswith("_") for name in first)
    assert last["errnorm_suppressed"] == 4
    assert "Traceback" in json.dumps(entries[2])
    (tmp_path / "app.log").write_text(log, encoding="utf-8")
    assert main(["coverage", str(tmp_path / "app.log")]) == 0
    told = capsys.readouterr().out
    assert "1 failure in the logs" in told
    assert f"{datetime.now(UTC):%Y-%m-%d}" in told


def test_what_structlog_logs_itself_is_clean_too() -> None:
    log = log_of("logs_structlog", OWN)
    assert SECRET not in log
    entries = [json.loads(line) for line in log.splitlines()]
    [hello] = [entry for entry in entries if entry["event"] == "hello\n"]
    assert hello["password"] == "[secret]"
    assert hello["logger"] == "own"
