"""Thirty requests go, the thirty-first is refused at once with the time to wait; another merchant's are not counted."""

import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("httpx")

import httpx

import errnorm

FILE = str(Path(__file__).parent / "throttled.py")


def test_what_it_prints(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [FILE])
    runpy.run_path(FILE, run_name="__main__")
    *sent, last = capsys.readouterr().out.splitlines()
    assert len(sent) == 30
    assert last.startswith("the next one was not: lionbridge THROTTLED; try again in 6")


def test_each_merchant_has_limits_of_its_own():
    connected, seen = runpy.run_path(FILE)["connected"], []

    def answer(request):
        seen.append(request)
        return httpx.Response(200)

    for merchant in ("one", "two"):
        with connected(httpx.Client(transport=httpx.MockTransport(answer)), merchant) as client:
            for _ in range(30):
                client.get("https://lionbridge.example/api/projects")
            with pytest.raises(errnorm.VendorError) as refused:
                client.get("https://lionbridge.example/api/projects")
        assert refused.value.error.reason == "THROTTLED"
        assert refused.value.error.sent is False
    assert len(seen) == 60
