"""A profile is found by name, host and shape, read once, and extended by an app's own file, the app's rows first."""
# ruff: noqa: E501, ERA001

import json

import msgspec
import pytest

from errnorm.model import UnknownVendorError
from errnorm.reading.parsing import Reader
from errnorm.reading.responses import fitting, keys_of
from errnorm.samples import built_in_files, samples_of
from errnorm.vendors import registry
from errnorm.vendors.profile import ProfileError, When
from errnorm.vendors.registry import Entry, Registry, built_in, profile_files

HOSTS = {
    "a": ("api.a.example", ".a.example"),
    "b": ("api.b.example", ".sub.a.example"),
    "c": ("shared.example",),
    "d": ("SHARED.example",),
    "e": (".files.*.a.example", "files.*.a.example", "*.e.example", ".a.*"),
}
# host: names
AT = {
    "api.a.example": ["a"], "API.a.EXAMPLE.": ["a"], "x.a.example": ["a"], "x.y.a.example": ["a"], "a.example": [], "xa.example": [],
    "x.sub.a.example": ["b"], "sub.a.example": ["a"], "shared.example": ["c", "d"],
    "files.eu.a.example": ["e"], "mine.files.eu.a.example": ["e"], "x.mine.files.eu.a.example": ["e"], "files.a.example": ["a"], "files.x.y.a.example": ["a"],
    "x.e.example": ["e"], "e.example": [], "y.x.e.example": [], "x.a.test": ["e"], ".".join(["x"] * 500 + ["a.example"]): ["a"], "x.shared.example": [], "": [], ".": [], "x" * 9_000: [],
}  # fmt: skip


@pytest.fixture
def own():
    index = {name: Entry(hosts=hosts) for name, hosts in HOSTS.items()} | {"phase": registry.default.entry("phase")}
    return Registry(index)


@pytest.mark.parametrize(("host", "names"), AT.items(), ids=lambda value: str(value)[:20])
def test_a_host_is_exact_or_below_a_dot_or_shared(own, host, names):
    assert own.at(host) == names


SHAPES = {
    "often": When(present=("/error", "/rare")),
    "other": When(present="/error"),
    "deep": When(present="//Fault/code"),
    "kind": When(body="html"),
    "header": When(begins={"header:X-Kind": "a"}),
    "where": When(where={"/error/type": "x", "status": "1"}),
    "valued": When(where={"/kind": ("a", "b")}, present="/error"),
}
# names at the top of a body: what they do not rule out
FOUND = {
    frozenset(): ["deep", "kind"], frozenset({"error"}): ["deep", "kind", "other"], frozenset({"rare"}): ["deep", "kind", "often"],
    frozenset({"header:x-kind"}): ["deep", "header", "kind"], frozenset({"status", "status=1"}): ["deep", "kind", "where"],
    frozenset({"status", "status=2"}): ["deep", "kind"], frozenset({"status", "status="}): ["deep", "kind", "where"],
    frozenset({"kind", "kind=b"}): ["deep", "kind", "valued"], frozenset({"kind", "kind=c", "error"}): ["deep", "kind", "other"],
}  # fmt: skip


@pytest.mark.parametrize(("names", "found"), FOUND.items(), ids=",".join)
def test_a_shape_is_looked_for_by_the_rarest_name_that_it_asks_for(names, found):
    own = Registry({name: Entry(shape=(when,)) for name, when in SHAPES.items()})
    assert [name for name, _ in own.shaped(names)] == found


def test_no_sample_is_ruled_out_by_the_names_at_its_top():
    every = registry.default.shaped()
    for file in built_in_files().values():
        for sample in samples_of(file):
            seen = sample.decoded()
            assert list(fitting(*seen, registry.default.shaped(keys_of(*seen)))) == list(fitting(*seen, every))


def test_the_index_is_fresh():
    """If this fails: python -m errnorm.vendors."""
    assert json.loads(registry.INDEX.read_text()) == json.loads(msgspec.json.encode(built_in()))


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


OWN = """name = "phase"
hosts = ["phase.internal"]
[codes]
uniqueness = { family = "conflict", reason = "MINE" }
NEW = "payment"
[statuses]
418 = { family = "payment", reason = "TEAPOT" }
[operations]
mine = "GET /mine"
[[limits]]
requests = 1
"""


@pytest.mark.parametrize("folder", [True, False])
def test_a_file_extends_a_profile_key_by_key(own, tmp_path, folder):
    before = own.get("phase")
    file = write(tmp_path, "phase.toml", OWN)
    write(tmp_path, "phase.samples.toml", "no = 'profile'")
    place = tmp_path if folder else file
    assert own.add(place) == ["phase"]
    after = own.get("phase")
    assert after.codes["uniqueness"].reason == "MINE"
    assert {*after.codes} == {*before.codes, "NEW"}
    assert {*after.statuses} == {*before.statuses, 418}
    assert {*after.operations} == {*before.operations, "mine"}
    assert [limit.requests for limit in after.limits] == [1]  # one's own contract, instead of the public ones
    assert after.read == before.read
    assert own.at("phase.internal") == ["phase"] == own.at("api.phase.dev")
    assert own.add(place) == ["phase"]
    assert own.get("phase") is after, "the same file again changes nothing"


def test_the_latest_file_comes_first(own, tmp_path):
    for number in (1, 2):
        own.add(
            write(
                tmp_path,
                f"{number}.toml",
                f'name = "phase"\n[codes]\nuniqueness = {{ family = "conflict", reason = "R{number}" }}',
            )
        )
    assert own.get("phase").codes["uniqueness"].reason == "R2"


def test_a_new_profile_is_found_by_name_host_and_shape(tmp_path, monkeypatch):
    own = Registry(registry.default._index)
    own._installed = True
    monkeypatch.setattr(registry, "default", own)
    monkeypatch.setattr(registry, "get", own.get)
    own.add(
        write(
            tmp_path,
            "x.toml",
            'name = "x"\nhosts = ["x.example"]\nshape = { present = ["/odd/code"] }\n[read]\ncode = ["/odd/code"]',
        )
    )
    parse, body = Reader().parse, b'{"odd":{"code":"E1"}}'
    for how in ({"vendor": "x"}, {"url": "https://x.example/"}, {}):
        error = parse(body, status=400, **how)
        assert (error.vendor, error.vendor_code) == ("x", "E1")
    assert parse(b'{"odd":{}}', status=400).vendor is None
    assert "x" in own
    assert "x" in own.names()


BROKEN = {
    "name = 'x'\ncolour = 1": "no key 'colour'",
    "name = ": "not TOML",
    "name = '\udcff'": "cannot be read",
    "docs = 'x'": "name",
}


@pytest.mark.parametrize(("text", "complaint"), BROKEN.items(), ids=ascii)
def test_a_broken_file_is_refused_and_leaves_nothing_behind(own, tmp_path, text, complaint):
    (tmp_path / "a.toml").write_bytes(b'name = "fine"')
    (tmp_path / "b.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ProfileError) as caught:
        own.add(tmp_path)
    assert complaint in str(caught.value)
    assert "b.toml" in str(caught.value)
    assert "fine" not in own


def test_what_is_not_there_is_said(own, tmp_path):
    with pytest.raises(ProfileError, match="no such file or folder"):
        own.add(tmp_path / "nothing")
    with pytest.raises(UnknownVendorError, match="did you mean 'phase'"):
        own.get("phasee")
    assert profile_files(tmp_path) == []


def test_a_file_that_extends_a_profile_may_say_which_operations_heed_the_key(own, tmp_path):
    own.add(write(tmp_path, "phase.toml", 'name = "phase"\nidempotency = "Key"\nidempotent = ["create-app"]'))
    assert own.get("phase").key_header("create-app") == "Key"
    assert own.get("phase").key_header("create-role") is None


def test_a_profile_is_read_once():
    assert registry.get("phase") is registry.get("phase")
