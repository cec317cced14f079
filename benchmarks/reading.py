"""A body to a CanonicalError, against the least that Python can do for it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
from lxml import etree
from measuring import Contest, statement

import errnorm

# The layout, the indentation and the lengths of the documented example; the words are our own.
LIONBRIDGE = b"""\
<Account>
    <Status>Not Created</Status>
    <Errors>
        <Error>
            <ReasonCode>403</ReasonCode>
            <SimpleMessage>
                Somebody is registered here.
            </SimpleMessage>
            <DetailedMessage>
                The address that was given is in use by one of our clients.
                Let that person sign in, look for the keys in their profile and
                enter them into this client anew.
            </DetailedMessage>
        </Error>
    </Errors>
</Account>"""
PHASE = b'{"error": "The name is not given."}'


class Record(msgspec.Struct, frozen=True, gc=False):
    """As many fields as tell a failure."""

    vendor: str
    family: str
    reason: str
    fault: str
    action: str
    retry: str
    sent: bool
    response_status: int
    vendor_status: int
    vendor_code: str | None
    vendor_message: str | None
    vendor_detail: str | None
    vendor_user_message: str | None
    fields: tuple[str, ...]
    others: tuple[str, ...]
    from_vendor: bool


_parser = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
)


def floor_xml(body: bytes) -> Record:
    """What one would write by hand for this one layout: no other is read, nothing is redacted, nothing can be told."""
    code = message = detail = None
    root: Any = etree.fromstring(body, _parser)
    error = root.find("Errors")[0]
    for child in error:
        name = child.tag
        if name == "ReasonCode":
            code = child.text.strip()
        elif name == "SimpleMessage":
            message = " ".join(child.text.split())
        elif name == "DetailedMessage":
            detail = " ".join(child.text.split())
    return Record(
        "lionbridge", "conflict", "ACCOUNT_EXISTS", "user", "reconnect", "never",
        True, 409, 409, code, message, detail, message, (), (), True,
    )  # fmt: skip


def floor_json(body: bytes) -> Record:
    """The same for JSON."""
    message = orjson.loads(body)["error"]
    return Record(
        "phase", "validation", "VALIDATION", "integration", "contact_support", "never",
        True, 500, 400, None, message, None, None, (), (), True,
    )  # fmt: skip


def xml() -> Iterator[Contest]:
    """A Lionbridge error of 523 bytes."""
    yield Contest(
        f"XML of Lionbridge, {len(LIONBRIDGE)} B",
        "by hand, lxml",
        statement("floor(body)", floor=floor_xml, body=LIONBRIDGE),
        statement("parse(body, status=409, vendor='lionbridge')", parse=errnorm.parse, body=LIONBRIDGE),
        1.8,
    )


def json() -> Iterator[Contest]:
    """A Phase error of 35 bytes."""
    yield Contest(
        f"JSON of Phase, {len(PHASE)} B",
        "by hand, orjson",
        statement("floor(body)", floor=floor_json, body=PHASE),
        statement("parse(body, status=400, vendor='phase')", parse=errnorm.parse, body=PHASE),
        9,
    )
