"""What nobody notices in a profile that reads well is told: dead rows, untold texts, doubled reasons, shared shapes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from errnorm.checking import check, check_shapes
from errnorm.samples import built_in_files
from errnorm.vendors import registry

READS = """
name = "{name}"
speaks = ["json"]
{top}
[read]
code = ["code"]
message = ["message"]
"""
numbers = itertools.count()


class Vendor:
    """A profile of a name that no other test has used, with samples of these statuses and codes."""

    def __init__(self, folder: Path, rows: str = "", *, top: str = "", name: str = "") -> None:
        self.name = name or f"linted-{next(numbers)}"
        self.file = folder / f"{self.name}.toml"
        self.file.write_text((rows if name else READS.format(name=self.name, top=top) + rows), encoding="utf-8")
        self.titles = itertools.count()
        self.samples = self.file.with_name(f"{self.name}.samples.toml")
        self.samples.write_text("", encoding="utf-8")

    def sample(self, status: int, code: str = "", *, body: str = "", expect: str = "") -> Vendor:
        body = body or (f'{{"code": "{code}", "message": "No."}}' if code else '{"message": "No."}')
        with self.samples.open("a", encoding="utf-8") as stream:
            expect = expect or f"{{ status = {status} }}"
            title = f"sample {next(self.titles)}"
            stream.write(f"[[sample]]\ntitle = '{title}'\nstatus = {status}\nbody = '{body}'\nexpect = {expect}\n")
        return self

    def complaints(self) -> list[str]:
        return [finding.complaint for finding in check(self.file).findings]


def test_the_built_in_profiles_share_no_shape():
    assert check_shapes(built_in_files().values()) == []


@pytest.mark.parametrize(
    ("rows", "address"),
    [
        ("[codes]\nlost = { family = 'conflict', retry = 'safe' }", "codes.lost"),
        ("[statuses]\n418 = { family = 'conflict', wait = 3 }", "statuses.418"),
        ("[[rules]]\nwhen = { status = 418 }\nthen = { family = 'conflict' }", "rules.1"),
        ("[[rules]]\ntitle = 'tea'\nwhen = { status = 418 }\nthen = { family = 'conflict' }", "rules.tea"),
    ],
)
def test_a_row_that_no_sample_reaches_is_told(tmp_path, rows, address):
    assert Vendor(tmp_path, rows).sample(400).complaints() == [f"{address}: no sample reaches it"]
    assert Vendor(tmp_path, rows).sample(418, "lost").complaints() == []


def test_a_code_that_is_only_of_a_family_needs_no_sample(tmp_path):
    assert Vendor(tmp_path, "[codes]\nlost = 'conflict'\n[statuses]\n418 = 'server'").sample(400).complaints() == []


def test_a_row_is_reached_by_what_another_leaves_open(tmp_path):
    rows = "[codes]\nlost = { retry = 'safe' }\n[statuses]\n418 = { family = 'conflict', wait = 3 }"
    assert Vendor(tmp_path, rows).sample(418, "lost").complaints() == []


def test_a_row_is_reached_by_a_further_error_of_a_body(tmp_path):
    rows = (
        "error = ['/errors']\n[codes]\none = { family = 'conflict', wait = 3 }\ntwo = { family = 'locked', wait = 3 }"
    )
    body = '{"errors": [{"code": "one"}, {"code": "two"}]}'
    assert Vendor(tmp_path, rows).sample(409, body=body).complaints() == []


def test_while_a_sample_is_off_nobody_knows_what_is_not_reached(tmp_path):
    rows = "[codes]\nlost = { family = 'conflict', retry = 'safe' }"
    (complaint,) = Vendor(tmp_path, rows).sample(400).sample(400, expect="{ famly = '' }").complaints()
    assert complaint.startswith("expect.famly: ")


@pytest.mark.parametrize(
    ("earlier", "later", "hidden"),
    [
        ("status = 400", "status = 400", True),
        ("status = [400, 401]", "status = 400, code = 'x'", True),
        ("status = 400", "status = [400, 401]", False),
        ("status = 400, code = 'x'", "status = 400", False),
        ("code = ['x', 'y']", "code = 'x', body = 'json'", True),
        ("operation = 'a'", "operation = ['a', 'b']", False),
        ("present = '/a'", "present = ['/a', '/b']", True),
        ("present = ['/a', '/b']", "present = '/a'", False),
        ("where = { '/a' = ['1', '2'] }", "where = { '/a' = '2', '/b' = '1' }", True),
        ("where = { '/a' = '1' }", "where = { '/a' = ['1', '2'] }", False),
        ("where = { '/a' = '1' }", "where = { '/b' = '1' }", False),
        ("body = 'json'", "body = ['json', 'xml']", False),
        ("", "status = 400", True),
    ],
)
def test_a_rule_behind_one_that_always_holds_before_it_is_told(tmp_path, earlier, later, hidden):
    then = "then = { family = 'conflict' }"
    rules = f"[[rules]]\ntitle='a'\nwhen={{ {earlier} }}\n{then}\n[[rules]]\ntitle='b'\nwhen={{ {later} }}\n{then}"
    complaint = "rules.b: never decides: rules.a before it always holds then"
    assert (complaint in Vendor(tmp_path, rules).sample(400).complaints()) is hidden


def test_a_rule_may_be_hidden_by_several_together(tmp_path):
    rules = "".join(
        f"[[rules]]\nwhen = {{ status = {status} }}\nthen = {{ family = 'conflict' }}\n"
        for status in (400, 401, [400, 401])
    )
    complaints = Vendor(tmp_path, rules).sample(400).sample(401).complaints()
    assert complaints == ["rules.3: never decides: rules.1 or rules.2 before it always holds then"]


def test_a_rule_that_can_never_hold_is_told(tmp_path):
    rules = "[[rules]]\nwhen = { where = { '/a' = [] } }\nthen = { family = 'conflict' }"
    (complaint,) = Vendor(tmp_path, rules).sample(400).complaints()
    assert complaint.startswith("rules.1: can never hold: ")


@pytest.mark.parametrize(
    ("when", "row", "hidden"),
    [
        ("code = ['x', 'y']", "[codes]\nx = { family = 'locked', wait = 3 }", "codes.x"),
        ("status = 423", "[statuses]\n423 = { family = 'locked', wait = 3 }", "statuses.423"),
        ("code = 'x', status = 409", "[codes]\nx = { family = 'locked', wait = 3 }", ""),
        ("code = 'x'", "[codes]\nx = 'locked'", ""),  # it says that the code is known
    ],
)
def test_a_code_or_status_behind_a_rule_that_always_holds_is_told(tmp_path, when, row, hidden):
    rows = f"[[rules]]\nwhen = {{ {when} }}\nthen = {{ family = 'conflict' }}\n{row}"
    wanted = [f"{hidden}: never decides: rules.1 always holds then"] if hidden else []
    assert Vendor(tmp_path, rows).sample(423, "x").sample(409, "x").complaints() == wanted


@pytest.mark.parametrize("told", ["fault = 'user'", "action = 'reconnect'", "public = true"])
@pytest.mark.parametrize("table", ["[codes]\nx", "[statuses]\n423"])
def test_a_row_that_a_user_is_told_apart_needs_a_text(tmp_path, table, told):
    row = f"{table} = {{ family = 'locked', {told} }}"
    (complaint,) = Vendor(tmp_path, row).sample(423, "x").complaints()
    assert complaint.endswith(": no `text`, though an end user is told it apart")
    assert Vendor(tmp_path, row.replace(" }", ", text = 'Closed.' }")).sample(423, "x").complaints() == []


def test_one_text_is_enough_for_a_reason(tmp_path):
    rows = "[[rules]]\nwhen = { status = 423 }\nthen = { family = 'locked', reason = 'X', fault = 'user' }\n"
    rows += "[codes]\nx = { family = 'locked', fault = 'user', text = 'Closed.' }"
    assert Vendor(tmp_path, rows).sample(423).sample(409, "x").complaints() == []


def test_a_text_that_nobody_is_told_is_told(tmp_path):
    (complaint,) = Vendor(tmp_path, "[statuses]\n423 = { public = true, text = 'Closed.' }").sample(423).complaints()
    assert complaint.startswith("statuses.423: its text is never told")


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        ("family = 'locked', reason = 'X'", "family = 'conflict', reason = 'X'", "family"),
        ("family = 'locked', text = 'A.'", "family = 'locked', text = 'B.'", "text"),
        ("family = 'locked', text = 'A.'", "family = 'locked'", ""),
        ("family = 'locked', reason = 'X'", "family = 'conflict', reason = 'Y'", ""),
    ],
)
def test_a_reason_that_means_two_things_is_told(tmp_path, one, other, key):
    rows = f"[statuses]\n423 = {{ {one} }}\n409 = {{ {other} }}"
    complaints = Vendor(tmp_path, rows).sample(423).sample(409).complaints()
    reason = "X" if "X" in one else "LOCKED"
    assert complaints == (
        [f"statuses.409: has another {key} than statuses.423, for the same reason {reason}"] if key else []
    )


def test_titles_that_occur_twice_are_told(tmp_path):
    rows = "[[rules]]\ntitle = 'a'\nwhen = { status = 423 }\nthen = { family = 'locked' }\n"
    vendor = Vendor(tmp_path, rows + rows.replace("423", "409")).sample(423).sample(409)
    vendor.samples.write_text(vendor.samples.read_text().replace("sample 1", "sample 0"))
    complaints = ["'sample 0': a title that occurs twice", "rules.a: a title that occurs twice"]
    assert vendor.complaints() == complaints


def test_a_shape_that_no_sample_has_is_told(tmp_path):
    top = "shape = { present = ['/marked'] }"
    vendor = Vendor(tmp_path, top=top).sample(400)
    assert vendor.complaints() == ["shape: no sample has it"]
    assert vendor.sample(400, body='{"marked": 1, "message": "No."}').complaints() == []


def test_shapes_that_fit_one_sample_are_told_once_with_the_first(tmp_path):
    marked = '{"marked": 1, "message": "No."}'
    one = Vendor(tmp_path, top="shape = { present = ['/marked'] }").sample(400, body=marked).sample(401, body=marked)
    assert one.complaints() == check_shapes([one.file]) == []
    other = Vendor(tmp_path, top="shape = { present = ['/marked', '/message'] }").sample(400, body='"text"')
    other.complaints()
    complaint = f"'sample 0' and 1 more: might be taken for {one.name} or {other.name} by shape"
    # whichever of the two is asked about
    assert [finding.complaint for finding in check_shapes([one.file])] == [complaint]
    assert [finding.complaint for finding in check_shapes([other.file])] == [complaint]
    assert check_shapes([built_in_files()["lionbridge"]]) == []


def test_a_vendor_may_have_the_shape_of_the_dialect_that_it_speaks(tmp_path):
    dialects = [name for name, entry in registry.default.shaped() if entry.dialect]
    assert dialects
    body = '{"type":"https://acme.example/x","title":"No.","status":400,"detail":"No.","instance":"/x","marked":1}'
    own = Vendor(tmp_path, top="shape = { present = ['/marked'] }").sample(400, body=body)
    assert own.complaints() == check_shapes([own.file]) == []


def test_a_vendors_shape_may_not_take_what_is_a_dialects(tmp_path):
    greedy = Vendor(tmp_path, top="shape = { body = 'json' }").sample(400)
    assert greedy.complaints() == []
    places = {Path(finding.place).name for finding in check_shapes([greedy.file])}
    assert "jsonapi.samples.toml" in places
    assert "generic.samples.toml" not in places


def test_a_sample_that_is_off_is_in_no_other_profiles_way(tmp_path):
    broken = Vendor(tmp_path, top="shape = { present = ['/marked'] }").sample(400, expect="3")
    broken.complaints()
    assert check_shapes([broken.file]) == []


def test_of_a_file_that_extends_another_only_its_own_rows_are_looked_at(tmp_path):
    rows = 'name = "lionbridge"\n[codes]\nOWN = { family = "conflict", wait = 3 }\n'
    rows += "[[rules]]\nwhen = { status = 418 }\nthen = { family = 'conflict', reason = 'TEA' }"
    own = Vendor(tmp_path, rows, name="lionbridge").sample(409)
    assert own.complaints() == ["rules.1: no sample reaches it", "codes.OWN: no sample reaches it"]
    body = "<Q><Error><ReasonCode>OWN</ReasonCode></Error></Q>"
    assert own.sample(418).sample(409, body=body).complaints() == []


def test_a_row_that_a_rule_of_the_extended_profile_hides_is_told(tmp_path):
    base = Vendor(tmp_path, "[[rules]]\ntitle = 'x'\nwhen = { code = 'x' }\nthen = { family = 'conflict' }")
    assert base.sample(409, "x", expect="{ family = 'conflict' }").complaints() == []
    (tmp_path / "own").mkdir()
    rows = f"name = '{base.name}'\n[codes]\nx = {{ family = 'conflict', wait = 3 }}"
    own = Vendor(tmp_path / "own", rows, name=base.name).sample(409, "x")
    assert own.complaints() == [f"codes.x: never decides: {base.name}:x always holds then"]


TEXT = "[codes]\nno = {{ family = 'conflict', fault = 'user', text = {text} }}\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("'In {wiat}.'", "codes.no: no value {wiat} for a text; did you mean 'wait'?"),
        ("['In {wait}.', { de = 'In {zeit}.', en = 'No.' }]", "codes.no: no value {zeit} for a text; did you mean"),
        ("'{wait} {field} {limit} {reference}'", None),
        ("{ de = 'Nein.', en = 'No.' }", None),
        ("['In {wait}.', 'No.']", None),
        ("[]", "codes.no: no `text`, though an end user is told it apart"),
        ("{}", "codes.no: no `text`, though an end user is told it apart"),
        ("3", "codes.no.text: expected `string` or `object` or `array`, got `int`"),
        ("{ 'de!' = 'Nein.' }", "codes.no.text.de!: must be a language, as de or pt-BR"),
        ("[['No.']]", "codes.no.text[0]: expected `string` or `object`, got `list`"),
        ("{ de = 3 }", "codes.no.text.de: expected `string`, got `int`"),
    ],
)
def test_a_text_may_be_by_language_and_several_and_names_only_what_there_is(tmp_path, text, complaint):
    told = Vendor(tmp_path, TEXT.format(text=text)).sample(409, "no").complaints()
    assert [each.startswith(complaint or "-") for each in told] == ([True] if complaint else [])
