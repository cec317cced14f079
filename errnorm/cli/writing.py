"""Files that belong together: all of them are written, or none."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_all(folder: Path, texts: Mapping[str, str]) -> dict[Path, bool]:
    """Writes texts to files of these names; returns where they are, and whether an earlier file lay there.

    Raises OSError, and then has changed nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / name: text for name, text in texts.items()}
    there = {file: os.path.lexists(file) for file in files}
    for place in (*files, folder):
        if place in files and place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    with tempfile.TemporaryDirectory(prefix=".errnorm-", dir=folder) as beside:
        for file, text in files.items():
            made = Path(beside, file.name)
            made.write_text(text, encoding="utf-8", newline="\n")
            if there[file] and file.exists():
                shutil.copymode(file, made)
        for file in files:
            Path(beside, file.name).replace(file.resolve())  # what a link leads to, and not the link
    return there
