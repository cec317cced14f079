"""Editors and `errnorm check` are told of the same format: what the loader takes and refuses, all of it, by address."""

from __future__ import annotations

import json
import tomllib

import pytest

from errnorm.cli import main
from errnorm.reading.plans import plan_of
from errnorm.samples import built_in_files
from errnorm.vendors import profile
from errnorm.vendors.loading import load
from errnorm.vendors.profile import ProfileError
from errnorm.vendors.schema import MEND, deviations, schema

# All that the fourth draft knows of what is used here.
KEYWORDS = {
    *("$schema", "title", "description", "definitions", "$ref", "type", "enum", "default", "anyOf", "oneOf"),
    *("properties", "required", "additionalProperties", "patternProperties", "items"),
    *("pattern", "minimum", "maximum", MEND),
}
RECORDS = (profile.Read, profile.Fields, profile.Spot, profile.When, profile.Then, profile.Rule, profile.Limit)


def nodes(node):
    """Every schema within a schema."""
    yield node
    for key, value in node.items():
        if key in ("definitions", "properties", "patternProperties"):
            for each in value.values():
                yield from nodes(each)
        elif key in ("anyOf", "oneOf"):
            for each in value:
                yield from nodes(each)
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            yield from nodes(value)


def off(toml: str) -> list[str]:
    return list(deviations(tomllib.loads(toml)))


@pytest.mark.parametrize("name", built_in_files())
def test_every_built_in_profile_is_as_the_schema_has_it(name):
    assert off(built_in_files()[name].read_text(encoding="utf-8")) == []


def test_the_command_prints_it(capsys):
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_it_knows_every_key_of_every_record(record):
    node = schema()["definitions"][record.__name__]
    assert set(node["properties"]) == set(record.__struct_fields__)
    assert node["additionalProperties"] is False


def test_it_knows_every_key_of_a_profile_but_what_the_folder_tells():
    assert {*schema()["properties"], "dialect"} == set(profile.Profile.__struct_fields__)


def test_it_uses_only_what_editors_of_toml_know():
    for node in nodes(schema()):
        assert node.keys() <= KEYWORDS
        assert node.get("type") != "null"
        assert node.get("required") != []


def test_everything_that_it_refers_to_is_there():
    names = {node["$ref"] for node in nodes(schema()) if "$ref" in node}
    assert names == {f"#/definitions/{name}" for name in schema()["definitions"]}


RIGHT = [
    "docs = 'https://acme.example'",
    "shape = { present = '/a' }",
    "shape = [{ present = ['/a', '//b/c'] }, { where = { '/a' = 'b', 'header:X-A' = ['c', 'd'] } }]",
    "[read]\nerror = ['/', '/a', '//b']\ncode = ['.', '@id', 'a/b', { at = 'c', after = '#', unit = 'ms' }]",
    "shape = { absent = ['/a', 'b'], begins = { '/a' = 'b', 'header:X-A' = ['c', 'd'] } }",
    "[read]\nstatus = ['/a', { at = 'b', after = '#' }]",
    "[read]\nfields = [{ each = 'a', path = ['b'] }, { map = '/' }]",
    "[codes]\nx = 'server'\n_x = { }\n'0017' = { reason = 'A_1', wait = 0.5, response_status = 599 }",
    "[statuses]\n999 = 'server'\n100 = { family = 'server', text = 'No.' }",
    "[[rules]]\nwhen = {}\nthen = { retry = 'safe' }",
    "[[rules]]\nwhen = {}\nthen = 'server'",
    "[[limits]]\nrequests = 3\nseconds = 0.5",
]
WRONG = [
    ("name = 3", "name: every profile needs one"),
    ("name = 'Acme'", "name: every profile needs one"),
    ("docs = 3", "docs: expected `string`, got `int`"),
    ("dialect = true", "no key 'dialect' here"),
    ("speaks = ['yaml']", "speaks[0]: must be one of empty, html, json, text, xml, not 'yaml'"),
    ("shape = { presnt = '/a' }", "shape: no key 'presnt' here; did you mean 'present'"),
    ("failed = { present = '/a' }", "failed: expected `array`, got `dict`"),
    ("[read]\nerror = ['a']", "read.error[0]: must be a path from the top"),
    ("[read]\nerror = ['/a/*']", "read.error[0]: must be a path from the top"),
    ("[read]\ncode = ['a', 'b//c']", "read.code[1]: must be a path"),
    ("[read]\ncode = ['']", "read.code[0]: must be a path"),
    ("[read]\nwait = [{ at = 'a[0]' }]", "read.wait[0].at: must be a path"),
    ("[read]\nwait = [{ after = 'a' }]", "read.wait[0].at: must be"),
    ("[read]\nwait = [{ at = 'a', unit = 'min' }]", "read.wait[0].unit: must be one of ms, s"),
    ("[read]\nfields = [{ path = ['a'] }]", "read.fields[0]: either `each` or `map`"),
    ("[read]\nfields = [{ each = 'a', map = 'b' }]", "read.fields[0]: either `each` or `map`"),
    ("[read]\nfields = [{ map = '*' }]", "read.fields[0].map: must be a path"),
    ("[codes]\nx = 'money'", "codes.x: must be one of validation"),
    ("[codes]\nx = { fault = 'theirs' }", "codes.x.fault: must be one of user"),
    ("[codes]\nx = { alert = 'wake' }", "codes.x.alert: must be one of page, ticket, count, not 'wake'"),
    ("[codes]\nx = { reason = 'lower' }", "codes.x.reason: must be UPPER_SNAKE"),
    ("[codes]\nx = { wait = -1 }", "codes.x.wait: must be a number of seconds from 0, not -1"),
    ("[codes]\nx = { wait = nan }", "codes.x.wait: must be a number of seconds from 0, not nan"),
    ("[codes]\nx = { wait = true }", "codes.x.wait: must be a number of seconds from 0"),
    ("[codes]\nx = { response_status = 200 }", "codes.x.response_status: must be 400 to 599, not 200"),
    ("[codes]\nx = 3", "codes.x: expected `string` or `object`, got `int`"),
    ("[codes]\n'0017' = 'server'", "codes.0017: must be a table with a `reason`"),
    ("[codes]\n'0017' = { family = 'server' }", "codes.0017.reason: must be given, for this code makes no name"),
    ("codes = ['x']", "codes: expected `object`, got `list`"),
    ("[statuses]\nx4 = 'server'", "statuses.x4: must be an HTTP status, 100 to 999"),
    ("[statuses]\n1000 = 'server'", "statuses.1000: must be an HTTP status, 100 to 999"),
    ("[[rules]]\nthen = {}", "rules.1.when: must be given"),
    ("[[rules]]\nwhen = {}\nthen = 'x'", "rules.1.then: must be one of validation"),
    (
        "[[rules]]\nwhen = { status = '409' }\nthen = {}",
        "rules.1.when.status: expected `integer` or `array`, got `str`",
    ),
    ("[[rules]]\nwhen = { present = 'a[0]' }\nthen = {}", "rules.1.when.present: must be a path"),
    ("[[rules]]\nwhen = { where = { 'a[0]' = 'x' } }\nthen = {}", "rules.1.when.where.a[0]: must be a path"),
    ("[[rules]]\nwhen = { absent = ['a', 'b/*'] }\nthen = {}", "rules.1.when.absent[1]: must be a path"),
    ("[[rules]]\nwhen = { begins = { 'a//b' = 'x' } }\nthen = {}", "rules.1.when.begins.a//b: must be a path"),
    ("[[rules]]\nwhen = { where = { 'a' = 3 } }\nthen = {}", "rules.1.when.where.a: expected"),
    ("[[limits]]\nseconds = '1'", "limits[0].seconds: expected `number`, got `str`"),
]


def named(toml: str) -> str:
    return toml if toml.startswith("name") else f"name = 'acme'\n{toml}"


@pytest.mark.parametrize("toml", RIGHT)
def test_what_the_loader_takes_it_allows(toml):
    plan_of(load(named(toml), "acme.toml"))
    assert off(named(toml)) == []


@pytest.mark.parametrize(("toml", "complaint"), WRONG)
def test_what_the_loader_refuses_it_does_not_allow(toml, complaint):
    (told,) = off(named(toml))
    assert told.startswith(complaint)
    if toml.startswith("dialect"):
        return  # the loader lets the folder have the last word
    with pytest.raises(ProfileError):
        plan_of(load(named(toml), "acme.toml"))


def test_all_that_is_off_is_told_at_once():
    toml = """
        hosts = "acme.example"
        [codes]
        a = "money"
        b = { famly = "server", fault = "theirs" }
        [[rules]]
        when = { status = 400 }
        then = { family = "server" }
        [[rules]]
        when = { present = ["[a]", "/b", "c*"] }
        then = { retry = "never", response_status = 200 }
    """
    assert [complaint.partition(": ")[0] for complaint in off(toml)] == [
        "name",
        "hosts",
        "codes.a",
        "codes.b",
        "codes.b.fault",
        "rules.2.when.present[0]",
        "rules.2.when.present[2]",
        "rules.2.then.response_status",
    ]
