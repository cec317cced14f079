"""What the tools beside the package do: the browser for the tests of the page is found, or installed by whoever may."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "chromium.py"
as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may install")


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def run(folder: Path, **environment: str) -> tuple[int, str, str]:
    """The tool on a machine that has nothing but what lies in the folder."""
    machine = {"PATH": str(folder), **environment}
    done = subprocess.run([sys.executable, str(TOOL)], env=machine, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_a_browser_that_is_there_is_found(tmp_path):
    there = program(tmp_path, "chromium", "exit 1")
    program(tmp_path, "apt-get", "exit 1")
    assert run(tmp_path) == (0, str(there), "")
    assert run(tmp_path, ERRNORM_CHROMIUM="/opt/other") == (0, "/opt/other", "")


@as_root
def test_one_that_is_not_is_installed(tmp_path):
    install = f'echo "$@" >> {tmp_path}/asked; [ "$2" = update ] && exit 0\n'
    install += f"echo > {tmp_path}/chromium; /bin/chmod +x {tmp_path}/chromium"
    program(tmp_path, "apt-get", install)
    assert run(tmp_path) == (0, str(tmp_path / "chromium"), "")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[1] for line in asked] == ["update", "install"]
    assert asked[1].endswith(" chromium")


def test_where_none_can_be_had_it_says_so(tmp_path):
    status, _, complaint = run(tmp_path)
    assert status == 1
    assert "no Chromium: install it" in complaint
