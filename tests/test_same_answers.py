"""Every sample is read alike by both JSON readers, in whichever thread or task, and however often."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from errnorm import _json
from errnorm.model import CanonicalError
from errnorm.reading.parsing import Reader
from errnorm.samples import Sample, built_in_files, samples_of

EXCHANGES = [(name, sample) for name, file in built_in_files().items() for sample in samples_of(file)]


def read(exchange: tuple[str, Sample], reader: Reader) -> CanonicalError:
    name, sample = exchange
    return sample.read(reader.parse, name)


@pytest.fixture(scope="module")
def answers() -> list[CanonicalError]:
    reader = Reader()
    return [read(exchange, reader) for exchange in EXCHANGES]


def test_with_orjson_and_with_the_standard_library(monkeypatch, answers):
    if _json.loads is _json.plain_loads:
        pytest.skip("there is no orjson here")
    monkeypatch.setattr(_json, "loads", _json.plain_loads)
    reader = Reader()
    for exchange, answer in zip(EXCHANGES, answers, strict=True):
        assert read(exchange, reader) == answer, exchange[1].title


def test_in_32_threads_at_once(answers):
    reader = Reader()

    def shifted(start: int) -> list[int]:
        """Which samples this thread reads otherwise; each thread begins elsewhere."""
        order = [*range(start, len(EXCHANGES)), *range(start)]
        return [number for number in order if read(EXCHANGES[number], reader) != answers[number]]

    with ThreadPoolExecutor(32) as pool:
        assert not any(pool.map(shifted, range(0, 32 * 70, 70)))


def test_in_1000_tasks_at_once(answers):
    reader = Reader()

    async def turns(start: int) -> list[int]:
        wrong = []
        for number in islice(range(start, len(EXCHANGES)), 5):
            if read(EXCHANGES[number], reader) != answers[number]:
                wrong.append(number)
            await asyncio.sleep(0)
        return wrong

    async def main() -> list[list[int]]:
        return await asyncio.gather(*map(turns, range(1_000)))

    assert not any(asyncio.run(main()))
