"""Files that a vendor would refuse are refused before, with the word what to change; batches keep order and limits."""

from __future__ import annotations

import io
import json
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

import errnorm
from errnorm import Action, Family, Fault, Normalizer, Verdict, files
from errnorm.files import Files
from errnorm.settings import SettingsError
from errnorm.telling.catalogues import LANGUAGES
from errnorm.telling.sizes import size_in_words
from errnorm.telling.words import FILES
from errnorm.vendors import registry

MB = 1_048_576
OFFICE = Files(types=(".docx", ".tar.gz"), max_bytes=10 * MB, max_files=3, max_batch_bytes=20 * MB)

# what is sent, by the app's names; the reason, and the files that are off
REFUSED = {
    "too large": ({"contract": ("a.docx", 10 * MB + 1)}, "FILE_TOO_LARGE", ["contract"], 413),
    "wrong type": ({"a": ("a.docx", 1), "b": ("b.exe", 1)}, "FILE_TYPE_NOT_SUPPORTED", ["b"], 415),
    "half a type": ([("a.gz", 1)], "FILE_TYPE_NOT_SUPPORTED", ["0"], 415),
    "no type": ([("docx", 1)], "FILE_TYPE_NOT_SUPPORTED", ["0"], 415),
    "too many": ([("a.docx", 1)] * 5, "TOO_MANY_FILES", ["3", "4"], 413),
    "too large together": ([("a.docx", 9 * MB)] * 3, "FILES_TOO_LARGE", ["2"], 413),
    "empty": ({"a": ("a.docx", 0)}, "FILE_EMPTY", ["a"], 422),
}


def refused(sent, **options):
    with pytest.raises(errnorm.VendorError) as failure:
        files.check(sent, **{"limits": OFFICE, **options})
    return failure.value


@pytest.mark.parametrize(("sent", "reason", "fields", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_off_is_refused_as_the_users_own_doing(sent, reason, fields, status):
    error = refused(sent).error
    assert (error.family, error.reason, error.fault, error.action) == (
        Family.PAYLOAD,
        reason,
        Fault.USER,
        Action.FIX_INPUT,
    )
    assert [field.path for field in error.fields] == fields
    assert (error.sent, error.vendor_status, error.vendor_code, error.retry.verdict) == (
        False,
        None,
        None,
        Verdict.NEVER,
    )
    assert error.response_status == status
    assert errnorm.CanonicalError.from_dict(error.to_dict()) == error


def test_every_reason_has_its_words_and_its_status():
    assert {reason for _, reason, _, _ in REFUSED.values()} == set(FILES) == set(files.STATUSES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("sent", "reason", "fields", "status"), REFUSED.values(), ids=REFUSED)
def test_the_user_is_told_what_to_change(sent, reason, fields, status, language):
    problem = Normalizer().problem_for(refused(sent), language=language)
    assert (problem.status, problem.code, problem.language) == (status, reason.lower(), language)
    assert problem.action == "fix_input"
    assert "{" not in problem.detail
    said = {"FILE_TYPE_NOT_SUPPORTED": ".docx, .tar.gz", "TOO_MANY_FILES": "3"}
    size = size_in_words((20 if reason == "FILES_TOO_LARGE" else 10) * MB, language)
    assert said.get(reason, "" if reason == "FILE_EMPTY" else size) in problem.detail
    assert [error.pointer for error in problem.errors] == [f"#/{field}" for field in fields]
    assert {error.detail for error in problem.errors} == {problem.detail}
    assert problem.retry_after is None


def test_in_words():
    problem = errnorm.problem_for(refused(REFUSED["too large"][0]))
    assert problem.detail == "This file is too large. Please choose one of at most 10 MB."
    problem = errnorm.problem_for(refused(REFUSED["wrong type"][0]), language="de")
    assert problem.detail == (
        "Dateien dieses Typs werden nicht angenommen. Bitte wählen Sie einen dieser Typen: .docx, .tar.gz."
    )


def test_all_that_is_off_is_told_at_once():
    sent = {"a": ("a.exe", 1), "b": ("b.docx", 0), "c": ("c.docx", 11 * MB), "documents.3": ("d.docx", 1)}
    error = refused(sent).error
    assert [each.reason for each in (error, *error.others)] == [
        "FILE_TYPE_NOT_SUPPORTED",
        "FILE_EMPTY",
        "FILE_TOO_LARGE",
        "TOO_MANY_FILES",
    ]
    problem = errnorm.problem_for(error)
    assert [each.pointer for each in problem.errors] == ["#/a", "#/b", "#/c", "#/documents/3"]
    assert problem.errors[1].detail == FILES["FILE_EMPTY"]
    assert len({each.detail for each in problem.errors}) == 4


def test_the_app_may_say_it_in_its_own_words_with_the_same_values():
    own = Normalizer(messages={"FILE_TOO_LARGE": {"en": "No more than {size}, please."}})
    assert own.problem_for(refused(REFUSED["too large"][0])).detail == "No more than 10 MB, please."


def test_a_vendors_own_refusal_is_told_without_a_limit_that_nobody_knows():
    """The same reason from a vendor names no limit, and no field of the vendor's."""
    error = refused(REFUSED["too large"][0]).error.replace(rule="stripe:codes.file_too_large")
    problem = errnorm.problem_for(error)
    assert "{" not in problem.detail
    assert problem.errors == ()


def test_no_name_of_a_file_is_in_the_error():
    """What people call their files is nobody's business: the app's own names, or the position, and no more."""
    failure = refused([("Anna Muster, Kündigung.exe", 1), ("salary.docx", 11 * MB)])
    assert "Muster" not in json.dumps(failure.error.to_dict())
    assert "salary" not in json.dumps(errnorm.problem_for(failure).to_dict())


# --- what a file is ---


class Upload:
    """What Django's, Starlette's and Flask's uploads have in common; whoever reads it fails the test."""

    def __init__(self, **has):
        vars(self).update(has)

    def read(self, *_):
        raise AssertionError("read")

    chunks = __iter__ = read


def _of_django():
    uploads = pytest.importorskip("django.core.files.uploadedfile")
    return uploads.SimpleUploadedFile("a.docx", b"12345")


def _of_starlette():
    pytest.importorskip("python_multipart")
    data = pytest.importorskip("starlette.datastructures")
    return data.UploadFile(io.BytesIO(b"12345"), filename="a.docx", size=5)


def _of_starlette_without_size():
    data = pytest.importorskip("starlette.datastructures")
    return data.UploadFile(io.BytesIO(b"12345"), filename="a.docx")


def _of_flask():
    data = pytest.importorskip("werkzeug.datastructures")
    return data.FileStorage(io.BytesIO(b"12345"), filename="a.docx")


def _named(file):
    file.name = "a.docx"
    return file


def _spooled():
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    file.write(b"12345")
    file.seek(2)
    return file


KINDS = {
    "pair": lambda _: ("a.docx", 5),
    "path": lambda folder: folder / "a.docx",
    "open": lambda folder: (folder / "a.docx").open("rb"),
    "memory": lambda _: _named(io.BytesIO(b"12345")),
    "upload": lambda _: Upload(name="a.docx", size=5),
    "upload by file name": lambda _: Upload(filename="a.docx", name="field", size=5),
    "Django": lambda _: _of_django(),
    "Starlette": lambda _: _of_starlette(),
    "Starlette without a size": lambda _: _of_starlette_without_size(),
    "Flask": lambda _: _of_flask(),
    "spooled": lambda _: _spooled(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_whatever_can_be_sent(kind, tmp_path):
    (tmp_path / "a.docx").write_bytes(b"12345")
    file = KINDS[kind](tmp_path)
    try:
        files.check([file], limits=Files(max_bytes=5))
        assert refused([file], limits=Files(max_bytes=4)).error.reason == "FILE_TOO_LARGE"
        assert list(files.batches([file], limits=Files(max_bytes=5))) == [[file]]
        if kind != "spooled":  # it has no name
            files.check([file], limits=Files(types=("DOCX",)))
            assert refused([file], limits=Files(types=(".pdf",))).error.reason == "FILE_TYPE_NOT_SUPPORTED"
    finally:
        if hasattr(file, "close") and "Starlette" not in kind:  # which closes in its own time
            file.close()


def test_a_file_stays_where_it_was_and_is_not_read():
    file = io.BytesIO(b"12345")
    file.seek(3)
    files.check([file], limits=Files(max_bytes=5))
    assert file.tell() == 3


class Stream(io.RawIOBase):
    """A pipe, say: it knows neither its size nor its name."""

    def readable(self):
        return True


def test_what_cannot_be_known_is_left_to_the_vendor():
    files.check([Stream()], limits=OFFICE)

    class Asynchronous:
        async def read(self): ...
        async def tell(self): ...
        async def seek(self, *_): ...

    files.check([Asynchronous()], limits=OFFICE)


def _forms():
    """A form with four files by two names, the second too large, and what a user typed."""
    texts = [("note", "/etc/passwd"), ("files", "/etc/nope")]

    def upload(size):
        return Upload(filename="a.docx", size=size)

    def of_django(pairs):
        django = pytest.importorskip("django.utils.datastructures")
        form = django.MultiValueDict()
        for name, value in pairs:
            form.appendlist(name, value)
        return form

    sent = [("files", upload(1)), ("files", upload(9)), ("files", upload(1)), ("more", upload(1)), *texts]
    kinds = {
        "Django": of_django,
        "Flask": lambda pairs: pytest.importorskip("werkzeug.datastructures").MultiDict(pairs),
        "Starlette": lambda pairs: pytest.importorskip("starlette.datastructures").FormData(pairs),
        "aiohttp": lambda pairs: pytest.importorskip("multidict").MultiDictProxy(
            pytest.importorskip("multidict").MultiDict(pairs)
        ),
    }
    return {kind: lambda make=make: make(sent) for kind, make in kinds.items()}


@pytest.mark.parametrize("form", _forms().values(), ids=_forms())
def test_of_a_form_all_files_count_and_nothing_that_was_typed(form):
    files.check(form(), limits=Files(max_bytes=9, max_files=4))
    failure = refused(form(), limits=Files(max_bytes=8, max_files=2)).error
    assert [failure.reason, failure.others[0].reason] == ["FILE_TOO_LARGE", "TOO_MANY_FILES"]
    assert [field.path for field in failure.fields] == ["files"]
    assert [field.path for field in failure.others[0].fields] == ["files", "more"]


def test_a_file_of_aiohttps_form_is_one():
    web = pytest.importorskip("aiohttp.web")
    file = web.FileField("files", "a.docx", io.BytesIO(b"12345"), "text/plain", {})
    assert refused([file], limits=Files(max_bytes=4)).error.reason == "FILE_TOO_LARGE"


@pytest.mark.parametrize("sent", [["/etc/passwd"], {"note": "/etc/passwd"}, {"note": "/etc/nope"}, ["nope"]])
def test_a_text_is_no_path_for_a_user_may_have_typed_it(sent):
    with pytest.raises(SettingsError, match="a text is no file"):
        files.check(sent, limits=OFFICE)


def test_a_path_that_leads_nowhere(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.check([tmp_path / "a.docx"], limits=OFFICE)


@pytest.mark.parametrize("sent", ["a.docx", Path("a.docx"), b"", None, 3, io.BytesIO(b"1"), [3], [None], [("a", -1)]])
def test_what_is_no_list_of_files(sent):
    with pytest.raises(SettingsError, match="files: "):
        files.check(sent, limits=OFFICE)
    with pytest.raises(SettingsError, match="files: "):
        list(files.batches(sent, limits=OFFICE))


@pytest.mark.parametrize("options", [{}, {"limits": {"max_bytes": 3}}])
def test_limits_that_are_none(options):
    with pytest.raises(SettingsError, match=r"vendor: |limits: "):
        files.check([], **options)


def test_a_vendor_that_is_unknown():
    with pytest.raises(errnorm.UnknownVendorError):
        files.check([], vendor="lionbrige")


# --- whose limits ---

ACME = """
name = "acme"
[[files]]
types = [".docx", ".pdf"]
max_bytes = 1000
max_files = 5
[[files]]
operation = "import"
types = [".pdf", ".xml"]
max_bytes = 100
"""


def test_the_strictest_of_the_profile_holds_and_the_app_may_say_otherwise(own_profile):
    Normalizer(paths=[own_profile(ACME)])
    files.check([("a.docx", 1000)], vendor="acme")
    error = refused([("a.docx", 1001)], vendor="acme", limits=None).error
    assert (error.vendor, error.operation, error.rule) == ("acme", None, "acme:files.max_bytes=1000")
    error = refused([("a.pdf", 101)], vendor="acme", operation="import", limits=None).error
    assert (error.operation, error.rule) == ("import", "acme:files.max_bytes=100")
    assert refused([("a.docx", 1)], vendor="acme", operation="import", limits=None).error.rule == (
        "acme:files.types=.pdf"
    )
    files.check([("a.docx", 2000)], vendor="acme", limits=Files(max_bytes=2000))
    error = refused([("a.docx", 2001)], vendor="acme", limits=Files(max_bytes=2000)).error
    assert error.rule == "app:files.max_bytes=2000"
    assert refused([("a.docx", 1)] * 6, vendor="acme", limits=Files(max_bytes=9)).error.reason == "TOO_MANY_FILES"


def test_of_whom_nothing_is_known_nothing_is_refused():
    unknown = next(name for name in registry.default.names() if not registry.get(name).files)
    files.check([("a.exe", 0), ("b", 10**12)], vendor=unknown)


KNOWN = [(name, number) for name in registry.default.names() for number, _ in enumerate(registry.get(name).files)]


@pytest.mark.parametrize(("vendor", "number"), KNOWN)
def test_every_limit_of_every_profile_holds(vendor, number):
    record = registry.get(vendor).files[number]
    ending = record.types[0] if record.types else ".txt"
    assert all(type_.startswith(".") and type_ == type_.lower() for type_ in record.types)
    assert not record.operation or record.operation in registry.get(vendor).operations
    most = min(record.max_bytes or 10**15, record.max_batch_bytes or 10**15)
    if most < 10**15:
        files.check([(f"a{ending}", most)], vendor=vendor, operation=record.operation)
        error = refused([(f"a{ending}", most + 1)], vendor=vendor, operation=record.operation, limits=None).error
        assert error.reason == "FILE_TOO_LARGE"
        assert errnorm.problem_for(error).detail.count("{") == 0


# --- batches ---


sizes = st.lists(st.one_of(st.integers(1, 100), st.none()), max_size=60)
uploads = st.builds(
    Files,
    max_bytes=st.one_of(st.none(), st.integers(100, 200)),
    max_files=st.one_of(st.none(), st.integers(1, 10)),
    max_batch_bytes=st.one_of(st.none(), st.integers(100, 400)),
)


@settings(deadline=None)
@given(sizes, uploads)
def test_batches_keep_the_order_and_the_limits_and_are_few(sizes, limits):
    sent = [Stream() if size is None else (str(number), size) for number, size in enumerate(sizes)]
    made = list(files.batches(sent, limits=limits))
    assert [file for batch in made for file in batch] == sent
    assert all(made)
    for batch in made:
        files.check(batch, limits=limits)
        if limits.max_batch_bytes is not None:
            assert len(batch) == 1 or not any(isinstance(file, Stream) for file in batch)
    # each is full: the first file of the next would not have fitted in
    for batch, after in pairwise(made):
        if not any(isinstance(file, Stream) for file in (*batch, after[0])):
            refused([*batch, after[0]], limits=limits)


def test_a_file_that_fits_into_no_batch_is_refused_before_the_first():
    sent = [("a", 1), ("b", 101)]
    with pytest.raises(errnorm.VendorError) as failure:
        files.batches(sent, limits=Files(max_batch_bytes=100))
    assert failure.value.error.reason == "FILE_TOO_LARGE"
    assert [field.path for field in failure.value.error.fields] == ["1"]


# --- sizes ---


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (1, "1 bytes"),
        (500, "500 bytes"),
        (1_000, "1 KB"),
        (1_024, "1 KB"),
        (512 * 1_024, "512 KB"),
        (10**6, "1 MB"),
        (MB, "1 MB"),
        (10 * MB, "10 MB"),
        (10 * 10**6, "10 MB"),
        (1_500_000, "1500 KB"),
        (10 * MB + 1, "10 MB"),
        (1_024 * MB, "1 GB"),
        (5 * 1_024 * MB, "5 GB"),
        (100 * MB - 1, "99 MB"),
    ],
)
def test_a_size_as_people_write_it(size, words):
    assert size_in_words(size, "en") == words
    assert size_in_words(size, "fr") == words.replace("bytes", "octets").replace("B", "o")


@settings(deadline=None)
@given(st.integers(1, 10**15))
def test_a_size_that_is_told_is_never_more_than_what_is_allowed(size):
    count, unit = size_in_words(size, "en").split()
    assert int(count) * {"bytes": 1, "KB": 1_000, "MB": 10**6, "GB": 10**9}[unit] <= size
