"""Fuzzes one reader: `python tests/fuzzing body --seconds 30`; exit status 0, or what broke, with its input.

Needs atheris (`--group fuzz`). What breaks a promise is written to a file here, and `python tests/fuzzing body FILE`
asks it again. What was learnt is kept in `--corpus`, else thrown away.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

# An installed errnorm goes before the one in this checkout.
sys.path.append(str(Path(__file__).resolve().parent.parent.parent))

WHEELS = tuple(("linux", 3, minor) for minor in (11, 12, 13, 14))  # as in pyproject.toml
NAMES = ("body", "headers", "accept")
SLOWEST = 5  # seconds after which an input is a finding
MEMORY = 1_024  # MiB of the whole process, the corpus included
OURS = 0.3  # of all mutants; the others are libFuzzer's


def main() -> None:
    arguments = _arguments()
    try:
        import atheris
    except ImportError:
        if (sys.platform, *sys.version_info[:2]) in WHEELS:
            sys.exit("fuzzing: atheris is missing: pip install --group fuzz")
        sys.stderr.write(
            f"fuzzing: skipped: atheris has no wheel for Python {platform.python_version()} on {sys.platform}\n"
        )
        return
    with atheris.instrument_imports(include=["errnorm"]):
        from errnorm.reading import unrolled

        _followed(unrolled, atheris.instrument_func)
        from tests.fuzzing.exchanges import warm
        from tests.fuzzing.targets import TARGETS
    target = TARGETS[arguments.target]
    if arguments.file:
        target.holds(arguments.file.read_bytes())
        return
    warm()
    with tempfile.TemporaryDirectory(prefix="errnorm-fuzzing-") as folder:
        corpus = arguments.corpus or Path(folder, "corpus")
        options = _options(target, arguments, corpus, Path(folder))
        # libFuzzer ends its process, so it gets one of its own
        if not (child := os.fork()):
            atheris.Setup(options, target.holds, custom_mutator=_mutator(target.mutant, atheris))
            atheris.Fuzz()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(min(abs(status), 1))


def _followed(unrolled: Any, instrument: Callable[[Any], Any]) -> None:
    """What is compiled from profiles is no import, so atheris has to be shown it."""
    compiled = unrolled._compiled
    unrolled._compiled = lambda *given: instrument(compiled(*given))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzzing", description="Strangers' input, held to promises.")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("file", type=Path, nargs="?", help="one input, to be asked again")
    parser.add_argument("--runs", type=int, default=-1, metavar="N", help="executions, the seeds' own included")
    parser.add_argument("--seconds", type=int, default=0, metavar="S", help="stops after so long")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="what is kept from run to run")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another one takes other ways")
    return parser.parse_args()


def _options(target: Any, arguments: argparse.Namespace, corpus: Path, folder: Path) -> list[str]:
    """LibFuzzer's command line, with the seeds and the dictionary written for it."""
    seeds, words = folder / "seeds", folder / "words"
    for each in (corpus, seeds):
        each.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        seeds.joinpath(sha256(seed).hexdigest()).write_bytes(seed)
    listed = {word.encode("utf-8", "replace") for word in target.words()}
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in sorted(listed) if len(word) <= 60))
    return [
        sys.argv[0],
        f"-runs={arguments.runs}",
        f"-max_total_time={arguments.seconds}",
        f"-seed={arguments.seed}",
        f"-dict={words}",
        f"-max_len={target.longest}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix=broken-{arguments.target}-",
        "-print_final_stats=1",
        "-verbosity=1",
        str(corpus),
        str(seeds),
    ]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _mutator(mutant: Callable[..., bytes | None], atheris: Any) -> Callable[..., bytes]:
    random = Random()

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        random.seed(seed)
        ours = mutant(data, most, random) if random.random() < OURS else None
        return atheris.Mutate(data, most) if ours is None else ours[:most]

    return mutated


if __name__ == "__main__":
    main()
