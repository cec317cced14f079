"""What the tools beside the package do: a program that tests want is found, or installed by whoever may."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "debian.py"
as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may install")


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def run(folder: Path, *packages: str, **environment: str) -> tuple[int, str, str]:
    """The tool on a machine that has nothing but what lies in the folder."""
    machine = {"PATH": str(folder), **environment}
    command = [sys.executable, str(TOOL), *packages]
    done = subprocess.run(command, env=machine, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


PROGRAMS = {"chromium": "chromium", "redis-server": "redis-server", "prometheus": "promtool"}
NAMED = {"chromium": "ERRNORM_CHROMIUM", "redis-server": "ERRNORM_REDIS_SERVER", "prometheus": "ERRNORM_PROMTOOL"}
each = pytest.mark.parametrize("package", PROGRAMS)


@each
def test_what_is_there_is_found(tmp_path, package):
    there = program(tmp_path, PROGRAMS[package], "exit 1")
    program(tmp_path, "apt-get", "exit 1")
    assert run(tmp_path, package) == (0, str(there), "")
    assert run(tmp_path, package, **{NAMED[package]: "/opt/other"}) == (0, "/opt/other", "")


@as_root
def test_what_is_not_is_installed_and_nothing_else(tmp_path):
    there = program(tmp_path, "chromium", "exit 1")
    install = f'echo "$RUNLEVEL $@" >> {tmp_path}/asked; [ "$2" = update ] && exit 0\n'
    install += "".join(f"echo > {tmp_path}/{name}; /bin/chmod +x {tmp_path}/{name}\n" for name in PROGRAMS.values())
    program(tmp_path, "apt-get", install)
    paths = [str(there), *(str(tmp_path / PROGRAMS[name]) for name in ("redis-server", "prometheus"))]
    assert run(tmp_path, *PROGRAMS) == (0, "\n".join(paths), "")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[2] for line in asked] == ["update", "install"]
    assert asked[1].endswith(" redis-server prometheus")
    assert all(line.startswith("1 ") for line in asked), "a service would be started"


@each
def test_where_it_cannot_be_had_it_says_so(tmp_path, package):
    status, _, complaint = run(tmp_path, package)
    assert status == 1
    assert f"no {package}: install it" in complaint
    assert NAMED[package] in complaint


def test_a_name_that_is_not_known_is_refused(tmp_path):
    status, _, complaint = run(tmp_path, "emacs")
    assert status == 1
    assert "emacs: not known here, but chromium, redis-server, prometheus" in complaint
