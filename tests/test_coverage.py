"""Every code that no profile maps is counted, within bounds, from any thread; and its stub is a profile's own TOML."""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

import errnorm
from errnorm.cli import main
from errnorm.cli.covering import cover
from errnorm.coverage import MOST, Ledger, ledger
from errnorm.families import family_of
from errnorm.model import CanonicalError, VendorError
from errnorm.samples import built_in_files, samples_of
from errnorm.telling.logs import record
from errnorm.vendors.loading import load

NOTES = int(os.environ.get("ERRNORM_TESTS_NOTES", "20000"))  # a million where there is time
START = 1_767_225_600.0  # 2026-01-01
ODD = CanonicalError(vendor="acme", vendor_code="odd", vendor_status=409, vendor_message="Odd it is.", mapped=False)
UNMAPPED = [
    error
    for name, file in built_in_files().items()
    for sample in samples_of(file)
    if not (error := sample.read(errnorm.parse, name)).mapped
]
CODES = (
    *("card_declined", "cardDeclined", "Card-Declined", "0017", "17", "-5", "a.b", "a b", "true", "x=1", "#", "€", "ß"),
    *(
        'say "no"',
        "it's",
        "'''",
        '"""',
        "\\",
        "\\u0041",
        "line\nend",
        "tab\t",
        "\x7f",
        "\x00",
        "\u2028",
        "\u202e",
        "🦄",
    ),
    *("[codes]", "name", "_", "__", "1" * 200, "A" * 200, "9-a", "é1", "", " "),
)


@pytest.fixture(autouse=True)
def _empty_ledger():
    ledger.clear()
    yield
    ledger.clear()


def counted(kept: Ledger) -> dict[tuple[str, str, int | None], int]:
    return {(entry.vendor, entry.code, entry.status): entry.count for entry in kept.entries()}


def test_a_code_is_counted_by_vendor_and_status_with_its_times_and_an_example():
    kept = Ledger()
    for when in (START + 60, START, START + 30):
        kept.note(ODD, when)
    kept.note(ODD.replace(vendor_status=None), START)
    kept.note(ODD.replace(vendor=None, dialect="generic"), START)
    kept.note(ODD.replace(vendor=None), START)
    assert counted(kept) == {
        ("acme", "odd", 409): 3,
        ("acme", "odd", None): 1,
        ("generic", "odd", 409): 1,
        ("unknown", "odd", 409): 1,
    }
    first = kept.entries()[0]
    began = datetime(2026, 1, 1, tzinfo=UTC)
    assert (first.first, first.last, first.example) == (began, began + timedelta(minutes=1), "Odd it is.")


def test_what_is_mapped_or_has_no_code_is_not_counted():
    kept = Ledger()
    kept.note(ODD.replace(mapped=True))
    kept.note(ODD.replace(vendor_code=None))
    assert kept.entries() == []
    assert kept.report() == "No code came that no profile maps."


def test_without_a_time_it_is_now_and_zero_is_unknown():
    kept = Ledger()
    kept.note(ODD, 0)
    assert kept.entries()[0].first is None
    kept.note(ODD)
    (entry,) = kept.entries()
    assert entry.first == entry.last
    assert entry.first
    assert datetime.now(UTC) - entry.first < timedelta(minutes=1)


def test_an_example_is_short_and_holds_no_secret():
    kept = Ledger()
    kept.note(ODD.replace(vendor_message="password: hunter2hunter2 " + "and so on " * 100))
    (entry,) = kept.entries()
    assert "hunter2" not in entry.example
    assert len(entry.example) <= 120


def test_the_least_recently_seen_makes_room_and_is_counted_as_dropped():
    kept = Ledger(most=3)
    for code in ("a", "b", "c", "a", "d"):
        kept.note(ODD.replace(vendor_code=code))
    assert {entry.code for entry in kept.entries()} == {"a", "c", "d"}
    assert kept.dropped == 1
    assert kept.report().endswith("3 entries, 4 failures; 1 entry had to make room")
    kept.clear()
    assert (kept.entries(), kept.dropped) == ([], 0)


def test_any_number_of_random_codes_takes_no_more_room_than_the_first_thousands():
    kept = Ledger()
    chance = random.Random(7)
    base = ODD.replace(vendor_message="words " * 30)

    def note(number: int) -> None:
        for _ in range(number):
            kept.note(base.replace(vendor_code=f"{chance.getrandbits(120):030x}"))

    tracemalloc.start()
    try:
        note(2 * MOST)
        before, _ = tracemalloc.get_traced_memory()
        note(NOTES)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept.entries()) == MOST
    assert kept.dropped == MOST + NOTES
    assert after < before + 100_000
    assert after < 1_000_000


def test_a_code_of_any_length_takes_no_more_room_than_a_long_one():
    kept = Ledger()
    kept.note(ODD.replace(vendor_code="x" * 100_000, vendor="y" * 100_000, vendor_message="z" * 100_000))
    assert len(kept.report()) < 2_000


def test_no_note_of_32_threads_is_lost():
    kept = Ledger()

    def work(thread: int) -> None:
        for number in range(300):
            kept.note(ODD.replace(vendor_code=f"c{number % 50}", vendor_status=400 + thread % 2))
            if number % 100 == 0:
                kept.report()
                kept.stub("acme")

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    assert set(counted(kept).values()) == {32 * 300 // 100}
    assert len(kept.entries()) == 100


def test_32_threads_over_the_bound_keep_to_it():
    kept = Ledger(most=20)

    def work(thread: int) -> None:
        for number in range(300):
            kept.note(ODD.replace(vendor_code=f"{thread} {number}"))

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    assert len(kept.entries()) == 20
    assert kept.dropped == 32 * 300 - 20


def test_a_child_process_starts_anew_even_where_the_lock_was_held():
    kept = Ledger()
    kept.note(ODD)
    kept._lock.acquire()
    kept.forked()
    assert kept.entries() == []
    kept.note(ODD)
    assert len(kept.entries()) == 1


def test_reading_counts_nothing_and_answering_counts_once():
    error = errnorm.parse(b'{"error":{"code":"odd_one","message":"Odd."}}', status=409)
    assert ledger.entries() == []
    normalizer, failure = errnorm.Normalizer(), VendorError(error)
    normalizer.answer(failure)
    normalizer.answer(failure)
    normalizer.log(failure)
    assert counted(ledger) == {("generic", "odd_one", 409): 1}
    assert ledger.entries()[0].example == "Odd."


def test_answering_what_a_profile_maps_counts_nothing():
    body = b"<Quote><Error><ReasonCode>304</ReasonCode></Error></Quote>"
    errnorm.Normalizer().answer(errnorm.parse(body, status=409, vendor="lionbridge"))
    assert ledger.entries() == []


def test_the_report_is_a_table_of_everything():
    kept = Ledger()
    kept.note(ODD, START)
    kept.note(ODD.replace(vendor_status=None, vendor_message=None), 0)
    assert kept.report().splitlines() == [
        "vendor  code  status  count  first seen        last seen         example",
        "acme    odd   -       1      -                 -",
        "acme    odd   409     1      2026-01-01 00:00  2026-01-01 00:00  Odd it is.",
        "",
        "2 entries, 2 failures",
    ]


@pytest.mark.parametrize("message", ["No.", 'a "quoted"\nline # and \\ more', None], ids=["plain", "odd", "none"])
@pytest.mark.parametrize("status", [None, 200, 404, 409, 429, 500])
def test_a_stub_is_toml_that_a_profile_takes(status, message):
    kept = Ledger()
    for code in CODES:
        kept.note(ODD.replace(vendor_code=code, vendor_status=status, vendor_message=message))
    profile = load(f'name = "acme"\n[read]\ncode = ["code"]\n\n{kept.stub("acme")}', "acme.toml")
    assert set(profile.codes) == set(filter(None, CODES))
    assert {then.family for then in profile.codes.values()} == {family_of(status)}
    pasted = load("\n".join(['name = "acme"', "[codes]", "known = 'payment'", *kept.rows("acme")]), "acme.toml")
    assert set(pasted.codes) == set(profile.codes) | {"known"}


def test_a_stub_survives_half_a_character():
    kept = Ledger()
    kept.note(ODD.replace(vendor_code="x\ud800", vendor_message="y\udfff"))
    kept.stub("acme").encode()
    assert set(load('name = "acme"\n' + kept.stub("acme"), "acme.toml").codes) == {"x\ufffd"}


def test_a_code_has_one_row_by_the_status_it_came_with_most_often():
    kept = Ledger()
    for status in (404, 429, 429, None):
        kept.note(ODD.replace(vendor_status=status))
    (row,) = kept.rows("acme")
    assert row.startswith('odd = "rate_limit"  # 4 times with 429, ')
    assert row.endswith(": Odd it is.")


def test_codes_that_differ_in_spelling_alone_have_one_family():
    kept = Ledger()
    for code, status in (("card_declined", 402), ("cardDeclined", 402), ("Card-Declined", 400)):
        kept.note(ODD.replace(vendor_code=code, vendor_status=status))
    profile = load('name = "acme"\n' + kept.stub("acme"), "acme.toml")
    assert {(then.reason, then.family) for then in profile.codes.values()} == {("CARD_DECLINED", "payment")}


def test_a_vendor_without_such_codes_has_no_stub():
    kept = Ledger()
    kept.note(ODD)
    assert kept.stub("other") == ""


def written(folder, lines) -> str:
    file = folder / "app.log"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("wrap", [lambda keys: keys, lambda keys: {"level": "ERROR", "extra": keys}], ids=["top", "in"])
def test_a_log_tells_what_the_ledger_would_have_counted(tmp_path, wrap):
    assert UNMAPPED
    direct, lines = Ledger(), []
    for number, error in enumerate(UNMAPPED):
        direct.note(error, START + number)
        time = datetime.fromtimestamp(START + number, UTC).isoformat()
        lines.append({"timestamp": time, **wrap(record(error, VendorError(error).occurrence_id))})
    covered = cover([written(tmp_path, lines)])
    assert covered.ledger.entries() == direct.entries()
    assert covered[1:3] == (len(UNMAPPED), 0)
    for vendor in {entry.vendor for entry in direct.entries()}:
        assert covered.stub(vendor) == direct.stub(vendor)


@pytest.mark.parametrize(
    "time",
    [
        {"timestamp": "2026-01-01T00:00:00Z"},
        {"time": "2026-01-01T02:00:00+02:00"},
        {"asctime": "2026-01-01 00:00:00,000"},
        {"ts": START},
        {"ts": START * 1000},
        {"created": START * 1e9},
        {"time": "noon", "created": START},
        {"timestamp": None, "@timestamp": "2026-01-01"},
    ],
    ids=str,
)
def test_a_log_tells_when_in_many_ways(tmp_path, time):
    covered = cover([written(tmp_path, [time | record(ODD, VendorError(ODD).occurrence_id)])])
    assert covered.ledger.entries()[0].first == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("time", ["", "soon", "0001-01-01", -5, 0, 1e300, 10**30, True, [], {}, "9999-12-31T23:59"])
def test_no_time_breaks_a_report(tmp_path, time):
    line = {"time": time} | record(ODD, VendorError(ODD).occurrence_id)
    assert "odd" in cover([written(tmp_path, [line])]).ledger.report()


def test_what_is_not_ours_in_a_log_is_passed_over_and_counted(tmp_path, capsys):
    ours = {"errnorm_mapped": False, "errnorm_vendor_code": "odd", "errnorm_vendor": "acme"}
    strange = ours | {"errnorm_vendor": 7, "errnorm_vendor_status": "x", "errnorm_vendor_message": ["no"]}
    lines = [
        *("words", "", "{", "[1]", "3", "null", "[" * 5_000, {"level": "INFO"}, {"errnorm_mapped": False}),
        *({"a": {"b": ours}}, ours, {"extra": ours}, strange, ours | {"errnorm_mapped": True}),
        ours | {"errnorm_vendor_code": None},
        ours | {"errnorm_vendor_code": "x" * 2_000_000},
    ]
    assert main(["coverage", written(tmp_path, lines)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "5 failures in the logs; 10 other lines passed over"
    assert [line.split()[:4] for line in out[1:3]] == [["acme", "odd", "-", "2"], ["unknown", "odd", "-", "1"]]


def test_a_secret_that_a_log_holds_goes_no_further(tmp_path, capsys):
    line = {
        "errnorm_mapped": False,
        "errnorm_vendor_code": "odd",
        "errnorm_vendor_message": "ask jo@acme.example\x1b[2J",
    }
    assert main(["coverage", written(tmp_path, [line])]) == 0
    out = capsys.readouterr().out
    assert "ask [email]" in out
    assert out.replace("\n", "").isprintable()


def test_standard_input_is_a_log_too(monkeypatch, capsys):
    line = json.dumps(record(ODD, VendorError(ODD).occurrence_id)).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line + b"\n" + line)))
    assert main(["coverage", "-", "--stub", "acme"]) == 0
    out = capsys.readouterr().out
    assert 'odd = "conflict"  # 2 times with 409: Odd it is.' in out
    assert set(load('name = "acme"\n' + out, "acme.toml").codes) == {"odd"}


def test_a_byte_order_mark_hides_no_record(tmp_path, capsys):
    line = json.dumps(record(ODD, VendorError(ODD).occurrence_id)).encode()
    (tmp_path / "app.log").write_bytes(b"\xef\xbb\xbf" + line + b"\nwords\n")
    assert main(["coverage", str(tmp_path / "app.log")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].split()[:4] == ["acme", "odd", "409", "1"]
    assert out[-2:] == ["1 entry, 1 failure", "1 failure in the logs; 1 other line passed over"]


@pytest.mark.parametrize("vendor", ["acme", "stripe"])
def test_a_vendor_of_whom_all_is_mapped_wants_no_row(tmp_path, capsys, vendor):
    mapped = ODD.replace(mapped=True)
    log = written(tmp_path, [record(mapped, VendorError(mapped).occurrence_id)])
    assert main(["coverage", log, "--stub", vendor]) == 0
    assert capsys.readouterr().out == f"# No code of {vendor!r} came that no profile maps.\n"


def test_an_empty_log_tells_of_nothing(tmp_path, capsys):
    assert main(["coverage", written(tmp_path, [])]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "No code came that no profile maps."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.log"], "missing.log: No such file"),
        (["."], "directory"),
        (["plain.log"], "plain.log: holds no JSON lines"),
        (["binary.log"], "binary.log: holds no JSON lines"),
        (["app.log", "--stub", "acne"], "no vendor 'acne'; did you mean 'acme'?"),
        (["app.log", "--stub", "strip"], "no vendor 'strip'; did you mean 'stripe'"),
        ([], "LOG"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_bad_log_is_told_in_one_line(monkeypatch, tmp_path, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, [record(ODD, VendorError(ODD).occurrence_id)])
    (tmp_path / "plain.log").write_text("2026-01-01 INFO hello\n")
    (tmp_path / "binary.log").write_bytes(b"\x1f\x8b\x08\x00" + bytes(range(256)) * 10)
    assert main(["coverage", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("errnorm: ")
    assert err.count("\n") == 1
    assert says in err
