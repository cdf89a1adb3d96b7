"""A message's body as it stands in a cassette: readable where that loses nothing."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.codec import compression, jsontext, scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reqord.models import Headers

from pytest_reqord.patterns import Pattern

__all__ = ["Stored", "of_json", "read", "write"]

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


def write(body: bytes, headers: Headers, limit: int, *, may_differ: bool) -> Stored:
    """Choose how to store a body.

    :param body: the bytes as they were transferred, not empty.
    :param headers: the message's headers.
    :param limit: the size in bytes above which a body lies beside the cassette.
    :param may_differ: whether a compressed body may be compressed anew in another way.
    """
    coding = headers.get("content-encoding", "")
    found = compression.recipe(body, coding, may_differ=may_differ) if coding else None
    if found is None:
        how = ""
        unpacked = body
    else:
        unpacked = found[0]
        how = f"{_INDENT}compressed: {found[1]}\n"
    if len(unpacked) > limit:
        name = _file_name(unpacked, headers, is_packed=bool(coding) and found is None)
        return Stored(f"{_INDENT}file: {name}\n{how}", (name, unpacked))
    return Stored(_inline(unpacked) + how)


def _inline(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"{_INDENT}base64:{scalars.block(_base64_lines(body), _INDENT)}"
    found = jsontext.pretty(text)
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
    return body if how is None else compression.pack(body, _text(stored, "compressed"))


def of_json(lines: str, *, is_spaced: bool) -> bytes:
    """The bytes of a body that stands as JSON in many lines.

    :param lines: the lines, indented or not.
    :param is_spaced: whether a blank follows commas.
    """
    return jsontext.rebuild(lines, is_spaced=is_spaced).encode()


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
