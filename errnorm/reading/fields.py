"""The fields that an error is about: the items of a list, or a map whose names are the paths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from errnorm.model import FieldError
from errnorm.reading.paths import Find, Node, View, cutter, leaves, opened, text_of, words_of
from errnorm.redaction import clean
from errnorm.vendors.profile import Fields, ProfileError

FIELDS = 100  # and as many items of a list are looked at
WALKED = 1_000  # places of a map that are looked at
TEXT = 4_000  # characters of all of them together: redaction takes its time
WHOLE = ("/", ".")  # the error itself, or all of the body
SHORT = 200  # characters of a name, a code or an id

# what lies where the fields lie, the error that it is of, and what was read of it as other facts
FieldReader = Callable[[Node, View, Collection[str]], list[FieldError]]


def field_reader(spec: Fields) -> FieldReader:
    """The function that reads the fields of an error."""
    if bool(spec.each) == bool(spec.map):
        raise ProfileError("either `each` or `map`")
    return _map_reader(spec) if spec.map else _list_reader(spec)


def _list_reader(spec: Fields) -> FieldReader:
    path, code, message = (tuple(map(cutter, places)) for places in (spec.path, spec.code, spec.message))

    def read(found: Node, view: View, _: Collection[str]) -> list[FieldError]:
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


def _map_reader(spec: Fields) -> FieldReader:
    """The names of a map, walked down to the texts, or to what the spec's own paths lead from to one, are the paths.

    The whole body is such a map only if nothing else was read from it, and only as far as it holds lists.
    """
    whole = spec.map in WHOLE
    code, message = (tuple(map(cutter, places)) for places in (spec.code, spec.message))

    def said_of(node: Node, view: View) -> tuple[str, str | None]:
        """What an object at the end of the names says, and its code; "" where it says nothing."""
        at = view.at(node, view.first)
        said = next((words for find in message if (words := words_of(find(at)))), "")
        return said, _short(code, at) if said else None

    def read(found: Node, view: View, taken: Collection[str]) -> list[FieldError]:
        if whole and any(taken):
            return []
        node = opened(found, attributes=False)
        if type(node) is not dict:
            return []
        fields: list[FieldError] = []
        objects: set[str] = set()  # those that are fields as a whole
        room = TEXT
        for name, leaf in _walked(_lists(node) if whole else node):
            said, its_code = said_of(leaf, view) if type(leaf) is dict and message else (_text(leaf), None)
            room -= len(name) + len(said)
            if room < 0 or len(fields) == FIELDS:
                break
            if type(leaf) is dict and said:
                objects.add(name)
            if said and said not in taken and name.rpartition(".")[0] not in objects:
                fields.append(FieldError(clean(name, SHORT), its_code, clean(said)))
        return fields

    return read


def _text(node: Node) -> str:
    return node.strip() if type(node) is str else ""


def _lists(node: Node) -> Node:
    """The lists of a map, and of the maps in it, without what else it holds."""
    return {
        name: _lists(value) if type(value) is dict else value
        for name, value in islice(node.items(), FIELDS)
        if type(value) is dict or type(value) is list
    }


def _walked(node: Node) -> Iterator[tuple[str, Node]]:
    """What a map holds, each by the names that lead to it: maps before what they hold themselves."""
    waiting: list[tuple[str, Node]] = [("", node)]
    for _ in range(WALKED):
        if not waiting:
            break
        path, node = waiting.pop()
        node = opened(node, attributes=False)
        if type(node) is list:
            waiting.extend((path, each) for each in reversed(node[:FIELDS]))
            continue
        if path:
            yield path, node
        if type(node) is dict:
            below = ((f"{path}.{name}" if path else name, each) for name, each in islice(node.items(), FIELDS))
            waiting.extend(reversed([pair for pair in below if not pair[0].endswith(".")]))


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
