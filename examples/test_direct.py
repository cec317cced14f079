"""The script decides as it should about one answer of each of four vendors, and prints the same each time."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "direct.py"
PRINTED = """\
lionbridge: ask for another language pair
phrase-tms: try again in 60 s or so, which the profile asks for
phase: conflict, EXISTS_OR_IN_USE, fault of the user: A key of that name is there.
risumail: try again in 120 s or so, which the header asks for
"""


def test_what_it_prints():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", PRINTED)
