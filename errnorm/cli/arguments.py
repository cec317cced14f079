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
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # likewise, 5.6.2
_URL = re.compile(r"(?:https?://[^/?#\s]+)?(?:[/?#]\S*)?(?<=.)", re.IGNORECASE)  # or the path alone
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
# ISO 639-1; of those with three letters there are thousands
_LANGUAGES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et
eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk
kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny
oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""


class UsageError(Exception):
    """What was typed is off: one line that says what, and what would be right."""


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def body_of(file: str | None) -> bytes:
    if file is not None and file != "-":
        with Path(file).open("rb") as stream:
            return stream.read(MOST)
    if sys.stdin is None:
        raise UsageError("no standard input to read the body from: name a FILE")
    return sys.stdin.buffer.read(MOST)


def vendor_named(text: str, *, called: bool = False) -> str:
    """The name of a vendor that is known, or that a path leads to; `called`: of one, and no dialect that many speak."""
    from errnorm.vendors import registry
    from errnorm.vendors.profile import nearest

    known = registry.default
    if not text.strip():
        raise UsageError(f"{text!r} names no vendor: `errnorm vendors` lists them")
    if text in known or not is_path(text):
        vendors = [name for name in known.names() if not known.entry(name).dialect] if called else known.names()
        if text not in known:
            raise UsageError(f"no vendor {text!r}{nearest(text, vendors)}")
        if text not in vendors:
            raise UsageError(f"{text!r} is a dialect that many vendors speak: name the vendors that are called")
        return text
    from errnorm.checking import take

    file, *others = profiles_at(text)
    if others:
        raise UsageError(f"{text}: holds {1 + len(others)} profiles; name one of them, such as {file}")
    return take(file).name


def operation_named(text: str, vendor: str | None) -> str:
    """One of a vendor's operations, if its profile names any; any name where no vendor is named."""
    from errnorm.vendors import registry
    from errnorm.vendors.profile import nearest

    known = registry.get(vendor).operations if vendor else {}
    if known and text not in known:
        raise UsageError(f"{vendor} has no operation {text!r}{nearest(text, known) or f', but {next(iter(known))!r}'}")
    return text


def is_path(text: str) -> bool:
    """Whether it is clearly meant to name a file or a folder."""
    return text.endswith(".toml") or "/" in text or os.sep in text or Path(text).is_dir()


def texts_in(file: str | None) -> tuple[Any, Mapping[str, Any]]:
    """An app's own texts, the general and those of single vendors, if they may stand so in its settings."""
    from errnorm.policy import Policy
    from errnorm.settings import SettingsError, messages_in

    try:
        if file is not None:
            Path(file).open("rb").close()
    except OSError as error:
        raise UsageError(f"{file}: no TOML file of texts: {error.strerror}") from None
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
        nor = "" if is_path(str(path)) else f", nor a built-in vendor{nearest(place.name, known)}"
        raise UsageError(f"{path}: no such file or folder{nor}")
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


def to_method(text: str) -> str:
    if _TOKEN.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"must be a method, such as POST, not {text!r}")


def to_url(text: str) -> str:
    if _URL.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"must be a URL, such as https://api.acme.example/v1/orders, not {text!r}")


def to_language(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be a language, such as de or pt-BR, not {text!r}")
    primary = text.partition("-")[0].lower()
    if len(primary) != 3 and primary not in _LANGUAGES.split():
        raise argparse.ArgumentTypeError(f"no such language: {text!r}; one is written like de or pt-BR")
    return text


def to_port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a port, 0 to 65535, not {text!r}")


def to_percent(text: str) -> float:
    """A share, from a number of per cent."""
    meant = ""
    with contextlib.suppress(ValueError):
        number = float(text)
        if 90 <= number < 100:
            return round(number / 100, 12)
        meant = f"; did you mean {100 * number:g}?" if 0.9 <= number < 1 else ""
    raise argparse.ArgumentTypeError(f"must be per cent, at least 90 and below 100, such as 99.5, not {text!r}{meant}")


def to_job(text: str) -> str:
    if text.strip() and text.isprintable():
        return text
    raise argparse.ArgumentTypeError(f"must be the name of a job, such as shop, not {text!r}")


def to_header(text: str) -> tuple[str, str]:
    if match := _HEADER.fullmatch(text):
        return match[1], match[2]
    raise argparse.ArgumentTypeError(f"must be a name, a colon and a value, such as 'Retry-After: 30', not {text!r}")
