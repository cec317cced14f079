"""`python -m tests.corpora FOLDER…`: what came of public corpora, as a table; exit status 1 where not all is well."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.corpora import memory, packages
from tests.corpora.canaries import Canaries
from tests.corpora.reading import Figures, read
from tests.corpora.telling import fields, harmed, leaked, naughty

MOST_MS, MOST_MIB, RECALL, HARMED = 5.0, 4.0, 0.98, 0.0


class Line(NamedTuple):
    """A row of the table, and what is wrong, if anything is."""

    corpus: str
    cases: str
    exceptions: str
    opened: str
    worst: str
    wrong: list[str]


def lines(folder: Path, canaries: Canaries) -> Iterator[Line]:
    """By what a folder holds: rules for secrets, naughty strings, header fields, else bodies."""
    rules = next(iter(sorted(folder.rglob("gitleaks.toml"), key=lambda path: len(path.parts))), None)
    if rules is not None:
        yield from _secrets(folder.name, rules)
    elif lists := list(folder.rglob("blns.json")):
        words = json.loads(lists[0].read_text(encoding="utf-8"))
        wrong = naughty(words)
        yield Line(folder.name, f"{len(words)} strings", str(len(wrong)), "", "", wrong)
    elif (folder / "item.json").exists():
        count, wrong = fields(folder)
        yield Line(folder.name, f"{count} header fields", str(len(wrong)), "", "", wrong)
    else:
        yield _bodies(read(folder, canaries), *memory.worst(folder))


def _bodies(figures: Figures, mib: float, large: str) -> Line:
    ms, slow = figures.slowest
    return Line(
        figures.name,
        f"{figures.bodies:,} bodies, read {figures.readings:,} times",
        str(len(figures.exceptions)),
        "{} (careless: {} of {})".format(len(figures.opened), *reversed(figures.bitten)),
        f"{ms:.2f} ms, {mib:.2f} MiB",
        [
            *figures.exceptions,
            *figures.opened,
            *([f"{slow}: {ms:.2f} ms"] if ms > MOST_MS else []),
            *([f"{large}: {mib:.2f} MiB"] if mib > MOST_MIB else []),
        ],
    )


def _secrets(name: str, rules: Path) -> Iterator[Line]:
    count, lost = leaked(rules)
    for place, survived in lost.items():
        recall = 1 - len(survived) / count
        wrong = [f"{place}: {', '.join(sorted(survived))}"] if recall < RECALL else []
        yield Line(f"{name}, {place}", f"{count} rules", "0", "", f"{recall:.1%} found", wrong)
    texts, spoilt = harmed()
    yield Line("our own samples", f"{texts:,} texts", "0", "", f"{len(spoilt) / texts:.1%} harmed", spoilt)


def main(arguments: list[str]) -> int:
    """Reads the folders given, or what `--packages` downloads."""
    with TemporaryDirectory(prefix="errnorm-corpora-") as place, Canaries(Path(place)) as canaries:
        folders = packages.download(Path(place)) if arguments == ["--packages"] else [Path(each) for each in arguments]
        table = [line for folder in folders for line in lines(folder.resolve(), canaries)]
    out = ["| corpus | cases | exceptions | opened | worst |", "|---|---|---|---|---|"]
    out += [f"| {line.corpus} | {line.cases} | {line.exceptions} | {line.opened} | {line.worst} |" for line in table]
    wrong = [f"{line.corpus}: {each}" for line in table for each in line.wrong]
    sys.stdout.write("\n".join([*out, "", *wrong, ""]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
