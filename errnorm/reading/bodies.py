"""Bytes to a tree, within bounds of size and depth: JSON, XML, HTML, text, told by a look at the bytes themselves."""

from __future__ import annotations

import math
import re
import threading
from typing import Any

import msgspec

from errnorm import _json
from errnorm.reading.headers import NO_HEADERS, Headers

DEPTH = 32  # levels of nesting; no vendor's error needs ten
FORM = 100  # members of a form that are read
LOOSE = 16_384  # bytes of a malformed document that get a second, lenient reading
EXCERPT = 8_192  # characters of an unreadable body that are looked at, before they are cleaned and cut
# what a document needs to be told from another, blanks and a byte order mark apart
_HTML = re.compile(
    rb"\s*+(?:<\?xml[^>]{0,200}+>\s*+)?+(?:<!--(?:[^-]|-(?!->))*+-->\s*+)*+<(?:!doctype\s++html|html|head|body|title|meta|style|"
    rb"script|center|h[1-6r]|p(?:re)?|div|span|table|form|font|br?|strong|a\s++href)(?![\w:.-])",
    re.IGNORECASE,
)
# a document type before the first element: the whole of its prologue is instructions, comments and blanks
_DOCTYPE = re.compile(rb"(?:\s++|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+<!DOCTYPE")
_DECLARED = re.compile(r"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._:-]{1,40})["']""")
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
# what the web declares; Python knows others, some of which (idna, punycode) take quadratic time
_CODECS = re.compile(
    r"(?:us-)?ascii|latin|iso[-_]?(?:8859|2022)|windows|cp\d|shift|s?jis|euc|gb|big5|koi8|mac", re.IGNORECASE
)
_TITLE = re.compile(r"<title\b[^>]{0,300}+>([^<]{0,600}+)", re.IGNORECASE)
_HEADING = re.compile(r"<h[1-3]\b[^>]{0,300}+>((?:[^<]|<(?!/?h[1-3]))*+)", re.IGNORECASE)
_EVENT = re.compile(r"^data:\s*+(\{[^\n]++)", re.MULTILINE)
_ERROR_EVENT = re.compile(r"^event:[ ]?error\s*?\n(?:id:[^\n]*+\n)?+data:\s*+(\{[^\n]++)", re.MULTILINE)
# a character reference to half of a surrogate pair, which the lenient parser takes, and lxml cannot give back
# What is no part of the text, and must not join what stands before it to what stands behind: a word to a secret, say.
_GLUE = re.compile(rb"(?<=[^\s>])(?=<!--|<\?|<!\[CDATA\[)|(?<=\]\]>)(?=[^\s<])")
_NO_CHARACTER = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|&#(?:0{0,9}(?:[0-8]|1[124-9]|2\d|3[01])|x0{0,9}(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);|AMP;|LT;|GT;|QUOT;)[A-Za-z][A-Za-z0-9]{1,30};")
_REFERENCE = re.compile(r"&#(?:x0*+([dD][89a-fA-F][0-9a-fA-F]{2})|0*+(5[5-7]\d{3}));")
_TAG = re.compile(r"<[^<>]{0,300}>")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
# a text, or a comma before the end of a list or a map
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|,(?=\s*+[}\]])', re.DOTALL)
# every escape of a text, from left to right; the group is half of a surrogate pair
_HALF = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_local = threading.local()


class Body(msgspec.Struct, frozen=True, gc=False):
    """A body as it was read.

    `tree` is what JSON gives, an lxml element, or None; `text` is what a text or a page says; `excerpt` the beginning
    of what claimed to be JSON or XML and is not, or was too large: for engineers.
    """

    kind: str  # json xml html text empty
    tree: Any = None
    text: str = ""
    excerpt: str = ""


EMPTY = Body("empty")
_JSON = (b"{", b"[", b'"')
_AS_IT_IS = (b"{", b"<")  # in an encoding that the parsers can read


def decode(body: bytes | bytearray | memoryview | str, headers: Headers = NO_HEADERS, cap: int = 65_536) -> Body:
    """Reads a body; never raises for what is in it. `cap` is in bytes: what is longer is not parsed."""
    if type(body) is bytes:
        data = body
    else:
        # of what is over the cap no second copy is made
        short = body if isinstance(body, str) else memoryview(body)
        data = short[: cap + 1].encode(errors="replace") if isinstance(short, str) else short[: cap + 1].tobytes()
    if len(data) > cap:
        data = _utf8(data[: min(cap, EXCERPT)], headers).lstrip()
        kind = _kind(data)
        return _html_body(data, NO_HEADERS) if kind == "html" else Body(kind, excerpt=data.decode())
    start = data[:1]
    if start not in _AS_IT_IS or data[1:2] == b"\0":
        data = _utf8(data, headers).strip()
        if data.startswith(b")]}'"):
            data = data[4:].lstrip(b",\r\n\t ")
        start = data[:1]
    if start in _JSON:
        return _json_body(data, headers)
    if start == b"<":
        return _html_body(data, headers) if _HTML.match(data) else _xml_body(data, headers)
    if not data or data == b"null":
        return EMPTY
    return _text_body(data, headers)


def _json_body(data: bytes, headers: Headers) -> Body:
    try:
        if len(data) <= 2 * DEPTH or data.count(b"[") + data.count(b"{") <= DEPTH or not _deep(data):
            tree = _json.loads(data)
            return Body("json", tree) if type(tree) is not str or tree.strip() else EMPTY
    except ValueError:
        # perhaps only its encoding is off
        if not data.isascii() and (again := _utf8(data, headers)) != data:
            return _json_body(again, NO_HEADERS)
        if len(data) <= LOOSE and (tree := _loosely(data)) is not None:
            return Body("json", tree)
    return Body("json", excerpt=_text(data[:EXCERPT], headers))


def _loosely(data: bytes) -> Any:
    """What some servers take for JSON: a comma too many, a line end in a text, half a character, NaN. Else None."""
    import json

    text = _TOKEN.sub(_mended, data.decode("utf-8", "replace"))
    try:
        return json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_number, parse_float=_number)
    except (ValueError, RecursionError):
        return None


def _mended(token: re.Match[str]) -> str:
    return "" if token[0] == "," else _HALF.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], token[0])


def _number(digits: str) -> int | float | None:
    if len(digits) <= 18 and digits.lstrip("-").isdigit():
        return int(digits)
    number = float(digits)
    return number if math.isfinite(number) else None


def _deep(data: bytes) -> bool:
    """Whether brackets nest deeper than DEPTH: all innermost pairs are peeled off at once, as often as is allowed."""
    brackets = _STRING.sub(b"", data).translate(_BRACKETS, _NO_BRACKETS)
    if b"[" * (DEPTH + 1) in brackets:
        return True
    for _ in range(DEPTH):
        if not (peeled := brackets.replace(b"[]", b"")) or peeled == brackets:
            return False  # flat, or not JSON at all: the parser will say so
        brackets = peeled
    return True


def _xml_body(data: bytes, headers: Headers) -> Body:
    if not data.isascii():
        data = _utf8(data, headers)
    refused = False
    if 33 in data and b"<!DOCTYPE" in data:  # 33 is "!", which few documents hold, and is found sooner
        refused = _DOCTYPE.match(data) is not None
        # A prologue that is not well-formed can hide one from that look, and the lenient parser opens what it names.
        # In small letters it is no document type, to any parser of XML.
        data = data.replace(b"<!DOCTYPE", b"<!doctype")
    if b"<!" in data or b"<?" in data[2:]:
        data = data[:2] + _GLUE.sub(b" ", data[2:])
    tree = None if refused else _element(data)
    return Body("xml", tree) if tree is not None else Body("xml", excerpt=_text(data[:EXCERPT], headers))


def _element(data: bytes) -> Any:
    """The root element, or None. A document that is not well-formed is read as far as it goes."""
    try:
        strict, lenient, parse = _local.parsers
    except AttributeError:
        strict, lenient, parse = _local.parsers = _parsers()
    try:
        return parse(data, strict)
    except SyntaxError:  # lxml's XMLSyntaxError is one
        try:
            return parse(_readable(data), lenient) if len(data) <= LOOSE else None
        except SyntaxError:
            return None


def _readable(data: bytes) -> bytes:
    """A document without what no document may hold: the lenient parser would drop it, and join what it stood between.

    The characters that HTML has names for are what is meant; two references to the halves of a pair are one character,
    any other half is a U+FFFD.
    """
    data = _NO_CHARACTER.sub(b" ", data)
    if b"&" not in data:
        return data
    from html import unescape  # slow to import

    text = _NAMED.sub(lambda name: unescape(name[0]).replace("<", " "), data.decode("utf-8", "replace"))
    text = _REFERENCE.sub(lambda half: chr(int(half[1] or "0", 16) or int(half[2])), text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _parsers() -> tuple[Any, Any, Any]:
    """A strict and a lenient parser for this thread, and the function that uses them.

    They read UTF-8 whatever the document declares, so that what was looked at for a DTD is what is parsed.
    """
    from lxml import etree  # only when XML comes

    def parser(recover: bool) -> Any:
        return etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            recover=recover,
            remove_blank_text=True,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
        )

    return parser(False), parser(True), etree.fromstring


def _html_body(data: bytes, headers: Headers) -> Body:
    """A page says what its title says, else its first heading."""
    from html import unescape

    page = _text(data, headers)
    title = _TITLE.search(page)
    heading = _HEADING.search(page)
    words = [unescape(_TAG.sub(" ", match.group(1))).strip() for match in (title, heading) if match]
    return Body("html", text=next((word for word in words if word), ""))


def _text_body(data: bytes, headers: Headers) -> Body:
    """Plain text; or what only looks like it: a form (OAuth, RFC 6749, 4.1.2.1), or a stream of events."""
    text = _text(data[:EXCERPT], headers)
    streamed = data.startswith((b"data:", b"event:", b"id:", b":"))
    if streamed and (event := _ERROR_EVENT.search(text) or _EVENT.search(text)):
        return _json_body(event[1].strip().encode(errors="replace"), NO_HEADERS)
    if "x-www-form-urlencoded" in (headers.get("content-type") or "").lower():
        from urllib.parse import parse_qsl  # slow to import

        return Body("json", dict(parse_qsl(text)[:FORM]))
    return Body("text", text=text)


def _kind(data: bytes) -> str:
    return "html" if _HTML.match(data) else {b"{": "json", b"[": "json", b"<": "xml"}.get(data[:1], "text")


def _utf8(data: bytes, headers: Headers) -> bytes:
    """The same text in UTF-8: by byte order mark, else as it is, else by what is declared, else by the look of it."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace").lstrip("\ufeff").encode(errors="replace")
    if data[:1] == b"\0" or data[1:2] == b"\0":
        width, end = 32 if b"\0\0" in data[:4] else 16, "be" if data[:1] == b"\0" else "le"
        return data.decode(f"utf-{width}-{end}", "replace").encode(errors="replace")
    try:
        data.decode()
        return data
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(headers.get("content-type") or "") or _DECLARED.match(data[:300].decode("latin-1"))
    name = declared.group(1) if declared else ""
    try:
        return data.decode(name if _CODECS.match(name) else "utf-8", "replace").encode(errors="replace")
    except (LookupError, UnicodeError):
        return data.decode("utf-8", "replace").encode()


def _text(data: bytes, headers: Headers) -> str:
    return _utf8(data, headers).decode("utf-8", "replace")
