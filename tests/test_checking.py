"""A profile and its samples are held to what they say, and whatever is off in them is told by file, place and mend."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from errnorm.checking import Checked, check
from errnorm.samples import EXPECTED, Sample, built_in_files, misread, samples_of
from errnorm.vendors.profile import ProfileError

PROFILE = """
name = "{name}"
speaks = ["json"]
[read]
code = ["code"]
message = ["message"]
[codes]
declined = {{ family = "payment", fault = "user", text = "Declined." }}
"""
SAMPLES = """
[[sample]]
title = "declined"
status = 402
body = '{"code": "declined", "message": "No."}'
expect = { code = "declined", family = "payment", message = "No.", detail = "" }
"""
numbers = itertools.count()


def written(folder: Path, profile: str = PROFILE, samples: str | None = SAMPLES, name: str = "") -> Path:
    """A profile of a name that no other test has used, for a process keeps every profile that it has met."""
    file = folder / "acme.toml"
    file.write_text(profile.replace("{name}", name or f"acme-{next(numbers)}").replace("{{", "{").replace("}}", "}"))
    if samples is not None:
        file.with_name("acme.samples.toml").write_text(samples)
    return file


def told(checked: Checked) -> str:
    return "\n".join(map(str, checked.findings))


def test_a_right_profile_with_right_samples_has_no_findings(tmp_path):
    assert check(written(tmp_path)) == Checked(1, [])


def test_it_may_be_checked_again_and_again(tmp_path):
    file = written(tmp_path)
    assert check(file) == check(file) == Checked(1, [])


@pytest.mark.parametrize("samples", [None, "", "sample = []"])
def test_a_profile_without_samples_is_told(tmp_path, samples):
    assert "acme.toml: no samples: acme.samples.toml would hold them" in told(check(written(tmp_path, samples=samples)))


@pytest.mark.parametrize(
    ("profile", "address"),
    [
        ("name = ", "not TOML"),
        ("docs = 'x'", "name: every profile needs one"),
        (PROFILE.replace('"payment"', '"money"'), "codes.declined.family: must be one of validation"),
        (PROFILE + "[statuses]\nx4 = 'server'", "statuses.x4: must be an HTTP status"),
        ("hosts = 'x'" + PROFILE, "hosts: expected `array`"),
        (PROFILE.replace('["message"]', "['a', 3]"), "read.message[1]: expected"),
        (PROFILE.replace('["message"]', "['[*]']"), "read.message[0]: must be a path"),
        (PROFILE + "[[read.fields]]\npath = ['x']", "read.fields[0]: either `each` or `map`"),
        (PROFILE + "[red]\ncode = []", "no key 'red' here; did you mean 'read'"),
    ],
)
def test_what_is_off_in_a_profile_is_told_with_its_address(tmp_path, profile, address):
    checked = check(written(tmp_path, profile))
    assert checked.samples == 0
    (finding,) = checked.findings
    assert finding.place.endswith("acme.toml")
    assert finding.complaint.startswith(address)


def test_a_profile_that_is_not_text_is_told(tmp_path):
    file = written(tmp_path)
    file.write_bytes(b"name = '\xff'")
    assert "UTF-8" in told(check(file))


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        (SAMPLES.replace("status", "stauts"), "sample 1 'declined': stauts: no such key; did you mean 'status'?"),
        (
            SAMPLES.replace("family", "famly"),
            "sample 1 'declined': expect.famly: nothing of that name; did you mean",
        ),
        (SAMPLES.replace("402", "'402'"), "sample 1 'declined': status: expected `int"),
        (SAMPLES.replace("title", "# "), "sample 1: object missing required field `title`"),
        (SAMPLES + "encoding = 'klingon'", "sample 1 'declined': encoding: "),
        (SAMPLES + "encoding = 'hex'", "sample 1 'declined': encoding: "),
        (SAMPLES.replace("No.", "é") + "encoding = 'ascii'", "sample 1 'declined': encoding: "),
        (SAMPLES.replace("expect", "#"), "sample 1 'declined': says nothing of what must be read"),
        (
            SAMPLES.replace("[[sample]]", "[[samples]]"),
            "samples: nothing of that name; every sample begins with [[sample]]",
        ),
        (SAMPLES.replace("[[sample]]", "[sample]"), "sample: must be a list of tables"),
        ("sample = [3]", "sample 1: expected `object`"),
        ("sample = ", "not TOML"),
    ],
)
def test_what_is_off_in_a_sample_is_told_with_its_number_and_title(tmp_path, samples, complaint):
    file = written(tmp_path, samples=samples)
    assert f"acme.samples.toml: {complaint}" in told(check(file))
    with pytest.raises(ProfileError, match=r"^acme\.samples\.toml: "):
        samples_of(file)


def test_one_bad_sample_does_not_hide_the_next(tmp_path):
    samples = SAMPLES.replace("402", "'402'") + SAMPLES.replace('message = "No."', 'message = "Yes."')
    checked = check(written(tmp_path, samples=samples))
    assert checked.samples == 2
    assert [finding.place.split(": ")[1] for finding in checked.findings] == [
        "sample 1 'declined'",
        "sample 2 'declined'",
    ]


def test_what_is_read_otherwise_than_a_sample_says_is_told(tmp_path):
    samples = SAMPLES.replace('family = "payment"', 'family = "conflict", after_s = 3, mapped = false')
    complaints = [finding.complaint for finding in check(written(tmp_path, samples=samples)).findings]
    assert complaints[0] == "family is 'payment', not 'conflict'"
    assert complaints[1:] == ["after_s is nothing, not 3", "mapped is True, not False"]


def test_a_failure_that_is_none_is_told():
    sample = Sample("fine", status=200, body="<Quote/>", failed=True)
    assert list(misread(sample, "lionbridge")) == ["failed is false, not true"]
    assert list(misread(Sample("bad", status=409, failed=False), "lionbridge")) == ["failed is true, not false"]


def test_a_sample_that_expects_a_failure_which_is_none_is_told(tmp_path):
    samples = SAMPLES.replace("402", "200")
    folders = [tmp_path / each for each in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    (finding,) = check(written(folders[0], samples=samples)).findings
    assert finding.place.endswith("sample 1 'declined'")
    assert finding.complaint == (
        "expects a failure under 200, which nothing in `failed` makes one; if it is none, failed = false"
    )
    assert check(written(folders[1], samples=samples + "failed = false\n")) == Checked(1, [])
    failing = PROFILE.replace("[read]", "failed = [{{ present = '/code' }}]\n[read]")
    assert check(written(folders[2], failing, samples)) == Checked(1, [])


@pytest.mark.parametrize("name", EXPECTED)
def test_every_expectation_reads_something_of_an_error(name):
    complaints = list(misread(Sample("any", status=409, expect={name: object()}), "lionbridge"))
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{name} is ")


def test_a_file_may_extend_a_built_in_profile(tmp_path, own_registry):
    tables = 'name = "lionbridge"\n[codes]\nOWN = { family = "conflict", fault = "user", text = "Own." }\n'
    samples = "[[sample]]\ntitle = 'own'\nstatus = 409\nbody = '<Q><Error><ReasonCode>OWN</ReasonCode></Error></Q>'\n"
    samples += "expect = { family = 'conflict', rule = 'lionbridge:codes.OWN' }\n"
    assert check(written(tmp_path, tables, samples)) == Checked(1, [])


def test_what_an_extending_file_holds_in_vain_is_told(tmp_path, own_registry):
    checked = check(written(tmp_path, 'name = "lionbridge"\nspeaks = ["json"]\n', "sample = []"))
    assert "speaks: passed over: what extends 'lionbridge' may hold hosts, rules, codes" in told(checked)


def test_a_built_in_file_is_checked_as_it_is_wherever_it_is_named_from(monkeypatch):
    file = built_in_files()["lionbridge"]
    monkeypatch.chdir(file.parent)
    assert check(Path(file.name)) == check(file)


@pytest.fixture
def own_registry(monkeypatch):
    """A registry that nobody else sees, for these profiles bear names that others use."""
    from errnorm.vendors import registry

    fresh = registry.Registry(registry.built_in())
    monkeypatch.setattr(registry, "default", fresh)
    monkeypatch.setattr(registry, "get", fresh.get)
