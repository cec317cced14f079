"""Where Debian's Chromium is, installed with apt-get where it is not and one may: `python tools/chromium.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser's path; ERRNORM_CHROMIUM names another one."""
    return os.environ.get("ERRNORM_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Needs root, and a Debian."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "--quiet", *command], check=True, env=environment)


def main() -> None:
    if chromium() is None and shutil.which("apt-get") and os.geteuid() == 0:
        install()
    if (found := chromium()) is None:
        sys.exit("no Chromium: install it (apt-get install chromium), or name one in ERRNORM_CHROMIUM")
    print(found)


if __name__ == "__main__":
    main()
