"""What secrets look like: tables of verbose patterns, and of cheap questions to ask before them."""

from typing import Final, NamedTuple

PERCENT: Final = r"%(?:25){0,3}"  # however often it was encoded itself
QUOTE: Final = rf"""(?:\\{{0,7}}+["'`]|&quot;|&\#34;|{PERCENT}22)"""
START: Final = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
MARK: Final = r"\[(?:secret|email|key|token|jwt|card|credentials|private\ key)\]"
PAIRS: Final = r"""(?:[\w.-]++=(?:"[^"]*+"?+|[^\s,;"'<>]*+)[,;]?+\s?+)++"""
KEYS: Final = (
    "access account admin api app application auth client consumer encryption functions hash license licence master "
    "private secret service shared sign signature signing ssh storage subscription"
)
OPENERS: Final = (  # how a sentence about a field goes on: "password: must be longer"
    "a|access|all|already|an|and|are|as|at|authentication|be|blank|can|cannot|contains?|could|denied|deprecated|does|doesn|don|"
    "either|empty|error|expected|expires|expired|failed|failure|false|field|for|forbidden|format|has|have|if|in|incorrect|"
    "insufficient|invalid|is|it|length|malformed|may|maximum|minimum|mismatch|missing|must|needs?|nil|no|none|not|null|of|"
    "ok|on|only|optional|or|please|provide|rejected|required|requires|revoked|session|should|string|that|the|there|this|to|too|true|"
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
SHORT: Final = "pw", "otp", "pin", "cvc", "cvv", "jwt", "bearer"  # names where no letter stands beside them
NAMES: Final = "pass", "secret", "token", "key", "auth", "sig", "credential", "session", "cookie", "hmac", *SHORT
NAMED: Final = rf"""
    (?:pass(?:word|wort|wd|phrase|code|(?:(?<![a-z]pass)|(?<=3fpass))(?![a-z]))|pwd|secret(?!ar)|token(?!iz|s\W{{1,5}}\d{{1,9}}\b)
      |credential|cook(?P<jar>ie)|session|hmac|sig(?:nature|(?:(?<![a-z]sig)|(?<=3fsig))(?![a-z]))
      |auth(?:orization|(?:(?<![a-z]auth)|(?<=3fauth))(?![a-z]))
      |key(?:(?<=[?&]key)|(?<=3fkey)|(?<=%26key)|(?<=2526key))
      |{"|".join(f"{name}(?:(?<![a-z]{name})|(?<=3f{name}))(?![a-z])" for name in SHORT)}
      |{"|".join(f"{name}[-_. ]?key" for name in KEYS.split())})
    [\w.-]{{0,40}}+(?<!count)(?<!length)(?<!limit)(?<!name)(?<!status)(?<!check)(?<!type)(?<!_at)(?<!_in)(?<!_ur[il])
    (?:\]|{PERCENT}5d)?+{QUOTE}?+(?:\s(?:provided|given|used|supplied|sent|value|header|was|is)){{0,2}}+\s{{0,4}}+
    (?:(?P<coded>{PERCENT}3[ad])|:{{0,3}}=>?|==?|:|>|&gt;)\s{{0,4}}+(?P<list>(?!{MARK})\[(?![{{[])\s?+)?+
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
    Row("ey", (".ey",), r"(?<![A-Za-z0-9])ey[A-Za-z0-9]{17,}+\.ey[\w/\\-]{17,}+(?:\.[\w/\\=-]*+)?", "[jwt]"),
    Row("eyj", ("eyj",), r"eyJ[\w+/-]{8,}+(?:\.[\w+/-]*+){0,4}", "[jwt]"),
    Row("xox", ("xox",), rf"{START}xox[a-z][.-][\w.-]{{8,}}+", "[key]"),
    Row(
        "-u",
        ("curl",),
        r"""(\s(?:-u|--user)[\s=]{0,5}+)(?:"[^"]*+"?|'[^']*+'?|[^\s:"']*+:(?:"[^"]*+"?|'[^']*+'?|[^\s"']++))""",
        r"\1[credentials]",
    ),
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
    Row("password", ("login ",), r"\b([Ll]ogin\s{1,4}\S{1,64}\s{1,4}password\s{1,4})\S{6,}+", r"\1[secret]"),
    Row("@", ("@",), r""":[^\s:@/"'<>,;=&]{3,128}+@(?=[\w[-])""", ":[credentials]@"),
    Row(
        "/",
        ("hooks.slack", "webhook"),
        r"""((?:hooks\.slack\.com|webhook\.office\.com)/\w+|/api/webhooks/\d+)/[^\s"'<>]+""",
        r"\1/[token]",
    ),
)
MAKERS: Final = rf"""{START}(?=[A-Za-z0-9])(?:(?=[\w.%:/-]{{14}})(?:
      A(?:KIA|SIA|BIA|CCA|3T)[A-Z0-9]{{16,}} | AIza[\w-]{{30,}} | ya29\.[\w.-]{{10,}} | GOCSPX-[\w-]{{16,}}
    | 1//0[\w-]{{20,}} | (?:gh[pousr]|github_pat)_\w{{16,}} | gl[a-z]{{2,5}}-[\w.-]{{16,}} | GR1348941[\w-]{{16,}}
    | xapp-[\w-]{{8,}} | (?:sk|pk|rk)[-_][\w-]{{17,}}
    | whsec_[\w+/=-]{{14,}} | (?:SK|AC|(?:pub)?key-|dapi)[0-9a-f]{{32}} | xkeysib-[\w-]{{16,}} | EAAA[\w-]{{20,}}
    | EAA[\w-]{{40,}} | FLW(?:SECK|PUBK)(?:_TEST)?-[\w-]{{12,}} | (?:LTAI|EZ[AT]K)\w{{16,}} | \w{{36}}_mmk
    | (?:npm|hf|api_org|figd|gls[ac]|gsk|r8|ntn|sbp|rubygems|do[opr]_v1|dckr_[op]at|lin_(?:api|oauth)
      |shp[a-z]{{2}}|sntry[su]|ph[cx]|rdme|fo1|sm_[aps]at|CLOJARS)_[\w-]{{16,}}
    | (?:xai|pypi|PMAK|NRAK|NRII|NRJS|CFPAT|pul|sq0[a-z]{{3}}|p8e|HRKU|pplx|dnkey|ico|tk-us
      |dp\.[a-z]+)[-.][\w=-]{{16,}}
    | (?:bot)?\d{{5,16}}(?::|{PERCENT}3[Aa])[\w-]{{30,}} | hv[sbr]\.[\w-]{{16,}} | s\.[A-Za-z0-9]{{24}}(?!\w)
    | (?:dt0c01|[ps]at)\.[\w-]{{20,}}\.[\w.-]{{20,}} | pat\w{{14}}\.\w{{40,}} | v1\.0-[0-9a-f]{{24}}-[0-9a-f]{{40,}}
    | (?:sc|ext|scauth|authress)_\w+(?:\.\w+)?\.acc[_-][\w-]+\.[\w+/=-]{{30,}} | xsmtpsib-[\w-]{{16,}}
    | csk-\w{{40,}} | M\w{{23,25}}\.[\w-]{{6}}\.[\w-]{{27,}} | fc-[0-9a-f]{{32}}
    | fw_\w{{24}}(?!\w) | hca\w{{2}}_\w{{50,}}
    | FLWSECK_TEST[0-9a-f]{{12}} | pat-[a-z]{{2}}\d-[0-9a-f-]{{36}} | lsv2_[a-z]{{2}}_\w{{32,}} | tvly-[\w-]{{16,}}
    | (?:sdk|access-(?:sandbox|development|production))-[0-9a-f]{{8}}-[0-9a-f-]{{27}} | napi_\w{{40,}}
    | [0-9a-f]{{32}}-(?:us\d{{1,2}}|[0-9a-f]{{8}}-[0-9a-f]{{8}})(?!\w)
    | oy2[a-z0-9]{{43}} | pn[bu]_\w{{36}} | s(?:q[uap]|gp)_\w{{40,}}
    | A3(?:-[A-Z0-9]{{5,11}}){{5,6}}(?![A-Z0-9]) | API-[A-Z0-9]{{26}}(?!\w)
    | \d{{15,16}}(?:%7[Cc]|[|%])[\w-]{{24,}}
    | AGE-SECRET-KEY-1[A-Z0-9]{{30,}} | pss_(?:service|user)(?:(?::|{PERCENT}3[Aa])\w+)+
    | \w{{14}}\.atlasv1\.[\w=-]{{16,}}
    ) | [a-z]{{2,6}}_(?:live|test|prod|sandbox)_[\w=-]{{10,}} | AT(?:ATT3|BB|CTT3)[\w=-]{{16,}}
    | SG\.(?:[\w=.-]{{66}}|(?:[\w=-]|\.(?=\w)){{16,}}) | fio-u-[\w=-]{{16,}} | glc_[\w+/=-]{{16,}}
    | (?:sl|t1|pk)\.(?:[\w=-]|\.(?=\w)){{40,}} | (?:tfp|pscale_(?:tkn|oauth|pw))_[\w.=-]{{16,}} | sha256~[\w-]{{30,}}
    | ZXlK[\w+/\\-]{{40,}}=* | [\w~.]{{1,3}}\dQ~[\w.~-]{{28,}}
    )"""
# Of these a key looks like any other, or like an id: it is told by the name that it stands behind.
OWNERS: Final = """
    access adafruit adobe airtable algolia alibaba artifactory asana atlassian beamer bintray bitbucket bittrex
    cloudflare codecov cohere coinbase confluence confluent contentful contribsys creds datadog discord dnkey droneci
    dropbox etsy facebook fastly finicity finnhub flickr freshbooks gitter gocardless heroku hubspot intercom jfrog
    jira kraken kucoin launchdarkly linear linked[-_]?in lob looker mailchimp mailgun mapbox mattermost meraki
    message[-_]?bird netlify new[-_]?relic new[-_]?york[-_]?times nytimes okta passwd password plaid private[-_]?ai
    rapidapi sendbird sentry snyk sonar squarespace sumo telegram telegr travis twitch twitter typeform xray yandex
    zendesk"""
OWNED: Final = r"""(?:[:=>|,]|\?=)["'`\s:=>|?]{0,6}+(?!\d{4}-\d\d-\d\d)
    (?P<value>(?P<name>\w[\w.-]*+[:=]++)?(?:[\w+/:=%-]|\.(?=[\w.=-])){10,}+)(?![(@])"""
WORDS: Final = r"[A-Z]?[a-z]*+(?:[_.:/-][A-Z]?[a-z]*+)*+|[A-Z_.:/-]*+"
OWNER: Final = rf"""(?<![a-z0-9])(?:{"|".join(OWNERS.split())}
    |(?P<weak>api|auth|credential|key|secret|token))[\w.-]*+\Z"""

# Payment cards as they are written, by what they begin with; if it passes Luhn's check: most numbers as long are ids.
CARDS: Final = r"""[2-6](?:(?<![A-Za-z0-9.].)|(?<=%[0-9A-Fa-f]{2}.))(?:
      (?:(?<=4)\d\d\d|(?<=5)[1-5]\d\d|(?<=2)(?:2[2-9]|[3-6]\d|7[0-2])\d|(?<=6)(?:011|[245]\d\d)|(?<=3)5(?:2[89]|[3-8]\d))
      (?P<by4>[ .+-]|%20|)\d{4}(?P=by4)\d{4}(?P=by4)\d{4}(?:(?P=by4)\d{3})?
    | (?<=3)[47]\d\d(?P<by6>[ .+-]|%20|)\d{6}(?P=by6)\d{5}
    | (?<=3)(?:0[0-5]|[689]\d)\d(?P<by7>[ .+-]|%20|)\d{6}(?P=by7)\d{4})(?![A-Za-z0-9])"""
