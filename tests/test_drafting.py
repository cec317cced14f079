"""A draft finds where code and message lie, keeps no secret, and `check` has nothing against what it writes."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sys
import zlib
from collections import Counter
from functools import cache

import msgspec
import pytest

import errnorm
from errnorm.checking import check
from errnorm.cli import main
from errnorm.cli.arguments import UsageError
from errnorm.cli.drafting import draft
from errnorm.families import Family
from errnorm.reading.bodies import decode
from errnorm.reading.headers import Headers
from errnorm.reading.paths import Exchange, View
from errnorm.reading.plans import any_of
from errnorm.reading.responses import read
from errnorm.samples import Sample, built_in_files, samples_of
from errnorm.vendors import registry
from errnorm.vendors.loading import load
from errnorm.vendors.profile import Place, Profile, When

VENDORS = [name for name, file in built_in_files().items() if file.parent.name != "dialects"]
RAW = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 402 Payment Required\r\nContent-Type: application/json\r\n"
    b"X-Request-Id: r-1\r\nSet-Cookie: session=abcdef0123\r\n\r\n"
    b'{"error":{"code":"card_declined","message":"The card of jo@acme.example was refused","token":"abc123456"}}'
)


def saved(name: str) -> str:
    file = built_in_files()[name]
    return str(file.with_name(f"{name}.samples.toml"))


@cache
def drafted(name: str) -> Profile:
    return load(draft([saved(name)], f"{name}-draft").profile, name)


def understood(sample: Sample, profile: Profile) -> errnorm.CanonicalError:
    headers = Headers(sample.headers)
    exchange = Exchange(sample.status, headers, sample.method, sample.operation)
    return read(decode(sample.content, headers), exchange, profile)


def absolute(error: str, place: Place) -> str:
    path = place if isinstance(place, str) else place.at
    return path if path.startswith(("/", "header:")) else error if path == "." else f"{error.rstrip('/')}/{path}"


def leading(name: str, fact: str) -> str | None:
    """The path at which a vendor's own profile finds most of its codes, or messages; None where it finds none."""
    profile = registry.get(name)
    found: Counter[str] = Counter()
    for sample in samples_of(built_in_files()[name]):
        said = getattr(understood(sample, profile), f"vendor_{fact}")
        for error in profile.read.error if said else ():
            for place in getattr(profile.read, fact):
                alone = msgspec.structs.replace(profile.read, error=(error,), **{fact: (place,)})
                told = understood(sample, msgspec.structs.replace(profile, read=alone, rules=()))
                if told.dialect is None and getattr(told, f"vendor_{fact}") == said:
                    found[absolute(error, place)] += 1
                    break
            else:
                continue
            break
    return found.most_common(1)[0][0] if found else None


def finds(name: str, fact: str, path: str) -> bool:
    """Whether a path is one of the draft's; `//Error` stands for wherever it saw one."""
    layout = drafted(name).read
    paths = {absolute(error, place) for error in layout.error for place in getattr(layout, fact)}
    return path in paths or (path.startswith("//") and any(each.endswith(path[1:]) for each in paths))


@pytest.mark.once
@pytest.mark.parametrize("fact", ["code", "message"])
def test_the_draft_of_nearly_every_vendor_reads_where_its_profile_does(fact):
    paths = {name: path for name in VENDORS if (path := leading(name, fact))}
    missed = [name for name, path in paths.items() if not finds(name, fact, path)]
    assert len(missed) <= 0.1 * len(paths), missed  # 1 in 20 when it was measured, of 41 codes and 47 messages


@pytest.mark.parametrize("fact", ["code", "message"])
def test_of_nearly_every_sample_the_draft_reads_what_the_profile_does(fact):
    total = same = 0
    for name in VENDORS:
        for sample in samples_of(built_in_files()[name]):
            said = getattr(understood(sample, registry.get(name)), f"vendor_{fact}")
            if said and sample.failed is not False:
                total += 1
                same += getattr(understood(sample, drafted(name)), f"vendor_{fact}") == said
    assert same >= 0.9 * total, f"{same} of {total}"  # 95 in 100 when it was measured


@pytest.mark.parametrize("name", built_in_files())
def test_what_is_written_passes_check_but_for_failures_that_the_draft_says_nothing_tells(tmp_path, name):
    made = draft([saved(name)], f"{name}-draft")
    files = made.write(tmp_path)
    assert [file.name for file in files] == [f"{name}-draft.toml", f"{name}-draft.samples.toml"]
    checked = check(files[0])
    assert {finding.complaint for finding in checked.findings} <= {"failed is false, not true"}
    assert bool(checked.findings) is ("`failed` wants a condition more" in made.profile)
    assert checked.samples >= len([each for each in samples_of(built_in_files()[name]) if each.failed is not None])


def test_of_most_answers_below_400_the_draft_finds_what_tells_that_they_failed():
    asked = told = 0
    for name in VENDORS:
        profile = drafted(name)
        for sample in samples_of(built_in_files()[name]):
            if sample.failed is not None:
                found = any_of(profile.failed, "failed")(viewed(sample))
                asked += 1
                told += found is sample.failed
                assert sample.failed or not found, (name, sample.title)  # never takes well for failed
    assert told >= 0.9 * asked, f"{told} of {asked}"


def viewed(sample: Sample) -> View:
    body, exchange = sample.decoded()
    view = View(exchange, body, attributes=True)
    view.error = view.root
    return view


OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("failures", "well", "conditions", "doubtful"),
    [
        (
            [{"success": False, "error": {"code": "NO_STOCK", "message": "None is left"}}],
            [{"success": True, "data": {"id": 5}}],
            [When(where={"/success": ("false",)})],
            False,
        ),
        (
            [{"status": "Error", "reason": "It is late"}, {"status": "failed", "reason": "It is odd"}],
            [{"status": "done"}],
            [When(where={"/status": ("Error", "failed")})],
            True,
        ),
        ([{"error": "no_stock"}], [{"error": None, "id": 1}, {"id": 2}], [When(present=("/error",))], True),
        (
            [{"result": {"isError": True}}],
            [{"result": {"isError": False}}],
            [When(where={"/result/isError": ("true",)})],
            False,
        ),
        (
            [{"code": "NO_STOCK", "message": "None is left"}],
            [{"id": 7, "message": "It was sent"}],
            [When(present=("/code", "/message"))],
            True,
        ),
        ([{"errcode": 40001, "errmsg": "It is odd"}], [{"errcode": 0, "errmsg": "ok"}], [], True),
        ([], [{"id": "cus_1", "name": "Jo Doe", "type": "person"}, {"data": {"status": "failed"}}], [], True),
    ],
    ids=["flag", "words", "error", "below", "as elsewhere", "only the code's value tells", "none failed"],
)
def test_what_tells_a_failure_under_a_200_is_drafted(tmp_path, failures, well, conditions, doubtful):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "404.http").write_bytes(
        b'HTTP/1.1 404 Not Found\r\n\r\n{"code": "NO_SUCH", "message": "It is not there"}'
    )
    for number, body in enumerate((*failures, *well)):
        (tmp_path / "shop" / f"{number}.http").write_bytes(OK_HEAD + json.dumps(body).encode())
    made = draft([str(tmp_path / "shop")])
    profile, _ = made.write(tmp_path)
    assert list(load(made.profile, "shop").failed) == conditions
    assert check(profile).findings == []
    kept = {sample.title: sample.failed for sample in samples_of(profile)}
    assert [kept[str(number)] for number in range(len(failures))] == [bool(conditions)] * len(failures)
    assert [kept[str(len(failures) + number)] for number in range(len(well))] == [False] * len(well)
    assert ("Nothing tells of" in made.profile) is doubtful


def archived(status: int, body: bytes, kind: str = "application/json", **content: str) -> dict[str, object]:
    request = {"method": "POST", "url": "https://api.acme.example/v1/orders?key=abcdef"}
    headers = [{"name": "Content-Type", "value": kind}, {"name": "X-Request-Id", "value": "r-1"}]
    text = {"text": body.decode()} if body else {}
    return {"request": request, "response": {"status": status, "headers": headers, "content": text | content}}


@pytest.mark.parametrize("name", ["shop.har", "shop.json"])
def test_an_http_archive_holds_exchanges(tmp_path, name):
    refused = b'{"ok": false, "error": {"code": "no_stock", "message": "None is left"}}'
    entries = [
        archived(409, b"", text=base64.b64encode(refused).decode(), encoding="base64"),
        archived(200, refused, mimeType="application/json; charset=utf-8"),
        archived(200, b'{"ok": true}', mimeType="application/json"),
        archived(200, b"let x = 1", mimeType="text/javascript"),
        archived(0, b""),
    ]
    (tmp_path / name).write_text("\ufeff" + json.dumps({"log": {"version": "1.2", "entries": entries}}))
    made = draft([str(tmp_path / name)])
    profile = load(made.profile, "draft")
    assert profile.hosts == ("api.acme.example",)
    assert profile.failed == (When(where={"/ok": ("false",)}),)
    assert profile.read.code == ("code",)
    file, _ = made.write(tmp_path)
    assert [(each.status, each.failed, each.method) for each in samples_of(file)] == [
        (409, None, "POST"),
        (200, True, "POST"),
        (200, False, "POST"),
    ]
    assert "abcdef" not in made.samples


@pytest.mark.parametrize("coding", ["gzip", "deflate", "none"])
def test_a_packed_body_is_unpacked_and_one_that_was_already_is_taken(tmp_path, coding):
    body = b'{"code": "no_stock", "message": "None is left"}'
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "none": bytes}[coding]
    header = coding.replace("none", "br").encode()
    (tmp_path / "a.http").write_bytes(b"HTTP/1.1 409 No\r\nContent-Encoding: " + header + b"\r\n\r\n" + pack(body))
    assert set(load(draft([str(tmp_path)]).profile, "draft").codes) == {"no_stock"}


def test_bodies_in_which_nothing_has_a_name_are_counted(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(128, 256)))
    (tmp_path / "b.json").write_text('{"code": "no_stock"}')
    profile = draft([str(tmp_path)]).profile
    assert "# Neither JSON, XML nor a page, so that no place in it has a name: 1 of 2." in profile
    assert "# Drafted from 2 failures." in profile
    assert "# Drafted from 1 failure." in draft([str(tmp_path / "b.json")]).profile


def test_standard_input_is_an_exchange(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RAW)))
    assert main(["draft", "-"]) == 0
    assert load(capsys.readouterr().out, "draft").codes.keys() == {"card_declined"}


def test_files_are_written_both_or_not_at_all(tmp_path):
    made = draft([saved("phase")], "phase-draft")
    (tmp_path / "phase-draft.samples.toml").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        made.write(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["phase-draft.samples.toml"]


def test_a_few_answers_that_went_well_are_kept_and_no_heap_of_them(tmp_path):
    (tmp_path / "a.http").write_bytes(b"HTTP/1.1 500 No\r\n\r\n{}")
    for number in range(9):
        (tmp_path / f"{number}.http").write_bytes(OK_HEAD + b"{}")
    made = draft([str(tmp_path)])
    assert made.samples.count("failed = false") == 3
    assert "Nothing tells of '0', '1', '2' and 6 more that it failed" in made.profile


@pytest.mark.parametrize("name", VENDORS)
def test_every_code_that_came_has_a_row_and_is_mapped(name):
    file = built_in_files()[name]
    profile = drafted(name)
    codes = {understood(each, profile).vendor_code for each in samples_of(file) if each.failed is not False} - {None}
    assert codes <= set(profile.codes)
    assert all(isinstance(then.family, Family) for then in profile.codes.values())


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "acme"
    place.mkdir()
    (place / "402.http").write_bytes(RAW)
    (place / "404.http").write_bytes(b'HTTP/1.1 404\n\n{"error":{"code":"no_card","message":"There is no such card"}}')
    (place / "old.json").write_text('{"error":{"code":"too_old","message":"The card is too old"}}')
    (place / ".hidden").write_text("nothing")
    (place / "notes.toml").write_text("nothing")
    return place


def test_raw_responses_bodies_and_folders_are_exchanges(folder, capsys):
    assert main(["draft", str(folder)]) == 0
    text = capsys.readouterr().out
    profile = load(text, "acme.toml")
    assert profile.name == "acme"
    assert profile.speaks == ("json",)
    assert profile.read.error == ("/error", "/")
    assert (profile.read.code, profile.read.message) == (("code",), ("message",))
    assert profile.read.request_id == ("header:x-request-id",)
    families = {code: then.family for code, then in profile.codes.items()}
    assert families == {"card_declined": "payment", "no_card": "not_found", "too_old": "unknown"}
    assert "# Statuses that came, and how often: 402 (1), 404 (1)." in text
    assert 'code = ["code"]  # a guess: in 3 of 3, such as card_declined' in text


def test_write_puts_both_files_down_and_overwrites_none(folder, tmp_path, capsys):
    arguments = ["draft", str(folder), "--name", "acme-pay", "--write", str(tmp_path / "new" / "vendors")]
    assert main(arguments) == 0
    profile, samples = capsys.readouterr().out.splitlines()
    assert profile.endswith("acme-pay.toml")
    assert samples.endswith("acme-pay.samples.toml")
    assert main(["check", profile]) == 0
    assert capsys.readouterr().out == "1 profile, 3 samples, 0 findings\n"
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err


def test_no_secret_is_written(folder):
    made = draft([str(folder)])
    (sample, *_) = [each for each in made.samples.split("[[sample]]") if "card_declined" in each]
    assert '"token": "[secret]"' in sample
    assert "The card of [email] was refused" in sample
    for secret in ("jo@acme", "abc123456", "abcdef0123", "cookie"):
        assert secret not in (made.profile + made.samples).lower()


@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("a.json", '{"message": "Ask \\u006ao\\u0040acme.example", "api_key": "hunter2hunter2", "password": 12345678}'),
        ("a.json", '{"message": "no end", "password": "hunter2hunter2", "by": "jo@acme.example", "n": 12345678'),
        ("a.xml", "<E><Message>Ask jo&#64;acme.example</Message><Password>hunter2hunter2</Password></E>"),
        ("a.xml", "<E api_key='hunter2hunter2'><P Password='12345678'/><M>jo@acme.example</M></E>"),
        ("a.txt", "password: hunter2hunter2 of jo@acme.example"),
        ("a.html", "<html><title>jo@acme.example</title><p>password: hunter2hunter2</p></html>"),
    ],
    ids=["json", "broken json", "xml", "attributes", "text", "html"],
)
def test_no_secret_of_a_body_is_written_however_it_is_spelled(tmp_path, file, body):
    (tmp_path / file).write_text(body)
    made = draft([str(tmp_path / file)])
    for secret in ("acme.example", "hunter2"):
        assert secret not in made.profile + made.samples


def test_the_url_names_the_host_and_loses_its_secrets(tmp_path):
    url = "https://jo:hunter2hunter2@api.acme.example/v1/cards?key=abcdef&page=2"
    sample = {"title": "one", "status": 404, "url": url, "body": '{"code": "no_card", "message": "Not there"}'}
    lines = (f"{key} = {json.dumps(value)}" for key, value in sample.items())
    (tmp_path / "acme.samples.toml").write_text("\n".join(["[[sample]]", *lines]))
    made = draft([str(tmp_path / "acme.samples.toml")])
    assert load(made.profile, "acme.toml").hosts == ("api.acme.example",)
    assert "hunter2" not in made.samples
    assert "abcdef" not in made.samples


@pytest.mark.parametrize(
    ("bodies", "read"),
    [
        (['{"errors":[{"errorCode":"E1","msg":"It broke"}]}'], {"error": ("/errors", "/"), "code": ("errorCode",)}),
        (['{"error":"It broke"}', '{"error":"not_found"}'], {"code": ("error",), "message": ("error",)}),
        (['{"code":404,"type":"gone_away","message":"It went away"}'], {"code": ("type",), "message": ("message",)}),
        (["<R><Error><Code>E1</Code><Text>It broke</Text></Error></R>"], {"error": ("/Error", "/"), "code": ("Code",)}),
        (["<Error code='E1'><Message>It broke</Message></Error>"], {"code": ("@code",), "message": ("Message",)}),
        (
            ['{"id":"no_card","message":"Not there","request_id":"b1"}'],
            {"code": ("id",), "request_id": ("request_id",)},
        ),
        (['["It is short", "It is odd"]'], {"code": (), "message": (".",)}),
        (['{"message":"It broke","developerMessage":"In line 7"}'], {"detail": ("developerMessage",)}),
        (['{"error":{"code":"E1","message":"Not so","param":"age"}}'], {"field": ("param",)}),
    ],
    ids=["list", "either", "status", "xml", "attribute", "id", "sentences", "detail", "field"],
)
def test_layouts_are_recognised(tmp_path, bodies, read):
    for number, body in enumerate(bodies):
        (tmp_path / f"{number}.http").write_bytes(b"HTTP/1.1 404 Not Found\r\n\r\n" + body.encode())
    found = load(draft([str(tmp_path)]).profile, "draft").read
    assert {fact: getattr(found, fact) for fact in read} == read


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"message":"Two are odd","details":[{"field":"age","message":"is odd"}]}', ["age||is odd"]),
        (
            '{"message":"Two are odd","errors":{"user.age":["is odd"],"name":["is short"]}}',
            ["user.age||is odd", "name||is short"],
        ),
    ],
    ids=["list", "map"],
)
def test_fields_are_recognised(tmp_path, body, fields):
    (tmp_path / "a.json").write_text(body)
    profile = load(draft([str(tmp_path)]).profile, "draft")
    read = understood(Sample("one", body, status=422), profile).fields
    assert ["|".join((each.path, each.vendor_code or "", each.vendor_message or "")) for each in read] == fields


def test_the_finer_of_two_codes_comes_first(tmp_path):
    for number, finer in enumerate(("stolen", "lost", "empty")):
        body = {"error": {"code": "card_declined", "sub_code": finer, "message": "It was refused"}}
        (tmp_path / f"{number}.http").write_text(f"HTTP/1.1 40{number} No\n\n{json.dumps(body)}")
    (tmp_path / "3.http").write_text('HTTP/1.1 409 No\n\n{"error":{"code":"twice","message":"It came twice"}}')
    assert load(draft([str(tmp_path)]).profile, "draft").read.code == ("sub_code", "code")


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"\xff\xfe\x00\x01",
            b"null",
            b"7",
            b'"word"',
            b"[]",
            b"{}",
            b"[[[[]]]]",
            b"<",
            b"<a/>",
            b"\0" * 100,
            b"'''",
        ),
        b'{"a' + b'":{"a' * 40 + b'": 1' + b"}" * 41,
        b'{"' + b"x" * 70_000 + b'": "too large"}',
        b'{"code\\u2028\\"": "a\'b", "mess[age]": "*", "a/b": {"code": "x y"}, "": {"": "x"}}',
        b'{"\\ud800": "\\udfff", "code": "x\\ud800", "message": "y z\\udfff"}',
        '{"code": "ß\\u0000\\n#", "message": "It is\\nodd \\u202e \\u007f"}'.encode(),
        b'{"message": "gr\xf6\xdfer als f\xfcnf"}',
        b'{"errors": {"error": [{"errors": [{"code": "a", "message": "b c"}]}, 7, null, ["d e"]]}}',
        b'{"errors": [{"field": "a", "messa[ge": "b", "msg": "c d", "header:code": "e", "*code": "f"}]}',
        b"HTTP/1.1 500 No\r\n",
        b"HTTP/1.1 999\n: x\nno colon\n\n",
        b"<r:a 1='x' r:code='E1'><r:errorCode>E1</r:errorCode><b>It broke",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        b"<?xml version='1.0'?><a xmlns='urn:x' xmlns:b='urn:y' b:code='E1'>t<b:c>x y</b:c>tail<!-- c --></a>",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_any_bytes_make_a_draft_that_passes_check(tmp_path, body):
    (tmp_path / "a.bin").write_bytes(body)
    profile, _ = draft([str(tmp_path / "a.bin")], "any").write(tmp_path)
    assert check(profile).findings == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "SAMPLES"),
        (["broken.har"], "broken.har: not a whole HTTP archive"),
        (["packed.http"], "packed.http: the body is packed with 'br'"),
        (["well.http"], "no failure in well.http, but 1 answer below 400 in which nothing tells of one"),
        (["missing.json"], "missing.json: No such file"),
        (["empty"], "nothing to draft from"),
        (["acme.toml"], "acme.toml: a profile; name the samples beside it"),
        (["bad.samples.toml"], "bad.samples.toml: Invalid statement"),
        (["off.samples.toml"], "off.samples.toml: sample 1: Object contains unknown field `stauts`"),
        (["none.samples.toml"], "none.samples.toml: no samples in it"),
        (["a.json", "--name", "stripe"], "'stripe' is a built-in vendor's name"),
        (["a.json", "--name", "../x"], "every profile needs one, of lower-case letters"),
        (["a.json", "--write", "a.json"], "a.json"),
    ],
    ids=" ".join,
)
def test_what_is_off_is_told_in_one_line(monkeypatch, tmp_path, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.json").write_text('{"code": "a"}')
    (tmp_path / "acme.toml").write_text("name = 'acme'")
    (tmp_path / "bad.samples.toml").write_text("= [[")
    (tmp_path / "off.samples.toml").write_text("[[sample]]\ntitle = 'x'\nstauts = 3\n")
    (tmp_path / "none.samples.toml").write_text("")
    (tmp_path / "broken.har").write_text('{"log": {"entries": [')
    (tmp_path / "packed.http").write_bytes(b"HTTP/1.1 404 No\nContent-Encoding: br\n\n\xff\xfe")
    (tmp_path / "well.http").write_bytes(OK_HEAD + b'{"id": 1}')
    if "stripe" in arguments and "stripe" not in built_in_files():
        arguments, says = ["a.json", "--name", "phase"], says.replace("stripe", "phase")
    assert main(["draft", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("errnorm: ")
    assert err.count("\n") == 1
    assert says in err
