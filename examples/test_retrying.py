"""The script gets its charge in three attempts, which are one to the vendor."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("stamina")

import stamina


def test_what_it_prints(capsys):
    with stamina.set_testing(True, attempts=9):
        runpy.run_path(str(Path(__file__).parent / "retrying.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1] == "ch_1 after 3 attempts with 1 idempotency key"
