"""Which text is told: the app's own before a profile's before the family's, with what values the failure carries."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from errnorm import Action, CanonicalError, Family, Fault, FieldError, Normalizer, RetryAdvice, SettingsError, Verdict
from errnorm.model import LONGEST_WAIT_S
from errnorm.samples import built_in_files, samples_of
from errnorm.telling.catalogues import LANGUAGES, span, translated
from errnorm.telling.problem import problem_of
from errnorm.telling.texts import Values, detail_for, has_language, reason_of, values_in
from errnorm.telling.words import ALIKE, FAMILIES, WAITING
from errnorm.vendors import registry
from tests.failures import OCCURRENCE, bare, lionbridge

FIRST_FOUR = ("lionbridge", "phase", "phrase-tms", "risumail")
PROFILE = """
name = "own"
speaks = ["json"]
[read]
code = ["/code"]
user_message = ["/say"]
[codes]
english = { family = "conflict", fault = "user", text = "Ours." }
both = { family = "conflict", fault = "user", text = { en = "Ours.", de = "Unseres.", cs = "Naše." } }
german = { family = "conflict", fault = "user", text = { de = "Unseres." } }
listed = { family = "rate_limit", fault = "user", text = ["{limit} for {field}.", "Again in {wait}.", "Later."] }
mixed = { family = "conflict", fault = "user", text = ["In {wait}.", { de = "Später.", en = "Later." }] }
silent = { family = "conflict", fault = "user" }
[[limits]]
requests = 10
[[limits]]
requests = 3
operation = "send"
"""


@pytest.fixture
def own(own_profile):
    path = own_profile(PROFILE)

    def told(code, language=None, *, say="", operation=None, changes=None, **settings):
        normalizer = Normalizer(paths=[path], **settings)
        body = f'{{"code": "{code}", "say": "{say}"}}'
        error = normalizer.parse(body, status=409, vendor="own", operation=operation)
        problem = normalizer.problem_for(error.replace(**(changes or {})), language=language)
        return problem.detail, problem.language

    return told


# --- the order ---


class Lazy:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


@pytest.mark.parametrize("kind", ["dict", "lazy", "callable", "mapping", "callable for a mapping", "toml"])
@pytest.mark.parametrize("vendors", [True, False], ids=["the vendor's", "general"])
def test_an_apps_own_text_of_any_kind_goes_before_every_other(own, tmp_path, kind, vendors):
    file = tmp_path / "app" / "texts.toml"
    file.parent.mkdir()
    file.write_text('conflict = "Mine."', encoding="utf-8")
    messages = {
        "dict": {"conflict": "Mine."},
        "lazy": {"conflict": Lazy("Mine.")},
        "mapping": {"conflict": {"en": "Mine.", "fr": "Le mien."}},
        "callable": lambda error, language: "Mine." if error.vendor_code == "english" else None,
        "callable for a mapping": lambda error, language: {"en": "Mine."},
        "toml": str(file),
    }[kind]
    settings = {"vendors": {"own": {"messages": messages}}} if vendors else {"messages": messages}
    assert own("english", **settings) == ("Mine.", "en")
    if kind == "mapping":
        assert own("english", "fr-CA", **settings) == ("Le mien.", "fr")


def test_a_callable_is_asked_with_the_error_and_the_wanted_language(own):
    asked = []
    own("english", "de-AT, en;q=0.5", messages=lambda error, language: asked.append((error.vendor_code, language)))
    assert asked == [("english", "de-AT, en;q=0.5")]


@pytest.mark.parametrize("nothing", [None, "", {"en": ""}, "Only with a {field}."])
def test_a_callable_that_has_no_text_makes_way(own, nothing):
    assert own("english", messages=lambda error, language: nothing) == ("Ours.", "en")


def test_a_callable_that_fails_makes_way_and_is_complained_of(own, caplog):
    def fails(error, language):
        raise LookupError("in the app")

    assert own("english", messages=fails) == ("Ours.", "en")
    assert own("english", vendors={"own": {"messages": fails}}, messages={"conflict": "Mine."}) == ("Mine.", "en")
    assert [record.getMessage() for record in caplog.records] == [
        "the app's own `messages` failed; it is passed over"
    ] * 2
    assert all("in the app" in str(record.exc_info[1]) for record in caplog.records)


@pytest.mark.parametrize("nothing", [5, b"x", ["x"], {"en": 5}])
def test_a_callable_that_gives_no_text_makes_way_and_is_complained_of(own, caplog, nothing):
    assert own("english", messages=lambda error, language: nothing) == ("Ours.", "en")
    (record,) = caplog.records
    assert record.getMessage().startswith("the app's own `messages` gave a ")


def test_a_toml_file_has_texts_by_language_and_tables_for_vendors(own, tmp_path):
    file = tmp_path / "app" / "texts.toml"
    file.parent.mkdir()
    file.write_text(
        'conflict = { de = "Allgemein.", en = "General." }\n'
        '[vendors.own]\nenglish = { de = "Genau.", en = "Precise." }\n'
        '[vendors.lionbridge]\n304 = "Pair."\n',
        encoding="utf-8",
    )
    assert own("english", "de", messages=file) == ("Genau.", "de")
    assert own("english", messages=file) == ("Precise.", "en")
    assert own("silent", "de", messages=file) == ("Allgemein.", "de")
    assert own("english", vendors={"own": {"messages": {"CONFLICT": "x", "english": "Said."}}}, messages=file)[0] == (
        "Said."
    )
    normalizer = Normalizer(messages=str(file))
    assert normalizer.problem_for(lionbridge(304)).detail == "Pair."
    assert normalizer.problem_for(lionbridge(305)).detail == "General."
    file.write_text('conflict = "Anew."\n', encoding="utf-8")
    assert normalizer.problem_for(lionbridge(305)).detail == "General."
    assert Normalizer(messages=file).problem_for(lionbridge(305)).detail == "Anew."
    file.unlink()
    assert normalizer.problem_for(lionbridge(304)).detail == "Pair."


# --- the language ---


def test_a_general_sentence_in_the_readers_language_goes_before_a_precise_one_in_english(own):
    general = translated(FAMILIES[Family.CONFLICT], "de")
    assert own("english", "de") == (general, "de")
    assert own("english", "cs") == ("Ours.", "en")
    assert own("both", "de-AT") == ("Unseres.", "de")
    assert own("both", "cs") == ("Naše.", "cs")
    assert own("both", "fr") == (translated(FAMILIES[Family.CONFLICT], "fr"), "fr")
    assert own("both", None) == ("Ours.", "en")
    assert own("german", "de") == ("Unseres.", "de")
    assert own("german", "en") == (FAMILIES[Family.CONFLICT], "en")
    assert own("german", "cs") == (FAMILIES[Family.CONFLICT], "en")


def test_the_readers_favourite_that_somebody_speaks_counts_and_not_the_first_text(own):
    """As browsers send it in Germany: English stands there too, but is not what they would rather read."""
    assert own("both", "fr, en-US;q=0.7, en;q=0.3") == (translated(FAMILIES[Family.CONFLICT], "fr"), "fr")
    assert own("both", "cs;q=0.9, fr") == (translated(FAMILIES[Family.CONFLICT], "fr"), "fr")
    assert own("both", "xx, cs;q=0.9, fr;q=0.1") == ("Naše.", "cs")


def test_the_vendors_words_for_users_come_after_a_text_for_the_code_and_only_in_their_language(own):
    assert own("silent", say="Theirs.") == ("Theirs.", "en")
    assert own("silent", "en-GB", say="Theirs.") == ("Theirs.", "en")
    assert own("english", say="Theirs.") == ("Ours.", "en")
    assert own("german", "en", say="Theirs.") == (FAMILIES[Family.CONFLICT], "en")
    assert own("silent", "cs", say="Theirs.") == (FAMILIES[Family.CONFLICT], "en")
    assert own("silent", "cs, en;q=0.1", say="Theirs.") == ("Theirs.", "en")
    assert own("silent", "de", say="Theirs.") == (translated(FAMILIES[Family.CONFLICT], "de"), "de")
    for changes in ({"fault": Fault.VENDOR}, {"from_vendor": False}, {"from_vendor": None}):
        assert "Theirs." not in own("silent", say="Theirs.", changes=changes)[0]


@pytest.mark.parametrize("vendor", FIRST_FOUR)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_first_four_vendors_is_told_in_every_language(vendor, language):
    values = Values(wait=60, field="f", limit=1, reference="r")
    for address, then in registry.get(vendor).rows():
        for text in then.texts if reason_of(then) else ():
            error = CanonicalError(vendor=vendor, family=then.family or Family.UNKNOWN, reason=reason_of(then))
            known = values if "{wait}" in text else values._replace(wait=None)
            told, spoken = detail_for(error, (), None, language, known)
            assert spoken == language, address
            assert (told == text) == (language == "en" and "{" not in text), (address, told)


# --- the values ---


def test_of_several_texts_the_first_counts_whose_values_are_there(own):
    assert own("listed") == ("Later.", "en")  # nobody knows how much
    for after, words in ((60, "60 seconds"), (7200, "2 hours"), (86_400, "24 hours"), (1_209_600, "14 days")):
        assert own("listed", changes={"retry": RetryAdvice(Verdict.SAFE, after)}) == (f"Again in {words}.", "en")
    assert own("listed", changes={"retry": RetryAdvice(Verdict.SAFE, LONGEST_WAIT_S)}) == ("Later.", "en")
    assert own("listed", changes={"action": Action.NONE, "retry": RetryAdvice()}) == ("Later.", "en")
    fields = {"own": {"fields": {"to": "recipient"}}}
    broken = {"fields": (FieldError("to"),)}
    assert own("listed", changes=broken, vendors=fields) == ("10 for recipient.", "en")
    assert own("listed", operation="send", changes=broken, vendors=fields) == ("3 for recipient.", "en")
    assert own("mixed") == ("Later.", "en")
    assert own("mixed", "de") == ("Später.", "de")


def test_the_reference_is_the_problems_own(own):
    normalizer = Normalizer(messages={"conflict": "Say {reference}."})
    problem = normalizer.problem_for(lionbridge(304))
    assert problem.detail == f"Say {problem.reference}."


def test_what_is_no_value_of_ours_stays_as_it_is(own):
    """A callable's texts are told as they are: nobody has checked them before."""
    text = "{} {0} {wait!r} { wait } {{reference}} {unheard_of}"
    detail, _ = own("english", messages=lambda error, language: text)
    assert re.fullmatch(r"\{\} \{0\} \{wait!r\} \{ wait \} \{[0-9A-Z-]{9}\} \{unheard_of\}", detail)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", WAITING)
def test_a_wait_is_said_in_words_of_the_same_language(name, language):
    """In a sentence and on its own, whatever the number."""
    for seconds in (1, 2, 3, 5, 11, 21, 100, 119, 120, 3600, 86_400, 1_209_600):
        if name in ALIKE:
            error = CanonicalError(family=Family.UNAVAILABLE, action=Action.WAIT, retry=RetryAdvice(after_s=seconds))
        else:
            error = CanonicalError(
                family=Family(name), fault=Fault.USER, action=Action.WAIT, retry=RetryAdvice(after_s=seconds)
            )
        problem = problem_of(error, OCCURRENCE, language=language)
        assert problem.language == language
        assert span(seconds, language) in problem.detail
        assert "{" not in problem.detail


@pytest.mark.parametrize("name", FIRST_FOUR)
def test_whoever_came_up_against_a_limit_is_told_when_to_try_again(name):
    """Of every sample: a rate limit or a lock that an end user is told apart, and all that looks alike."""
    told = 0
    for sample in samples_of(built_in_files()[name]):
        error = sample.read(Normalizer().parse, name)
        problem = Normalizer(credentials="user").problem_for(error, language="de")
        if problem.retry_after is not None and error.family in {Family.RATE_LIMIT, Family.LOCKED}:
            known = problem.wait is not None
            assert (span(problem.retry_after, "de") in problem.detail) is known, sample.title
            assert known or not re.search(r"\d", problem.detail), "a number that nobody named"
            told += known
    assert told


def test_a_closed_form_says_so_and_where_to_turn():
    normalizer = Normalizer(support_url="https://app.example/help")
    problem = normalizer.problem_for(normalizer.parse("", status=423, vendor="risumail"))
    assert (problem.status, problem.code, problem.action) == (423, "form_closed", Action.CONTACT_SUPPORT)
    assert "closed" in problem.detail
    assert problem.retry_after is None
    page = normalizer.render(problem, accept="text/html").body.decode()
    assert '<a href="https://app.example/help">Contact support</a>' in page


texts = st.lists(
    st.sampled_from(["{wait}", "{field}", "{limit}", "{reference}", "{", "}", "{}", "{unheard_of}", "<b>", "\n"])
    | st.text(max_size=5),
    max_size=8,
).map("".join)
values = st.builds(
    Values,
    wait=st.none() | st.integers(0, 100_000),
    field=st.none() | st.text(max_size=5),
    limit=st.none() | st.integers(0, 10**9),
    reference=st.none() | st.text(max_size=9),
)


@given(texts, values, st.sampled_from(list(LANGUAGES)))
def test_a_text_is_told_with_all_of_its_values_or_not_at_all(text, known, language):
    """And what a value holds is not looked through for values again."""
    error = CanonicalError(family=Family.CONFLICT, fault=Fault.USER)
    said, spoken = detail_for(error, [{"conflict": {language: text}}], None, language, known)
    named = {name for name in values_in(text) if name in Values._fields}
    if not text or any(getattr(known, name) is None for name in named):
        assert (said, spoken) == (translated(FAMILIES[Family.CONFLICT], language), language)
        return
    expected, rest = "", text
    while match := re.search(r"\{(wait|field|limit|reference)\}", rest):
        value = span(known.wait, language) if match[1] == "wait" else str(getattr(known, match[1]))
        expected, rest = expected + rest[: match.start()] + value, rest[match.end() :]
    assert (said, spoken) == (expected + rest, language)


@given(texts, values)
def test_values_reach_no_page_as_markup(text, known):
    problem = problem_of(
        CanonicalError(family=Family.CONFLICT, fault=Fault.USER), OCCURRENCE, messages=[{"conflict": text}]
    )
    body = Normalizer().render(problem, accept="text/html").body.decode()
    assert "<b>" not in body


@given(st.sampled_from(list(LANGUAGES)), st.integers(0, 10_000_000))
def test_a_span_is_never_too_short(language, seconds):
    words = span(seconds, language)
    assert words == words.strip() != ""
    assert "{" not in words
    if (number := re.search(r"\d+", words)) is None:
        assert language == "ar"  # one and two have words of their own there
        return
    unit = next((size for size in (86_400, 3600, 60) if seconds >= 2 * size), 1)
    assert int(number[0]) * unit >= seconds > (int(number[0]) - 1) * unit - unit


# --- what is off in the settings ---


def test_a_lazy_text_is_not_asked_while_settings_are_read():
    class TooEarly:
        def __str__(self):
            raise RuntimeError("the translations are not there yet")

        __eq__ = __hash__ = __len__ = __bool__ = __str__

    for text in (TooEarly(), {"de": TooEarly()}):
        assert Normalizer(messages={"conflict": text}, vendors={"lionbridge": {"messages": {"304": text}}})


def test_braces_around_what_is_no_name_are_just_braces():
    normalizer = Normalizer(messages={"conflict": "{0} { } {} {1}"})
    assert normalizer.problem_for(CanonicalError(family=Family.CONFLICT)).detail == "{0} { } {} {1}"


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ({"conflict": "In {wiat}."}, r"messages.conflict: no value {wiat}; did you mean 'wait'\?"),
        ({"conflict": {"de": "In {zeit}."}}, "messages.conflict: no value {zeit}"),
        ({"conflict": {}}, "messages.conflict: no language in it"),
        ({"conflict": 3}, "messages.conflict: must be text, or texts by language, not 3"),
        ({"conflict": {"de": None}}, "messages.conflict: must be text"),
        ({"conflikt": "x"}, r"messages.conflikt: no such code, reason or family; did you mean 'conflict'"),
        ({409: "x"}, "messages: codes are text: write '409', not 409"),
        ("/nowhere/texts.toml", "messages: no TOML file of texts"),
        (["conflict"], "messages: must be a dict"),
    ],
)
def test_what_is_off_in_texts_is_told(messages, complaint):
    with pytest.raises(SettingsError, match=complaint):
        Normalizer(messages=messages)
    with pytest.raises(SettingsError, match=complaint.replace("messages", r"vendors.lionbridge.messages", 1)):
        Normalizer(vendors={"lionbridge": {"messages": messages}})


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("conflict = ", "messages: no TOML file of texts"),
        ('conflict = "{wiat}"', "messages.conflict: no value {wiat}"),
        ("conflict = 3", "messages.conflict: must be text"),
        ("vendors = 3", "messages: vendors: must be a dict"),
        ('[vendors.acmee]\nx = "y"', "vendors: .*acmee"),
        ('[vendors.lionbridge]\n999 = "y"', "vendors.lionbridge.messages.999: no such code, reason or family"),
        ('[vendors]\nlionbridge = "y"', "vendors.lionbridge"),
    ],
)
def test_what_is_off_in_a_file_of_texts_is_told(tmp_path, toml, complaint):
    file = tmp_path / "texts.toml"
    file.write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        Normalizer(messages=file)


@pytest.mark.parametrize(
    ("text", "language", "there"),
    [
        ("Ours, and not translated.", "en", True),
        ("Ours, and not translated.", "en-GB", True),
        ("Ours, and not translated.", "de", False),
        (FAMILIES[Family.CONFLICT], "de-AT", True),
        (FAMILIES[Family.CONFLICT], "cs", False),
        ({"de": "x"}, "de-AT", True),
        ({"de": "x"}, "en", False),
        ({"de-AT": "x"}, "de", False),
        (Lazy("x"), "cs", True),
    ],
)
def test_in_which_languages_a_text_is_there(text, language, there):
    assert has_language(text, language) is there


def test_nothing_of_the_vendors_is_a_value():
    error = bare(429).replace(fields=(FieldError("secret_field"),), fault=Fault.USER)
    problem = Normalizer(messages={"rate_limit": "{field}"}).problem_for(error)
    assert "secret_field" not in problem.detail
