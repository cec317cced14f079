"""What each word of the command line does: explain, check, draft, read logs, list, export, play."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from errnorm.cli.arguments import (
    UsageError,
    body_of,
    counted,
    operation_named,
    profiles_at,
    texts_in,
    to_header,
    to_job,
    to_language,
    to_method,
    to_percent,
    to_port,
    to_status,
    to_url,
    vendor_named,
)
from errnorm.cli.printing import put_out, put_out_json

Arguments = argparse.Namespace


class Command(NamedTuple):
    """One word of the command line."""

    run: Callable[[Arguments], int]
    declare: Callable[[argparse.ArgumentParser], object]
    help: str


def _explain(arguments: Arguments) -> int:
    from errnorm.answering import default
    from errnorm.cli.exchanges import parted, unpacked
    from errnorm.cli.explaining import blocks, explain
    from errnorm.model import VendorError

    vendor = None if arguments.vendor is None else vendor_named(arguments.vendor)
    raw = parted(body_of(arguments.file))
    typed = {name.lower() for name, _ in arguments.header}  # what is typed goes before what was saved
    headers = [*arguments.header, *(pair for pair in raw.headers.items() if pair[0].lower() not in typed)]
    error = default().parse(
        unpacked(raw.body, dict(headers)),
        status=raw.status if arguments.status is None else arguments.status,
        headers=headers,
        vendor=vendor,
        method=arguments.method,
        url=arguments.url,
        operation=operation_named(arguments.operation, vendor)
        if arguments.operation and vendor
        else arguments.operation,
    )
    explained = explain(VendorError(error), default(), accept=arguments.accept, language=arguments.language)
    if arguments.json:
        put_out_json(explained)
        return 0
    for number, (heading, lines) in enumerate(blocks(explained)):
        put_out(["", heading] if number else [heading])
        put_out(f"  {line}".rstrip() for line in lines)
    return 0


def _declare_explain(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "file",
        nargs="?",
        metavar="FILE",
        help="a body, or a raw response from its status line on; without it, or as -, standard input",
    )
    add("--vendor", metavar="V", help="a vendor's name, or a profile of your own: a file, or a folder with one")
    add("--status", type=to_status, metavar="N", help="the HTTP status that came with the body")
    add("-H", "--header", type=to_header, action="append", default=[], metavar="'Name: value'", help="of the answer")
    add("--method", type=to_method, metavar="M", help="of the call: GET, POST, …")
    add("--url", type=to_url, metavar="U", help="of the call; its host names the vendor where --vendor does not")
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
        put_out_json(schema())
        return 0
    files = dict.fromkeys(file for path in arguments.paths or (HERE, HERE / "dialects") for file in profiles_at(path))
    samples = findings = 0
    for file in files:
        checked = check(file)
        put_out(map(str, checked.findings))
        samples += checked.samples
        findings += len(checked.findings)
    of_all = check_shapes(files)
    if arguments.language or arguments.messages:
        of_all += silent(files, arguments.language, texts_in(arguments.messages))
    put_out(map(str, of_all))
    findings += len(of_all)
    counts = (counted(len(files), "profile"), counted(samples, "sample"), counted(findings, "finding"))
    put_out([", ".join(counts)])
    return 1 if findings else 0


def _declare_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a profile, such as acme.toml, or a folder of them")
    add = parser.add_argument
    add("--language", type=to_language, action="append", metavar="L", help="tell which codes have no text in it")
    add("--messages", metavar="TOML", help="an app's own texts, to be counted in; alone it means every language in it")
    add("--schema", action="store_true", help="print the JSON Schema of profiles, for editors, instead")


def _draft(arguments: Arguments) -> int:
    from errnorm.cli.drafting import draft

    drafted = draft(arguments.samples, arguments.name)
    written = () if arguments.write is None else drafted.write(Path(arguments.write))
    put_out(map(str, written) if written else drafted.profile.splitlines())
    return 0


def _declare_draft(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "samples",
        nargs="+",
        metavar="SAMPLES",
        help="raw responses, bodies, acme.samples.toml, HAR exports, or folders of them; - is standard input",
    )
    add("--name", metavar="NAME", help="the vendor's name in the profile")
    add("--write", metavar="FOLDER", help="write NAME.toml and NAME.samples.toml there instead of printing the profile")


def _coverage(arguments: Arguments) -> int:
    from errnorm.cli.covering import LogError, cover

    try:
        covered = cover(arguments.logs)
        told = covered.in_full() if arguments.stub is None else covered.stub(arguments.stub)
    except LogError as error:
        raise UsageError(str(error)) from None
    put_out(told.splitlines())
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
        if arguments.json:
            put_out_json(vendors)
        else:
            put_out(table(vendors, ("name", "codes", "samples", "docs")))
        return 0
    known = about(registry.get(vendor_named(arguments.name)))
    if arguments.json:
        put_out_json(known)
        return 0
    put_out([f"{known['name']}  {known['docs']}".rstrip(), "", *table(known["rows"], COLUMNS), ""])
    put_out([f"hosts   {', '.join(known['hosts']) or 'none known'}"])
    put_out(f"limit   {in_words(limit)}" for limit in known["limits"])
    put_out([f"an integrator also gets the reason as `code`, and {', '.join(known['integrator'])}"])
    return 0


def _declare_vendors(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="everything that this vendor can answer")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _monitoring(arguments: Arguments) -> int:
    from errnorm.cli.writing import write_all
    from errnorm.monitoring import export

    vendors = [vendor_named(each, called=True) for each in arguments.vendor]
    files = export(vendors, job=arguments.job, objective=arguments.objective)
    if arguments.out is None:
        for name, text in files.items():  # one stream of YAML, which JSON is too
            put_out([f"--- # {name}", *text.splitlines()])
        return 0
    written = write_all(Path(arguments.out), files)
    put_out(f"{file}{' (in place of an earlier one)' if replaced else ''}" for file, replaced in written.items())
    return 0


def _declare_monitoring(parser: argparse.ArgumentParser) -> None:
    about = "Make rules and alerts for Prometheus and a dashboard for Grafana."
    parser = parser.add_subparsers(metavar="export", required=True).add_parser(
        "export", help=about, description=about, allow_abbrev=False
    )
    add = parser.add_argument
    add("--vendor", action="append", required=True, metavar="V", help="a vendor or a profile; again for each other one")
    add(
        "--job",
        type=to_job,
        metavar="J",
        help="the app's job in Prometheus, its exact name; without it, every job that has metrics",
    )
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
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        hint = "--port 0 takes any free one" if taken else "--host is an address of this machine, such as 127.0.0.1"
        raise UsageError(f"cannot listen on {arguments.host} port {arguments.port}: {why}; {hint}") from None
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
