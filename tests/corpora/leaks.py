"""Secrets made up from the patterns by which scanners know them, planted where a vendor may say one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from re import _constants as kinds, _parser as patterns  # type: ignore[attr-defined]  # nothing public takes one apart
from typing import Any, NamedTuple

SAMPLES = 6  # of each rule
WINDOW = 12  # so many characters in a row of a secret are a leak, but for what all of its kind have
_CLASSES = {kinds.CATEGORY_DIGIT: "0-9", kinds.CATEGORY_SPACE: " \\n"}  # else letters and digits will do


class Secret(NamedTuple):
    """A text that a rule matches, and what of it is the secret; `chance` says of which of its letters nobody knows."""

    rule: str
    text: str
    secret: str
    chance: tuple[bool, ...]

    def survives_in(self, told: str) -> bool:
        width = min(WINDOW, len(self.secret))
        windows = (slice(at, at + width) for at in range(len(self.secret) - width + 1))
        return any(self.secret[window] in told and 2 * sum(self.chance[window]) >= width for window in windows)


# Where the whole of what a rule matches stands, and where its secret stands by itself under another name.
PLACES: dict[str, Callable[[Secret], str]] = {
    "bare": lambda secret: secret.text,
    "in prose": lambda secret: f"The call with {secret.text} was refused.",
    "token=": lambda secret: f"token={secret.secret}",
    "a header": lambda secret: f"Authorization: Bearer {secret.secret}",
    "JSON in text": lambda secret: f'{{"user": "bob", "api_key": "{secret.secret}"}}',
    "a query": lambda secret: f"https://api.example/v1?page=2&access_token={secret.secret}&lang=de",
}


def secrets(rules: Path, seed: int = 1) -> Iterator[Secret]:
    """Some for every rule of a gitleaks.toml that has a pattern of content."""
    for rule in tomllib.loads(rules.read_text(encoding="utf-8"))["rules"]:
        if pattern := rule.get("regex"):
            maker = _Maker(Random(f"{seed} {rule['id']}"))
            tree = patterns.parse(_python(pattern))
            for _ in range(SAMPLES):
                yield maker.secret(rule["id"], tree, rule.get("secretGroup", 1))


def _python(pattern: str) -> str:
    """Go's spelling in Python's; case counts, which gives some of what the rule allows."""
    pattern = re.sub(r"\(\?i\)", "", pattern).replace("(?-i:", "(?:").replace("(?i:", "(?:")
    return pattern.replace(r"\z", r"\Z").replace("[[:alnum:]]", "[A-Za-z0-9]")


Made = list[tuple[str, bool]]  # letters, and whether they came by chance


class _Maker:
    """Texts that a pattern matches."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._groups: dict[int, Made] = {}

    def secret(self, rule: str, tree: Any, group: int) -> Secret:
        self._groups = {}
        text = self._all(tree)
        secret = self._groups.get(group) or max(self._groups.values(), key=len, default=text)
        while secret[0][0] in "\"'":
            secret = secret[1:-1]
        return Secret(
            rule,
            "".join(letter for letter, _ in text),
            "".join(letter for letter, _ in secret),
            tuple(chance for _, chance in secret),
        )

    def _all(self, tree: Any) -> Made:
        return [letter for kind, value in tree for letter in self._piece(kind, value)]

    def _piece(self, kind: Any, value: Any) -> Made:  # noqa: PLR0911 - one for each kind
        if kind is kinds.LITERAL:
            return [(chr(value), False)]
        if kind is kinds.IN:
            return [(self._random.choice(_letters(value)), True)]
        if kind is kinds.ANY:
            return [(".", False)]  # which is what is meant
        if kind is kinds.NOT_LITERAL:
            return [(self._random.choice("abcdefXYZ0123456789"), True)]
        if kind is kinds.BRANCH:
            return self._all(self._random.choice(value[1]))
        if kind is kinds.SUBPATTERN:
            made = self._all(value[-1])
            if value[0] is not None:
                self._groups[value[0]] = made
            return made
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
            tree = [(kinds.NOT_LITERAL, 0)] if value[2][0][0] is kinds.ANY else value[2]
            return [letter for _ in range(self._times(kind, *value[:2])) for letter in self._all(tree)]
        return []  # a place, which needs no letter

    def _times(self, kind: Any, least: int, most: int) -> int:
        """As few as a pattern likes, else some."""
        if kind is kinds.MIN_REPEAT or (least == 0 and 20 <= most < kinds.MAXREPEAT):
            return least
        return self._random.randint(least or int(most == kinds.MAXREPEAT), min(most, least + (8 if least else 1)))


def _letters(value: Any) -> str:
    """The ASCII letters of a class; blanks and line ends only where there is nothing else."""
    source = "".join(_class(kind, each) for kind, each in value)
    found = [chr(code) for code in range(127) if re.match(f"[{source}]", chr(code))]
    return "".join(letter for letter in found if letter > " ") or "".join(found)


def _class(kind: Any, value: Any) -> str:
    if kind is kinds.NEGATE:
        return "^"
    if kind is kinds.LITERAL:
        return re.escape(chr(value))
    if kind is kinds.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    return _CLASSES.get(value, "A-Za-z0-9")
