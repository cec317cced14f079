"""Finds profiles: by name, by host, by the shape of a body; built-in ones, an app's own, installed packages'."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set as AbstractSet
from functools import cached_property, reduce
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from errnorm import _json
from errnorm.model import UnknownVendorError
from errnorm.vendors.loading import load
from errnorm.vendors.profile import Profile, ProfileError, When, nearest, several

T = TypeVar("T")
HERE = Path(__file__).parent
INDEX = HERE / "index.json"
GENERIC = "generic"
PROXY = "proxy-html"
ENTRY_POINTS = "errnorm.vendors"


class Entry(msgspec.Struct, frozen=True, eq=False, omit_defaults=True):
    """What the index knows of a profile before it is read."""

    file: str = ""  # of a built-in one
    hosts: tuple[str, ...] = ()
    shape: tuple[When, ...] = ()
    dialect: bool = False


class Registry:
    """The profiles of the process. Each is read when first needed, and once."""

    def __init__(self, index: Mapping[str, Entry] | None = None) -> None:
        self._lock = threading.RLock()
        self._given = index
        self._layers: dict[str, list[tuple[Path, Profile]]] = {}  # what was added, the latest first
        self._profiles: dict[str, Profile] = {}
        self._added: dict[str, list[str]] = {}
        self._installed = False
        self._found: Ways | None = None

    @cached_property
    def _index(self) -> dict[str, Entry]:
        """What is known of every profile before it is read: what was given, else of the built-in ones."""
        return dict(_indexed() if self._given is None else self._given)

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
        hosts, stars, *_ = self._ways()
        labels = host.lower().rstrip(".").split(".")[-32:]
        for start in range(len(labels)):
            dot, below = "." if start else "", labels[start:]
            if found := hosts.get(dot + ".".join(below)):
                return found
            for star in stars.get(len(below), ()):
                if found := hosts.get(dot + ".".join((*below[:star], "*", *below[star + 1 :]))):
                    return found
        return []

    def shaped(self, names: AbstractSet[str] | None = None) -> list[tuple[str, Entry]]:
        """The profiles that know their bodies by shape, vendors before dialects.

        Given what lies at the top of a body and its headers' names (see `_asked`), those that it does not rule out.
        """
        _, _, shaped, asking = self._ways()
        if names is None:
            return shaped
        ranks = {rank for name in asking.keys() & (names | {""}) for rank in asking[name]}
        return [shaped[rank] for rank in sorted(ranks)]

    def _ways(self) -> Ways:
        """How a profile is found without its name, made anew when profiles have been added."""
        self._take_installed()
        ways = self._found
        if ways is None:
            ways = self._found = _ways(self._index)
        return ways

    def add(self, path: str | Path) -> list[str]:
        """Adds a profile, or all of a folder's; a file that bears a known name extends that profile, its rows first.

        Returns the names. Raises ProfileError.
        """
        place = Path(path).resolve()
        if not place.exists():
            raise ProfileError(f"{path}: no such file or folder")
        found = profile_files(place)
        if not found:
            raise ProfileError(f"{path}: no profile in this folder, which is a file like acme.toml")
        return self._take(found, str(place))

    def hold(self, name: str) -> None:
        """Holds the files that extend a built-in profile to what they may. Raises ProfileError."""
        for file, own in self._layers.get(name, ()) if self._index[name].file else ():
            for key, complaint in passed_over(own):
                raise ProfileError(f"{file}: {key}: {complaint}")

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
            self._found = None
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


# What a file that extends another may hold; the rest of it is passed over.
EXTENDING = ("hosts", "rules", "codes", "statuses", "operations", "limits", "files", "idempotency", "idempotent")


def passed_over(own: Profile) -> Iterator[tuple[str, str]]:
    """What a file that extends another holds in vain, each with a complaint."""
    empty, may = Profile(own.name), ", ".join(EXTENDING)
    for key in own.__struct_fields__:
        if key not in EXTENDING and getattr(own, key) != getattr(empty, key):
            yield key, f"passed over: what extends {own.name!r} may hold {may}; another vendor needs another name"


def extended(profile: Profile, by: Profile) -> Profile:
    """A profile with an app's own rows before it: tables are joined key by key, lists end to end.

    Of limits and files the app's own stand in place of those that are about the same thing.
    """
    return msgspec.structs.replace(
        profile,
        hosts=(*by.hosts, *profile.hosts),
        rules=(*by.rules, *profile.rules),
        codes=profile.codes | by.codes,
        statuses=profile.statuses | by.statuses,
        operations=profile.operations | by.operations,
        limits=_instead(by.limits, profile.limits, lambda each: (each.operation, each.per, each.concurrent is None)),
        files=_instead(by.files, profile.files, lambda each: each.operation),
        idempotency=profile.idempotency if by.idempotency is None else by.idempotency,
        idempotent=by.idempotent or profile.idempotent,
    )


def _instead(own: tuple[T, ...], known: tuple[T, ...], about: Callable[[T], object]) -> tuple[T, ...]:
    settled = {about(each) for each in own}
    return (*own, *(each for each in known if about(each) not in settled))


class Ways(NamedTuple):
    """How profiles are found without their names, so that many take no longer than few."""

    hosts: dict[str, list[str]]
    stars: dict[int, list[int]]  # of hosts with so many labels, which of them may be a "*"
    shaped: list[tuple[str, Entry]]
    asking: dict[str, list[int]]  # ranks of the shaped, by the rarest key that each shape asks for, "" if for none


def _ways(index: Mapping[str, Entry]) -> Ways:
    hosts: dict[str, list[str]] = {}
    stars: dict[int, list[int]] = {}
    for name, entry in index.items():
        for host in map(str.lower, entry.hosts):
            hosts.setdefault(host, []).append(name)
            labels = host.lstrip(".").split(".")
            if "*" in labels and labels.index("*") not in (known := stars.setdefault(len(labels), [])):
                known.append(labels.index("*"))
    shaped = sorted(
        ((name, entry) for name, entry in index.items() if entry.shape), key=lambda pair: (pair[1].dialect, pair[0])
    )
    asked = [[_asked(when) for when in entry.shape] for _, entry in shaped]
    times = Counter(key for shapes in asked for needs in shapes for keys in needs for key in keys)
    asking: dict[str, list[int]] = {}
    for rank, shapes in enumerate(asked):
        rarest = [min(needs, key=lambda keys: sum(times[key] for key in keys), default=("",)) for needs in shapes]
        for key in {key for keys in rarest for key in keys}:
            asking.setdefault(key, []).append(rank)
    return Ways(hosts, stars, shaped, asking)


def _asked(when: When) -> list[tuple[str, ...]]:
    """What must be at the top of a body, or among its headers, for a condition to hold: of each one of these keys.

    A key is a name, `header:` and a name, or a name with the text that stands there: `kind=Status`.
    """
    valued = {path: texts for path, texts in when.where.items() if _NAME(path)}
    paths = (*several(when.present), *(path for path in when.where if path not in valued), *when.begins)
    headers = [(path.lower(),) for path in paths if path.startswith("header:")]
    firsts = [path.removeprefix("/").partition("/")[0] for path in paths if not path.startswith("header:")]
    names = [(first,) for first in firsts if first not in {"", "."}]
    tops = {path.removeprefix("/"): several(texts) for path, texts in valued.items()}
    return [*headers, *names, *((*(f"{name}={text}" for text in texts), f"{name}=") for name, texts in tops.items())]


_NAME = re.compile(r"/?[^/:.][^/:]*\Z").match


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


default = Registry()
get = default.get
