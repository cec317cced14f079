"""Files before they are uploaded: what a vendor would refuse is refused at once, with the word what to change.

    errnorm.files.check(request.FILES, vendor="phrase-tms", operation="create-job")
    for batch in errnorm.files.batches(paths, vendor="phrase-tms"):
        upload(batch)

No file is read, and none is moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import iscoroutinefunction
from typing import Any, Final, NamedTuple, TypeVar, cast

from errnorm.families import Action, Family, Fault
from errnorm.model import CanonicalError, FieldError, RetryAdvice, VendorError
from errnorm.settings import SettingsError
from errnorm.vendors import registry
from errnorm.vendors.profile import Files

__all__ = ["Files", "batches", "check"]

T = TypeVar("T")
MOST: Final = 100  # fields of an error
OTHERS: Final = 16  # errors beside one
# What our own response says (413 and 415 as HTTP has them; an empty file is one that was understood).
STATUSES: Final = {
    "FILE_TYPE_NOT_SUPPORTED": 415,
    "FILE_EMPTY": 422,
    "FILE_TOO_LARGE": 413,
    "TOO_MANY_FILES": 413,
    "FILES_TOO_LARGE": 413,
}


class Seen(NamedTuple):
    """A file as far as it can be seen without reading it; `field` is what the app calls it."""

    field: str
    name: str | None
    size: int | None


class _Law(NamedTuple):
    """What holds for one upload; `whose` says of each limit that is the app's own or the vendor's."""

    limits: Files
    whose: Callable[[str], str]
    vendor: str | None
    operation: str | None


def check(
    files: Iterable[Any] | Mapping[str, Any],
    *,
    vendor: str | None = None,
    operation: str | None = None,
    limits: Files | None = None,
) -> None:
    """Raises a VendorError where a vendor would refuse these files as one upload; nothing has been sent then.

    A file is a `pathlib.Path`, an open file, an upload of Django, Starlette, Flask or aiohttp, or a pair of name and
    size in bytes; a text is none, for a user may have typed it. Of a submitted form, given as the framework has it, all
    files count, also several by one name, and nothing else. The error's `fields` name those that are off: by the key
    where `files` is a mapping, else by the position. `limits` are the app's own, in place of the profile's of the same
    name. Raises SettingsError, UnknownVendorError, and OSError for a path that leads nowhere.
    """
    law = _law(vendor, operation, limits)
    named = _named(files) if isinstance(files, Mapping) else enumerate(_several(files))
    _refuse(_faults([_seen(str(name), file) for name, file in named], law), law)


def batches(
    files: Iterable[T], *, vendor: str | None = None, operation: str | None = None, limits: Files | None = None
) -> Iterator[list[T]]:
    """The same files in their order, in as few uploads as the limits allow; one of unknown size goes by itself, where
    the size of all is limited. Raises as `check` does, before the first, where a file fits into none.
    """
    law = _law(vendor, operation, limits)
    listed = list(_several(files))
    seen = [_seen(str(number), file) for number, file in enumerate(listed)]
    _refuse(_faults_of_each(seen, law), law)
    return _split(listed, seen, law.limits)


def _split(files: list[T], seen: list[Seen], limits: Files) -> Iterator[list[T]]:
    batch: list[T] = []
    total, room = 0, limits.max_batch_bytes
    for file, (_, _, known) in zip(files, seen, strict=True):
        size = room or 0 if known is None else known
        if batch and ((room is not None and total + size > room) or len(batch) == limits.max_files):
            yield batch
            batch, total = [], 0
        batch.append(file)
        total += size
    if batch:
        yield batch


def _law(vendor: str | None, operation: str | None, own: Files | None) -> _Law:
    """The strictest of what the profile says of the upload, and the app's own instead of it."""
    if vendor is None and own is None:
        raise SettingsError("vendor: name one, or give limits=errnorm.files.Files(max_bytes=…)")
    if own is not None and not isinstance(own, Files):
        raise SettingsError(f"limits: must be errnorm.files.Files(…), not {type(own).__name__}")
    profile = registry.get(vendor) if vendor is not None else None
    records = [each for each in profile.files if each.operation in (None, operation)] if profile else []
    known = {key: strictest for key in _LIMITS if (strictest := _strictest(key, records)) is not None}
    named = {key: value for key in _LIMITS if own and (value := getattr(own, key)) != getattr(Files(), key)}
    if not records and own is None:
        known["min_bytes"] = 0  # of whose files nothing is known may take empty ones
    name = profile.name if profile else "app"
    return _Law(Files(**known | named), lambda key: "app" if key in named else name, vendor and name, operation)


_LIMITS: Final = tuple(key for key in Files.__struct_fields__ if key != "operation")


def _strictest(key: str, records: list[Files]) -> Any:
    values = [value for each in records if (value := getattr(each, key)) not in (None, ())]
    if not values:
        return None
    if key == "types":
        return tuple(type_ for type_ in values[0] if all(type_ in types for types in values))
    return max(values) if key == "min_bytes" else min(values)


class _Fault(NamedTuple):
    """Files that are off for one reason; `key` is the limit that they do not keep."""

    reason: str
    key: str
    value: object
    fields: list[str]


def _faults(seen: list[Seen], law: _Law) -> list[_Fault]:
    """All that is wrong with an upload; what is wrong with single files first."""
    limits, total, beyond = law.limits, 0, []
    for each in seen:
        total += each.size or 0
        if limits.max_batch_bytes is not None and total > limits.max_batch_bytes:
            beyond.append(each.field)
    surplus = [each.field for each in seen[limits.max_files :]] if limits.max_files is not None else []
    faults = [
        *_faults_of_each(seen, law),
        _Fault("TOO_MANY_FILES", "max_files", limits.max_files, surplus),
        _Fault("FILES_TOO_LARGE", "max_batch_bytes", limits.max_batch_bytes, beyond),
    ]
    return [fault for fault in faults if fault.fields]


def _faults_of_each(seen: list[Seen], law: _Law) -> list[_Fault]:
    limits = law.limits
    endings = tuple(f".{type_.casefold().lstrip('.')}" for type_ in limits.types)
    bounds = {
        key: bound for key in ("max_bytes", "max_batch_bytes") if (bound := getattr(limits, key)) is not None
    }  # what is larger than a whole batch may be is too large by itself
    key = min(bounds, key=bounds.__getitem__, default="max_bytes")
    most = bounds.get(key, float("inf"))
    wrong = [each.field for each in seen if endings and each.name and not each.name.casefold().endswith(endings)]
    empty = [each.field for each in seen if each.size is not None and each.size < limits.min_bytes]
    large = [each.field for each in seen if each.size is not None and each.size > most]
    faults = (
        _Fault("FILE_TYPE_NOT_SUPPORTED", "types", " ".join(endings), wrong),
        _Fault("FILE_EMPTY", "min_bytes", limits.min_bytes, empty),
        _Fault("FILE_TOO_LARGE", key, most, large),
    )
    return [fault for fault in faults if fault.fields]


def _refuse(faults: list[_Fault], law: _Law) -> None:
    if faults:
        first, *others = [_error(fault, law) for fault in faults]
        raise VendorError(first.replace(others=tuple(others[:OTHERS])))


def _error(fault: _Fault, law: _Law) -> CanonicalError:
    return CanonicalError(
        vendor=law.vendor,
        operation=law.operation,
        family=Family.PAYLOAD,
        reason=fault.reason,
        fault=Fault.USER,
        action=Action.FIX_INPUT,
        retry=RetryAdvice(),
        sent=False,
        response_status=STATUSES[fault.reason],
        fields=tuple(FieldError(field) for field in list(dict.fromkeys(fault.fields))[:MOST]),
        rule=f"{law.whose(fault.key)}:files.{fault.key}={fault.value}",  # what the user is told is read from it
    )


def _named(files: Any) -> Iterable[tuple[str, Any]]:
    """Each file by its name; of a form that may have several by one (Starlette's, Django's and Flask's, aiohttp's)."""
    if hasattr(files, "multi_items"):
        items = files.multi_items()
    elif hasattr(files, "lists"):
        items = [(name, file) for name, several in files.lists() for file in several]
    elif hasattr(files, "getall"):
        items = files.items()
    else:
        return cast("Iterable[tuple[str, Any]]", files.items())
    return [(name, file) for name, file in items if _is_file(file)]  # not what was typed


def _several(files: Any) -> Iterable[Any]:
    if isinstance(files, str | bytes | os.PathLike | Mapping) or not isinstance(files, Iterable) or _is_file(files):
        raise SettingsError(f"files: must be a list of files, not {type(files).__name__}")
    return files


def _is_file(file: Any) -> bool:
    return any(hasattr(file, name) for name in ("read", "seek", "chunks", "file"))


def _seen(field: str, file: Any) -> Seen:
    """By what it can do; nothing of whose it is."""
    if isinstance(file, os.PathLike):
        return Seen(field, os.path.basename(os.fspath(file)), os.stat(file).st_size)  # noqa: PTH116, PTH119 - of any kind
    if isinstance(file, str):
        raise SettingsError(f"files: {field}: a text is no file; a path is pathlib.Path(…), and a form goes in whole")
    if isinstance(file, tuple) and len(file) == 2 and isinstance(file[0], str) and _is_size(file[1]):
        return Seen(field, *file)
    if not _is_file(file):
        raise SettingsError(f"files: {field}: must be a pathlib.Path, a file, or a pair of name and size")
    name = next((each for key in ("filename", "name") if isinstance(each := getattr(file, key, None), str)), None)
    size = getattr(file, "size", None)
    return Seen(field, name, size if _is_size(size) else _to_the_end(getattr(file, "file", file)))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _to_the_end(file: Any) -> int | None:
    """The size of what can be wound, which is wound back; None of what cannot."""
    if iscoroutinefunction(getattr(file, "tell", None)):
        return None
    try:
        here = file.tell()
        try:
            return int(file.seek(0, os.SEEK_END) or file.tell())
        finally:
            file.seek(here)
    except (AttributeError, OSError, ValueError, TypeError):
        return None
