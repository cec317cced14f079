"""What an app settles, and what follows from it for an error: texts, statuses, whose credentials they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from errnorm.families import Action, Family, Fault, response_status_of
from errnorm.model import CanonicalError, Credentials, Problem
from errnorm.reading.parsing import Reader, Recognise
from errnorm.reading.plans import plan_of, shape_of
from errnorm.settings import SettingsError, VendorSettings, check, list_of, messages_in
from errnorm.telling.texts import Messages
from errnorm.vendors import registry
from errnorm.vendors.profile import ProfileError, nearest


class _Named(msgspec.StructMeta):
    """Makes a policy of keywords that are settings; for another one the nearest is named."""

    def __call__(self, **settings: Any) -> Any:
        for name in settings:
            if name not in self.__struct_fields__:
                raise SettingsError(f"no setting {name!r}{nearest(name, self.__struct_fields__)}")
        return super().__call__(**settings)


class Policy(msgspec.Struct, metaclass=_Named, frozen=True, dict=True, eq=False, kw_only=True):
    """One frozen object that enters where an answer is made. Raises SettingsError where a setting is off."""

    vendors: Mapping[str, VendorSettings] = {}
    paths: Iterable[str | Path] = ()
    messages: Messages | str | Path = {}
    statuses: Mapping[str, int] = {}
    handle: Literal["vendor", "all"] = "vendor"
    exempt: Iterable[str] = ()
    credentials: Credentials = "app"
    gateway_statuses: Literal["keep", "503"] = "keep"
    audience: Callable[[Any], object] | None = None
    support_url: str | None = None
    reconnect_url: str | None = None
    type_base: str | None = None
    template: Callable[[Problem], str] | str | Path | None = None
    recognise: Recognise | None = None
    correlation_header: str = "X-Request-ID"
    cap: int = 65_536

    def __post_init__(self) -> None:
        paths = (self.paths,) if isinstance(self.paths, str | Path) else self.paths
        list_of(paths, (str, Path), "paths", "paths")
        for path in paths:
            try:
                for name in registry.default.add(path):
                    plan_of(registry.get(name))
                    shape_of(registry.default.entry(name))
                    registry.default.hold(name)
            except ProfileError as error:
                raise SettingsError(f"paths: {error}") from None
        check(self)
        _ = self._texts  # of files, while they are what was looked at

    def exempts(self, path: str) -> bool:
        """Whether a path lies where everything is left to the framework: "/admin" is all that lies below it too."""
        return any(path == start or path.startswith(start.rstrip("/") + "/") for start in self.exempt)

    def make_reader(self) -> Reader:
        """How this app reads."""
        hosts = {host.lower(): name for name, own in self.vendors.items() for host in own.get("hosts", ())}
        return Reader(cap=self.cap, hosts=hosts, recognise=self.recognise)

    def of(self, error: CanonicalError) -> VendorSettings:
        """What the app says of the vendor of an error."""
        return self.vendors.get(error.vendor or "", {})

    def messages_for(self, error: CanonicalError) -> tuple[Messages, ...]:
        """The app's own texts, the vendor's before the general."""
        return self._texts.get(error.vendor) or self._texts[None]

    @cached_property
    def _texts(self) -> dict[str | None, tuple[Messages, ...]]:
        """The same by vendor, None for all others: a file is read once, and anew for another policy."""
        general, vendors = messages_in(self.messages)
        found: dict[str | None, tuple[Messages, ...]] = {None: (general,)}
        for name in {*self.vendors, *vendors}:
            own, _ = messages_in(self.vendors.get(name, {}).get("messages", {}))
            found[name] = (own, vendors.get(name, {}), general)
        return found

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
    keys = (error.vendor_code, error.reason, error.family.value)
    return next((table[key] for key in keys if key is not None and key in table), None)


def keywords(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with their names in capitals, as Django has them, as keywords. Raises SettingsError."""
    known = {name.upper(): name for name in Policy.__struct_fields__}
    for key in settings:
        if key not in known:
            raise SettingsError(f"no setting {key!r}{nearest(str(key).upper(), known)}")
    return {known[key]: value for key, value in settings.items()}
