"""Others on their own ground: the parsers that vendors' clients have for their own errors, and tools for any body."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from measuring import Contest, statement
from reading import LIONBRIDGE, PHASE
from table import Line

import errnorm

# The layouts are the vendors'; the words are our own.
S3 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NoSuchKey</Code><Message>Nothing is kept under this key.</Message><Key>covers/seven.png</Key>\
<RequestId>4442587FB7D0A2F9</RequestId><HostId>Zm9ydHktdHdvIGlzIHRoZSBob3N0IG9mIHRoaXM=</HostId></Error>"""
S3_HEADERS = {
    "x-amz-request-id": "4442587FB7D0A2F9",
    "x-amz-id-2": "Zm9ydHktdHdvIGlzIHRoZSBob3N0IG9mIHRoaXM=",
    "content-type": "application/xml",
    "date": "Mon, 02 Mar 2026 10:00:00 GMT",
    "server": "AmazonS3",
}
EC2 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>There is no instance i-1a2b3c4d.</Message>\
</Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example0001</RequestID></Response>"""
EC2_HEADERS = {"content-type": "text/xml;charset=UTF-8", "date": "Mon, 02 Mar 2026 10:00:00 GMT", "server": "Amazon"}
QUERY = b"""\
<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>Throttling</Code>\
<Message>More than is allowed.</Message></Error>\
<RequestId>3d5d1c2b-0000-4b7e-9ede-example0002</RequestId></ErrorResponse>"""
QUERY_HEADERS = {"x-amzn-requestid": "3d5d1c2b-0000-4b7e-9ede-example0002", "content-type": "text/xml"}
_TYPE = '"@type": "type.googleapis.com/google.rpc.'
GOOGLE = f"""\
{{
  "error": {{
    "code": 400,
    "message": "Two of the fields are not as they should be.",
    "status": "INVALID_ARGUMENT",
    "details": [
      {{{_TYPE}ErrorInfo", "reason": "FIELDS_NOT_VALID", "domain": "shelf.example", "metadata": {{"kind": "shelf"}}}},
      {{{_TYPE}RetryInfo", "retryDelay": "1.5s"}},
      {{{_TYPE}BadRequest", "fieldViolations": [
        {{"field": "book.name", "description": "is longer than allowed"}},
        {{"field": "book.pages", "description": "has to be a number"}}
      ]}},
      {{{_TYPE}LocalizedMessage", "locale": "en-US", "message": "Please look at the name and the pages."}}
    ]
  }}
}}""".encode()


def contests() -> Iterator[Contest | Line]:
    """Whatever is installed; a peer that is not is said to be missing."""
    for name, make in _PEERS.items():
        try:
            yield from make()
        except ModuleNotFoundError as error:
            yield Line(f"held against {name}", f"{error.name} is not installed", "left out")


def _botocore() -> Iterator[Contest]:
    """Each parser of its own on the error of its protocol: to a dict there, to a CanonicalError here."""
    parsers: Any = import_module("botocore.parsers")
    rows = (
        ("RestXMLParser", "S3", S3, 404, S3_HEADERS, "aws-s3", 0.6),
        ("EC2QueryParser", "EC2", EC2, 400, EC2_HEADERS, "aws-ec2", None),
        ("QueryParser", "IAM", QUERY, 400, QUERY_HEADERS, "aws-query", None),
    )
    for parser, api, body, status, headers, vendor, goal in rows:
        response = {"body": body, "headers": headers, "status_code": status}
        peer = statement("parse(response, None)", parse=getattr(parsers, parser)().parse, response=response)
        yield Contest(
            f"XML of {api}, {len(body)} B, {len(headers)} headers",
            f"botocore, {parser}",
            peer,
            ours(body, status, vendor, headers),
            goal,
        )


def _google() -> Iterator[Contest]:
    """What Google's clients raise. Their response is a stand-in, so that requests' own time is not in theirs."""
    exceptions: Any = import_module("google.api_core.exceptions")
    request = SimpleNamespace(method="POST", url="https://shelf.example/v1/books")
    response = SimpleNamespace(json=lambda: json.loads(GOOGLE), status_code=400, request=request)
    peer = statement("read(response)", read=exceptions.from_http_response, response=response)
    yield Contest(
        f"JSON of Google, {len(GOOGLE)} B, four details", "google-api-core", peer, ours(GOOGLE, 400, "google-rpc"), 1
    )


def _xmltodict() -> Iterator[Contest]:
    """A dict of the body, and three texts out of that."""
    parse = import_module("xmltodict").parse

    def read(body: bytes) -> tuple[str, str, str]:
        error = parse(body)["Account"]["Errors"]["Error"]
        return error["ReasonCode"], error["SimpleMessage"], error["DetailedMessage"]

    peer = statement("read(body)", read=read, body=LIONBRIDGE)
    yield Contest(f"XML of Lionbridge, {len(LIONBRIDGE)} B", "xmltodict", peer, ours(LIONBRIDGE, 409, "lionbridge"))


def _pydantic() -> Iterator[Contest]:
    """Models of two bodies, validated."""
    model: Any = import_module("pydantic").create_model
    detail: Any = dict.fromkeys(("reason", "domain", "retryDelay", "locale", "message"), (str | None, None))
    violation = model("Violation", field=(str, ...), description=(str, ...))
    details = model("Detail", **detail, fieldViolations=(list[violation], []))
    error = model("Error", code=(int, ...), message=(str, ...), status=(str, ...), details=(list[details], []))
    rows: tuple[tuple[str, Any, bytes, int, str], ...] = (
        ("Phase", model("Phase", error=(str, ...)), PHASE, 400, "phase"),
        ("Google", model("Google", error=(error, ...)), GOOGLE, 400, "google-rpc"),
    )
    for name, of, body, status, vendor in rows:
        peer = statement("read(body)", read=of.model_validate_json, body=body)
        yield Contest(f"JSON of {name}, {len(body)} B", "pydantic, a model", peer, ours(body, status, vendor))


def ours(body: bytes, status: int, vendor: str, headers: dict[str, str] | None = None) -> Any:
    """The same bytes by errnorm."""
    code = "parse(body, status=status, headers=headers, vendor=vendor)"
    return statement(code, parse=errnorm.parse, body=body, status=status, headers=headers or {}, vendor=vendor)


_PEERS: dict[str, Callable[[], Iterator[Contest]]] = {
    "botocore": _botocore,
    "google-api-core": _google,
    "xmltodict": _xmltodict,
    "pydantic": _pydantic,
}
