"""Write interactions as text: an emitter for our one layout, thirty times as quick as a YAML library."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_reqord.base.clock import format_time
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.codec import bodies
from pytest_reqord.codec.scalars import inline, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response

__all__ = ["Encoded", "encode", "head_for", "redated", "version_in", "version_of"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """An interaction as an entry of a cassette.

    :param text: the entry, ``- recorded_at:`` to the line end after ``elapsed``.
    :param recorded_at: when the request was started; sorts as text.
    :param bodies: what lies beside the cassette, by file name.
    """

    text: bytes
    recorded_at: str
    bodies: Mapping[str, bytes] = field(default_factory=dict)


def encode(interaction: Interaction, *, inline_limit: int = 1 << 20) -> Encoded:
    """Write an interaction.

    Times are kept to the microsecond.

    :param inline_limit: the size in bytes above which a body lies beside the cassette.
    """
    recorded_at = format_time(interaction.recorded_at)
    rerecorded_at = interaction.rerecorded_at
    parts = [_times(recorded_at, format_time(rerecorded_at) if rerecorded_at else "")]
    if interaction.recorded_by:
        parts.append(f"  recorded_by: {_word(interaction.recorded_by)}\n")
    files: dict[str, bytes] = {}
    _request(parts, interaction.request, files, inline_limit)
    if interaction.response is not None:
        _response(parts, interaction.response, files, inline_limit)
    elif interaction.failure is not None:
        _failure(parts, interaction.failure, "  ")
    parts.append(f"  elapsed: {_seconds(interaction.elapsed)}\n")
    return Encoded("".join(parts).encode(), recorded_at, files)


def _times(recorded_at: str, rerecorded_at: str) -> str:
    more = f"  rerecorded_at: '{rerecorded_at}'\n" if rerecorded_at else ""
    return f"- recorded_at: '{recorded_at}'\n{more}"


_TIME = Pattern(rb"- recorded_at:.*\n")
_OTHER_TIME = Pattern(rb"^  rerecorded_at:.*\n", re.MULTILINE)
_SAYS_VERSION = Pattern(rb"""^(["']?reqord["']?\s*:\s*["']?)\d+""", re.MULTILINE)


def redated(text: bytes, recorded_at: str, rerecorded_at: str = "") -> bytes:
    """An entry with other times; all else stays as it stands there.

    :param text: the entry, which starts with ``- recorded_at:``.
    """
    first = _TIME.match(text)
    rest = text[first.end() :] if first else text
    if _RERECORDED in text:
        rest = _OTHER_TIME.sub(b"", rest)
    return _times(recorded_at, rerecorded_at).encode() + rest


_RERECORDED = b"\n  rerecorded_at:"  # as deep it can't stand in a header or a body
_MARKED = Pattern(rb"(?:\[|%5[Bb])REDACTED-(?:[0-9a-f]{2}){1,4}[ \]%]|(?:\[|%5[Bb])REDACTED-r[0-9]")


def version_of(text: bytes) -> int:
    """Return the version of the format that an entry needs."""
    if b"REDACTED-" in text and _MARKED.search(text):
        return 3
    return 2 if _RERECORDED in text else 1


def version_in(head: bytes) -> int:
    """Return the version of the format that a file of ours says; 1 where it is said otherwise."""
    said = _STARTS.match(head)
    return int(said[1]) if said else 1


_STARTS = Pattern(rb"reqord: ([0-9])\n")


def head_for(head: bytes, version: int) -> bytes:
    """What stands above the entries, with the version that they need."""
    return _SAYS_VERSION.sub(lambda found: found[1] + b"%d" % version, head, count=1)


def _request(parts: list[str], request: Request, files: dict[str, bytes], limit: int) -> None:
    parts.append(
        f"  request:\n    method: {_word(request.method)}\n    uri: {inline(request.uri)}\n"
    )
    _headers(parts, "headers", request.headers)
    if request.body:
        stored = bodies.write(request.body, request.headers, limit, may_differ=False)
        _body(parts, stored, files)


def _response(parts: list[str], response: Response, files: dict[str, bytes], limit: int) -> None:
    parts.append(f"  response:\n    status: {response.status:d}\n")
    if response.reason:
        parts.append(f"    reason: {_word(response.reason)}\n")
    if response.http_version != "1.1":
        parts.append(f"    http_version: {inline(response.http_version)}\n")
    _headers(parts, "headers", response.headers)
    chunks = response.chunks
    if response.body:
        # a length that was announced, and the places of a stream's parts, hold for these bytes only
        may_differ = chunks is not None and response.complete and not response.arrivals
        stored = bodies.write(response.body, response.headers, limit, may_differ=may_differ)
        _body(parts, stored, files)
    if chunks is not None:
        parts.append(f"    chunks: [{', '.join(map(str, chunks))}]\n")
    if response.arrivals:
        arrivals = [f"[{one.offset}, {_seconds(one.time)}]" for one in response.arrivals]
        parts.append(f"    arrivals: [{', '.join(arrivals)}]\n")
    _headers(parts, "trailers", response.trailers)
    if response.interim:
        parts.append(f"    interim: [{', '.join(map(str, response.interim))}]\n")
    if not response.complete:
        parts.append("    complete: false\n")
    if response.broken is not None:
        _failure(parts, response.broken, "    ")


def _failure(parts: list[str], failure: Failure, indent: str) -> None:
    lines = ["error:", f"  kind: {inline(failure.kind)}", f"  message: {inline(failure.message)}"]
    if failure.details:
        details = [f"    {inline(key)}: {inline(text)}" for key, text in failure.details.items()]
        lines += ["  details:", *details]
    parts += [f"{indent}{line}\n" for line in lines]


def _headers(parts: list[str], key: str, headers: Headers) -> None:
    if headers.pairs:
        parts.append(f"    {key}:{_header_lines(headers)}")


_word = lru_cache(maxsize=1024)(inline)  # methods, reasons and tests repeat


@lru_cache(maxsize=256)  # clients send the same ones with every request
def _header_lines(headers: Headers) -> str:
    return scalar(headers.text, "    ")


def _body(parts: list[str], stored: bodies.Stored, files: dict[str, bytes]) -> None:
    parts += ("    body:\n", stored.text)
    if stored.file is not None:
        files.update([stored.file])


def _seconds(time: float) -> str:
    """A number that YAML 1.1 and 1.2 take for one: no exponent, a digit after the point."""
    text = f"{time:.6f}".rstrip("0")
    return f"{text}0" if text[-1] == "." else text
