"""What an app settles: texts, statuses, whose credentials; checked once, with the nearest name where one is off."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

import msgspec

from errnorm.families import Action, Family, Fault, response_status_of
from errnorm.model import CanonicalError, Credentials, Problem, UnknownVendorError
from errnorm.reading.outcomes import OUTCOMES
from errnorm.reading.parsing import Reader, Recognise
from errnorm.telling.texts import ALIKE, Messages, Text
from errnorm.vendors import registry
from errnorm.vendors.profile import REASON, ProfileError, nearest


class SettingsError(ValueError):
    """A setting that is off: one line that says which, and what would be right."""


class VendorSettings(TypedDict, total=False):
    """What an app says of one vendor.

    `messages` and `statuses` go by vendor code, reason or family; `hosts` are its own (self-hosted); `fields` are the
    vendor's dotted field names, each with the app's own.
    """

    messages: Messages
    statuses: Mapping[str, int]
    hosts: Iterable[str]
    credentials: Credentials
    fields: Mapping[str, str]


class _Named(msgspec.StructMeta):
    """Makes a policy of keywords that are settings; for another one the nearest is named."""

    def __call__(self, **settings: Any) -> Any:
        for name in settings:
            if name not in self.__struct_fields__:
                raise SettingsError(f"no setting {name!r}{nearest(name, self.__struct_fields__)}")
        return super().__call__(**settings)


class Policy(msgspec.Struct, metaclass=_Named, frozen=True, eq=False, kw_only=True):
    """One frozen object that enters where an answer is made. Raises SettingsError where a setting is off."""

    vendors: Mapping[str, VendorSettings] = {}
    paths: Iterable[str | Path] = ()
    messages: Messages = {}
    statuses: Mapping[str, int] = {}
    handle: Literal["vendor"] = "vendor"
    credentials: Credentials = "app"
    gateway_statuses: Literal["keep", "503"] = "keep"
    support_url: str | None = None
    reconnect_url: str | None = None
    type_base: str | None = None
    template: Callable[[Problem], str] | None = None
    recognise: Recognise | None = None
    correlation_header: str = "X-Request-ID"
    cap: int = 65_536

    def __post_init__(self) -> None:
        paths = (self.paths,) if isinstance(self.paths, str | Path) else self.paths
        _list_of(paths, (str, Path), "paths", "paths")
        for path in paths:
            try:
                registry.default.add(path)
            except ProfileError as error:
                raise SettingsError(f"paths: {error}") from None
        _check(self)

    def make_reader(self) -> Reader:
        """How this app reads."""
        hosts = {host.lower(): name for name, own in self.vendors.items() for host in own.get("hosts", ())}
        return Reader(cap=self.cap, hosts=hosts, recognise=self.recognise)

    def of(self, error: CanonicalError) -> VendorSettings:
        """What the app says of the vendor of an error."""
        return self.vendors.get(error.vendor or "", {})

    def messages_for(self, error: CanonicalError) -> tuple[Messages, ...]:
        """The app's own texts, the vendor's before the general."""
        return self.of(error).get("messages", {}), self.messages

    def judged(self, error: CanonicalError, credentials: Credentials | None = None) -> CanonicalError:
        """The error as this app sees it: whose credentials they were, and which status the app wants for it.

        `credentials` is what was said for this call alone.
        """
        own = self.of(error)
        if (credentials or own.get("credentials", self.credentials)) == "user":
            error = _with_user_credentials(error)
        status = _by_key(error, own.get("statuses", {})) or _by_key(error, self.statuses)
        if status is None and self.gateway_statuses == "503" and error.response_status in (502, 504):
            status = 503
        return error if status is None else error.replace(response_status=status)


# A user's own credential at the vendor: what would be our key's fault is then theirs to mend, and what would be our
# quota is theirs.
_USERS_OWN = {
    Family.AUTHENTICATION: (Fault.ACCOUNT, Action.RECONNECT),
    Family.PERMISSION: (Fault.ACCOUNT, Action.RECONNECT),
    Family.RATE_LIMIT: (Fault.USER, Action.WAIT),
}


def _with_user_credentials(error: CanonicalError) -> CanonicalError:
    if error.family not in _USERS_OWN or error.fault in (Fault.USER, Fault.ACCOUNT):
        return error
    fault, action = _USERS_OWN[error.family]
    status = response_status_of(error.family, fault, action, error.vendor_status)
    return error.replace(fault=fault, action=action, response_status=status)


def _by_key(error: CanonicalError, table: Mapping[str, int]) -> int | None:
    if not table:
        return None
    return next((table[key] for key in (error.vendor_code, error.reason, error.family.value) if key in table), None)


def keywords(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with their names in capitals, as Django has them, as keywords. Raises SettingsError."""
    known = {name.upper(): name for name in Policy.__struct_fields__}
    for key in settings:
        if key not in known:
            raise SettingsError(f"no setting {key!r}{nearest(str(key).upper(), known)}")
    return {known[key]: value for key, value in settings.items()}


def _check(policy: Policy) -> None:
    _one_of(policy.handle, ("vendor",), "handle")
    _one_of(policy.credentials, ("app", "user"), "credentials")
    _one_of(policy.gateway_statuses, ("keep", "503"), "gateway_statuses")
    if not isinstance(policy.cap, int) or not 1_024 <= policy.cap <= 16_777_216:
        raise SettingsError(f"cap: must be a number of bytes, 1024 to 16777216, not {policy.cap!r}")
    if not isinstance(policy.correlation_header, str) or not _HEADER.fullmatch(policy.correlation_header):
        raise SettingsError(f"correlation_header: must be a header's name, not {policy.correlation_header!r}")
    for name in ("support_url", "reconnect_url", "type_base"):
        if getattr(policy, name) is not None:
            _text(getattr(policy, name), name)
    for name in ("template", "recognise"):
        value = getattr(policy, name)
        if value is not None and not callable(value):
            raise SettingsError(f"{name}: must be callable, not {value!r}")
    _check_tables(policy.messages, policy.statuses, {*Family, *ALIKE}, "")
    _table(policy.vendors, "vendors")
    for vendor, own in policy.vendors.items():
        _check_vendor(vendor, own)


def _check_vendor(vendor: str, own: VendorSettings) -> None:
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
    _list_of(own.get("hosts", ()), (str,), f"{at}hosts", "host names")
    _table(own.get("fields", {}), f"{at}fields")
    for name in (*own.get("fields", {}).keys(), *own.get("fields", {}).values()):
        _text(name, f"{at}fields")
    reasons = {then.reason for _, then in profile.rows() if then.reason}
    known = {*profile.codes, *reasons, *_REASONS, *Family}
    _check_tables(own.get("messages", {}), own.get("statuses", {}), known, at)


def _check_tables(messages: Messages, statuses: Mapping[str, int], known: set[str], at: str) -> None:
    for name, table in (("messages", messages), ("statuses", statuses)):
        _table(table, f"{at}{name}")
        for key in table:
            if not isinstance(key, str):
                raise SettingsError(f"{at}{name}: codes are text: write {str(key)!r}, not {key!r}")
            if key not in known and (at or not REASON.match(key)):
                raise SettingsError(f"{at}{name}.{key}: no such code, reason or family{nearest(key, known)}")
    for key, text in messages.items():
        _check_text(text, f"{at}messages.{key}")
    for key, status in statuses.items():
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise SettingsError(f"{at}statuses.{key}: must be an HTTP status, 400 to 599, not {status!r}")


def _check_text(text: Text, at: str) -> None:
    if isinstance(text, Mapping) and not text:
        raise SettingsError(f"{at}: no language in it")
    for each in text.values() if isinstance(text, Mapping) else (text,):
        if isinstance(each, _NO_TEXT):
            raise SettingsError(f"{at}: must be text, or texts by language, not {each!r}")


# What a vendor's failure may be called that none of its profile's rows names: after its family, or how the call failed.
_REASONS = {*map(str.upper, Family), *(outcome.reason for outcome in OUTCOMES.values())} - {""}
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_NO_TEXT = (int, float, bytes, Mapping, list, tuple, set, frozenset, type(None))  # a lazy text may be of any class


def _table(value: Any, at: str) -> None:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{at}: must be a dict, not {value!r}")


def _text(value: Any, at: str) -> None:
    if not isinstance(value, str):
        raise SettingsError(f"{at}: must be text, not {value!r}")


def _list_of(value: Any, kinds: tuple[type[Any], ...], at: str, what: str) -> None:
    listed = isinstance(value, Collection) and not isinstance(value, str | bytes)
    if not listed or not all(isinstance(each, kinds) for each in value):
        raise SettingsError(f"{at}: must be a list of {what}, not {value!r}")


def _one_of(value: object, choices: tuple[str, ...], at: str) -> None:
    if value not in choices:
        raise SettingsError(f"{at}: must be {' or '.join(map(repr, choices))}, not {value!r}")
