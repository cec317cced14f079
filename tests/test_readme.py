"""The README tells the truth: its code is an example's, its outputs are what comes, and what it names exists."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from errnorm.samples import built_in_files

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = {
    path: path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "examples").rglob("*"))
    if path.suffix in {".py", ".toml"}
}
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
REFERENCE = r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b"


class Block(NamedTuple):
    """A fenced block: the language after its fence, what is in it, and the line before it."""

    language: str
    text: str
    before: str


BLOCKS = [
    Block(found[2], found[3], found[1])
    for found in re.finditer(r"^([^\n]*)\n```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
]
CODE = [block for block in BLOCKS if block.language in {"python", "toml"}]
TYPED = [
    (command, output)
    for block in BLOCKS
    if block.language == "console"
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)
]


def marked(mark: str) -> str:
    """The one command of the block after `<!-- mark -->`."""
    (block,) = (block for block in BLOCKS if block.before == f"<!-- {mark} -->")
    (command,) = block.text.splitlines()
    return command


def of_language(language: str) -> str:
    """The text of the only block of a language."""
    (block,) = (block for block in BLOCKS if block.language == language)
    return block.text


def run(command: str) -> str:
    """What a command prints, with the `errnorm` and the `python` of this test."""
    command = re.sub(r"(?<!\S)(?:\.venv/bin/)?errnorm\b", f"{shlex.quote(sys.executable)} -P -m errnorm", command)
    command = re.sub(r"(?<!\S)python(?= examples)", shlex.quote(sys.executable), command)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def masked(text: str) -> str:
    """The text without what is random in it."""
    return re.sub(REFERENCE, "REFERENCE", re.sub(ID, "ID", text))


@pytest.fixture(scope="module")
def explained() -> str:
    """What the command to try prints, but for setting up."""
    return run(marked("try").rpartition("&& ")[2])


@pytest.mark.parametrize("number", range(len(CODE)))
def test_code_is_that_of_an_example(number):
    assert [path for path, text in EXAMPLES.items() if CODE[number].text in text], CODE[number].text


def test_every_block_is_of_a_kind_that_is_checked():
    assert {block.language for block in BLOCKS} == {"python", "toml", "console", "text", "json", "xml"}
    assert TEXT.count("\n```") == 2 * len(BLOCKS)


def test_the_command_to_try_prints_what_is_shown(explained):
    shown = (re.escape(part) for part in masked(of_language("text")).split("…\n"))
    assert re.fullmatch("(?:.*\n)*".join(shown), masked(explained)), explained


def test_the_story_at_the_top_is_what_the_command_to_try_tells(explained):
    assert of_language("xml").strip() in marked("try")
    answer = "".join(f"  {line}\n" for line in of_language("json").splitlines())
    assert masked(answer) in masked(explained)
    (log,) = re.findall(r"keys: `(.*?)`", TEXT)
    assert f"What is logged\n  {log}\n" in explained


def test_the_answer_at_the_top_has_an_id_of_its_own_reference():
    from errnorm.model import reference_of

    problem = json.loads(of_language("json"))
    assert reference_of(problem["instance"].removeprefix("urn:uuid:")) == problem["reference"]


@pytest.mark.parametrize(("command", "output"), TYPED, ids=[command for command, _ in TYPED])
def test_a_command_prints_what_is_shown(command, output):
    assert run(command) == output


def test_what_continuous_integration_runs_is_one_line():
    assert marked("test").endswith("tox -p 2")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\bexamples/[\w/.]*\w", TEXT))))
def test_named_files_exist(path):
    assert (ROOT / path).exists()


def test_commands_are_those_of_the_command_line():
    named = set(re.findall(r"^\| `errnorm (\w+)", TEXT, re.MULTILINE))
    assert named == set(re.findall(r"^    (\w+)(?:  |$)", run("errnorm --help"), re.MULTILINE))


def test_extras_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    section = re.search(r"## Extras\n(.*?)\n## ", TEXT, re.DOTALL)
    assert section
    assert set(re.findall(r"`(\w+)`", section[1])) == set(project["optional-dependencies"])
    assert f"\n{project['version']}, beta" in TEXT


def test_as_many_profiles_are_built_in_as_it_says():
    files = built_in_files().values()
    dialects = [file for file in files if file.parent.name == "dialects" and file.stem != "generic"]
    vendors = [file for file in files if file.parent.name != "dialects"]
    assert f"{len(vendors)} vendors and {len(dialects)} dialects that many speak are built in" in TEXT
