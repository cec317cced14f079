"""Where programs of Debian are, installed with apt-get where one may: `python tools/debian.py redis-server`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# By package: the programs of which one is wanted, and what names another.
PACKAGES = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "ERRNORM_CHROMIUM"),
    "redis-server": (("redis-server", "valkey-server"), "ERRNORM_REDIS_SERVER"),
    "prometheus": (("promtool",), "ERRNORM_PROMTOOL"),
}


def found(package: str) -> str | None:
    """The program's path; None where there is none."""
    programs, variable = PACKAGES[package]
    return os.environ.get(variable) or next(filter(None, map(shutil.which, programs)), None)


def install(packages: list[str]) -> None:
    """Needs root, and a Debian. No service is started: whoever wants a server starts one."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "--quiet", *command], check=True, env=environment)


def main() -> None:
    wanted = sys.argv[1:]
    with Path(tempfile.gettempdir(), "errnorm-debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # apt-get serves one at a time, and tox asks for several
        provide(wanted)


def provide(wanted: list[str]) -> None:
    """Prints where each is, one a line."""
    if unknown := [name for name in wanted if name not in PACKAGES]:
        sys.exit(f"{', '.join(unknown)}: not known here, but {', '.join(PACKAGES)}")
    missing = [package for package in wanted if found(package) is None]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        install(missing)
    for package in wanted:
        if (path := found(package)) is None:
            sys.exit(f"no {package}: install it (apt-get install {package}), or name one in {PACKAGES[package][1]}")
        print(path)


if __name__ == "__main__":
    main()
