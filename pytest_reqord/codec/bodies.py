"""A message's body as it stands in a cassette: readable where that loses nothing."""

from __future__ import annotations

import binascii
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json
from pytest_reqord.codec import scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reqord.base.models import Headers

__all__ = [
    "FEW",
    "Stored",
    "of_json",
    "pack",
    "pretty",
    "read",
    "rebuild",
    "recipe",
    "unpack_bounded",
    "write",
]

_INDENT = "      "
_LINE = 76
_BASE64 = Pattern(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_BODY_FILE = Pattern(r"([0-9a-f]{64})\.[a-z0-9]{1,8}", re.ASCII)
_EXTENSIONS = {
    "application/javascript": "js",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "text/css": "css",
    "text/csv": "csv",
    "text/html": "html",
    "text/javascript": "js",
    "text/markdown": "md",
    "video/mp4": "mp4",
}


class Stored(NamedTuple):
    """A body as it is written.

    :param text: the lines below ``body:``.
    :param file: name and bytes of what lies beside the cassette; None where all is in the text.
    """

    text: str
    file: tuple[str, bytes] | None = None


def write(
    body: bytes, headers: Headers, limit: int, *, may_differ: bool, fills: bool = True
) -> Stored:
    """Choose how to store a body.

    :param body: the bytes as they were transferred, not empty.
    :param headers: the message's headers.
    :param limit: the size in bytes above which a body lies beside the cassette.
    :param may_differ: whether a compressed body may be compressed anew in another way.
    :param fills: whether a line holds many numbers of a long array, which older releases wrote one
        a line.
    """
    coding = headers.get("content-encoding", "")
    found = recipe(body, coding, may_differ=may_differ) if coding else None
    if found is None:
        how = ""
        unpacked = body
    else:
        unpacked = found[0]
        how = f"{_INDENT}compressed: {found[1]}\n"
    if len(unpacked) > limit:
        name = _file_name(unpacked, headers, is_packed=bool(coding) and found is None)
        return Stored(f"{_INDENT}file: {name}\n{how}", (name, unpacked))
    return Stored(_inline(unpacked, fills=fills) + how)


def _inline(body: bytes, *, fills: bool) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"{_INDENT}base64:{scalars.block(_base64_lines(body), _INDENT)}"
    found = pretty(text, fills=fills)
    if found is not None and scalars.is_literal(found[0]):
        lines, is_spaced = found
        spaced = f"{_INDENT}spaced: true\n" if is_spaced else ""
        return f"{_INDENT}json:{scalars.block(lines + chr(10), _INDENT)}{spaced}"
    return f"{_INDENT}text:{scalars.scalar(text, _INDENT)}"


def _base64_lines(body: bytes) -> str:
    text = binascii.b2a_base64(body, newline=False).decode("ascii")
    return "".join([f"{text[at : at + _LINE]}\n" for at in range(0, len(text), _LINE)])


def _file_name(body: bytes, headers: Headers, *, is_packed: bool) -> str:
    from hashlib import sha256  # late: few bodies are that large

    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    extension = _EXTENSIONS.get(kind)
    if is_packed:
        extension = "bin"
    elif extension is None:
        family = kind.partition("/")[0]
        ending = re.split(r"[/+]", kind)[-1]
        extension = ending if ending in ("json", "xml") else "txt" if family == "text" else "bin"
    return f"{sha256(body).hexdigest()}.{extension}"


def read(stored: Mapping[str, Any], files: Callable[[str], bytes]) -> bytes:
    """The bytes of a body as they were transferred.

    :param stored: the mapping below ``body:``.
    :param files: reads a file that lies beside the cassette.
    :raises ValueError: if the mapping is not a body.
    """
    if "json" in stored:
        is_spaced = stored.get("spaced", False) in (True, "true")
        body = of_json(_text(stored, "json"), is_spaced=is_spaced)
    elif "text" in stored:
        body = _text(stored, "text").encode()
    elif "base64" in stored:
        body = _from_base64(_text(stored, "base64"))
    elif "file" in stored:
        body = _from_file(_text(stored, "file"), files)
    else:
        raise ValueError("a body has one of json, text, base64, file")
    how = stored.get("compressed")
    return body if how is None else pack(body, _text(stored, "compressed"))


def of_json(lines: str, *, is_spaced: bool) -> bytes:
    """The bytes of a body that stands as JSON in many lines.

    :param lines: the lines, indented or not.
    :param is_spaced: whether a blank follows commas.
    """
    return rebuild(lines, is_spaced=is_spaced).encode()


def _text(stored: Mapping[str, Any], key: str) -> str:
    value = stored[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} of a body is text")  # noqa: TRY004 -- one error for a bad file
    return value


def _from_base64(text: str) -> bytes:
    text = "".join(text.split())
    if not _BASE64.fullmatch(text) or len(text) % 4:
        raise ValueError("base64 of a body isn't base64")
    return binascii.a2b_base64(text)


def _from_file(name: str, files: Callable[[str], bytes]) -> bytes:
    from hashlib import sha256  # late: few bodies are that large

    match = _BODY_FILE.fullmatch(name)  # never a path: it could lead anywhere
    if match is None:
        raise ValueError(f"{name!r} is not the name of a body file")
    try:
        body = files(name)
    except OSError as error:
        raise ValueError(f"the body file {name} can't be read ({error})") from error
    if sha256(body).hexdigest() != match[1]:
        raise ValueError(f"the body file {name} was changed")
    return body


# Compressed bodies: stored unpacked, with what it takes to pack them the same way again.


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


# JSON in many lines, for reading and for diffs, from which the one line can be rebuilt.
#
# Every token stays as it came (``1.0``, ``\u00e9``, duplicate keys); only line breaks and
# indentation are added.


# empty brackets, a bracket, a comma, or all up to the next of them: strings, colons and words
_TOKEN = Pattern(r'\{\}|\[\]|[\[{\]}]|, ?|(?:"[^"\\]*(?:\\.[^"\\]*)*"|[^\[{\]},"]+)+')
_MOST_DEPTH = 60  # indentation grows with the square of the depth


def pretty(text: str, *, fills: bool = True) -> tuple[str, bool] | None:
    """Break a JSON document of one line into lines.

    :param fills: see `write`.
    :returns: the lines, and whether commas are followed by a blank in the one line; None where
        the text isn't a JSON object or array that can be rebuilt from them.
    """
    if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]") or "\n" in text or "\r" in text:
        return None
    tokens = _TOKEN.findall(text)
    is_spaced = ", " in tokens
    lines = _break(tokens, fills=fills)
    if rebuild(lines, is_spaced=is_spaced) != text or not _is_json(text):
        return None
    return lines, is_spaced


def rebuild(text: str, *, is_spaced: bool) -> str:
    """Join the lines again."""
    lines = map(str.strip, text.split("\n"))
    if is_spaced:
        return "\n".join(lines).replace(",\n", ", ").replace(":\n", ": ").replace("\n", "")
    return "".join(lines)


def _break(tokens: list[str], *, fills: bool) -> str:
    """Break before and after what holds members; empty where it is nested too deep."""
    parts: list[str] = []
    depth = 0
    line = "\n"
    behind = 0  # the numbers that are written already
    for at, token in enumerate(tokens):
        if at < behind:
            continue
        if token in (",", ", "):
            parts += (",", line)
        elif token in ("{", "["):
            depth += 1
            line = "\n" + "  " * depth
            parts += (token, line)
            end = _end_of_numbers(tokens, at + 1) if fills else 0
            if end - at > 2 * FEW:
                parts.append(line.join(_filled(tokens[at + 1 : end], _LINE - len(line))))
                behind = end
        elif token in ("}", "]"):
            depth -= 1
            line = "\n" + "  " * depth
            parts += (line, token)
        else:
            parts.append(token)
        if depth > _MOST_DEPTH:
            return ""
    return "".join(parts)


def _end_of_numbers(tokens: list[str], at: int) -> int:
    """Where an array ends that holds nothing but numbers; 0 for any other."""
    for number in range(at, len(tokens) - 1, 2):
        if not _NUMBER.fullmatch(tokens[number]):
            return 0
        if tokens[number + 1] == "]":
            return number + 1
        if tokens[number + 1] not in (",", ", "):
            return 0
    return 0


_NUMBER = Pattern(r"-?\d[\d.eE+-]*")
FEW = 16
"""The most numbers of an array that stand one a line."""
_NARROWEST = 40


def _filled(tokens: list[str], width: int) -> list[str]:
    """Numbers and the commas between them as lines of about one length."""
    lines, line = [], ""
    for at in range(0, len(tokens), 2):
        more = "".join(tokens[at : at + 2])
        if line and len(line) + len(more) > max(width, _NARROWEST):
            lines.append(line.rstrip())
            line = ""
        line += more
    return [*lines, line]


def _is_json(text: str) -> bool:

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
