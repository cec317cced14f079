"""What a vendor's words must not carry away is taken out of them here, before anything else may keep them."""

import os
import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from errnorm.secrets import CARDS, MAKERS, MARK, NAMED, NAMES, OWNED, OWNER, SINGLES, WHOLES, WORDS, Row

PLAIN: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ ,.'()!?;]*+\Z").match  # letters and stops, which few secrets are made of
LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ,.'()!?;"  # the same in ASCII, which is quicker
LONG: Final = re.compile(r" (?:[^ ]{20}|(?=[^ \d]*+\d)[^ ]{14})").search  # no key by a known maker is shorter
EIGHT: Final = re.compile("[2-6][0-9]{3}(?:[ .+-]|%20)?[0-9]{4}").search  # digits, as a card's number begins
DIGIT: Final = re.compile("[0-9]").search  # or a capital: every key has one of them
HEADERS: Final = (
    "content-length content-type date retry-after server via request-id x-request-id x-amzn-requestid x-amz-request-id "
    "x-amz-id-2 x-amzn-errortype x-amzn-trace-id x-correlation-id correlation-id x-trace-id traceparent cf-ray "
    "x-served-by x-ms-request-id x-goog-request-id x-github-request-id x-vercel-id x-kong-request-id www-authenticate"
)
KEPT: Final = frozenset(HEADERS.split())
PARAMETERS: Final = "page per_page page_size limit offset lang language locale format version api-version v sort order"
QUERIES: Final = frozenset(PARAMETERS.split())
_SEAM: Final = "\u2063"  # neither a letter nor a blank, and not to be seen itself


def redact(text: str) -> str:
    """`text` with marks such as ``[email]`` where its secrets were; what is already redacted stays as it is."""
    if _harmless(text):
        return text
    for _ in range(4):  # a mark can uncover what its secret hid
        before, text = text, _once(text)
        if text == before:
            break
    return text


def _harmless(text: str) -> bool:
    """The cheap question: a short name, or prose without the few words after which letters can be a secret."""
    if len(text) < 16 and text.replace("_", "").isalnum() and not (len(text) > 13 and text.isdigit()):
        return True
    if text.encode(errors="replace").translate(None, LETTERS) if text.isascii() else PLAIN(text) is None:
        return False
    return not ("earer" in text or "EARER" in text or "IA" in text or "asic " in text)  # of bearers, AKIA, basic


def _once(text: str) -> str:
    low = _lower(text)
    text = _apply(WHOLES, text, low)
    if (":" in low or "=" in low or ">" in low or "%" in low) and any(map(low.__contains__, NAMES)):
        text = _values(text)
    text = _apply(SINGLES, text, low)
    if LONG(" " + text):
        if not text.islower() or DIGIT(text):
            text = _compiled(OWNED).sub(_owned, text)
        text = _compiled(r"\ (?:[^\ ]{20,}+|(?=[^\ \d]*+\d)[^\ ]{14,}+)").sub(_word, " " + text)[1:]
    return _compiled(CARDS).sub(_card, text) if EIGHT(text) else text


def _lower(text: str) -> str:
    """As long as `text`: the dotted capital I is the one character that grows."""
    return text.lower() if text.isascii() else text.replace("İ", "I").lower()


def _apply(rows: tuple[Row, ...], text: str, low: str) -> str:
    for sign, asks, pattern, mark in rows:
        if sign in low and any(map(low.__contains__, asks)):
            text = _compiled(pattern).sub(mark, text)
    return text


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first needed: most processes meet few of them."""
    return re.compile(pattern, re.VERBOSE)


def _values(text: str) -> str:
    """The values of secret names; the names are found in lower case, which is quicker than ignoring case."""
    parts: list[str] = []
    done, low = 0, _lower(text)
    for match in _compiled(NAMED).finditer(low):
        start = match.start("value")
        value = match["value"]
        if not match["quote"]:  # the sentence's own stops
            value = value.rstrip(".,:;!?)}" if "[" in value else ".,:;!?)]}")
        if value:
            parts += text[done:start], "[secret]"
            done = start + len(value)
    return "".join(parts) + text[done:]


def _owned(match: re.Match[str]) -> str:
    """The value is a key where an owner's name stands before it, be it at its own beginning."""
    start, end = match.span("value")
    for at in (start, match.end("name")):
        if at > 0 and _is_key(match.string[at:end], match.string[max(0, at - 40) : at]):
            return match.string[match.start() : at] + "[secret]"
    return match[0]


def _is_key(value: str, before: str) -> bool:
    if len(value) < 10 or _compiled(WORDS).fullmatch(value):
        return False
    owner = _compiled(OWNER).search(before.rstrip("\"'`:=>|?, \t\n").rpartition(" ")[2].lower())
    if owner is None or not (owner["weak"] or "." in value):
        return owner is not None
    # a host has dots, an id hyphens, and neither has the look of a key
    return "-" not in value and 4 * _changes(value) >= len(value)


def _word(match: re.Match[str]) -> str:
    word = _compiled(MAKERS).sub("[key]", match[0])
    if len(word) > 32:
        word = _compiled(r"(?<![A-Za-z0-9])[0-9a-fA-F]{41,}+(?![A-Za-z0-9])").sub("[key]", word)
        if not word.islower():
            word = _compiled(r"[\w+/-]{32,}+=*+").sub(_run, word)
    return word


def _run(match: re.Match[str]) -> str:
    run = match[0]
    return "[key]" if _random(run) or any(_random(part) for part in run.split("/")) else run


def _card(match: re.Match[str]) -> str:
    digits = [int(char) for char in match[0].replace("%20", "") if char.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return "[card]" if (sum(doubled) + sum(digits[::-2])) % 10 == 0 else match[0]


def _random(run: str) -> bool:
    """Whether the kind of character changes as often as in a key, and not just at the humps of a CamelCaseName2."""
    return len(run) >= 32 and not (run.islower() or run.isupper()) and 4 * _changes(run) >= len(run)


def _changes(run: str) -> int:
    return len(_compiled(r"[a-z](?=[A-Z0-9])|[0-9](?=[A-Za-z])|[A-Z](?=[0-9])").findall(run))


def clean(text: str, limit: int = 2000) -> str:
    """`text` redacted, one line of printable characters; cut to `limit` of them with an ellipsis, never in a mark."""
    if "\n" in text or "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    if len(text) <= limit and _harmless(text):
        return text
    if not text.isprintable():
        text = _compiled(r"\x1b\[[0-9;]*+[A-Za-z]|[\x00-\x1f\x7f-\x9f\s]").sub(" ", text)
        text = " ".join(_seen(text, 8 * limit).split())
    if len(text) <= limit and len(short := redact(text)) <= limit:
        return short
    return _cut(redact(text) if len(text) <= 4 * limit else beginning(text[: 4 * limit]), limit)


def beginning(text: str) -> str:
    """A longer text's beginning redacted, without its last word or the end of a long one: it may be half a secret."""
    told = redact(text)
    last = max(len(told) - len(text) // 4, 0)
    return told[: max(last, told.rfind(" ", last), told.rfind("]", last) + 1)]


def _seen(text: str, most: int) -> str:
    """Without what cannot be seen. It may part a secret from what stands before it, so this is redacted once with it;
    and it may stand in the midst of one, which is found once it is gone.
    """
    seams = "".join(char if char.isprintable() else _SEAM for char in text)
    if seams.isprintable():
        return seams
    seams = _compiled(f"{_SEAM}++").sub(_SEAM, seams)
    return (redact(seams) if len(seams) <= most else beginning(seams[:most])).replace(_SEAM, "")


def _cut(text: str, limit: int) -> str:
    head = text[: max(limit - 1, 0)]
    opened = head.rfind("[", -13)
    if opened >= 0 and "]" not in head[opened:] and re.match(MARK, text[opened:], re.VERBOSE):
        head = head[:opened]
    return head.rstrip() + "…" if limit > 0 else ""


@cache
def _default_key() -> bytes:
    return os.environ.get("ERRNORM_FINGERPRINT_KEY", "").encode(errors="surrogateescape")[:64] or os.urandom(32)


def fingerprint(secret: str, *, key: bytes | None = None) -> str:
    """Twelve hex digits to tell credentials apart by; the same wherever ERRNORM_FINGERPRINT_KEY (or `key`) is."""
    from hashlib import blake2b

    key = _default_key() if key is None else key[:64]
    return blake2b(secret.encode(errors="surrogatepass"), digest_size=6, key=key).hexdigest()


def kept_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The few that help support, by lower-case name, redacted; of a repeated one the last."""
    pairs = ((name.lower(), value) for name, value in headers)
    return {name: clean(value) for name, value in pairs if name in KEPT or "ratelimit" in name.replace("-", "")}


def redact_url(url: str) -> str:
    """`url` without credentials and fragment; ``[…]`` for every value but those of harmless names (page, limit, …)."""
    url = re.sub(r"^([^/?#]*//)[^/\\]*@", r"\1", url.partition("#")[0])
    path, mark, query = url.partition("?")
    return _path(path) + mark + "&".join(map(_parameter, query.split("&"))) if mark else _path(path)


def _path(path: str) -> str:
    """As it is, unless it hides a secret behind percent signs."""
    if "%" in path:
        from urllib.parse import unquote  # slow to import

        plain = unquote(path)
        if redact(plain) != plain:
            return clean(plain)
    return clean(path)


def _parameter(pair: str) -> str:
    name, sign, value = pair.partition("=")
    if name.lower() in QUERIES and re.fullmatch(r"[\w.,-]{0,20}", value):
        return pair
    return f"{name}=[…]" if sign and re.fullmatch(r"[\w.-]{1,40}", name) and redact(name) == name else "[…]"
