"""A vendor as data: the records of the format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from errnorm.families import Action, Alert, Family, Fault, Verdict

Kind = Literal["json", "xml", "html", "text", "empty"]
Unit = Literal["s", "ms"]
REASON = re.compile(r"[A-Z](?:[A-Z0-9_]{0,61}[A-Z0-9])?\Z")  # AIP-193


class ProfileError(ValueError):
    """A profile that is off: one line that says where, and what would be right."""


class Spot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A path with a knife: the text behind the last `after` and up to the first `before`; `unit` of a bare number.

    `single`: only where no list lies there, for a form may have a field of that name.
    """

    at: str
    after: str = ""
    before: str = ""
    unit: Unit | None = None
    single: bool = False


Place = str | Spot
Text = str | dict[str, str]  # for the end user: in English, or by language


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where field errors lie: `each` item of a list with its paths, or a `map` whose names are the paths."""

    each: str = ""
    map: str = ""
    path: tuple[Place, ...] = ()
    code: tuple[Place, ...] = ()
    message: tuple[Place, ...] = ()


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where facts lie: for each a list of paths, of which the first that leads to a scalar wins.

    `status` is one of a failure, and counts where the response's own tells of none.
    """

    error: tuple[str, ...] = ("/",)
    status: tuple[Place, ...] = ()
    code: tuple[Place, ...] = ()
    message: tuple[Place, ...] = ()
    detail: tuple[Place, ...] = ()
    user_message: tuple[Place, ...] = ()
    request_id: tuple[Place, ...] = ()
    field: tuple[Place, ...] = ()
    fields: tuple[Fields, ...] = ()
    should_retry: tuple[Place, ...] = ()
    wait: tuple[Place, ...] = ("header:Retry-After",)
    reset: tuple[Place, ...] = ()


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must hold, all of it; a value or a list of them each.

    `present` and `absent` hold paths that lead to something, and to nothing; `where` what texts are, `begins` how they
    begin.
    """

    status: int | tuple[int, ...] = ()
    code: str | tuple[str, ...] = ()
    operation: str | tuple[str, ...] = ()
    body: Kind | tuple[Kind, ...] = ()
    present: str | tuple[str, ...] = ()
    absent: str | tuple[str, ...] = ()
    where: dict[str, str | tuple[str, ...]] = {}
    begins: dict[str, str | tuple[str, ...]] = {}


class Then(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """What follows; what is left out comes from the family's row, and a missing family from the status.

    `public`: an end user may be told this reason apart although it is not the user's doing. `reroute`: another route
    may succeed. `alert`: whom it is to reach in operations. `text`: for the end user; of several the first that names
    no value which is not there, see `telling`. Compared by identity, so that a row is a cheap cache key.
    """

    family: Family | None = None
    reason: str | None = None
    fault: Fault | None = None
    action: Action | None = None
    retry: Verdict | None = None
    wait: float | None = None
    response_status: int | None = None
    text: Text | tuple[Text, ...] | None = None
    public: bool = False
    reroute: bool = False
    alert: Alert | None = None

    @property
    def texts(self) -> tuple[Text, ...]:
        """For the end user, to be tried in this order."""
        return several(self.text) if self.text else ()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exception to the tables of codes and statuses."""

    when: When
    then: Then
    title: str = ""


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit: `requests` in `seconds` (or `concurrent` at once) per whoever is counted, as far as it is documented.

    `remaining` and `reset` are where answers say how much of it is left, and until when; `plan` is whose it is only.
    """

    requests: int | None = None
    seconds: float = 60
    concurrent: int | None = None
    per: str = "account"
    operation: str | None = None
    plan: str | None = None
    remaining: Place | None = None
    reset: Place | None = None


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be uploaded: `types` are endings (".docx"), `min_bytes` and `max_bytes` are of one file, the rest of one
    upload.

    `operation` is the upload that this is about; None: every one.
    """

    types: tuple[str, ...] = ()
    min_bytes: int = 1
    max_bytes: int | None = None
    max_files: int | None = None
    max_batch_bytes: int | None = None
    operation: str | None = None


class Profile(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """All that is known of one vendor, or of one dialect that many speak."""

    name: str
    docs: str = ""
    hosts: tuple[str, ...] = ()
    speaks: tuple[Kind, ...] = ()
    language: str = "en"
    shape: tuple[When, ...] = ()
    failed: tuple[When, ...] = ()
    read: Read = Read()
    operations: dict[str, str] = {}
    rules: tuple[Rule, ...] = ()
    codes: dict[str, Then] = {}
    statuses: dict[int, Then] = {}
    limits: tuple[Limit, ...] = ()
    files: tuple[Files, ...] = ()
    idempotency: str | None = None  # the header that makes a repeated request one
    idempotent: tuple[str, ...] = ()  # the operations that heed it; none named: every one
    dialect: bool = False  # told by the folder, not by the file

    @property
    def hides(self) -> bool:
        """Whether a failure may hide under a status below 400."""
        return bool(self.failed)

    def key_header(self, operation: str | None) -> str | None:
        """The header for an operation's idempotency key, None where the vendor heeds none."""
        return self.idempotency if not self.idempotent or operation in self.idempotent else None

    def rows(self) -> Iterable[tuple[str, Then]]:
        """Every row that can decide, with its address."""
        for number, rule in enumerate(self.rules, 1):
            yield f"rules.{rule.title or number}", rule.then
        for code, then in self.codes.items():
            yield f"codes.{code}", then
        for status, then in self.statuses.items():
            yield f"statuses.{status}", then


def several(value: object) -> tuple[Any, ...]:
    """What a key holds that takes a value or a list of them."""
    return value if isinstance(value, tuple) else (value,)


def reason_of(name: str) -> str:
    """The reason that a code's own name makes: `card_declined` and `cardDeclined` make CARD_DECLINED; "" if none."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+", "_", name).strip("_").upper()
    return words[:63].rstrip("_") if REASON.match(words[:63].rstrip("_")) else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a name that is nearly one of the known ones, else the known ones if they are few."""
    import difflib  # slow to import, and only for complaints

    names = [str(each) for each in known]
    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    if close:
        return "; did you mean " + " or ".join(repr(each) for each in close) + "?"
    return f"; one of {', '.join(sorted(names))}" if 0 < len(names) <= 20 else ""
