"""The settings of an app held to account: one line for what is off, with the nearest name or what would be right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from errnorm.families import Family
from errnorm.model import Credentials, UnknownVendorError
from errnorm.reading.outcomes import OUTCOMES
from errnorm.telling.rendering import MAIL, WEB, page_of
from errnorm.telling.texts import NO_TEXT, Messages, Values
from errnorm.telling.words import ALIKE, FILES
from errnorm.vendors import registry
from errnorm.vendors.profile import REASON, ProfileError, nearest, several


class SettingsError(ValueError):
    """A setting that is off: one line that says which, and what would be right."""


class VendorSettings(TypedDict, total=False):
    """What an app says of one vendor.

    `messages` (or the TOML file that holds them) and `statuses` go by vendor code, reason or family; `hosts` are its
    own (self-hosted); `fields` are the vendor's dotted field names, each with the app's own.
    """

    messages: Messages | str | Path
    statuses: Mapping[str, int]
    hosts: Iterable[str]
    credentials: Credentials
    fields: Mapping[str, str]


def check(policy: Any) -> None:
    """Looks at all that an app may settle, whatever was given for it. Raises SettingsError."""
    _one_of(policy.handle, ("vendor", "all"), "handle")
    _one_of(policy.credentials, ("app", "user"), "credentials")
    _one_of(policy.gateway_statuses, ("keep", "503"), "gateway_statuses")
    if not isinstance(policy.cap, int) or not 1_024 <= policy.cap <= 16_777_216:
        raise SettingsError(f"cap: must be a number of bytes, 1024 to 16777216, not {policy.cap!r}")
    if not isinstance(policy.correlation_header, str) or not _HEADER.fullmatch(policy.correlation_header):
        raise SettingsError(f"correlation_header: must be a header's name, not {policy.correlation_header!r}")
    if policy.type_base is not None:
        _text(policy.type_base, "type_base")
    _check_url(policy.support_url, "support_url", ", or 'mailto:help@shop.example'", WEB, MAIL)
    _check_url(policy.reconnect_url, "reconnect_url", "", WEB)
    for name in ("audience", "recognise"):
        value = getattr(policy, name)
        if value is not None and not callable(value):
            raise SettingsError(f"{name}: must be callable, not {value!r}")
    _check_exempt(policy.exempt)
    _check_page(policy.template)
    _table(policy.vendors, "vendors")
    general, by_vendor = messages_in(policy.messages, "messages")
    _check_general(general, policy.statuses)
    _table(by_vendor, "messages: vendors")
    for vendor, messages in by_vendor.items():
        _check_vendor(vendor, {"messages": messages})
    for vendor, own in policy.vendors.items():
        _check_vendor(vendor, own)


def _check_exempt(paths: Any) -> None:
    list_of(paths, (str,), "exempt", "paths")
    for path in paths:
        if not path.startswith("/"):
            raise SettingsError(f"exempt: a path begins with '/', unlike {path!r}")


def _check_url(url: Any, at: str, or_else: str, *allowed: re.Pattern[str]) -> None:
    """What no link of the page may lead to is left out there."""
    if url is None:
        return
    _text(url, at)
    if url and not any(pattern.fullmatch(url) for pattern in allowed):
        raise SettingsError(f"{at}: must be as 'https://shop.example/help' or '/help'{or_else}, not {url!r}")


def _check_page(template: Any) -> None:
    if template is not None and not callable(template):
        try:
            page_of(template)
        except (OSError, TypeError, ValueError) as error:
            raise SettingsError(f"template: must be callable, or the file of a page: {error}") from None


def _check_vendor(vendor: str, own: Any) -> None:
    try:
        profile = registry.get(vendor)
    except UnknownVendorError as error:
        raise SettingsError(f"vendors: {error}") from None
    _table(own, f"vendors.{vendor}")
    at = f"vendors.{vendor}."
    for key in own:
        if key not in VendorSettings.__annotations__:
            raise SettingsError(f"{at}{key}: no such setting{nearest(key, VendorSettings.__annotations__)}")
    if "credentials" in own:
        _one_of(own["credentials"], ("app", "user"), f"{at}credentials")
    list_of(own.get("hosts", ()), (str,), f"{at}hosts", "host names")
    _table(own.get("fields", {}), f"{at}fields")
    for name in (*own.get("fields", {}).keys(), *own.get("fields", {}).values()):
        _text(name, f"{at}fields")
    reasons = {then.reason for _, then in profile.rows() if then.reason}
    ruled = {code for rule in profile.rules for code in several(rule.when.code)}
    known = {*profile.codes, *ruled, *reasons, *_REASONS, *Family}
    messages, _ = messages_in(own.get("messages", {}), f"{at}messages")
    _check_tables(messages, own.get("statuses", {}), known, at)


def messages_in(value: Any, at: str = "messages") -> tuple[Any, Mapping[str, Any]]:
    """An app's texts and, of a file, those of single vendors. Raises SettingsError where there is no such TOML file."""
    if not isinstance(value, str | Path):
        return value, {}
    import tomllib  # slow to import

    try:
        texts = tomllib.loads(Path(value).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{at}: no TOML file of texts: {error}") from None
    return {key: text for key, text in texts.items() if key != "vendors"}, texts.get("vendors", {})


def _check_general(messages: Any, statuses: Any) -> None:
    """The tables that go for every vendor, and for errors that the app makes itself, with reasons of its own: one is
    refused only where it is nearly one that is known.
    """
    known = {*_REASONS, *Family, *ALIKE}
    tables = [table for table in (messages, statuses) if isinstance(table, Mapping)]
    if asked := {key for table in tables for key in table if isinstance(key, str)} - known:
        from difflib import get_close_matches  # slow to import

        known |= _every_reason()
        known |= {key for key in asked if REASON.match(key) and not get_close_matches(key, known, cutoff=_NEARLY)}
    _check_tables(messages, statuses, known, "")


def _every_reason() -> set[str]:
    """The reasons of all profiles that there are, which are read for it."""
    reasons: set[str] = set()
    for name in registry.default.names():
        with suppress(ProfileError):  # an installed one that is broken is another matter
            reasons |= {then.reason for _, then in registry.get(name).rows() if then.reason}
    return reasons


def _check_tables(messages: Any, statuses: Any, known: set[str], at: str) -> None:
    for name, table in (("messages", messages), ("statuses", statuses)):
        if name == "messages" and callable(messages):
            continue
        _table(table, f"{at}{name}")
        for key in table:
            if not isinstance(key, str):
                raise SettingsError(f"{at}{name}: codes are text: write {str(key)!r}, not {key!r}")
            if key in ALIKE and (key not in known or (name == "statuses" and not at)):
                why = "of the general `messages` alone, for it is what failures of all vendors look like"
                raise SettingsError(f"{at}{name}.{key}: a key {why}")
            if key not in known:
                meant = f"; did you mean {key.upper()!r}?" if key.upper() in known else nearest(key, known)
                raise SettingsError(f"{at}{name}.{key}: no such code, reason or family{meant}")
    for key, text in () if callable(messages) else messages.items():
        _check_text(text, f"{at}messages.{key}")
    for key, status in statuses.items():
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise SettingsError(f"{at}statuses.{key}: must be an HTTP status, 400 to 599, not {status!r}")


def _check_text(text: Any, at: str) -> None:
    if isinstance(text, Mapping) and not text:
        raise SettingsError(f"{at}: no language in it")
    for tag in text if isinstance(text, Mapping) else ():
        if not isinstance(tag, str) or not _LANGUAGE.fullmatch(tag):
            raise SettingsError(f"{at}: a language is a tag, as 'de' or 'pt-BR', not {tag!r}")
    for each in text.values() if isinstance(text, Mapping) else (text,):
        if isinstance(each, (*NO_TEXT, Mapping)) or each is None:
            raise SettingsError(f"{at}: must be text, or texts by language, not {each!r}")
        if isinstance(each, str) and not each:  # a lazy one is not asked yet
            raise SettingsError(f"{at}: nothing stands in it")
        for value in _BRACES.findall(each) if isinstance(each, str) else ():
            if value not in Values._fields:
                raise SettingsError(f"{at}: no value {{{value}}}{nearest(value, Values._fields)}")


# What a vendor's failure may be called that none of its profile's rows names: after its family, how the call failed, or
# what we did not let happen.
_REASONS = {
    *map(str.upper, Family),
    *(outcome.reason for outcome in OUTCOMES.values()),
    "THROTTLED",
    "CIRCUIT_OPEN",
    "JOB_DEADLINE_EXCEEDED",
    *FILES,
} - {""}
_NEARLY = 0.92  # the ratio of difflib
_BRACES = re.compile(r"\{([A-Za-z_]\w*)\}")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, without what stands for itself: "x-own"


def _table(value: Any, at: str) -> None:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{at}: must be a dict, not {value!r}")


def _text(value: Any, at: str) -> None:
    if not isinstance(value, str):
        raise SettingsError(f"{at}: must be text, not {value!r}")


def list_of(value: Any, kinds: tuple[type[Any], ...], at: str, what: str) -> None:
    """Whether a value is a list of such things, as opposed to one of them. Raises SettingsError."""
    listed = isinstance(value, Collection) and not isinstance(value, str | bytes)
    if not listed or not all(isinstance(each, kinds) for each in value):
        raise SettingsError(f"{at}: must be a list of {what}, not {value!r}")


def _one_of(value: object, choices: tuple[str, ...], at: str) -> None:
    if value not in choices:
        raise SettingsError(f"{at}: must be {' or '.join(map(repr, choices))}, not {value!r}")
