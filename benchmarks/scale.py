"""Whether many profiles cost more than few: for each failure, however its vendor is found, and at the start."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

sys.path.append(str(Path(__file__).resolve().parent.parent))

from measuring import Contest, statement
from process import environment_with, imported, started
from spending import sampled

import errnorm

if TYPE_CHECKING:
    from spending import Spent

HERE = Path(__file__).resolve().parent
OURS = Path(errnorm.__file__).parent.parent
FEW, MANY = 50, 1_000
GOAL = 1.05  # the same, as far as can be told
START_S = 4.0  # for one contest of whole processes

# How the bodies of a made-up vendor are known: by a key of its own, by a value of its own, or in XML.
SHAPES = (
    ('{{ body = "json", present = ["/{name}_error/code"] }}', '{{"{name}_error": {{"code": "{code}", "text": "No"}}}}'),
    ('{{ body = "json", where = {{ "/by" = ["{name}"] }} }}', '{{"by": "{name}", "code": "{code}", "text": "No"}}'),
    ('{{ body = "xml", present = ["/{name}Fault/Code"] }}', "<R><{name}Fault><Code>{code}</Code></{name}Fault></R>"),
)
PROFILE = """\
name   = "{name}"
docs   = "https://{name}.example/errors"
hosts  = ["api.{name}.example", ".{name}.cloud.example"]
speaks = ["json", "xml"]
shape  = {shape}

[read]
error      = ["/{name}_error", "/{name}Fault", "/"]
code       = ["code", "Code"]
message    = ["text", "message"]
request_id = ["header:X-{name}-Id"]
wait       = ["header:Retry-After"]

[codes]
"""
CODES = 30
FAMILIES = ("validation", "conflict", "not_found", "permission", "rate_limit")


def name_of(number: int) -> str:
    """Made-up names in the order of their numbers, far down the alphabet."""
    return f"zz{number:04}vendor"


def profile(number: int) -> str:
    """A profile of about as many rows as ours have; no two share a host, a code or a shape."""
    name = name_of(number)
    codes = (f'{name}_{code} = "{FAMILIES[code % len(FAMILIES)]}"\n' for code in range(CODES))
    return PROFILE.format(name=name, shape=SHAPES[number % len(SHAPES)][0].format(name=name)) + "".join(codes)


def body(number: int) -> bytes:
    """What that vendor would send."""
    name = name_of(number)
    return SHAPES[number % len(SHAPES)][1].format(name=name, code=f"{name}_7").encode()


def ways(count: int) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """How the last of so many vendors is found, or nobody is."""
    last = {number % len(SHAPES): number for number in range(count)}
    host = f"https://api.{name_of(last[0])}.example/v1/orders"
    return {
        "by its name": (body(last[0]), {"vendor": name_of(last[0])}),
        "by its host": (body(last[0]), {"url": host, "method": "GET"}),
        "by its shape, a key": (body(last[0]), {}),
        "by its shape, a value": (body(last[1]), {}),
        "by its shape, XML": (body(last[2]), {}),
        "by no shape, JSON": (b'{"unheard": {"of": "There is no such thing."}, "at": 7}', {}),
        "by no shape, XML": (b"<Unheard><Of>There is no such thing.</Of></Unheard>", {}),
    }


def contests() -> Iterator[Contest]:
    """Few profiles against many, in packages that differ in that alone."""
    versus, many = f"{FEW} profiles", f"{MANY:,} profiles"
    with TemporaryDirectory() as folder, ExitStack() as running:
        place = Path(folder)
        built_in = [_packaged(place / str(count), count) for count in (FEW, MANY)]
        children = [running.enter_context(_Child(*pair)) for pair in zip(built_in, (FEW, MANY), strict=True)]
        for way in ways(FEW):
            few, more = (child.runner(way) for child in children)
            spent = partial(children[1].spent, way)
            yield Contest(f"a failure, found {way}: {many}", versus, few, more, GOAL, False, spent)
        installed = [_installed(place / f"site{count}", count) for count in (FEW, MANY)]
        for work, code, environments in (
            ("import errnorm", "", built_in),
            ("import and a failure by name", ", vendor='{name}'", built_in),
            ("import and a failure by shape", ", url='https://unheard.example/'", built_in),
            ("import and a failure by name, of an installed package", ", vendor='{name}'", installed),
        ):
            codes = [_STARTING.format(f"status=400{code.format(name=name_of(count - 1))}") for count in (FEW, MANY)]
            starts = list(zip(codes if code else ["import errnorm"] * 2, environments, strict=True))
            few, more = (partial(_started, *start) for start in starts)
            yield Contest(f"{work}: {many}", versus, few, more, GOAL, False, partial(imported, *starts[1]), START_S)


_STARTING = "import errnorm\nerrnorm.parse(b'{{\"a\": 1}}', {})"


def _started(code: str, environment: dict[str, str], count: int) -> float:
    return sum(started(code, environment) for _ in range(count))


def _packaged(place: Path, count: int) -> dict[str, str]:
    """Where a copy of the package is whose vendors are made up; the dialects and everything else are ours."""
    shutil.copytree(OURS / "errnorm", place / "errnorm", ignore=shutil.ignore_patterns("__pycache__"))
    vendors = place / "errnorm" / "vendors"
    for file in vendors.glob("*.toml"):
        file.unlink()
    _write(vendors, count)
    environment = environment_with(place, HERE, compiled=str(place / "compiled"))
    subprocess.run([sys.executable, "-m", "errnorm.vendors"], env=environment, check=True)
    return environment


def _installed(place: Path, count: int) -> dict[str, str]:
    """Where a package is installed beside ours that brings so many profiles."""
    (place / "many").mkdir(parents=True)
    (place / "many" / "__init__.py").touch()
    _write(place / "many", count)
    about = place / "many-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: many\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[errnorm.vendors]\nmany = many\n")
    return environment_with(OURS, place, compiled=str(place / "compiled"))


def _write(place: Path, count: int) -> None:
    for number in range(count):
        (place / f"{name_of(number)}.toml").write_text(profile(number))


class _Child:
    """A process that reads failures with an errnorm of its own, as often as it is told to, and tells how long."""

    def __init__(self, environment: dict[str, str], count: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(count)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def runner(self, way: str) -> Callable[[int], float]:
        return lambda count: self.asked(way, count)

    def spent(self, way: str) -> Spent:
        return [(share, place) for share, place in self.asked(way, 0)]

    def asked(self, way: str, count: int) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps([way, count]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def _serve(count: int) -> None:
    """Runs what it is asked for on standard input; for a count of 0 it tells where the time goes."""
    import gc

    runners = {
        way: statement("parse(body, status=400, **facts)", parse=errnorm.parse, body=sent, facts=facts)
        for way, (sent, facts) in ways(count).items()
    }
    gc.freeze()
    for line in sys.stdin:
        way, times = json.loads(line)
        gc.collect()
        print(json.dumps(runners[way](times) if times else sampled(runners[way])), flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
