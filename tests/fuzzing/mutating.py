"""Mishaps that a fuzzer of bytes seldom thinks of: JSON that stays JSON, and the words that a profile listens to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzzing.exchanges import HEAD, NAMES, words_of

_WORD = re.compile(rb"[A-Za-z_][\w.-]{0,60}|\d{1,20}")
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**18, "", " ", "a b", "word", "0", "\u00df\n", "\ud83d\ude00", [], {}, [[]]),
    *([""], {"": ""}, "x" * 300, "12s", "about:blank", "/a/b", "<b>&amp;", "error", "2026-01-02T03:04:05Z"),
)
WEIGHTS = (b"", b";q=0", b";q=0.0", b";q=0.001", b";q=0.5", b"; q=0.50", b";Q=.4", b";q=1", b";q=7", b";level=1;q=0.3")
RANGES = (  # of media types, and of languages
    b"*/* text/* application/* text/html text/plain application/problem+json application/json application/problem+xml "
    b"application/xml text/xml application/xhtml+xml a/b+json * image/*".split(),
    b"* en de de-AT DE-at-1996 pt-BR pt_BR zh-Hant-TW x-ours en-x-us fr EN".split(),
)


def exchange_mutant(data: bytes, most: int, random: Random) -> bytes | None:
    """Another exchange: its tree of JSON changed, else one of its words."""
    head, found, body = data.partition(b"\n\n")
    if not found:
        head, body = data[:HEAD], data[HEAD:]
    if len(body) < 4_000 and body[:1] in (b"{", b"["):
        try:
            tree = json.loads(body)
        except (ValueError, RecursionError):
            return line_mutant(data, most, random)
        words = _words(data)
        for _ in range(1 + random.randrange(3)):
            tree = _changed(tree, words, random)
        return head + found + json.dumps(tree, ensure_ascii=random.random() < 0.5).encode("utf-8", "replace")
    return line_mutant(data, most, random)


def line_mutant(data: bytes, most: int, random: Random) -> bytes | None:
    """One word of the input put in place of another, or one of those that the profile listens to."""
    places = list(_WORD.finditer(data, HEAD))
    if not places:
        return None
    place = random.choice(places)
    if random.random() < 0.5:
        other = random.choice(places)[0]
    else:
        other = random.choice(_words(data) or ("x",)).encode("utf-8", "replace")
    return data[: place.start()] + other + data[place.end() :]


def entries_mutant(data: bytes, most: int, random: Random) -> bytes | None:
    """One line's entries in another order, or with another weight or name; the first byte stays."""
    lines = data.split(b"\n")
    at = random.randrange(1, 3) % len(lines)
    entries = lines[at].split(b",")
    one = random.randrange(len(entries))
    match random.randrange(4):
        case 0:
            random.shuffle(entries)
        case 1:
            entries[one] = entries[one].partition(b";")[0] + random.choice(WEIGHTS)
        case 2:
            entries[one] = random.choice(RANGES[at - 1]) + random.choice(WEIGHTS)
        case 3:
            entries.append(random.choice(RANGES[at - 1]))
    return b"\n".join((*lines[:at], b",".join(entries), *lines[at + 1 :]))


def _words(data: bytes) -> tuple[str, ...]:
    return words_of(NAMES[int.from_bytes(data[:2]) % len(NAMES)])


def _changed(node: Any, words: tuple[str, ...], random: Random) -> Any:
    """A tree with one thing in it another way."""
    if node and type(node) in (dict, list) and random.random() < 0.75:
        at = random.choice(list(node)) if type(node) is dict else random.randrange(len(node))
        deeper = _changed(node[at], words, random)
        return node | {at: deeper} if type(node) is dict else [*node[:at], deeper, *node[at + 1 :]]
    return random.choice(_MISHAPS)(node, _word(words, random), random)


def _renamed(node: Any, word: str, random: Random) -> Any:
    if type(node) is not dict or not node:
        return word
    key = random.choice(list(node))
    return {(word if name == key else name): value for name, value in node.items()}


def _without(node: Any, word: str, random: Random) -> Any:
    return (
        node[1:] if type(node) is list else {key: node[key] for key in list(node)[1:]} if type(node) is dict else None
    )


def _more(node: Any, word: str, random: Random) -> Any:
    if type(node) is list:
        return node * random.randrange(1, 4)
    return {**node, word: random.choice((*node.values(), *_ODD))} if type(node) is dict else [node, word]


_MISHAPS: tuple[Callable[[Any, str, Random], Any], ...] = (
    _renamed,
    _without,
    _more,
    lambda node, word, random: [node],
    lambda node, word, random: {word: node},
    lambda node, word, random: word,
    lambda node, word, random: random.choice(_ODD),
)


def _word(words: tuple[str, ...], random: Random) -> str:
    return random.choice(words) if words else "error"
