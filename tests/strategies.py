"""Hypothesis strategies for the values, odd ones in front."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import datetime, timedelta, timezone

from hypothesis import settings, strategies as st

from pytest_reqord.base.models import (
    Arrival,
    Failure,
    Headers,
    Interaction,
    Request,
    Response,
    one_line,
)

__all__ = ["bodies", "headers", "interactions", "requests", "responses", "texts", "tries"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ODD_TEXTS = [
    "yes", "No", "~", "null", "1_000", "0x1F", "1:30", "1e3", "012", "0o7", "=", "<<", "2026-11-23",
    "- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "|", ">", "'a'", '"', "\\", "%a", "@a", "`a`",
    "{}", "[", ",", "?", "---", "...", " a", "a ", "\ta", "a\t", "a:", ":a", "é", "日本", "💥",
    "\x00", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffe", "\U0001fffe",
    "a\n", "a\n\n", "\n", "\n\n", "\na", "a\n\n\nb", "a \nb", "a\r\nb\r\n", "\r", "a\n b\n  c",
    "a\n\tb", "- recorded_at: 'x'\n  elapsed: 1.0\n", "x" * 5000, "a\n" * 60, "\\n", '\\"\\\n "\n',
]  # fmt: skip
_ODD_JSON = [
    '{"a":1,"a":2}', '{"a": 1, "a": 2}', '{"a":1, "b": [1,2,{"c":[]}] , "d":{}}', "[NaN,Infinity]",
    "[" + "9" * 400 + "]", "[" * 40 + "]" * 40, "[" * 4000 + "]" * 4000, '[1.0,1e5,-0.0,"\\u00e9"]',
    '{"a":"b, c: d {[\\"\\\\"}', '{"a":1}\n', '{"\u2028":"\x7f"}', "{}", "[]", "[ ]", "[1, 2]", "[1,]",
    '{"a" : 1}', "[\n  1\n]", '["a\\n", "b"]', '[", ",": "]', '{"a": "é 日本"}', "{",
]  # fmt: skip
_characters = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("\n\r\t \x00\x85\u2028\u2029\ufeff\"'\\:#-,[]{}"),
)
_latin = st.text(st.characters(max_codepoint=0xFF), max_size=20).map(
    lambda text: one_line(text).strip(" \t")  # CR and NUL are written as blanks, too
)
_values = st.one_of(
    st.sampled_from(["yes", "~", "a: b", "#", "- a", '"', "é", "\x85", "a\n b", "a\n\tb", "", "|"]),
    st.just("application/json; charset=utf-8"),
    _latin,
)
_names = st.one_of(
    st.sampled_from(["Content-Type", "Set-Cookie", "set-cookie", "X", "y", "-", "#"]),
    st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True),
)

texts = st.one_of(st.sampled_from(_ODD_TEXTS), st.text(_characters, max_size=60))
_jsons = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def _json_bodies(draw) -> bytes:
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (", ", ":"), (",", ": ")]))
    text = json.dumps(draw(_jsons), separators=separators, ensure_ascii=draw(st.booleans()))
    return text.encode("utf-8", "surrogatepass")


bodies = st.one_of(
    st.just(b""),
    st.sampled_from(_ODD_JSON).map(str.encode),
    _json_bodies(),
    texts.map(str.encode),
    st.binary(max_size=80),
    st.sampled_from([b"\xed\xa0\x80", b"\xff", b"\xef\xbb\xbf{}", b"\x80abc"]),
)


def tries(number: int) -> settings:
    """Have hypothesis try so many examples; in a hunt, which has an hour, twenty times as many."""
    times = 1 if settings.get_current_profile_name() == "gate" else 20
    return settings(max_examples=number * times)


def headers(*more: tuple[str, str]) -> st.SearchStrategy[Headers]:
    """Header lines as they can come over the wire: Latin-1, repeats, folded lines."""
    lines = st.lists(st.tuples(_names, _values), max_size=6)
    return lines.map(lambda some: Headers([*some, *more]))


def _gzipped(body: bytes) -> tuple[str, bytes]:
    return "gzip", gzip.compress(body, mtime=0)


_packers = st.sampled_from(
    [
        _gzipped,
        lambda body: ("GZIP", gzip.compress(body, 9, mtime=5)),
        lambda body: ("deflate", zlib.compress(body, 1)),
        lambda body: ("gzip", body),
        lambda body: ("br", body),
    ]
)


@st.composite
def _coded(draw) -> tuple[Headers, bytes]:
    body = draw(bodies)
    if not draw(st.booleans()):
        return draw(headers()), body
    coding, packed = draw(_packers)(body)
    return draw(headers(("Content-Encoding", coding))), packed


_uris = st.one_of(
    st.sampled_from(
        [
            "https://api.example.com/users?team=7", "http://[::1]:80/", "http://h/#a", "http://h/a:",
            "http://h/ä?x=%20", "http://h/?a=b: c #d", "https://user:x@h/'\"|&*",
        ]
    ),
    texts.map("http://h/".__add__),
)  # fmt: skip


@st.composite
def requests(draw) -> Request:
    lines, body = draw(_coded())
    method = draw(st.one_of(st.sampled_from(["GET", "POST", "NO", "y", "M-SEARCH"]), texts))
    return Request(method or "GET", draw(_uris), lines, body)


_keys = texts.map(lambda text: text[:40])  # names; YAML's keys end at 1024 characters
_failures = st.builds(Failure, texts, texts, st.dictionaries(_keys, texts, max_size=3))
_seconds = st.floats(0, 1e6).map(lambda time: round(time, 6))


@st.composite
def responses(draw) -> Response:
    lines, body = draw(_coded())
    arrivals = st.builds(Arrival, st.integers(0, 10**6), _seconds)
    return Response(
        draw(st.integers(100, 999)),
        draw(st.one_of(st.sampled_from(["", "OK", "No Content", "Not Found"]), texts)),
        lines,
        body,
        draw(st.sampled_from(["1.1", "1.0", "2", "3"])),
        draw(headers()),
        draw(st.one_of(st.none(), st.just((len(body),)), st.lists(st.integers(0)).map(tuple))),
        tuple(draw(st.lists(arrivals, max_size=3))),
        tuple(draw(st.lists(st.integers(100, 199), max_size=2))),
        draw(st.booleans()),
        draw(st.one_of(st.none(), _failures)),
    )


_times = st.integers(0, 7 * 10**15).map(lambda time: _EPOCH + timedelta(microseconds=time))


@st.composite
def interactions(draw) -> Interaction:
    """Any interaction that can be recorded."""
    has_failed = draw(st.sampled_from([False, False, False, True]))
    return Interaction(
        draw(requests()),
        None if has_failed else draw(responses()),
        draw(_times),
        draw(st.one_of(st.just(""), st.just("test_users.py::test_user[a b]"), texts)),
        draw(_seconds),
        draw(_failures) if has_failed else None,
        draw(st.one_of(st.none(), _times)),
    )
