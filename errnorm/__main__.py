"""`python -m errnorm` is `errnorm`."""

from __future__ import annotations

import sys

from errnorm.cli import main

if __name__ == "__main__":
    sys.exit(main())
