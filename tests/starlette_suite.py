"""Runs the tests of the installed Starlette with every application in them wrapped in our middleware.

They must pass, with `handle="all"` too, and they must fail with a middleware that is broken on purpose: so the check is
known to check.
The tests come from Starlette's source package, into the folder given as the first argument; the rest goes to pytest.
As a pytest plugin, this file does the wrapping.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OURS = "errnorm.starlette:ErrorNormalizationMiddleware"
ALL = "starlette_suite:all_of_it"
ANSWERED = (
    "tests/test_exceptions.py::test_force_500_response"  # a bare app's bug, of which its client makes a 500 itself
)
BROKEN = "starlette_suite:Broken"
WRAPPED_AT_LEAST = 500  # applications, in a run of the whole suite

# Tests that cannot hold, each with its reason.
DESELECTED: list[str] = []
if os.geteuid() == 0:  # root may read any folder
    DESELECTED.append("tests/test_staticfiles.py::test_staticfiles_with_invalid_dir_permissions_returns_401")


class Broken:
    """Loses one header of every response: the suite must notice."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def lossy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message["headers"])[1:]}
            await send(message)

        await self.app(scope, receive, lossy)


def all_of_it(app: ASGIApp) -> ASGIApp:
    """Ours, with an answer to what is unexpected too."""
    from errnorm.starlette import ErrorNormalizationMiddleware

    return ErrorNormalizationMiddleware(app, handle="all")


class Wrapping:
    """Wraps whatever application a client of the suite is given, and counts."""

    def __init__(self, middleware: Any) -> None:
        self.middleware = middleware
        self.count = 0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        self.count += 1
        return self.middleware(app)

    def install(self) -> None:
        import httpx2
        from starlette.testclient import TestClient

        create_client, create_transport = TestClient.__init__, httpx2.ASGITransport.__init__

        def client(this: Any, *args: Any, **options: Any) -> None:
            create_client(this, *args, **options)
            assert this._transport.app is this.app, "TestClient has changed: wrap where it keeps the application now"
            this.app = this._transport.app = self.wrap(this.app)

        def transport(this: Any, *args: Any, **options: Any) -> None:
            create_transport(this, *args, **options)
            this.app = self.wrap(this.app)

        TestClient.__init__ = client  # type: ignore[method-assign]
        httpx2.ASGITransport.__init__ = transport  # type: ignore[method-assign]

    def pytest_report_header(self) -> str:
        return f"starlette {version('starlette')}, every application in {self.middleware.__qualname__}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"{self.count} applications wrapped")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.count < int(session.config.getoption("wrapped_at_least") or 0):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--wrap-in", default=OURS)
    parser.addoption("--wrapped-at-least", type=int, default=0)


def pytest_configure(config: pytest.Config) -> None:
    wrapping = Wrapping(resolve_name(str(config.getoption("wrap_in"))))
    wrapping.install()
    config.pluginmanager.register(wrapping)


def unpack(folder: Path) -> Path:
    """The tests, and their settings, of the Starlette that is installed; not its code."""
    name = f"starlette-{version('starlette')}"
    if not (folder / name).exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "starlette"]
        subprocess.run([*download, "--dest", folder, name.replace("-", "==")], check=True)
        with tarfile.open(folder / f"{name}.tar.gz") as archive:
            wanted = [entry for entry in archive if entry.name.startswith((f"{name}/tests/", f"{name}/pyproject.toml"))]
            archive.extractall(folder, wanted, filter="data")
    return folder / name


def run(suite: Path, *arguments: str, quiet: bool = False) -> int:
    code = f"import sys, pytest; sys.path.append({str(Path(__file__).parent)!r}); sys.exit(pytest.main())"
    deselected = [f"--deselect={test}" for test in DESELECTED]
    plugins = ["-p", "starlette_suite", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-c", code, *plugins, *deselected, *arguments]
    return subprocess.run(command, cwd=suite, stdout=subprocess.DEVNULL if quiet else None, check=False).returncode


def main(folder: str, *arguments: str) -> int:
    suite = unpack(Path(folder))
    if arguments:
        return run(suite, *arguments)
    if run(suite, f"--wrap-in={BROKEN}", "tests/test_responses.py", quiet=True) != pytest.ExitCode.TESTS_FAILED:
        sys.exit("the suite did not notice a broken middleware")
    enough = f"--wrapped-at-least={WRAPPED_AT_LEAST}"
    return run(suite, enough) or run(suite, enough, f"--wrap-in={ALL}", f"--deselect={ANSWERED}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
