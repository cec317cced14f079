"""The command line shows what the library says, takes what people type, and tells in one line what was off in it."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import errnorm
from errnorm.cli import COMMANDS, main
from errnorm.families import LOG_LEVELS, Family, Verdict
from errnorm.model import RetryAdvice
from errnorm.samples import built_in_files, samples_of
from errnorm.vendors import registry

BODY = b"<Quote><Error><ReasonCode>304</ReasonCode><SimpleMessage>Not that pair.</SimpleMessage></Error></Quote>"
LIONBRIDGE = ["--vendor", "lionbridge", "--status", "409"]
SAMPLES = [(name, sample) for name, file in built_in_files().items() for sample in samples_of(file)]
numbers = itertools.count()


def typed_in(monkeypatch, body: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))


@pytest.fixture
def body(monkeypatch):
    typed_in(monkeypatch, BODY)


@pytest.fixture
def acme(tmp_path):
    """A private profile of a name that no other test has used."""
    name = f"acme-cli-{next(numbers)}"
    profile = f'name = "{name}"\n[read]\ncode = ["code"]\n[codes]\nno = {{ family = "payment", text = "No." }}\n'
    tmp_path.joinpath("acme.toml").write_text(profile)
    sample = '[[sample]]\ntitle = "no"\nbody = \'{"code": "no"}\'\nexpect = { family = "payment" }\n'
    tmp_path.joinpath("acme.samples.toml").write_text(sample)
    return name, tmp_path


def run(*arguments: str, body: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "errnorm", *arguments]
    done = subprocess.run(command, input=body, capture_output=True, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def explained(capsys, *arguments: str):
    assert main(["explain", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "sample"), SAMPLES[::5], ids=[f"{name} {sample.title}" for name, sample in SAMPLES[::5]]
)
def test_explain_says_what_parse_and_answer_say_of_every_sample(monkeypatch, capsys, name, sample):
    typed_in(monkeypatch, sample.content)
    arguments = ["--vendor", name]
    for option in ("status", "method", "url", "operation"):
        if (value := getattr(sample, option)) is not None:
            arguments += [f"--{option}", str(value)]
    for header, value in sample.headers.items():
        arguments += ["-H", f"{header}: {value}"]
    told = explained(capsys, *arguments)
    error = sample.read(errnorm.parse, name)
    assert list(told) == ["error", "problem", "response", "log"]
    assert told["error"] == error.to_dict()
    assert json.loads(told["response"]["body"]) == told["problem"]
    assert told["response"]["status"] == told["problem"]["status"] == error.response_status
    assert told["problem"].keys() == errnorm.problem_for(error).to_dict().keys()
    assert told["log"]["level"] == {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR"}[LOG_LEVELS[error.fault]]
    assert told["log"]["message"] == str(error)
    assert told["log"]["errnorm_reference"] == told["problem"]["reference"]


@pytest.mark.parametrize(
    ("accept", "content_type", "begins"),
    [
        ("application/json", "application/problem+json", "{"),
        ("text/xml", "application/problem+xml; charset=utf-8", "<?xml"),
        ("text/html", "text/html; charset=utf-8", "<!doctype html>"),
        ("text/plain", "text/plain; charset=utf-8", "Conflict"),
    ],
)
def test_explain_renders_for_accept(body, capsys, accept, content_type, begins):
    response = explained(capsys, *LIONBRIDGE, "--accept", accept)["response"]
    assert response["headers"]["Content-Type"] == content_type
    assert response["body"].startswith(begins)


def test_explain_tells_a_person_everything_in_blocks(body, capsys):
    assert main(["explain", *LIONBRIDGE]) == 0
    blocks = [block.splitlines() for block in capsys.readouterr().out.split("\n\n")]
    headings = [lines[0] for lines in blocks if not lines[0].startswith(" ")]
    assert headings == ["The error", "The rule that decided", "What the user gets", "What is logged", "Again?"]
    facts = dict(line.split(maxsplit=1) for line in blocks[0][1:])
    assert facts["reason"] == "LANGUAGE_PAIR_NOT_OFFERED"
    assert facts["vendor_message"] == "Not that pair."
    assert "vendor_detail" not in facts
    assert blocks[1][1].strip() == "lionbridge:codes.304"
    assert blocks[2][1].strip() == "HTTP 409"


@pytest.mark.parametrize("where", [[], ["-"], ["body.xml"]], ids=["nothing", "dash", "file"])
def test_explain_reads_a_file_as_it_reads_standard_input(monkeypatch, tmp_path, capsys, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "body.xml").write_bytes(BODY)
    typed_in(monkeypatch, b"" if "body.xml" in where else BODY)
    assert explained(capsys, *LIONBRIDGE, *where)["error"]["vendor_code"] == "304"


def test_explain_finds_the_vendor_by_the_url(body, capsys):
    url = "https://ondemand.lionbridge.com/api/quote/generate"
    error = explained(capsys, "--url", url, "--method", "post", "--status", "409")["error"]
    assert (error["vendor"], error["operation"], error["method"]) == ("lionbridge", "generate-quote", "POST")


@pytest.mark.parametrize("way", ["file", "folder"])
def test_explain_takes_a_profile_that_is_not_installed(monkeypatch, capsys, acme, way):
    name, folder = acme
    typed_in(monkeypatch, b'{"code": "no"}')
    monkeypatch.chdir(folder)
    error = explained(capsys, "--vendor", "./acme.toml" if way == "file" else ".", "--status", "400")["error"]
    assert (error["vendor"], error["family"], error["rule"]) == (name, "payment", f"{name}:codes.no")


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("after_s", [None, 1.0, 30.0])
def test_retry_advice_is_a_sentence_of_its_own_for_every_verdict(verdict, after_s):
    from errnorm.cli.explaining import advice

    sentences = {advice(_plain(RetryAdvice(each, after_s))) for each in Verdict}
    sentence = advice(_plain(RetryAdvice(verdict, after_s)))
    assert sentence.endswith(".")
    assert ("after 30 seconds" in sentence) is (after_s == 30)
    assert len(sentences) == len(Verdict)


def _plain(retry: RetryAdvice):
    return errnorm.CanonicalError(retry=retry).to_dict()["retry"]


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 503])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x1b[2J\x1b]0;title\x07{}",
        b'{"message": "\x1b[31mred\\u001b[0m \\u202e"}',
        b"<" * 70_000,
    ],
    ids=["empty", "binary", "escapes", "hidden", "long"],
)
def test_no_body_breaks_a_terminal(monkeypatch, capsys, data, status):
    typed_in(monkeypatch, data)
    assert main(["explain", "--status", str(status), "--operation", "\x1b[2Jcreate"]) == 0
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_output_fits_the_encoding_of_standard_output(monkeypatch):
    typed_in(monkeypatch, '{"message": "größer als 5 €"}'.encode())
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["explain", "--status", "400"]) == 0
    assert rb"gr\xf6\xdfer als 5 \u20ac" in stream.buffer.getvalue()  # type: ignore[attr-defined]


def test_check_counts_and_finds_nothing_in_the_built_in_profiles(capsys):
    assert main(["check"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{len(built_in_files())} profiles, {len(SAMPLES)} samples, 0 findings"


@pytest.mark.parametrize("path", ["lionbridge", str(built_in_files()["lionbridge"])])
def test_check_takes_a_built_in_profile_by_name_and_by_file(capsys, path):
    assert main(["check", path]) == 0
    count = len(samples_of(built_in_files()["lionbridge"]))
    assert capsys.readouterr().out == f"1 profile, {count} samples, 0 findings\n"


@pytest.mark.parametrize("path", [".", "acme.toml"])
def test_check_takes_a_private_profile_and_tells_its_findings(monkeypatch, capsys, acme, path):
    _, folder = acme
    monkeypatch.chdir(folder)
    assert main(["check", path]) == 0
    assert capsys.readouterr().out == "1 profile, 1 sample, 0 findings\n"
    file = folder / "acme.samples.toml"
    file.write_text(file.read_text().replace('"payment"', '"conflict"'))
    assert main(["check", path]) == 1
    finding = "acme.samples.toml: sample 1 'no': family is 'payment', not 'conflict'\n"
    assert capsys.readouterr().out == f"{finding}1 profile, 1 sample, 1 finding\n"


def test_vendors_lists_every_name_with_its_documents(capsys):
    assert main(["vendors"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == registry.default.names()
    for line in lines:
        assert line.endswith(registry.get(line.split()[0]).docs)


@pytest.mark.parametrize("name", built_in_files())
def test_vendors_shows_every_row_of_one(capsys, name):
    profile = registry.get(name)
    assert main(["vendors", name]) == 0
    shown = capsys.readouterr().out
    assert main(["vendors", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = list(profile.rows())
    assert len(told["rows"]) == len(rows)
    assert told["codes"] == len(profile.codes)
    assert told["hosts"] == list(profile.hosts)
    assert len(told["limits"]) == len(profile.limits)
    for row in told["rows"]:
        assert Family(row["family"])
        assert row["user"]
        assert row["when"] in shown
        assert row["user"] in shown
    assert all(host in shown for host in profile.hosts)
    assert "vendor_message" in told["integrator"]
    assert all(name in shown.splitlines()[-1] for name in told["integrator"])


def test_vendors_as_json_is_a_list(capsys):
    assert main(["vendors", "--json"]) == 0
    assert [vendor["name"] for vendor in json.loads(capsys.readouterr().out)] == registry.default.names()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["explian"], "'explain'"),
        (["explain", "--vendor", "lionbrige"], "did you mean 'lionbridge'"),
        (["explain", "--vendor", "./missing.toml"], "./missing.toml: no such file"),
        (["explain", "--vendor", "folder"], "no profile in this folder"),
        (["explain", "--vendor", "bad.toml"], "codes.x.family: must be one of validation"),
        (["explain", "--vendor", "two/"], "holds 2 profiles"),
        (["explain", "--status", "abc"], "such as 409, not 'abc'"),
        (["explain", "--status", "42"], "such as 409"),
        (["explain", "--status", "²²²"], "such as 409"),
        (["explain", "-H", "Retry-After"], "such as 'Retry-After: 30', not 'Retry-After'"),
        (["explain", "-H", ": 3"], "such as 'Retry-After: 30'"),
        (["explain", "missing.json"], "missing.json: No such file"),
        (["explain", "folder"], "folder: Is a directory"),
        (["explain", "--vendro", "x"], "--vendro"),
        (["explain", "--vendor"], "--vendor"),
        (["check", "missing"], "missing: no such file or folder"),
        (["check", "phas"], "did you mean 'phase'"),
        (["check", "notes.md"], "notes.md: not a profile"),
        (["check", "folder"], "no profile in this folder"),
        (["check", "acme.samples.toml"], "holds samples; name the profile beside it"),
        (["vendors", "phas"], "did you mean 'phase'"),
        (["vendors", ""], "'' names no vendor"),
        (["explain", "--vendor", ""], "'' names no vendor"),
        (["explain", "--method", "BLA BLA"], "must be a method, such as POST, not 'BLA BLA'"),
        (["explain", "--url", "not a url"], "must be a URL, such as https://"),
        (["explain", "--url", "api.acme.example"], "must be a URL, such as https://"),
        (["explain", "--vendor", "lionbridge", "--operation", "foo"], "lionbridge has no operation 'foo'"),
        (["explain", "packed.bin", "-H", "Content-Encoding: br"], "packed with 'br': save it unpacked"),
        (["check", "./nope.toml"], "./nope.toml: no such file or folder\n"),
        (["check", "--messages", "nope.toml"], "nope.toml: no TOML file of texts: No such file or directory\n"),
        (["check", "--messages", "folder"], "folder: no TOML file of texts: Is a directory\n"),
        (["check", "--language", "deutsch"], "no such language: 'deutsch'"),
        (["check", "--language", "xx-AT"], "no such language: 'xx-AT'"),
        (["play", "--port", "65536"], "0 to 65535"),
        (["check", "a\nb\x1b[2J"], "a b[2J: no such file"),
    ],
    ids=" ".join,
)
def test_what_is_off_is_told_in_one_line(monkeypatch, tmp_path, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "two").mkdir()
    for file in ("two/a.toml", "two/b.toml"):
        (tmp_path / file).write_text(f"name = {file!r}")
    (tmp_path / "bad.toml").write_text('name = "bad"\n[codes]\nx = "money"\n')
    (tmp_path / "notes.md").write_text("# Notes")
    (tmp_path / "acme.samples.toml").write_text("")
    (tmp_path / "packed.bin").write_bytes(b"\xff\x00\xfe")
    typed_in(monkeypatch, BODY)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("errnorm: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert says in err
    assert err.strip().isprintable()


def test_play_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "errnorm.cli.playground", raising=False)
    assert main(["play"]) == 2
    assert capsys.readouterr().err == "errnorm: play needs uvicorn: pip install 'errnorm[play]'\n"


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_everything_has_help(capsys, arguments):
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "usage: errnorm" in out
    assert err == ""


def test_the_version_is_told(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"errnorm {errnorm.__version__}\n"


def test_an_interruption_is_quiet(monkeypatch, capsys):
    class Interrupted(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Interrupted())))
    assert main(["explain"]) == 130
    assert capsys.readouterr() == ("", "")


def test_the_module_runs_as_the_command_does():
    done = run("explain", *LIONBRIDGE, "--json", body=BODY)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["error"] == errnorm.parse(BODY, status=409, vendor="lionbridge").to_dict()
    assert run("explain", "--status", "x").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [["vendors"], ["vendors", "lionbridge"], ["check", "lionbridge"], ["monitoring", "export", "--vendor", "stripe"]],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_trouble(arguments):
    command = [sys.executable, "-m", "errnorm", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141  # neither success nor findings


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of Unix")
@pytest.mark.parametrize(
    ("where", "says"),
    [(">&-", "standard output is closed: there is nowhere to tell anything"), (">/dev/full", "No space left")],
)
def test_what_cannot_be_told_is_no_success(where, says):
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("no such device")
    command = f"exec {shlex.quote(sys.executable)} -m errnorm vendors lionbridge {where}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("errnorm: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


RAW = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 409 Conflict\r\nX-Request-Id: r-1\r\nRetry-After: 30\r\n\r\n" + BODY


def test_a_raw_response_is_the_exchange_that_it_is(monkeypatch, capsys):
    typed_in(monkeypatch, RAW)
    error = explained(capsys, "--vendor", "lionbridge")["error"]
    assert (
        error
        == errnorm.parse(
            BODY, status=409, headers={"X-Request-Id": "r-1", "Retry-After": "30"}, vendor="lionbridge"
        ).to_dict()
    )
    assert error["retry"]["after_s"] == 30


def test_what_is_typed_goes_before_what_a_raw_response_says(monkeypatch, capsys):
    typed_in(monkeypatch, RAW)
    error = explained(capsys, *LIONBRIDGE[:2], "--status", "503", "-H", "retry-after: 5")["error"]
    assert (error["vendor_status"], error["retry"]["after_s"]) == (503, 5)


@pytest.mark.parametrize("way", ["typed", "saved", "neither"])
def test_a_packed_body_is_unpacked(monkeypatch, capsys, way):
    header = b"Content-Encoding: gzip\r\n" if way == "saved" else b""
    head = b"HTTP/1.1 409 Conflict\r\n" + header + b"\r\n"
    typed_in(monkeypatch, head + gzip.compress(BODY))
    typed = ["-H", "Content-Encoding: gzip"] if way == "typed" else []
    assert explained(capsys, "--vendor", "lionbridge", *typed)["error"]["vendor_code"] == "304"


def test_explain_loads_nothing_that_it_does_not_need():
    code = (
        "import sys; from errnorm.cli import main; main(['explain', '--status', '500', '--json']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", _from_here(code)], input=b"{}", capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.decode().split()}
    assert not loaded & {"starlette", "uvicorn", "anyio", "lxml", "django", "httpx"}


def _from_here(code: str) -> str:
    """Code that finds this errnorm, in an interpreter that no setting of a test run reaches."""
    return f"import sys; sys.path[:] = {sys.path!r}; {code}"
