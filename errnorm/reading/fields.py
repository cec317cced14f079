"""The fields that an error is about: the items of a list, or a map whose names are the paths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from errnorm.model import FieldError
from errnorm.reading.paths import Find, Node, View, cutter, finder, leaves, text_of, words_of
from errnorm.redaction import clean
from errnorm.vendors.profile import Fields, ProfileError

FIELDS = 100  # and as many items of a list are looked at
WALKED = 1_000  # places of a map that are looked at
TEXT = 6_000  # characters of all of them together: redaction takes its time
SHORT = 200  # characters of a name, a code or an id

FieldReader = Callable[[View, Collection[str]], list[FieldError]]


def field_reader(spec: Fields) -> FieldReader:
    """The function that reads the fields of an error; its second argument is what was read of it as other facts."""
    if bool(spec.each) == bool(spec.map):
        raise ProfileError("either `each` or `map`")
    return _map_reader(spec.map) if spec.map else _list_reader(spec)


def _list_reader(spec: Fields) -> FieldReader:
    each = finder(spec.each)
    path, code, message = (tuple(map(cutter, places)) for places in (spec.path, spec.code, spec.message))

    def read(view: View, _: Collection[str]) -> list[FieldError]:
        found = each(view)
        if found is None:
            return []
        fields: list[FieldError] = []
        room = TEXT
        for item in leaves(found, FIELDS):
            at = view.at(item, view.first)
            name = next((dotted for find in path if (dotted := _dotted(find(at)))), "")
            said = next((words for find in message if (words := words_of(find(at)))), "")
            room -= len(name) + len(said)
            if room < 0:
                break
            if name or (said and not path):
                fields.append(FieldError(clean(name, SHORT), _short(code, at), clean(said) or None))
        return fields

    return read


def _map_reader(path: str) -> FieldReader:
    """The whole body is such a map only if nothing else was read from it, and only as far as it holds lists."""
    find, whole = finder(path), path in ("/", ".")

    def read(view: View, taken: Collection[str]) -> list[FieldError]:
        if whole and any(taken):
            return []
        node = find(view)
        if type(node) is not dict:
            return []
        return [
            FieldError(clean(name, SHORT), None, clean(said))
            for name, said in _walked(_lists(node) if whole else node, taken)
        ]

    return read


def _lists(node: Node) -> Node:
    """The lists of a map, and of the maps in it, without what else it holds."""
    return {
        name: _lists(value) if type(value) is dict else value
        for name, value in islice(node.items(), FIELDS)
        if type(value) is dict or type(value) is list
    }


def _walked(node: Node, taken: Collection[str]) -> Iterator[tuple[str, str]]:
    """The texts of a map, each by the names that lead to it; what was read as a fact of the error is no field of it."""
    waiting: list[tuple[str, Node]] = [("", node)]
    count, room = 0, TEXT
    for _ in range(WALKED):
        if not waiting or count == FIELDS or room < 0:
            break
        path, node = waiting.pop()
        if type(node) is dict:
            below = ((f"{path}.{name}" if path else name, each) for name, each in islice(node.items(), FIELDS))
            waiting.extend(reversed(list(below)))
        elif type(node) is list:
            waiting.extend((path, each) for each in reversed(node[:FIELDS]))
        elif type(node) is str and (said := node.strip()) and said not in taken:
            count, room = count + 1, room - len(path) - len(said)
            if room >= 0:
                yield path, said


def _dotted(node: Node) -> str:
    """A field's name as the vendor spells it, dotted: of a text, a JSON pointer, or a list of names."""
    if type(node) is list and all(type(name) in (str, int) for name in node):
        name = ".".join(map(str, node))
    else:
        name = text_of(node)
    if name.startswith(("/", "#/")):
        name = ".".join(part.replace("~1", "/").replace("~0", "~") for part in name.lstrip("#").split("/") if part)
    return name


def _short(finds: tuple[Find, ...], view: View) -> str | None:
    return next((clean(text, SHORT) for find in finds if (text := text_of(find(view)))), None)
