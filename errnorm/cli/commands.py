"""What each word of the command line does: explain, check, draft, read logs, list, export, play."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from errnorm.cli.arguments import (
    UsageError,
    body_of,
    profiles_at,
    texts_in,
    to_header,
    to_job,
    to_language,
    to_percent,
    to_port,
    to_status,
    vendor_named,
)

UNPRINTABLE = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)))

Arguments = argparse.Namespace


class Command(NamedTuple):
    """One word of the command line."""

    run: Callable[[Arguments], int]
    declare: Callable[[argparse.ArgumentParser], object]
    help: str


def _explain(arguments: Arguments) -> int:
    from errnorm.answering import default
    from errnorm.cli.explaining import blocks, explain
    from errnorm.model import VendorError

    error = default().parse(
        body_of(arguments.file),
        status=arguments.status,
        headers=arguments.header,
        vendor=arguments.vendor and vendor_named(arguments.vendor),
        method=arguments.method,
        url=arguments.url,
        operation=arguments.operation,
    )
    explained = explain(VendorError(error), default(), accept=arguments.accept, language=arguments.language)
    if arguments.json:
        return _print_json(explained)
    for number, (heading, lines) in enumerate(blocks(explained)):
        _print(["", heading] if number else [heading])
        _print(f"  {line}".rstrip() for line in lines)
    return 0


def _declare_explain(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="holds the body; without it, or as -, standard input")
    add("--vendor", metavar="V", help="a vendor's name, or a profile of your own: a file, or a folder with one")
    add("--status", type=to_status, metavar="N", help="the HTTP status that came with the body")
    add("-H", "--header", type=to_header, action="append", default=[], metavar="'Name: value'", help="of the answer")
    add("--method", metavar="M", help="of the call: GET, POST, …")
    add("--url", metavar="U", help="of the call; its host names the vendor where --vendor does not")
    add("--operation", metavar="O", help="the name of the call")
    add("--accept", metavar="A", help="the user's Accept header: which media type to answer in")
    add("--language", metavar="L", help="the user's Accept-Language header")
    add("--json", action="store_true", help="one JSON object: error, problem, response, log")


def _check(arguments: Arguments) -> int:
    from errnorm.checking import check, check_shapes
    from errnorm.cli.speaking import silent
    from errnorm.vendors.registry import HERE
    from errnorm.vendors.schema import schema

    if arguments.schema:
        return _print_json(schema())
    files = dict.fromkeys(file for path in arguments.paths or (HERE, HERE / "dialects") for file in profiles_at(path))
    samples = findings = 0
    for file in files:
        checked = check(file)
        _print(map(str, checked.findings))
        samples += checked.samples
        findings += len(checked.findings)
    of_all = check_shapes(files)
    if arguments.language or arguments.messages:
        of_all += silent(files, arguments.language, texts_in(arguments.messages))
    _print(map(str, of_all))
    findings += len(of_all)
    counts = (_counted(len(files), "profile"), _counted(samples, "sample"), _counted(findings, "finding"))
    _print([", ".join(counts)])
    return 1 if findings else 0


def _declare_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a profile, such as acme.toml, or a folder of them")
    add = parser.add_argument
    add("--language", type=to_language, action="append", metavar="L", help="tell which codes have no text in it")
    add("--messages", metavar="TOML", help="an app's own texts, to be counted in; alone it means every language in it")
    add("--schema", action="store_true", help="print the JSON Schema of profiles, for editors, instead")


def _draft(arguments: Arguments) -> int:
    from errnorm.cli.drafting import DraftError, draft

    try:
        drafted = draft(arguments.samples, arguments.name)
        written = () if arguments.write is None else drafted.write(Path(arguments.write))
    except DraftError as error:
        raise UsageError(str(error)) from None
    _print(map(str, written) if written else drafted.profile.splitlines())
    return 0


def _declare_draft(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("samples", nargs="+", metavar="SAMPLES", help="raw responses, bodies, acme.samples.toml, or folders of them")
    add("--name", metavar="NAME", help="the vendor's name in the profile")
    add("--write", metavar="FOLDER", help="write NAME.toml and NAME.samples.toml there instead of printing the profile")


def _coverage(arguments: Arguments) -> int:
    from errnorm.cli.covering import LogError, cover

    try:
        covered = cover(arguments.logs)
        told = covered.in_full() if arguments.stub is None else covered.stub(arguments.stub)
    except LogError as error:
        raise UsageError(str(error)) from None
    _print(told.splitlines())
    return 0


def _declare_coverage(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("logs", nargs="+", metavar="LOG", help="a log of JSON lines; - is standard input")
    add("--stub", metavar="VENDOR", help="print rows for these codes instead, to paste into the vendor's profile")


def _vendors(arguments: Arguments) -> int:
    from errnorm.cli.listing import COLUMNS, about, in_words, overview, table
    from errnorm.vendors import registry

    if arguments.name is None:
        vendors = overview()
        if not arguments.json:
            _print(table(vendors, ("name", "codes", "samples", "docs")))
        return _print_json(vendors) if arguments.json else 0
    known = about(registry.get(vendor_named(arguments.name)))
    if arguments.json:
        return _print_json(known)
    _print([f"{known['name']}  {known['docs']}".rstrip(), "", *table(known["rows"], COLUMNS), ""])
    _print([f"hosts   {', '.join(known['hosts']) or 'none known'}"])
    _print(f"limit   {in_words(limit)}" for limit in known["limits"])
    _print([f"an integrator also gets the reason as `code`, and {', '.join(known['integrator'])}"])
    return 0


def _declare_vendors(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="everything that this vendor can answer")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _monitoring(arguments: Arguments) -> int:
    from errnorm.monitoring import export
    from errnorm.vendors import registry

    vendors = list(map(vendor_named, arguments.vendor))
    if dialects := [name for name in vendors if registry.get(name).dialect]:
        raise UsageError(f"{dialects[0]!r} is a dialect that many vendors speak: name the vendors that are called")
    files = export(vendors, job=arguments.job, objective=arguments.objective)
    if arguments.out is None:
        for name, text in files.items():
            _print([f"# {name}", *text.splitlines(), ""])
        return 0
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        _print([str(folder / name)])
    return 0


def _declare_monitoring(parser: argparse.ArgumentParser) -> None:
    about = "Make rules and alerts for Prometheus and a dashboard for Grafana."
    parser = parser.add_subparsers(metavar="export", required=True).add_parser(
        "export", help=about, description=about, allow_abbrev=False
    )
    add = parser.add_argument
    add("--vendor", action="append", required=True, metavar="V", help="a vendor or a profile; again for each other one")
    add("--job", type=to_job, metavar="J", help="the app's job in Prometheus; without it, every job that has metrics")
    add(
        "--objective",
        type=to_percent,
        default="99",
        metavar="PERCENT",
        help="of a vendor's calls that are not to fail at the vendor's or on the way (default: %(default)s)",
    )
    add("--out", metavar="FOLDER", help="write the files there, in place of earlier ones, instead of printing them")


def _play(arguments: Arguments) -> int:
    serve = _playground() if arguments.vendor is None else _fake_vendor(vendor_named(arguments.vendor))
    try:
        serve(arguments.host, arguments.port)
    except OSError as error:
        why = str(error.strerror or error).partition(" (")[0]
        place = f"{arguments.host} port {arguments.port}"
        raise UsageError(f"cannot listen on {place}: {why}; --port 0 takes any free one") from None
    return 0


def _playground() -> Callable[[str, int], None]:
    try:
        from errnorm.cli.playground import serve
    except ImportError as error:
        raise UsageError(f"play needs {error.name}: pip install 'errnorm[play]'") from None
    return serve


def _fake_vendor(name: str) -> Callable[[str, int], None]:
    from errnorm.cli.playing import play

    return partial(play, name)


def _declare_play(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vendor", metavar="V", help="a vendor instead that fails on demand; a name, or as in explain")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=to_port, default=8099, help="0 for any free one (default: %(default)s)")


COMMANDS = {
    "explain": Command(_explain, _declare_explain, "Show all that becomes of a vendor's answer."),
    "check": Command(_check, _declare_check, "Check profiles and their samples; without PATH all built-in ones."),
    "draft": Command(_draft, _declare_draft, "Draft a profile from saved exchanges."),
    "coverage": Command(_coverage, _declare_coverage, "Count the codes in logs that no profile maps."),
    "vendors": Command(_vendors, _declare_vendors, "List the vendors, or everything that one of them can answer."),
    "monitoring": Command(_monitoring, _declare_monitoring, "Alert rules and a dashboard for the vendors of an app."),
    "play": Command(
        _play, _declare_play, "Open a local site on which every sample can be provoked, or be a vendor that fails."
    ),
}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line.translate(UNPRINTABLE))


def _print_json(value: Any) -> int:
    print(json.dumps(value, indent=2))  # in ASCII, which every terminal and pipe can take
    return 0
