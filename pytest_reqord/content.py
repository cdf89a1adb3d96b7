"""Content codings (RFC 9110, section 8.4): what a body says once it is unpacked."""

from __future__ import annotations

import importlib
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decode", "encode"]


def decode(body: bytes, coding: str) -> bytes | None:
    """Undo the codings of a ``Content-Encoding`` value.

    :param body: the bytes as they were transferred.
    :param coding: the header's value, codings in the order in which they were applied.
    :returns: the unpacked bytes; None where a coding is unknown here, needs a package that
        isn't installed, or the bytes are not what the header says they are.
    """
    for name in reversed([part.strip().lower() for part in coding.split(",")]):
        decoder = _DECODERS.get(name)
        if decoder is None:
            return None
        try:
            body = decoder(body)
        except Exception:  # noqa: BLE001 -- each decoder has errors of its own for "not this coding"
            return None
    return body


def encode(body: bytes, coding: str) -> bytes | None:
    """Apply the codings of a ``Content-Encoding`` value; equal bytes in, equal bytes out.

    :returns: the packed bytes; None where a coding is unknown here or its package isn't installed.
    """
    for name in [part.strip().lower() for part in coding.split(",")]:
        encoder = _ENCODERS.get(name)
        if encoder is None:
            return None
        try:
            body = encoder(body)
        except ImportError:
            return None
    return body


def _identity(body: bytes) -> bytes:
    return body


def _gzip(body: bytes) -> bytes:
    unpacked = b""
    while body:  # RFC 1952: a gzip file is a series of members
        decoder = zlib.decompressobj(wbits=31)
        unpacked += decoder.decompress(body) + decoder.flush()
        if not decoder.eof:
            message = "the last gzip member is cut off"
            raise ValueError(message)
        body = decoder.unused_data
    return unpacked


def _deflate(body: bytes) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error:  # many servers send the raw stream, without the zlib header
        return zlib.decompress(body, wbits=-15)


def _brotli(body: bytes) -> bytes:
    unpacked: bytes = _first_module("brotli", "brotlicffi").decompress(body)
    return unpacked


def _zstd(body: bytes) -> bytes:
    module = _first_module("compression.zstd", "backports.zstd", "zstandard")
    if module.__name__ == "zstandard":
        with module.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            unpacked: bytes = reader.read()
    else:
        unpacked = module.decompress(body)
    return unpacked


def _to_gzip(body: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=31)  # unlike gzip.compress it writes no time
    return encoder.compress(body) + encoder.flush()


def _to_brotli(body: bytes) -> bytes:
    packed: bytes = _first_module("brotli", "brotlicffi").compress(body)
    return packed


def _to_zstd(body: bytes) -> bytes:
    module = _first_module("compression.zstd", "backports.zstd", "zstandard")
    packed: bytes = module.compress(body)
    return packed


def _first_module(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    message = f"none of {', '.join(names)} is installed"
    raise ImportError(message)


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": _identity,
    "identity": _identity,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": _identity,
    "identity": _identity,
    "gzip": _to_gzip,
    "x-gzip": _to_gzip,
    "deflate": zlib.compress,
    "br": _to_brotli,
    "zstd": _to_zstd,
}
