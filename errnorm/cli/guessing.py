"""Bodies to a guess at their layout: every place in them is weighed by its name, its values and its neighbours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set as AbstractSet
from http import HTTPStatus
from typing import Any, NamedTuple

from errnorm.reading.bodies import DEPTH
from errnorm.reading.nodes import leaves, opened

Path = tuple[str, ...]


def _by_name(weights: Mapping[int, str]) -> dict[str, int]:
    return {name: weight for weight, names in weights.items() for name in names.split()}


# How telling a name is, without case and signs; a longer one that ends like it counts for nearly as much.
CODES = _by_name(
    {
        10: "code errorcode errcode reasoncode",
        8: "issue errortype",
        7: "type tag reason error exceptiontype",
        6: "key name id category",
        5: "status",
    }
)
MESSAGES = _by_name(
    {
        10: "message errormessage msg",
        9: "faultstring errordescription errordesc",
        8: "description detail desc messages",
        7: "reason error",
        6: "errors title text",
        5: "details info",
    }
)
USERS = ("usermessage", "usertitle", "usermsg")  # only the vendor's documents can say whom a text is for
DETAILS = ("developermessage", "debugmessage", "detailedmessage", "exceptionmessage", "moreinfo", "debug")
FIELD = ("field", "pointer", "parameter", "param", "propertypath", "propertyname", "property", "attribute")
FIELDS = (*FIELD, "loc", "target", "path", "fieldname", "location", "name", "key")
MAPS = ("errors", "fields", "fielderrors", "validationerrors", "invalidfields", "message", "details", "error")
IDS = ("requestid", "reqid", "traceid", "correlationid", "debugid", "logid")
OTHER_IDS = ("errorid", "ray", "rayid", "pspreference")
HEADER_IDS = ("requestid", "reqid", "traceid", "correlationid", "debugid", "xtrace", "auditid", "messageid", "cfray")

MOST = 8  # paths for one fact
ENOUGH = 7.0  # what a place must weigh to be one of a code or of a message
_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_CODE = re.compile(r"(?!\d{4}-\d\d|\d{7}|https?:|/|about:blank\Z|true\Z|false\Z)[A-Za-z0-9_.:#@/-]{1,80}\Z")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|(?=[a-z_-]*\d)(?:[a-z]*\d+[a-z]*){3,}[0-9a-z]{6,}\Z", re.IGNORECASE)


class Seen(NamedTuple):
    """One exchange as it is weighed."""

    status: int | None
    headers: Mapping[str, str]
    tree: Any  # None where the body is no JSON nor XML


class Place(NamedTuple):
    """A path from the top of a body, with the texts that stood there, by exchange, and what they weigh."""

    path: Path
    texts: dict[int, str]
    weight: float


class Layout(NamedTuple):
    """Where things seem to lie, as a profile's `[read]` has it, with the places from which that was guessed."""

    read: dict[str, list[str]]
    fields: list[dict[str, Any]]
    found: dict[str, list[Place]]


class Bodies:
    """All places of all bodies."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        self.seen = seen
        self.texts: dict[Path, dict[int, str]] = {}
        self.numbers: set[Path] = set()
        self.lists: Counter[Path] = Counter()  # that hold anything, by how often
        self.items: dict[Path, list[dict[str, Any]]] = {}  # the objects in lists
        self.maps: dict[Path, list[dict[str, Any]]] = {}
        for number, each in enumerate(seen):
            self._walk(each.tree, (), number)

    def _walk(self, node: Any, path: Path, number: int) -> None:
        node = opened(node)
        if isinstance(node, dict):
            self.maps.setdefault(path, []).append(node)
            for name, value in node.items():
                if is_step(name) and len(path) < DEPTH:
                    self._walk(value, (*path, name), number)
        elif isinstance(node, list):
            self.lists[path] += bool(node)
            items = [opened(item) for item in leaves(node)]
            self.items.setdefault(path, []).extend(item for item in items if isinstance(item, dict))
            for item in items:
                self._walk(item, path, number)
        elif node is not None and not isinstance(node, bool) and (text := str(node).strip()):
            self.texts.setdefault(path, {}).setdefault(number, text)
            if not isinstance(node, str):
                self.numbers.add(path)

    def listed(self, path: Path) -> Path | None:
        """The outermost list on the way to a path, where it mostly is one."""
        most = len(self.texts[path]) / 2
        return next((path[:end] for end in range(len(path) + 1) if self.lists[path[:end]] >= most), None)


def guess(seen: Sequence[Seen]) -> Layout:
    """The likeliest layout of bodies that are all one vendor's."""
    bodies = Bodies(seen)
    messages = _chosen(_weighed(bodies, MESSAGES, _is_sentence))
    parents = {place.path[:-1] for place in messages[:2]}
    chosen = _chosen([each for each in _weighed(bodies, CODES, _is_code, parents) if not _is_constant(each, seen)])
    codes = sorted(chosen, key=lambda place: _fineness(place, chosen), reverse=True)
    top = _top(bodies, messages, codes)
    found = {
        "code": codes,
        "message": messages,
        "detail": _varied(bodies, lambda name: folded(name) in DETAILS),
        "request_id": _varied(bodies, _is_id_name),
    }
    read: dict[str, list[str]] = {"error": ["/" + "/".join(top), "/"] if top else ["/"]}
    read |= {name: [_relative(place.path, top) for place in places] for name, places in found.items() if places}
    if headers := _id_headers(seen):
        read["request_id"] = [*read.get("request_id", ()), *headers]
    beside = {place.path[:-1] for place in codes[:1] + messages[:1]}
    if fields := [
        _relative(path, top)
        for path in bodies.texts
        if path and path[:-1] in beside and folded(path[-1]) in FIELD and bodies.listed(path) is None
    ]:
        read["field"] = fields
    return Layout(read, [*_field_lists(bodies), *_field_maps(bodies)], found)


def _varied(bodies: Bodies, is_name: Callable[[str], bool]) -> list[Place]:
    """The places of an apt name, first those that say most: an id is another one each time."""
    places = [Place(path, texts, 0) for path, texts in bodies.texts.items() if path and is_name(path[-1])]
    return sorted(places, key=lambda place: -len(set(place.texts.values())))[:MOST]


def _weighed(
    bodies: Bodies,
    names: Mapping[str, int],
    fits: Callable[[str, int | None], bool],
    parents: AbstractSet[Path] = frozenset(),
) -> list[Place]:
    """The places that weigh enough, the heaviest first; a code lies beside a message, in one of its `parents`."""
    places: list[Place] = []
    for path, texts in bodies.texts.items():
        kept = {number: text for number, text in texts.items() if fits(text, bodies.seen[number].status)}
        share, name, beside = len(kept) / len(texts), _named(path, names), path[:-1] in parents
        if not share or (path in bodies.numbers and (names is MESSAGES or share < 0.5)):
            continue  # a number that mostly repeats the status is the status
        if names is CODES and (not path or (name < ENOUGH - 0.5 and not beside)):
            continue  # a name such as "id" may be anything's
        weight = name + 3 * share + 2 * len(texts) / len(bodies.seen) + 2 * beside - 0.8 * len(path)
        if weight >= ENOUGH:
            places.append(Place(path, kept, weight))
    return sorted(places, key=lambda place: -place.weight)


def _named(path: Path, names: Mapping[str, int]) -> float:
    if not path:
        return 6.0  # the body is nothing but this
    plain = folded(path[-1])
    if plain in DETAILS or plain.endswith(USERS) or _is_id_name(path[-1]):
        return -10.0
    if plain in names:
        return names[plain]
    return next((weight - 0.5 for name, weight in names.items() if len(name) > 3 and plain.endswith(name)), 0.0)


def is_step(name: str) -> bool:
    """Whether a path can go by that name."""
    return bool(name) and name != "." and not name.startswith("header:") and not set(name) & set("/[*")


def folded(name: str) -> str:
    """A name without case and signs."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_id_name(name: str) -> bool:
    plain = folded(name)
    return plain in OTHER_IDS or plain.endswith(IDS)


def _is_sentence(text: str, _: int | None) -> bool:
    return (" " in text or text.istitle()) and not re.match(r"https?:", text)


def _is_code(text: str, status: int | None) -> bool:
    if text == str(status) or text == _PHRASES.get(status or 0) or not _CODE.match(text):
        return False
    return not _ID.match(text) or "_" in text


def _is_constant(place: Place, seen: Sequence[Seen]) -> bool:
    """Whether it says the same of every failure, and so tells none apart."""
    return len(place.texts) > 2 and len(set(place.texts.values())) == 1 and len({each.status for each in seen}) > 1


def _chosen(places: list[Place]) -> list[Place]:
    """Of the heaviest those that are nearly as heavy as the first, and those that speak where no heavier one does."""
    chosen: list[Place] = []
    spoken: set[int] = set()
    for place in places:
        near, new = places[0].weight - place.weight, not place.texts.keys() <= spoken
        if len(chosen) < MOST and (near < 4 or (new and near < 8)):
            chosen.append(place)
            spoken |= place.texts.keys()
    return chosen


def _fineness(place: Place, places: Sequence[Place]) -> float:
    """Where two codes come together, the finer is the one that says more: it varies while the other stays the same."""
    finer = 0
    for other in places:
        pairs = {(place.texts[number], other.texts[number]) for number in place.texts.keys() & other.texts.keys()}
        if pairs:
            ours, theirs = {ours for ours, _ in pairs}, {theirs for _, theirs in pairs}
            finer += (len(ours) > len(theirs)) - (len(ours) < len(theirs))
    return finer + place.weight / 100


def _top(bodies: Bodies, messages: list[Place], codes: list[Place]) -> Path:
    """Where the errors of a body lie: the list that holds the messages, else what holds both message and code."""
    leading = [places[0].path for places in (messages, codes) if places]
    if not leading:
        return ()
    if (listed := bodies.listed(leading[0])) is not None:
        return listed
    common = 0
    shortest = min(len(path) for path in leading) - 1
    while common < shortest and len({path[: common + 1] for path in leading}) == 1:
        common += 1
    return leading[0][: max(common, 0)]


def _relative(path: Path, top: Path) -> str:
    """A path as seen from the error; one that does not lie in it starts at the top of the body."""
    if path[: len(top)] != top:
        return "/" + "/".join(path)
    return "/".join(path[len(top) :]) or "."


def _field_lists(bodies: Bodies) -> Iterator[dict[str, Any]]:
    for path, items in bodies.items.items():
        names = list(dict.fromkeys(name for item in items for name in item if is_step(name) and item[name] is not None))
        members = {wanted: [name for name in names if folded(name) == wanted] for wanted in FIELDS}
        fields = [name for wanted in FIELDS for name in members[wanted]]
        words = [name for name in names if folded(name) in MESSAGES]
        if fields and words and len(path) < DEPTH:
            words.sort(key=lambda name: -MESSAGES[folded(name)])
            codes = [name for name in names if folded(name) in CODES and name not in (*fields, *words)]
            yield {"each": "/" + "/".join(path), "path": fields, "code": codes, "message": words}


def _field_maps(bodies: Bodies) -> Iterator[dict[str, Any]]:
    """Maps of an apt name whose values are lists of sentences."""
    for path, maps in bodies.maps.items():
        if path and folded(path[-1]) in MAPS:
            values = [value for each in maps for value in each.values()]
            texts = [isinstance(value, list) and all(isinstance(text, str) for text in value) for value in values]
            if texts and sum(texts) > len(texts) / 2:
                yield {"map": "/" + "/".join(path)}


def is_id_header(name: str) -> bool:
    """Whether a header of that name holds the id of an exchange."""
    return any(mark in folded(name) for mark in HEADER_IDS)


def _id_headers(seen: Sequence[Seen]) -> list[str]:
    names = Counter(name for each in seen for name in each.headers if is_id_header(name))
    return [f"header:{name}" for name, _ in names.most_common(3)]
