"""Compressed bodies: stored unpacked, with what it takes to pack them the same way again."""

from __future__ import annotations

import zlib

__all__ = ["pack", "recipe", "unpack_bounded"]

_MOST_UNPACKED = 64 << 20  # a bomb stays packed
_MOST_TRIED = 4 << 20  # each level costs its time anew
_SYNC_END = b"\x00\x00\xff\xff\x03\x00"
_LEVELS = (6, 9, 1, 5, 4, 7, 8, 3, 2)
_MEMORIES = (8, 9)
_WINDOWS = {"gzip": 31, "zlib": 15, "deflate": -15}
_FLAG_CHECKSUM, _FLAG_EXTRA, _FLAG_NAME, _FLAG_COMMENT = 2, 4, 8, 16


def recipe(body: bytes, coding: str, *, may_differ: bool) -> tuple[bytes, str] | None:
    """Unpack a body and find out how to pack it again.

    :param body: the bytes as they were transferred.
    :param coding: the value of ``Content-Encoding``.
    :param may_differ: whether other bytes that unpack to the same will do.
    :returns: the unpacked body and the recipe for `pack`; None where the wire bytes must be kept.
    """
    coding = coding.strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate") or not body:
        return None
    kind = _kind(body, coding)
    unpacked = unpack_bounded(body, kind)
    if unpacked is None:
        return None
    if len(unpacked) <= _MOST_TRIED:
        found = _search(body, unpacked, kind)
        if found is not None:
            return unpacked, found
    return (unpacked, kind) if may_differ else None


def pack(unpacked: bytes, how: str) -> bytes:
    """Follow a recipe: ``kind [level/memory [sync] [gzip header in hex]]``.

    :raises ValueError: if it is none.
    """
    kind, *words = how.split()
    if kind not in _WINDOWS:
        raise ValueError(f"{how!r} is no way to compress")
    level, _, memory = (words.pop(0) if words else "6/8").partition("/")
    is_sync = words[:1] == ["sync"]
    header = bytes.fromhex(words[-1]) if len(words) > is_sync else b""
    if not ("0" <= level <= "9" and memory in ("8", "9")):
        raise ValueError(f"{how!r} is no way to compress")
    window = _WINDOWS[kind]
    if header:
        body = header + _deflate(unpacked, int(level), int(memory), -15, is_sync=is_sync)
        sizes = zlib.crc32(unpacked), len(unpacked) & 0xFFFFFFFF
        return body + b"".join(size.to_bytes(4, "little") for size in sizes)
    return _deflate(unpacked, int(level), int(memory), window, is_sync=is_sync)


def unpack_bounded(body: bytes, kind: str) -> bytes | None:
    """Unpack one stream that takes up the whole body; None where it isn't one or is a bomb."""
    decoder = zlib.decompressobj(wbits=_WINDOWS[kind])
    try:
        unpacked = decoder.decompress(body, _MOST_UNPACKED)
    except zlib.error:
        return None
    return unpacked if decoder.eof and not decoder.unused_data else None


def _kind(body: bytes, coding: str) -> str:
    if coding != "deflate":
        return "gzip"
    # many servers send the raw stream, without the zlib header (RFC 1950, section 2.2)
    is_zlib = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return "zlib" if is_zlib else "deflate"


def _search(body: bytes, unpacked: bytes, kind: str) -> str | None:
    header = body[: _header_size(body)] if kind == "gzip" else b""
    trailer = {"gzip": 8, "zlib": 4, "deflate": 0}[kind]
    is_sync = body[: len(body) - trailer].endswith(_SYNC_END)
    end = " sync" * is_sync + (f" {header.hex()}" if header else "")
    for memory in _MEMORIES:
        for level in _LEVELS:
            how = f"{kind} {level}/{memory}{end}"
            if pack(unpacked, how) == body:
                return how
    return None


def _deflate(unpacked: bytes, level: int, memory: int, window: int, *, is_sync: bool) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory)
    packed = packer.compress(unpacked)
    if is_sync:
        packed += packer.flush(zlib.Z_SYNC_FLUSH)
    return packed + packer.flush()


def _header_size(body: bytes) -> int:
    """Where the header of a gzip member ends (RFC 1952, section 2.3); the body is a valid one."""
    flags = body[3]
    end = 10
    if flags & _FLAG_EXTRA:
        end += 2 + int.from_bytes(body[end : end + 2], "little")
    for flag in (_FLAG_NAME, _FLAG_COMMENT):
        if flags & flag:
            end = body.index(0, end) + 1
    return end + 2 if flags & _FLAG_CHECKSUM else end
