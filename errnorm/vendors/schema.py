"""The profile format as JSON Schema, made from its records: for editors, and for all that is off in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from errnorm.families import Action, Alert, Family, Fault, Verdict
from errnorm.vendors.profile import REASON, Profile, nearest

Node = dict[str, Any]

# Editors for TOML know the fourth draft at least; what is used here means the same in all later ones.
DRAFT = "http://json-schema.org/draft-04/schema#"
MEND = "x-mend"  # what would be right, where the keywords do not say it themselves

_PATH = r"^(header:.+|/|\.|/{0,2}[^/\[*]+(/[^/\[*]+)*)$"
_TOP = r"^(/|//?[^/\[*]+(/[^/\[*]+)*)$"
_NO_PATH = "must be a path: names joined by '/', with no index and no '*'"
_NO_TOP = "must be a path from the top of the body: '/' first, no index and no '*'"
_LANGUAGE = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
_STATUS = "^[1-9][0-9][0-9]$"
_NAMED = "^[^A-Za-z0-9]*[A-Za-z]"  # a code that makes a reason of its own
_ROW: Node = {"anyOf": [{"$ref": "#/definitions/Family"}, {"$ref": "#/definitions/Then"}]}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


@cache
def schema() -> Node:
    """What a profile's TOML may hold."""
    _, records = msgspec.json.schema_components((Profile,), ref_template="#/definitions/{name}")
    kinds: dict[str, Node] = {name: _tidied(record) for name, record in records.items()}
    for words in (Family, Fault, Action, Verdict, Alert):
        kinds[words.__name__]["enum"] = _values(words)
    kinds["Path"] = {"type": "string", "pattern": _PATH, MEND: _NO_PATH}
    _spell_paths(kinds)
    _spell_rows(kinds)
    top = kinds.pop("Profile")
    keys = top["properties"]
    del keys["dialect"]  # told by the folder
    needed = "every profile needs one, of lower-case letters, digits and hyphens"
    keys["name"] |= {"pattern": "^[a-z0-9][a-z0-9-]{0,62}$", MEND: needed}
    keys["shape"] = {"anyOf": [_ref("When"), keys["shape"]]}
    keys["codes"] = {"type": "object", "patternProperties": {_NAMED: _ROW}, "additionalProperties": _ref("Nameless")}
    keys["statuses"] = _keyed(_STATUS, _ROW, "must be an HTTP status, 100 to 999")
    return {"$schema": DRAFT} | top | {"title": "A profile of errnorm", "definitions": kinds}


def deviations(document: Node) -> Iterator[str]:
    """Everything in a profile's TOML that the schema does not allow, each with its address and what would be right."""
    for address, complaint in _off(document, schema(), ""):
        yield f"{address}: {complaint}" if address else complaint


def _spell_paths(kinds: dict[str, Node]) -> None:
    """Says which of the texts are paths."""
    path, place = _ref("Path"), {"anyOf": [_ref("Path"), _ref("Spot")]}
    read, fields, when = (kinds[name]["properties"] for name in ("Read", "Fields", "When"))
    for key in read.keys() - {"error", "fields"}:
        read[key]["items"] = place
    for key in ("path", "code", "message"):
        fields[key]["items"] = place
    read["error"]["items"] = {"type": "string", "pattern": _TOP, MEND: _NO_TOP}
    limit = kinds["Limit"]["properties"]
    limit["remaining"] = limit["reset"] = place
    kinds["Spot"]["properties"]["at"] = fields["each"] = fields["map"] = path
    kinds["Fields"] |= {"oneOf": [{"required": ["each"]}, {"required": ["map"]}], MEND: "either `each` or `map`"}
    when["present"] = when["absent"] = {"anyOf": [path, {"type": "array", "items": path}]}
    for key in ("where", "begins"):
        when[key] = _keyed(_PATH, when[key]["additionalProperties"], _NO_PATH)


def _spell_rows(kinds: dict[str, Node]) -> None:
    """Says what the values of a row may be, and that the row of a code without a name must give the reason."""
    kinds["Rule"]["properties"]["then"] = _ROW
    row = kinds["Then"]["properties"]
    upper = "UPPER_SNAKE of at most 63 characters"
    row["reason"] |= {"pattern": f"^{REASON.pattern.removesuffix(chr(92) + 'Z')}$", MEND: f"must be {upper}"}
    row["response_status"] |= {"minimum": 400, "maximum": 599, MEND: "must be 400 to 599"}
    row["wait"] |= {"minimum": 0, MEND: "must be a number of seconds from 0"}
    text = [{"type": "string"}, _keyed(_LANGUAGE, {"type": "string"}, "must be a language, as de or pt-BR")]
    row["text"] = {"anyOf": [*text, {"type": "array", "items": {"anyOf": text}}]}
    reason = row["reason"] | {MEND: f"must be given, for this code makes no name: {upper}"}
    nameless = {"properties": row | {"reason": reason}, "required": ["reason"]}
    kinds["Nameless"] = (
        kinds["Then"] | nameless | {MEND: "must be a table with a `reason`, for this code makes no name"}
    )


def _tidied(node: Any) -> Any:
    """A node as TOML has it: without null, and without saying what goes without saying."""
    if isinstance(node, list):
        return [_tidied(each) for each in node if each != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidied(value) for key, value in node.items() if value not in ([], {}, None, "")}
    if "enum" in tidy:
        tidy["type"] = "string"
    if "default" in tidy and not isinstance(tidy["default"], str | int | float):
        del tidy["default"]
    if len(alternatives := tidy.get("anyOf", ())) == 1:
        del tidy["anyOf"]
        tidy |= alternatives[0]
    return tidy


def _ref(name: str) -> Node:
    return {"$ref": f"#/definitions/{name}"}


def _keyed(pattern: str, value: Node, mend: str) -> Node:
    """A table whose keys follow a pattern."""
    return {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False, MEND: mend}


def _values(words: type[Enum]) -> list[str]:
    return [each.value for each in words]


def _off(value: Any, node: Node, address: str) -> Iterator[tuple[str, str]]:
    """What is off in a value and below it: the address, and the complaint."""
    node = _followed(node)
    kinds = [_followed(each) for each in node.get("anyOf", (node,))]
    kind = next((each for each in kinds if _is(value, each)), None)
    if kind is None:
        wanted = " or ".join(f"`{each['type']}`" for each in kinds)
        yield address, node.get(MEND) or f"expected {wanted}, got `{type(value).__name__}`"
    elif isinstance(value, dict):
        yield from _off_in_table(value, kind, address)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            # rules are known by their number where they have no title
            yield from _off(item, kind["items"], f"{address}.{at + 1}" if address == "rules" else f"{address}[{at}]")
    elif "enum" in kind:
        if value not in kind["enum"]:
            yield address, f"must be one of {', '.join(kind['enum'])}, not {value!r}"
    elif not _within(value, kind):
        yield address, f"{kind[MEND]}, not {value!r}"


def _off_in_table(table: Node, node: Node, address: str) -> Iterator[tuple[str, str]]:
    inside = f"{address}." if address else ""
    known, patterns = node.get("properties", {}), node.get("patternProperties", {})
    for key in node.get("required", ()):
        if key not in table:
            yield f"{inside}{key}", known[key].get(MEND, "must be given")
    if "oneOf" in node and sum(set(each["required"]) <= table.keys() for each in node["oneOf"]) != 1:
        yield address, node[MEND]
    for key, value in table.items():
        below = known.get(key) or next((each for pattern, each in patterns.items() if re.search(pattern, key)), None)
        below = below or node["additionalProperties"]
        if below:
            yield from _off(value, below, f"{inside}{key}")
        elif patterns:
            yield f"{inside}{key}", node[MEND]
        else:
            yield address, f"no key {key!r} here{nearest(key, known)}"


def _followed(node: Node) -> Node:
    """The definition that a node refers to, or itself."""
    name = node.get("$ref")
    found: Node = schema()["definitions"][name.rpartition("/")[2]] if name else node
    return found


def _is(value: Any, node: Node) -> bool:
    wanted = _TYPES[node["type"]]
    return isinstance(value, wanted) and (not isinstance(value, bool) or bool in wanted)


def _within(value: Any, node: Node) -> bool:
    if isinstance(value, str):
        return bool(re.search(node.get("pattern", ""), value))
    return bool(node.get("minimum", value) <= value <= node.get("maximum", value))
