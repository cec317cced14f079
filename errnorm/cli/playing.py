"""A vendor on this machine that fails on demand, for an app to be pointed at: the one that tests stand in with."""

from __future__ import annotations

from errnorm.cli.printing import mention
from errnorm.redaction import clean, redact_url
from errnorm.testing.repertoire import Repertoire
from errnorm.testing.server import TICKET, Answer, Asked, Server


def play(vendor: str, host: str, port: int) -> None:
    """Serves until it is interrupted; says where, and what was asked. Raises OSError where it cannot listen there."""
    repertoire = Repertoire(vendor)

    def answer(asked: Asked) -> Answer:
        given = repertoire.asked_for(asked.path, asked.headers.get(TICKET, ""))
        unasked = given.status == 404 and not given.failing
        what = f"{given.trouble or given.status}{', the list of answers: none was asked for' if unasked else ''}"
        mention(clean(f"{asked.method} {redact_url(asked.path)}: {what}", 200))
        return given

    with Server(answer, host, port) as server:
        mention(
            f"{vendor} listens on {server.url} (Ctrl-C ends it). A part of a path says what it answers, a code,\n"
            f"a status or one of these, or the header `Errnorm-Answer` does:\n{repertoire.listing()}"
        )
        server.closing.wait()
