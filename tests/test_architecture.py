"""Imports point down only, without a cycle, and importing errnorm costs no framework, client or XML parser."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import errnorm

PACKAGE = Path(errnorm.__file__).parent

# From the ground up. A module or folder of errnorm/ imports from the rows above its own, and from itself.
LAYERS = (
    {"families", "secrets", "_json"},
    {"redaction"},
    {"model"},
    {"vendors", "attempts", "correlation", "coverage", "loops", "scrubbing"},
    {"reading", "telling", "backoff"},
    {"settings", "linting", "samples"},
    {"policy", "checking", "files", "mishaps", "stores"},
    {"listening", "throttling"},
    {"answering", "metrics", "throttle", "waking"},
    {"calling"},
    {"foretelling", "passing", "polling"},
    {"errnorm"},  # the front page: errnorm/__init__.py
    {
        "aiohttp",
        "asgi",
        "cli",
        "django",
        "drf",
        "fastapi",
        "httpx",
        "logging",
        "monitoring",
        "ninja",
        "prometheus",
        "requests",
        "retry",
        "sentry",
        "starlette",
        "telemetry",
        "testing",
        "urllib3",
        "wsgi",
        "__main__",
    },
)
DOORS = LAYERS[-1]  # these may use each other: the command line starts the playground
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

# What `import errnorm` may load beside the standard library, and what of the standard library it may not.
LIGHT = {"errnorm", "msgspec", "orjson", "typing_extensions"}  # the last is msgspec's doing, where it is installed
HEAVY = {"asyncio", "email", "http.client", "ssl", "xml"}


def name_of(path: Path) -> str:
    """errnorm/reading/bodies.py is errnorm.reading.bodies, errnorm/reading/__init__.py is errnorm.reading."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """errnorm.reading.bodies stands in the room "reading"."""
    return module.split(".")[min(module.count("."), 1)]


def imports(module: str) -> Iterator[str]:
    """The modules of ours that this one names in an import, wherever that stands."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}, line {node.lineno}: an import that does not name the module in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "errnorm":
                yield name if name in MODULES else name.rpartition(".")[0]


GRAPH = {module: set(imports(module)) - {module} for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_place(module):
    assert room(module) in LEVEL, f"{module}: write it into a row of LAYERS"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    here = room(module)
    for there in map(room, GRAPH[module]):
        below = LEVEL[there] < LEVEL[here]
        assert below or there == here or {there, here} <= DOORS, f"{module} imports from {there}"


def test_there_is_no_cycle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_importing_errnorm_is_light():
    code = "import sys; before = set(sys.modules); import errnorm; print(*set(sys.modules) - before)"
    # A plain start: development mode, say, loads asyncio by itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(output.stdout.split())
    assert {name.split(".")[0] for name in loaded} - sys.stdlib_module_names <= LIGHT
    assert not loaded & HEAVY
