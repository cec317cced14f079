"""The command line: what it takes, and the one line for what is off."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from errnorm.cli.arguments import UsageError
from errnorm.cli.commands import COMMANDS
from errnorm.cli.printing import UNPRINTABLE

# As a shell has it for what the signal SIGPIPE ends, which is quiet; 1 would say that `check` has found something.
NO_READER = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0, 1 where `check` finds something, 2 where what was typed is off, 141
    where nobody reads on.
    """
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    return _told(_run(argv))


def _run(argv: Sequence[str] | None) -> int:
    from errnorm.model import UnknownVendorError
    from errnorm.vendors.profile import ProfileError

    try:
        arguments = _parser().parse_args(argv)
        _needs_a_reader(arguments.command)
        return COMMANDS[arguments.command].run(arguments)
    except (UsageError, UnknownVendorError, ProfileError) as error:
        return _refuse(str(error))
    except BrokenPipeError:
        return NO_READER
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return 130
    except SystemExit as done:  # argparse's, after --help and --version
        return int(done.code or 0)


def _needs_a_reader(command: str) -> None:
    if sys.stdout is None and command != "play":
        raise UsageError("standard output is closed: there is nowhere to tell anything")


def _told(status: int) -> int:
    """The status, once all that was printed has left."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):  # or the interpreter complains when it flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        nobody = isinstance(error, BrokenPipeError)
        return status or (NO_READER if nobody else _refuse(f"standard output: {error.strerror}"))
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
