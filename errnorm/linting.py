"""What nobody notices while a profile reads well: rows that never decide, texts that are never told, shared shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from itertools import product
from typing import NamedTuple

from errnorm.families import Action, Fault, family_of
from errnorm.model import CanonicalError
from errnorm.reading.bodies import Body
from errnorm.reading.paths import Exchange
from errnorm.reading.responses import fitting
from errnorm.telling.texts import Text, Values, reason_of, texts_of, values_in
from errnorm.vendors.profile import Profile, Then, When, nearest
from errnorm.vendors.registry import Entry, passed_over

Conditions = Mapping[str, frozenset[object]]


class File(NamedTuple):
    """A file, and the profile that it is or extends, in which so many rules of other files come `before` its own."""

    own: Profile
    profile: Profile
    before: int = 0
    extends: bool = False

    def rows(self) -> Iterator[tuple[str, str, Then]]:
        """The file's own rows: the address in the file, the one that errors bear, and what follows."""
        name = self.profile.name
        for number, rule in enumerate(self.own.rules, 1):
            yield f"rules.{rule.title or number}", f"{name}:{rule.title or number + self.before}", rule.then
        for address, then in self.own.rows():
            if not address.startswith("rules."):
                yield address, f"{name}:{address}", then


def lint(file: File, errors: Sequence[CanonicalError] | None) -> Iterator[tuple[str, str]]:
    """What is off in a file, each with its address; `errors`: what its samples were read as, None where one is off."""
    if file.extends:
        yield from passed_over(file.own)
    hidden = dict(_hidden(file))
    yield from hidden.items()
    if errors is not None:
        yield from _unreached(file, hidden, errors)
    yield from _untold(file)
    yield from _ambiguous(file)
    for title in twice(rule.title for rule in file.own.rules if rule.title):
        yield f"rules.{title}", "a title that occurs twice"


def twice(titles: Iterable[str]) -> list[str]:
    """Those of the titles that occur more than once."""
    return [title for title, times in Counter(titles).items() if times > 1]


class Lying(NamedTuple):
    """A sample: where it lies, whose it is, and what shapes are held to."""

    place: str
    title: str
    profile: str
    body: Body
    exchange: Exchange


def shared_shapes(
    samples: Iterable[Lying], shaped: Mapping[str, Entry], asked: AbstractSet[str]
) -> Iterator[tuple[str, str]]:
    """Samples that might be taken for two profiles' by shape, after where they lie; of those that concern `asked`.

    A vendor goes before the dialect that it speaks, so that on a vendor's body a dialect's shape is in no vendor's way.
    """
    shared: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for place, title, profile, body, exchange in samples:
        if body.tree is None and body.kind != "html":
            continue
        names = tuple(fitting(body, exchange, shaped.items()))
        if profile not in shaped or not shaped[profile].dialect:
            names = tuple(name for name in names if not shaped[name].dialect) or names
        if len(names) > 1 and not asked.isdisjoint((profile, *names)):
            shared.setdefault((place, names), []).append(title)
    for (place, names), (title, *others) in shared.items():
        more = f" and {len(others)} more" if others else ""
        yield place, f"{title!r}{more}: might be taken for {' or '.join(names)} by shape"


def _hidden(file: File) -> Iterator[tuple[str, str]]:
    """Rows that never decide, because a rule before them holds whenever they would."""
    earlier: list[tuple[str, Conditions]] = []
    for number, rule in enumerate(file.own.rules, 1):
        address, wanted = f"rules.{rule.title or number}", _conditions(rule.when)
        if not all(wanted.values()):
            yield address, "can never hold: something in its `when` may be nothing at all"
        elif by := _behind(wanted, earlier):
            yield address, f"never decides: {' or '.join(by)} before it always holds then"
        earlier.append((address, wanted))
    # those of a built-in profile come after the file's own, but before all codes and statuses
    own = {known: address for address, known, _ in file.rows()}
    rules: list[tuple[str, Conditions, Then]] = []
    for number, rule in enumerate(file.profile.rules, 1):
        known = f"{file.profile.name}:{rule.title or number}"
        rules.append((own.get(known, known), _conditions(rule.when), rule.then))
    for code, then in file.own.codes.items():
        by_rule = _first({"code": code}, [rule[:2] for rule in rules])
        if by_rule and _says_more(then):
            yield f"codes.{code}", f"never decides: {by_rule} always holds then"
    # a rule that names no family leaves the rest to the status's row
    named = [rule[:2] for rule in rules if rule[2].family is not None]
    for status in file.own.statuses:
        if by_rule := _first({"status": status}, named):
            yield f"statuses.{status}", f"never decides: {by_rule} always holds then"


def _says_more(then: Then) -> bool:
    """Whether a row says more than a family; one that does not says at least that the vendor's code is known."""
    return any(getattr(then, key) not in (None, False) for key in then.__struct_fields__ if key not in _BARE)


_BARE = ("family", "reason")


def _conditions(when: When) -> Conditions:
    """What a When asks for, by name: one of these each."""
    asked: dict[str, frozenset[object]] = {f"where {path}": _several(texts) for path, texts in when.where.items()}
    asked |= {f"begins {path}": _several(texts) for path, texts in when.begins.items()}
    asked |= {f"present {path}": frozenset({False}) for path in _several(when.absent)}
    for key in ("status", "code", "operation", "body"):
        if values := _several(getattr(when, key)):
            asked[key] = values
    return asked | {f"present {path}": frozenset({True}) for path in _several(when.present)}


def _several(value: object) -> frozenset[object]:
    return frozenset(value if isinstance(value, tuple) else (value,))


def _behind(conditions: Conditions, rules: Sequence[tuple[str, Conditions]]) -> list[str]:
    """The rules of which one always holds where these conditions do; [] if there is a case in which none needs to."""
    by: dict[str, None] = {}
    for values in product(*conditions.values()):
        rule = _first(dict(zip(conditions, values, strict=True)), rules)
        if rule is None:
            return []
        by[rule] = None
    return list(by)


def _first(case: Mapping[str, object], rules: Iterable[tuple[str, Conditions]]) -> str | None:
    """The first rule that always holds in a case, which has one value for each condition; None where none does."""
    return next(
        (
            address
            for address, conditions in rules
            if all(key in case and case[key] in values for key, values in conditions.items())
        ),
        None,
    )


def _unreached(file: File, hidden: Mapping[str, str], errors: Sequence[CanonicalError]) -> Iterator[tuple[str, str]]:
    every = [each for error in errors for each in (error, *error.others)]
    reached = {error.rule for error in every}
    # what a row without a family leaves open, the status's row says
    open_rows = {known for _, known, then in file.rows() if then.family is None}
    reached |= {f"{file.profile.name}:statuses.{each.vendor_status}" for each in every if each.rule in open_rows}
    for address, known, then in file.rows():
        proven = known in reached or address in hidden
        if not proven and (_says_more(then) or address.startswith("rules.")):
            yield address, "no sample reaches it"


def _untold(file: File) -> Iterator[tuple[str, str]]:
    """Rows that an end user is told apart, without a text; and texts of which nobody would ever be told."""
    texts = texts_of(file.profile)
    for address, _, then in file.rows():
        reason = reason_of(then)
        if then.text and reason is None:
            yield address, "its text is never told: texts go by reason, so give it a `reason` or a `family`"
        elif told_apart(then) and reason not in texts:
            yield address, "no `text`, though an end user is told it apart"
        for value in sorted({value for text in _in_full(then.texts) for value in values_in(text)} - {*Values._fields}):
            yield address, f"no value {{{value}}} for a text{nearest(value, Values._fields)}"


def told_apart(then: Then) -> bool:
    """Whether an end user is told a row from others."""
    return then.fault is Fault.USER or then.action is Action.RECONNECT or then.public


def _in_full(texts: Iterable[Text]) -> Iterator[str]:
    """Every sentence of texts, in all languages."""
    for text in texts:
        yield from text.values() if isinstance(text, Mapping) else (text,)


def _ambiguous(file: File) -> Iterator[tuple[str, str]]:
    """Reasons that mean two things: texts go by reason, and so do an app's own texts and alarms."""
    own = {known: address for address, known, _ in file.rows()}
    first: dict[tuple[str, str], tuple[str, object]] = {}
    for at, then in file.profile.rows():
        address = f"{file.profile.name}:{at.removeprefix('rules.')}"
        for key, said in (("family", family_in(at, then)), ("text", then.text)):
            if said is None or (reason := reason_of(then)) is None:
                continue
            there, says = first.setdefault((reason, key), (address, said))
            if said != says and not own.keys().isdisjoint((address, there)):
                here, other = (address, there) if address in own else (there, address)
                yield own[here], f"has another {key} than {own.get(other, other)}, for the same reason {reason}"


def family_in(address: str, then: Then) -> str | None:
    """The family that a row names, or that its status speaks of."""
    table, _, status = address.partition(".")
    return then.family or (family_of(int(status)) if table == "statuses" else None)
