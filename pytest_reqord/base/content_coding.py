"""Content codings (RFC 9110, section 8.4), and archives: what a body says once it is unpacked."""

from __future__ import annotations

import importlib
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.real import io

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MOST_UNPACKED", "decode", "encode", "in_archive"]

MOST_UNPACKED = 256 << 20
"""Bytes that a body may have when it is unpacked: a few of a stranger's may become terabytes."""

_MOST_CODINGS = 4
_PIECE = 4096  # of many small members, each copies the rest of the piece it is in


def decode(body: bytes, coding: str) -> bytes | None:
    """Undo the codings of a ``Content-Encoding`` value.

    :param body: the bytes as they were transferred.
    :param coding: the header's value, codings in the order in which they were applied.
    :returns: the unpacked bytes; None where a coding is unknown here, needs a package that
        isn't installed, the bytes are not what the header says they are, or become too many.
    """
    names = [part.strip().lower() for part in coding.split(",")]
    if len(names) > _MOST_CODINGS:
        return None
    for name in reversed(names):
        decoder = _DECODERS.get(name)
        if decoder is None:
            return None
        try:
            body = decoder(body)
        except Exception:  # noqa: BLE001 -- each decoder has errors of its own for "not this coding"
            return None
    return body


def in_archive(body: bytes) -> Iterator[str]:
    """The files in a zip archive, as Latin-1 text; none where the body is no archive.

    What can't be read, as encrypted files, is left out, and so is what is beyond `MOST_UNPACKED`.
    """
    if not body.startswith(b"PK\x03\x04"):
        return
    import zipfile  # late: few bodies are archives

    left = MOST_UNPACKED
    with suppress(Exception):  # it comes from strangers, and its formats are many
        archive = zipfile.ZipFile(io.BytesIO(body))
        for member in archive.infolist():
            with suppress(Exception), archive.open(member) as file:
                data = file.read(left)
                left -= len(data)
                yield data.decode("latin-1")


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
    return _in_pieces(body, lambda: zlib.decompressobj(wbits=31))  # RFC 1952: a series of members


def _in_pieces(body: bytes, make: Callable[[], Any]) -> bytes:
    """Unpack one member after another.

    :param make: makes what unpacks one.
    """
    parts: list[bytes] = []
    size = 0
    decoder = None
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        while piece:
            decoder = make() if decoder is None else decoder
            parts.append(decoder.decompress(piece))
            size += len(parts[-1])
            if size > MOST_UNPACKED:
                raise _too_large()
            piece = decoder.unused_data
            decoder = None if decoder.eof else decoder
    if decoder is not None:
        raise _too_large()
    return b"".join(parts)


def _deflate(body: bytes) -> bytes:
    try:
        return _inflated(body, 15)
    except zlib.error:  # many servers send the raw stream, without the zlib header
        return _inflated(body, -15)


def _inflated(body: bytes, wbits: int) -> bytes:
    decoder = zlib.decompressobj(wbits=wbits)
    unpacked = decoder.decompress(body, MOST_UNPACKED)
    if not decoder.eof:
        raise _too_large()
    return unpacked


def _brotli(body: bytes) -> bytes:
    module = _first_module("brotli", "brotlicffi")
    try:
        decoder = module.Decompressor()
        unpacked: bytes = decoder.process(body, output_buffer_limit=MOST_UNPACKED)
    except TypeError:  # of an older release, which knows no limit
        whole: bytes = module.decompress(body)
        return whole
    if not decoder.is_finished():
        raise _too_large()
    return unpacked


def _zstd(body: bytes) -> bytes:
    module = _first_module("compression.zstd", "backports.zstd", "zstandard")
    if module.__name__ == "zstandard":
        return _in_pieces(body, lambda: module.ZstdDecompressor().decompressobj())
    return _in_pieces(body, module.ZstdDecompressor)


def _too_large() -> ValueError:
    return ValueError("it is cut off, or too large when it is unpacked")


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
