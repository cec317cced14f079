"""The first bytes of a body under its Content-Encoding; never more than are asked for, however far it would swell."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any


def decoded(raw: bytes, codings: str, most: int) -> bytes | None:
    """The first `most` bytes; None where they are not to be had: the coding is broken, or cannot be kept in bounds.

    A coding that nobody knows is none, as it is to the clients.
    """
    known = [_DECODERS[name] for coding in codings.split(",") if (name := coding.strip().lower()) in _DECODERS]
    if not known or not raw:
        return raw[:most]
    if len(known) > 1:
        return None  # each swells what the one before it lets through
    try:
        return known[0](raw, most)
    except Exception:  # noqa: BLE001 - each library has its own, and there may be none
        return None


def _inflated(raw: bytes, most: int) -> bytes:
    """Of gzip, one member after another; of deflate, with the zlib header that it ought to have or without."""
    content, rest = bytearray(), raw
    bits = zlib.MAX_WBITS | 32 if raw[0] == 0x1F or raw[0] & 15 == 8 else -zlib.MAX_WBITS
    while rest and len(content) < most:
        member = zlib.decompressobj(bits)
        try:
            content += member.decompress(rest, most - len(content))
        except zlib.error:
            if rest is raw:
                raise
            break  # something else, after the last member
        rest = member.unused_data
    return bytes(content)


def _of_brotli(raw: bytes, most: int) -> bytes:
    decoder = _first_of("brotlicffi", "brotli").Decompressor()
    content = piece = decoder.process(raw, output_buffer_limit=most)  # a TypeError of those that know no bound
    while piece and len(content) < most:
        piece = decoder.process(b"", output_buffer_limit=most - len(content))
        content += piece
    return bytes(content[:most])


def _of_zstd(raw: bytes, most: int) -> bytes:
    module = _first_of("compression.zstd", "backports.zstd", "zstandard")
    decoder = module.ZstdDecompressor()
    if hasattr(decoder, "stream_reader"):  # zstandard's
        return bytes(decoder.stream_reader(raw).read(most))
    return bytes(decoder.decompress(raw, most))


def _first_of(*names: str) -> Any:
    """The first module that is installed: one of those that the clients take, too."""
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    raise ImportError(names[0])


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflated,
    "x-gzip": _inflated,
    "deflate": _inflated,
    "br": _of_brotli,
    "zstd": _of_zstd,
}
