"""What a vendor's words must not carry away is taken out of them here, before anything else may keep them."""

import os
import re
from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

PLAIN: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ ,.'()!?;]*+\Z").match  # letters and stops, which few secrets are made of
LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ,.'()!?;"  # the same in ASCII, which is quicker
LONG: Final = re.compile(r" [^ ]{20}").search  # no key by a known maker is shorter

PERCENT: Final = r"%(?:25){0,3}"  # however often it was encoded itself
QUOTE: Final = rf"""(?:\\{{0,7}}+["'`]|&quot;|&\#34;|{PERCENT}22)"""
MARK: Final = r"\[(?:secret|email|key|token|jwt|credentials|private\ key)\]"
PAIRS: Final = r"""(?:[\w.-]++=(?:"[^"]*+"?+|[^\s,;"'<>]*+)[,;]?+\s?+)++"""
KEYS: Final = (
    "access account admin api app application auth client consumer encryption functions hash license licence master "
    "private secret service shared sign signature signing ssh storage subscription"
)
OPENERS: Final = (  # how a sentence about a field goes on: "password: must be longer"
    "a|all|already|an|and|are|as|at|authentication|be|blank|can|cannot|contains?|could|denied|deprecated|does|doesn|don|"
    "either|empty|error|expected|expires|expired|failed|failure|false|field|for|forbidden|format|has|have|if|in|incorrect|"
    "insufficient|invalid|is|it|length|malformed|may|maximum|minimum|mismatch|missing|must|needs?|nil|no|none|not|null|of|"
    "ok|on|only|optional|or|please|provide|rejected|required|requires|revoked|should|string|that|the|there|this|to|too|true|"
    "unauthorized|undefined|unexpected|unknown|unsupported|valid|value|verification|was|we|were|will|with|wrong|you|your"
)


class Row(NamedTuple):
    """Whatever the pattern (verbose) could match holds, in lower case, the `sign` and one of what it `asks`."""

    sign: str
    asks: tuple[str, ...]
    pattern: str
    mark: str


WHOLES: Final = (  # these may look like a name and its value, so they come before the names
    Row(
        "-",
        ("-----begin",),
        r"""-----BEGIN[A-Z0-9\ +%]{0,40}?PRIVATE[^-]{0,20}(?:-{5})?[^-]*+(?:-(?!----END)[^-]*+)*+
            (?:-----END[A-Z0-9\ +%]{0,40}(?:-{5})?)?""",
        "[private key]",
    ),
    Row(  # a password may hold a slash, a port is no password
        "@",
        ("://",),
        r"""://(?:[^\s/?\#"'<>@]*+@|[^\s/?\#"'<>@:]*+:(?!:?//|\d{1,5}(?:[/?\#]|\Z))[^\s"'<>@]{1,128}+@)(?:[^\s/?\#"'<>@]*+@)*+""",
        "://[credentials]@",
    ),
    Row(
        "%",
        ("2f%2f", "252f%", "2f%25"),
        rf"""({PERCENT}3[Aa](?:{PERCENT}2[Ff]){{2}})
            (?:(?:[^\s/?\#&"'<>%]++|%(?!(?:25){{0,3}}(?:2[Ff]|3[Ff]|23|40)))*+({PERCENT}40))++""",
        r"\1[credentials]\2",
    ),
    Row(
        "=",
        ("digest ", "oauth ", "signature ", "hmac-sha", "hmac "),
        rf"\b((?i:digest|oauth|signature|(?:aws4-)?hmac(?:-sha\d{{1,3}})?))\s{{1,4}}+{PAIRS}",
        r"\1 [credentials]",
    ),
)
NAMES: Final = "pass", "pwd", "secret", "token", "key", "auth", "sig", "credential", "session", "cookie", "hmac"
NAMED: Final = rf"""
    (?:pass(?:word|wort|wd|phrase|code|(?:(?<![a-z]pass)|(?<=3fpass))(?![a-z]))|pwd|secret(?!ar)|token(?!iz|s\W{{1,5}}\d{{1,9}}\b)
      |credential|cook(?P<jar>ie)|session|hmac|sig(?:nature|(?:(?<![a-z]sig)|(?<=3fsig))(?![a-z]))
      |auth(?:orization|(?:(?<![a-z]auth)|(?<=3fauth))(?![a-z]))
      |key(?:(?<=[?&]key)|(?<=3fkey)|(?<=%26key)|(?<=2526key))
      |{"|".join(f"{name}[-_. ]?key" for name in KEYS.split())})
    [\w.-]{{0,40}}+(?<!count)(?<!length)(?<!limit)(?<!name)(?<!status)(?<!type)(?<!_at)(?<!_in)(?<!_ur[il])
    (?:\]|{PERCENT}5d)?+{QUOTE}?+(?:\s(?:provided|given|used|supplied|sent|value|header|was|is)){{0,2}}+\s{{0,4}}+
    (?:(?P<coded>{PERCENT}3[ad])|:=|=>|==?|:|>|&gt;)\s{{0,4}}+(?P<list>(?!{MARK})\[(?![{{[])\s?+)?+
    (?:[bru]?(?:(?P<escape>\\{{0,7}}+)(?P<quote>["'`])|(?P<entity>&quot;|&\#34;|{PERCENT}22)))?+
    (?!{MARK}(?:[\s"'`&%<>.,;:)}}\]\\]|\Z)|(?:{OPENERS})(?:[.,;:!?]?+(?:[\s"'`<>)\]}}&\\]|\Z)))
    (?P<value>
      (?(list)(?:[^\]"'\\]++|["'\\]++(?!\s?+\]))++|(?(quote)(?:[^"'`\\]++|(?!(?P=escape)(?P=quote))(?:\\++["'`]?+|["'`]))++
      |(?(entity)(?:[^&%]++|(?!(?P=entity)).)++
      |(?![{{(<])(?:
        (?(jar){PAIRS}|(?!))
       |(?:(?:bearer|basic|token|api-?key|negotiate|ntlm|jwt|bot|key|digest|oauth|signature|(?:aws4-)?hmac(?:-sha\d+)?)\s{{1,4}}+(?=\S))?+
        (?(coded)(?:[^\s"'`&<>\\%]++|%(?!(?:25){{0,3}}(?:26|22|20|0a|3b)))++
        |(?:[^\s"'`&<>\\,;]++|[,;](?!\s?+[\w.-]++[=:]|\s|\Z))++))))))"""
SINGLES: Final = (
    Row("eyj", ("eyj",), r"eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4}", "[jwt]"),
    Row(
        "",
        ("bearer", "basic ", "token "),
        r"""([BbTt](?:(?P<any>earer|EARER)|asic|ASIC|oken|OKEN))(\s{1,4}|%20|\+)
            (?(any)(?!(?:[Tt]okens?|[Aa]uth\w*|[Ss]chemes?|[Rr]ealm|[Ee]rror|[Cc]redentials?|[Rr]equired|expires\w*|format|header)\b)
              [\w.~+/-]{6,}+=*+
            |(?=[A-Za-z+/=]*+\d|[a-z+/]*+[A-Z]+[a-z]+[A-Z])[A-Za-z0-9+/]{12,}+=*+)""",
        r"\1\3[token]",
    ),
    Row("@", ("@",), r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)*?\.[^\W\d_]{2,}+[\w-]*+(?:\.[\w-]++)*+", "[email]"),
    Row(
        "%",
        ("%40", "2540"),
        rf"({PERCENT}[0-9A-Fa-f]{{2}}|(?<![\w.+%-]))(?:[\w.+-]|{PERCENT}2[Bb])++{PERCENT}40[\w-]++(?:\.[\w-]++)++",
        r"\1[email]",
    ),
    Row("@", ("@",), r""":[^\s:@/"'<>,;=&]{3,128}+@(?=[\w[-])""", ":[credentials]@"),
    Row(
        "/",
        ("hooks.slack", "webhook"),
        r"""((?:hooks\.slack\.com|webhook\.office\.com)/\w+|/api/webhooks/\d+)/[^\s"'<>]+""",
        r"\1/[token]",
    ),
)
MAKERS: Final = rf"""(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{{2}}))(?=[A-Za-z0-9][\w.%:/-]{{13}})(?:
      A(?:KIA|SIA|3T)[A-Z0-9]{{16,}} | AIza[\w-]{{30,}} | ya29\.[\w.-]{{10,}} | GOCSPX-[\w-]{{16,}} | 1//0[\w-]{{20,}}
    | (?:gh[pousr]|github_pat)_\w{{16,}} | gl[a-z]{{2,5}}-[\w-]{{16,}} | xox[a-z][.\w-]{{10,}} | xapp-[\w-]{{16,}}
    | [a-z]{{2,6}}_(?:live|test|prod|sandbox)_\w{{12,}} | (?:sk|pk|rk)[-_][\w-]{{17,}} | whsec_[\w+/=-]{{14,}}
    | SG\.[\w-]{{16,}}(?:\.[\w-]+)? | (?:SK|AC|key-|dapi)[0-9a-f]{{32}} | xkeysib-[\w-]{{16,}} | EAA[\w-]{{40,}}
    | (?:npm|hf|figd|gls[ac]|gsk|r8|ntn|sbp|tfp|rubygems|do[opr]_v1|dckr_[op]at|lin_(?:api|oauth)|shp[a-z]{{2}}
      |sntry[su]|ph[cx])_[\w-]{{16,}} | (?:xai|pypi|PMAK|NRAK|NRJS|CFPAT|pul|sq0[a-z]{{3}}|dp\.[a-z]+)[-.][\w-]{{16,}}
    | (?:bot)?\d{{6,12}}(?::|{PERCENT}3[Aa])[\w-]{{30,}} | hv[sbr]\.[\w-]{{16,}} | s\.[A-Za-z0-9]{{24}}(?!\w)
    | AGE-SECRET-KEY-1[A-Z0-9]{{30,}} | pss_(?:service|user)(?:(?::|{PERCENT}3[Aa])\w+)+
    | AT(?:ATT3|BB|CTT3)[\w=-]{{16,}} | \w{{14}}\.atlasv1\.[\w-]{{16,}}
    )"""
HEADERS: Final = (
    "content-length content-type date retry-after server via request-id x-request-id x-amzn-requestid x-amz-request-id "
    "x-amz-id-2 x-amzn-errortype x-amzn-trace-id x-correlation-id correlation-id x-trace-id traceparent cf-ray "
    "x-served-by x-ms-request-id x-goog-request-id x-github-request-id x-vercel-id x-kong-request-id www-authenticate"
)
KEPT: Final = frozenset(HEADERS.split())
PARAMETERS: Final = "page per_page page_size limit offset lang language locale format version api-version v sort order"
QUERIES: Final = frozenset(PARAMETERS.split())


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
    if len(text) < 16 and text.replace("_", "").isalnum():
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
        text = _compiled(r"\ [^\ ]{20,}+").sub(_word, " " + text)[1:]
    return text


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


def _random(run: str) -> bool:
    """Whether the kind of character changes as often as in a key, and not just at the humps of a CamelCaseName2."""
    changes = _compiled(r"[a-z](?=[A-Z0-9])|[0-9](?=[A-Za-z])|[A-Z](?=[0-9])").findall
    return len(run) >= 32 and not (run.islower() or run.isupper()) and 4 * len(changes(run)) >= len(run)


def clean(text: str, limit: int = 2000) -> str:
    """`text` redacted, one line of printable characters; cut to `limit` of them with an ellipsis, never in a mark."""
    if "\n" in text or "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    if len(text) <= limit and _harmless(text):
        return text
    if not text.isprintable():
        text = _compiled(r"\x1b\[[0-9;]*+[A-Za-z]|[\x00-\x1f\x7f-\x9f\s]").sub(" ", text)
        text = " ".join("".join(filter(str.isprintable, text)).split())
    if len(text) <= limit and len(short := redact(text)) <= limit:
        return short
    head = text[: 4 * limit]
    if len(text) > len(head):  # its last word may be half a secret
        head = head.rpartition(" ")[0] or head
    return _cut(redact(head), limit)


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
    return clean(path) + mark + "&".join(map(_parameter, query.split("&"))) if mark else clean(path)


def _parameter(pair: str) -> str:
    name, sign, value = pair.partition("=")
    if name.lower() in QUERIES and re.fullmatch(r"[\w.,-]{0,20}", value):
        return pair
    return f"{name}=[…]" if sign and re.fullmatch(r"[\w.-]{1,40}", name) and redact(name) == name else "[…]"
