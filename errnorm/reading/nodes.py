"""The nodes of a body, be it JSON or XML: opened, looked through, asked for their text, within bounds.

JSON is walked as it was decoded. An lxml element is opened one level at a time into the same shape: a mapping of local
names, attributes as `@name`, in which an element that holds only text is that text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

PLACES = 2_000  # nodes that `//` visits, and that one list yields
BESIDE = 50  # items of a list that a step looks into, but for what `//` found, and attributes of an element
BLANKS = 16  # items of a list that a text is looked for in

Node = Any  # what JSON decodes to, or an lxml element
_SCALARS = frozenset({str, int, float, bool, type(None)})
JSON = frozenset({dict, list, str, int, float, bool, type(None)})  # anything else is an element


def opened(node: Node, attributes: bool = True) -> Node:
    """An element as a mapping of its children and attributes, or as its text; anything else as it is."""
    if type(node) in JSON:
        return node
    if not len(node) and not (attributes and node.attrib):
        return node.text or ""
    names: dict[str, Node] = {}
    for child in node if len(node) <= PLACES else islice(node, PLACES):
        name = child.tag
        if type(name) is not str:
            continue  # an entity that nobody resolves
        if name[:1] == "{":
            name = name.rpartition("}")[2]
        value = child if len(child) or (attributes and child.attrib) else child.text or ""
        if name not in names:
            names[name] = value
        elif type(names[name]) is list:
            names[name].append(value)
        else:
            names[name] = [names[name], value]
    if attributes:
        for attribute in islice(node.attrib, BESIDE):
            names["@" + attribute.rpartition("}")[2]] = node.get(attribute)
    names["."] = node.text
    return names


def leaves(node: Node, most: int = PLACES) -> Iterator[Node]:
    """The node, or what a list of lists of them holds; of a list, so many items are looked at."""
    if type(node) is not list:
        if node is not None:
            yield node
        return
    waiting = node[:most][::-1]
    for _ in range(most):
        if not waiting:
            return
        item = waiting.pop()
        if type(item) is list:
            waiting.extend(item[:most][::-1])
        else:
            yield item


def text_of(node: Node) -> str:
    """The text of the first scalar at a node that is not blank: JSON texts and numbers, an element's own text."""
    if type(node) is str:
        return node.strip()
    if type(node) is int or type(node) is float:
        return str(node)
    if type(node) is bool:
        return "true" if node else "false"
    if type(node) is list:
        return next((text for leaf in leaves(node, BLANKS) if type(leaf) is not dict and (text := text_of(leaf))), "")
    return (node.text or "").strip() if type(node) not in JSON and not len(node) else ""


def words_of(node: Node) -> str:
    """The first text at a node that is not blank; numbers are no words."""
    if type(node) is str:
        return node.strip()
    if type(node) is list:
        return next((words for leaf in leaves(node, BLANKS) if (words := words_of(leaf))), "")
    return "" if type(node) in (int, float, bool, dict) else text_of(node)


def leads(node: Node) -> bool:
    """Whether there is something: not null, false, "", {}, [], nor an element of blanks."""
    if type(node) is str:
        return bool(node) and not node.isspace()
    if type(node) is list:
        return any(leads(item) for item in leaves(node))
    if type(node) in JSON:
        return type(node) is int or type(node) is float or bool(node)
    values = map(node.get, islice(node.attrib, BESIDE))
    return leads(node.text) or any(map(leads, values)) or any(map(leads, islice(node, PLACES)))


def speaks(node: Node) -> bool:
    """Whether a node can be an error: numbers, flags and null say nothing."""
    return type(node) is str or type(node) not in _SCALARS


def step(node: Node, name: str, most: int = BESIDE) -> Node:
    """What lies under a name; lists are looked through."""
    if type(node) is list:
        found: list[Node] = []
        items = node[:most]
        for item in leaves(node, most) if list in map(type, items) else items:
            value = item.get(name) if type(item) is dict else None if type(item) in _SCALARS else step(item, name)
            if value is not None:
                found.append(value)
        return found[0] if len(found) == 1 else found or None
    node = opened(node)
    return node.get(name) if type(node) is dict else None


def below(node: Node) -> Callable[[str], Node]:
    """What finds a name at a node; of a list, in those of its items that hold anything."""
    if type(node) is dict:
        return node.get
    if type(node) is list:
        node = [item for item in leaves(node, BESIDE) if type(item) not in _SCALARS]
    return partial(step, node) if node and type(node) not in _SCALARS else nothing


def nothing(_: str) -> None:
    """What there is in a text or a number, and at the top for an error that is not the first."""


def further(node: Node, names: tuple[str, ...], most: int = BESIDE) -> Node:
    """What lies below a node under these names, one after the other."""
    for name in names:
        if node is None:
            return None
        node = node.get(name) if type(node) is dict else step(node, name, most)
    return node


def deep(tree: Node, name: str) -> Node:
    """Every node of that name, at any depth, and within bounds: one that holds others before what it holds."""
    if type(tree) not in JSON:
        elements = tree.iter("{*}" + name)
        first, second = next(elements, None), next(elements, None)
        return first if second is None else [first, second, *islice(elements, PLACES - 2)]
    found: list[Node] = []
    waiting = [tree]  # no deeper than DEPTH: what is deeper has not been decoded
    for _ in range(PLACES):
        if not waiting:
            break
        node = waiting.pop()
        if type(node) is dict:
            if name in node:
                found.append(node[name])
            node = list(islice(node.values(), PLACES))
        if type(node) is list:
            waiting += [each for each in node[PLACES - 1 :: -1] if type(each) is dict or type(each) is list]
    return found or None
