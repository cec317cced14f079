"""What is typed behind a command, as what is meant; a complaint in one line where it is off."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST = 1_048_576  # bytes of a body that are read; far fewer are parsed
_HEADER = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*?)\s*", re.DOTALL)  # RFC 9110, 5.1
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class UsageError(Exception):
    """What was typed is off: one line that says what, and what would be right."""


def body_of(file: str | None) -> bytes:
    if file is not None and file != "-":
        with Path(file).open("rb") as stream:
            return stream.read(MOST)
    if sys.stdin is None:
        raise UsageError("no standard input to read the body from: name a FILE")
    return sys.stdin.buffer.read(MOST)


def vendor_named(text: str) -> str:
    """The name of a vendor that is known, or that a path leads to."""
    from errnorm.vendors import registry

    is_path = text.endswith(".toml") or "/" in text or os.sep in text or Path(text).is_dir()
    if text in registry.default or not is_path:
        return registry.get(text).name
    from errnorm.checking import take

    file, *others = profiles_at(text)
    if others:
        raise UsageError(f"{text}: holds {1 + len(others)} profiles; name one of them, such as {file}")
    return take(file).name


def texts_in(file: str | None) -> tuple[Any, Mapping[str, Any]]:
    """An app's own texts, the general and those of single vendors, if they may stand so in its settings."""
    from errnorm.policy import Policy
    from errnorm.settings import SettingsError, messages_in

    try:
        Policy(messages=file or {})
    except SettingsError as error:
        raise UsageError(f"{file}: {str(error).removeprefix('messages: ').removeprefix('messages.')}") from None
    return messages_in(file or {})


def profiles_at(path: str | Path) -> list[Path]:
    """The profiles that a path means, or the name of a built-in one."""
    from errnorm.samples import built_in_files
    from errnorm.vendors.profile import nearest
    from errnorm.vendors.registry import profile_files

    place = Path(path)
    if not place.exists():
        if str(path) in (known := built_in_files()):
            return [known[str(path)]]
        raise UsageError(f"{path}: no such file or folder, nor a built-in vendor{nearest(place.name, known)}")
    if place.name.endswith(".samples.toml"):
        raise UsageError(f"{path}: holds samples; name the profile beside it")
    if not place.is_dir() and place.suffix != ".toml":
        raise UsageError(f"{path}: not a profile, which is a file like acme.toml")
    if not (files := profile_files(place)):
        raise UsageError(f"{path}: no profile in this folder, which is a file like acme.toml")
    return files


def to_status(text: str) -> int:
    if text.isascii() and text.isdigit() and 100 <= int(text) <= 999:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an HTTP status of three digits, such as 409, not {text!r}")


def to_language(text: str) -> str:
    if _TAG.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"must be a language, such as de or pt-BR, not {text!r}")


def to_port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a port, 0 to 65535, not {text!r}")


def to_percent(text: str) -> float:
    """A share, from a number of per cent."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 100:
            return round(float(text) / 100, 9)
    raise argparse.ArgumentTypeError(f"must be per cent, above 0 and below 100, such as 99.5, not {text!r}")


def to_job(text: str) -> str:
    if text.strip() and text.isprintable():
        return text
    raise argparse.ArgumentTypeError(f"must be the name of a job, such as shop, not {text!r}")


def to_header(text: str) -> tuple[str, str]:
    if match := _HEADER.fullmatch(text):
        return match[1], match[2]
    raise argparse.ArgumentTypeError(f"must be a name, a colon and a value, such as 'Retry-After: 30', not {text!r}")
