"""The fields that an error is about: the items of a list, or a map whose names are the paths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from errnorm.model import FieldError
from errnorm.reading.nodes import Node, leaves, opened, text_of, words_of
from errnorm.reading.paths import Find, View, cutter
from errnorm.redaction import clean
from errnorm.vendors.profile import Fields, ProfileError

FIELDS = 100  # and as many items of a list are looked at
WALKED = 1_000  # places of a map that are looked at
TEXT = 4_000  # characters of all of them together: redaction takes its time
WHOLE = ("/", ".")  # the error itself, or all of the body
SHORT = 200  # characters of a name, a code or an id

FieldReader = Callable[[Node, View], list[FieldError]]  # what lies where the fields lie, and the error that it is of


def field_reader(spec: Fields, facts: Collection[str]) -> FieldReader:
    """The function that reads the fields of an error; `facts` are the names in a map that are known to be none."""
    if bool(spec.each) == bool(spec.map):
        raise ProfileError("either `each` or `map`")
    return _map_reader(spec, facts) if spec.map else _list_reader(spec)


def _list_reader(spec: Fields) -> FieldReader:
    path, code, message = (tuple(map(cutter, places)) for places in (spec.path, spec.code, spec.message))

    def read(found: Node, view: View) -> list[FieldError]:
        fields: list[FieldError] = []
        room = TEXT
        for item in leaves(found, FIELDS):
            at = view.at(item, view.first)
            name = next((dotted for find in path if (dotted := _dotted(find(at)))), "")
            its_code = _code(code, at)
            said = next((words for find in message if (words := words_of(find(at))) and words != its_code), "")
            room -= len(name) + len(said)
            if room < 0:
                break
            if name or (said and not path):
                fields.append(FieldError(clean(name, SHORT), clean(its_code, SHORT) or None, clean(said) or None))
        return [field for field in fields if field.path or field.vendor_message]  # what is left of them when cleaned

    return read


def _map_reader(spec: Fields, facts: Collection[str]) -> FieldReader:
    """The names of a map, walked down to the texts, or to what the spec's own paths lead from to one, are the paths.

    The whole body is such a map only as far as it holds lists, and so is one that holds facts beside its fields.
    """
    whole = spec.map in WHOLE
    code, message = (tuple(map(cutter, places)) for places in (spec.code, spec.message))

    def said_of(node: Node, view: View) -> tuple[str, str | None]:
        """What an object at the end of the names says, and its code; "" where it says nothing."""
        at = view.at(node, view.first)
        said = next((words for find in message if (words := words_of(find(at)))), "")
        return said, clean(_code(code, at), SHORT) or None if said else None

    def read(found: Node, view: View) -> list[FieldError]:
        node = opened(found, attributes=False)
        if type(node) is not dict:
            return []
        beside = [name for name in facts if name in node]
        lists = whole or any(_told(node[name]) for name in beside)
        if beside:
            node = {name: value for name, value in islice(node.items(), FIELDS) if name not in facts}
        fields: list[FieldError] = []
        objects: set[str] = set()  # those that are fields as a whole
        room = TEXT
        for name, leaf in _walked(_lists(node) if lists else node):
            said, its_code = said_of(leaf, view) if type(leaf) is dict and message else (_text(leaf), None)
            room -= len(name) + len(said)
            if room < 0 or len(fields) == FIELDS:
                break
            if type(leaf) is dict and said:
                objects.add(name)
            if said and name.rpartition(".")[0] not in objects:
                fields.append(FieldError(clean(name, SHORT), its_code, clean(said) or None))
        return [field for field in fields if field.path or field.vendor_message]  # what is left of them when cleaned

    return read


def _text(node: Node) -> str:
    return node.strip() if type(node) is str else ""


def _told(node: Node) -> bool:
    """Whether there is a text or a number, as opposed to a list of them, which a field of that name may have."""
    return type(node) is not list and bool(text_of(node))


def _lists(node: Node) -> Node:
    """The lists of a map, and of the maps in it or in those, without what else they hold."""
    if type(node) is list:
        return [_lists(item) if type(item) is dict else item for item in node[:FIELDS]]
    kept = {name: value for name, value in islice(node.items(), FIELDS) if type(value) is dict or type(value) is list}
    return {name: _lists(value) for name, value in kept.items()}


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


def is_code(text: str) -> bool:
    """Whether a text can be a code: it is one word, and not a long one."""
    return len(text) <= SHORT and len(text.split(None, 1)) == 1


def _code(finds: tuple[Find, ...], view: View) -> str:
    return next((text for find in finds if is_code(text := text_of(find(view)))), "")
