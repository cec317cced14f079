"""Finds profiles: by name, by host, by the shape of a body; built-in ones, an app's own, installed packages'."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path

import msgspec

from errnorm import _json
from errnorm.model import UnknownVendorError
from errnorm.vendors.profile import Profile, ProfileError, When, load, nearest

HERE = Path(__file__).parent
INDEX = HERE / "index.json"
GENERIC = "generic"
ENTRY_POINTS = "errnorm.vendors"


class Entry(msgspec.Struct, frozen=True, eq=False, omit_defaults=True):
    """What the index knows of a profile before it is read."""

    file: str = ""  # of a built-in one
    hosts: tuple[str, ...] = ()
    shape: tuple[When, ...] = ()
    dialect: bool = False


class Registry:
    """The profiles of the process. Each is read when first needed, and once."""

    def __init__(self, index: Mapping[str, Entry]) -> None:
        self._lock = threading.RLock()
        self._index = dict(index)
        self._layers: dict[str, list[tuple[Path, Profile]]] = {}  # what was added, the latest first
        self._profiles: dict[str, Profile] = {}
        self._added: dict[str, list[str]] = {}
        self._installed = False
        self._hosts, self._shaped = _by_host(self._index), _by_shape(self._index)

    def get(self, name: str) -> Profile:
        """The profile of that name. Raises UnknownVendorError, which names the nearest."""
        profile = self._profiles.get(name)
        return profile if profile is not None else self._read(name)

    def entry(self, name: str) -> Entry:
        """What is known of a profile without reading it."""
        return self._index[name]

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def files(self, name: str) -> list[Path]:
        """The files that a profile is made of, an app's own first; their samples lie beside them."""
        entry = self._index[self.get(name).name]
        built_in = [HERE / entry.file] if entry.file else []
        return [*(file for file, _ in self._layers.get(name, ())), *built_in]

    def names(self) -> list[str]:
        """Every name that `vendor=` takes."""
        self._take_installed()
        return sorted(self._index)

    def at(self, host: str) -> list[str]:
        """The profiles that answer at a host: those that name it, else those that name what it lies below."""
        self._take_installed()
        host = host.lower().rstrip(".")
        if found := self._hosts.get(host):
            return found
        labels = host.split(".")[:32]
        for start in range(1, len(labels)):
            if found := self._hosts.get("." + ".".join(labels[start:])):
                return found
        return []

    def shaped(self) -> list[tuple[str, Entry]]:
        """The profiles that know their bodies by shape, vendors before dialects."""
        self._take_installed()
        return self._shaped

    def add(self, path: str | Path) -> list[str]:
        """Adds a profile, or all of a folder's; a file that bears a known name extends that profile, its rows first.

        Returns the names. Raises ProfileError.
        """
        place = Path(path).resolve()
        if not place.exists():
            raise ProfileError(f"{path}: no such file or folder")
        return self._take(profile_files(place), str(place))

    def _take(self, found: Iterable[Path], source: str) -> list[str]:
        with self._lock:
            if source in self._added:
                return self._added[source]
            layers = [(file, _loaded(file)) for file in found]
            for file, profile in layers:
                self._layers.setdefault(profile.name, []).insert(0, (file, profile))
                self._profiles.pop(profile.name, None)
                known = self._index.get(profile.name, Entry())
                self._index[profile.name] = msgspec.structs.replace(
                    known,
                    hosts=(*profile.hosts, *known.hosts),
                    shape=(*profile.shape, *known.shape),
                )
            self._hosts, self._shaped = _by_host(self._index), _by_shape(self._index)
            self._added[source] = [profile.name for _, profile in layers]
            return self._added[source]

    def _read(self, name: str) -> Profile:
        with self._lock:
            if name not in self._index:
                self._take_installed()
            if name not in self._index:
                raise UnknownVendorError(f"no vendor {name!r}{nearest(name, self._index)}")
            if name not in self._profiles:
                entry = self._index[name]
                layers = [profile for _, profile in self._layers.get(name, ())]
                if entry.file:
                    layers.append(_loaded(HERE / entry.file, dialect=entry.dialect))
                self._profiles[name] = reduce(extended, reversed(layers))
            return self._profiles[name]

    def _take_installed(self) -> None:
        """Takes in the profiles of installed packages, once: an entry point names a package that holds the files.

        One that is broken is left out, and said to be: what a vendor answers must be read all the same.
        """
        if self._installed:
            return
        import logging  # slow to import, all three, and few processes get here
        from importlib.metadata import entry_points
        from importlib.resources import as_file, files

        with self._lock:  # a second thread takes in what is there already, which changes nothing
            for point in entry_points(group=ENTRY_POINTS):
                try:
                    with as_file(files(point.value)) as folder:
                        self._take(profile_files(folder), point.value)
                except (ImportError, OSError, ProfileError, TypeError) as error:
                    logging.getLogger("errnorm").warning("entry point %s: %s", point.name, error)
            self._installed = True


def _loaded(file: Path, *, dialect: bool = False) -> Profile:
    try:
        return load(file.read_text(encoding="utf-8"), str(file), dialect=dialect)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from None


def profile_files(place: Path) -> list[Path]:
    """The profiles of a folder, or the one that a file is; samples and everything else are passed over."""
    if not place.is_dir():
        return [place]
    return sorted(
        (file for file in place.iterdir() if file.name.endswith(".toml") and not file.name.endswith(".samples.toml")),
        key=lambda file: file.name,
    )


def extended(profile: Profile, by: Profile) -> Profile:
    """A profile with an app's own rows before it: tables are joined key by key, lists end to end."""
    return msgspec.structs.replace(
        profile,
        hosts=(*by.hosts, *profile.hosts),
        rules=(*by.rules, *profile.rules),
        codes=profile.codes | by.codes,
        statuses=profile.statuses | by.statuses,
        operations=profile.operations | by.operations,
        limits=(*by.limits, *profile.limits),
    )


def _by_host(index: Mapping[str, Entry]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for name, entry in index.items():
        for host in entry.hosts:
            hosts.setdefault(host.lower(), []).append(name)
    return hosts


def _by_shape(index: Mapping[str, Entry]) -> list[tuple[str, Entry]]:
    shaped = [(name, entry) for name, entry in index.items() if entry.shape]
    return sorted(shaped, key=lambda pair: (pair[1].dialect, pair[0]))


def built_in() -> dict[str, Entry]:
    """The index of the built-in profiles, made from the profiles themselves: what `index.json` holds."""
    index: dict[str, Entry] = {}
    for folder, dialect in (("", False), ("dialects/", True)):
        for file in profile_files(HERE / folder):
            profile = _loaded(file, dialect=dialect)
            index[profile.name] = Entry(folder + file.name, profile.hosts, profile.shape, dialect)
    return index


def _indexed() -> dict[str, Entry]:
    raw = _json.loads(INDEX.read_bytes())
    return msgspec.convert(raw, dict[str, Entry])


default = Registry(_indexed())
get = default.get
