"""The command line: what it takes, and the one line for what is off."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from errnorm.cli.arguments import UsageError
from errnorm.cli.commands import COMMANDS, UNPRINTABLE


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0, 1 where `check` finds something, 2 where what was typed is off."""
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    from errnorm.model import UnknownVendorError
    from errnorm.vendors.profile import ProfileError

    try:
        arguments = _parser().parse_args(argv)
        status = COMMANDS[arguments.command].run(arguments)
        if sys.stdout:
            sys.stdout.flush()
    except (UsageError, UnknownVendorError, ProfileError) as error:
        return _refuse(str(error))
    except BrokenPipeError:
        with contextlib.suppress(OSError):  # or the interpreter complains when it flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return 130
    except SystemExit as done:  # argparse's, after --help and --version
        return int(done.code or 0)
    return status


def _refuse(complaint: str) -> int:
    print("errnorm:", " ".join(complaint.translate(UNPRINTABLE).split()), file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    from errnorm import __version__

    parser = _Parser(prog="errnorm", description="Vendor errors, normalised.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"errnorm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        command.declare(commands.add_parser(name, help=command.help, description=command.help, allow_abbrev=False))
    return parser
