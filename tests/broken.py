"""Cassettes that somebody or something has broken: each the same for the same number."""

from __future__ import annotations

import base64
import copy
import json
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["REQUESTS", "Broken", "broken"]

REQUESTS = (
    ("POST", "http://api.invalid/users?team=7", b'{"name": "Ada"}'),
    ("GET", "http://api.invalid/chunked", None),
    ("GET", "http://api.invalid/packed", None),
)

OURS = b"""\
reqord: 1
metadata:
  owner: [Ada, 1.5]
interactions:
- recorded_at: '2026-11-23T07:13:32.123456Z'
  recorded_by: test_users.py::test_user
  request:
    method: POST
    uri: http://api.invalid/users?team=7
    headers: |
      Host: api.invalid
      Content-Type: application/json
    body:
      json: |
        {
          "name": "Ada"
        }
      spaced: true
  response:
    status: 201
    reason: Created
    headers: |
      Content-Type: application/json
      Set-Cookie: theme=dark
      Set-Cookie: a=b; Path=/
    body:
      base64: |
        /wD/AA==
  elapsed: 0.182
- recorded_at: '2026-11-23T07:13:33.000000Z'
  request:
    method: GET
    uri: http://api.invalid/chunked
  response:
    status: 200
    http_version: "1.0"
    headers: |-
      Transfer-Encoding: chunked
    body:
      text: |2-
          hello
         world
    chunks: [10, 4]
    arrivals: [[10, 0.5], [14, 1.25]]
    trailers: |
      X-Sum: a
    interim: [103]
  elapsed: 1.0
- recorded_at: '2026-11-23T07:13:34.000000Z'
  request:
    method: GET
    uri: "http://api.invalid/packed"
  response:
    status: 200
    headers: "Content-Encoding: gzip\\n\\
      Content-Length: 25\\n"
    body:
      text: "hello"
      compressed: gzip 6/8 1f8b0800000000000003
  elapsed: 1
"""
VCR = b"""\
interactions:
- request:
    body: '{"name": "Ada"}'
    headers:
      Accept:
      - '*/*'
      Content-Type: application/json
    method: POST
    uri: http://api.invalid/users?team=7
  response:
    body:
      string: !!binary |
        /wD/AA==
    headers:
      Content-Length:
      - '4'
      Set-Cookie:
      - theme=dark
      - a=b; Path=/
    status:
      code: 201
      message: Created
- request:
    body: null
    headers: {}
    method: GET
    uri: http://api.invalid/chunked
  response:
    body:
      string: "hello \\xE9 \\
        world"
    headers:
      Transfer-Encoding:
      - chunked
    status: {code: 200, message: null}
- request:
    body: ''
    headers:
      X-Quoted: ['a: b', "c"]
    method: GET
    uri: http://api.invalid/packed
  response:
    body:
      string: hello
    headers:
      Content-Encoding:
      - gzip
    status:
      code: 200
      message: OK
version: 1
"""


class Broken(NamedTuple):
    """A file that was changed.

    :param name: a name for it, with the ending of its kind.
    :param data: its bytes.
    """

    name: str
    data: bytes


def _as_json() -> bytes:
    value = yaml.safe_load(VCR)
    value["interactions"][0]["response"]["body"]["string"] = "hello \ufffd"
    return json.dumps(value, indent=4).encode()


_BASES = {"ours.yaml": OURS, "vcr.yaml": VCR, "vcr.json": _as_json()}
_WORDS = [
    b"\0", b"\x01", b"\x1b", b"\x7f", b"\x85", b"\xa0", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    b"\xe2\x80\xa8", b"\xf0\x9f\x92\xa5", b"\t", b"\n", b"\r", b"\r\n", b" ", b"  ", b"-", b"- ", b"? ", b": ", b":",
    b"#", b" #", b'"', b"'", b"\\", b"\\x", b"\\ud800", b"\\U00110000", b"|", b"|9", b">", b"&a ", b"*a", b"&a *a",
    b"<<: *a", b"[", b"]", b"{", b"}", b",", b"---\n", b"...\n", b"%YAML 9.9\n", b"%TAG ! a\n", b"!!binary ", b"!!int x",
    b"!!python/object/apply:os.system [a]", b"!!set {a}", b"!", b"!!null ", b"@", b"`", b"=", b"~", b"null", b"yes",
    b"-1", b"1e999", b".inf", b".nan", b"0x1F", b"1_0", b"1:30", b"9" * 700, b"9" * 5000, b"1." + b"9" * 400,
    b"2026-11-23", b"9999-99-99", b"[" * 30, b"[" * 300, b"{a: " * 300, b"- " * 300, b'{"a":' * 3000, b"[" * 9000,
    b"<<<<<<< HEAD\n", b"=======\n", b">>>>>>> main\n", b"\n- recorded_at: x\n", b"\n  elapsed: 1\n", b"\n- request:\n",
    b"reqord: 2\n", b"reqord: 1\n", b"version: 2\n", b"locked: [\n", b"interactions:\n",
]  # fmt: skip
_VALUES: list[Any] = [
    None, True, False, 0, -1, 7, 200, 10**30, 10**4000, 1.5, float("inf"), float("nan"), "", " ", "a", "\0", "a\0b",
    "a\nb", "a\r\nX: y", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "é", "日本", "\x85", "\x7f",
    "=", "a" * 70_000, "-5", "1e3", "HTTP/9", "GET /", "http://[", "http://h:99999/", "//", "%zz", "[REDACTED]",
    b"", b"\xff\0", [], [None], [1], ["a"], [[]], [["a", "b"]], [{"a": "b"}], {}, {"a": None}, {"a": 1}, {"a": ["b"]},
    {"a": {"b": "c"}}, {"": ""}, {"string": 5}, {"string": None}, {"base64": "*"}, {"json": "{"}, {"file": "../a"},
    {"file": "a" * 64 + ".bin"}, {"text": "a", "compressed": "gzip"}, {"text": "a", "compressed": "gzip 6/8 00"},
    {"text": "a", "compressed": "zlib 99/9"}, {"text": "a", "compressed": "rot13"}, {"text": "a", "compressed": ""},
    {"base64": "YQ==", "compressed": "gzip 6/8 zz"}, {"code": "a", "message": 1}, {"code": None}, {"code": 99999},
]  # fmt: skip
_HEADERS: list[Any] = [
    "no colon", "A", ": b", "A : b", " folded", "A: b\n c", "A: b\n\nC: d", "A: \0", "A: \x85", "A: 日本", "Ä: b",
    "Content-Length: -1", "Content-Length: x", "Content-Length: 1, 2", "Content-Length: 99999", "Content-Length: 0",
    "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: a, b", "Transfer-Encoding: gzip",
    "Location: //", "Connection: close", "Content-Type: text/plain; charset=nope",
    ["a", "b"], [["a", "b"]], [["a"]], [1], {"A": 1}, {"A": None}, {"A": [1]}, {"A": [None]}, {"A": [["b"]]},
    {"A": {"b": "c"}}, {"A": []}, {"A": b"\xff"}, {"A": ["b", b"c"]}, {"": "a"}, {"A\n": "b"}, {"A": "b\nC: d"},
    {"Content-Length": ["x"]}, {"Content-Length": ["1", "2"]}, {"Content-Encoding": ["gzip", "br"]}, 5, True, "",
]  # fmt: skip


def broken(seed: int, number: int) -> Broken:
    """A file with one to three changes; its number says of which format it is."""
    random = Random(f"{seed}-{number}")
    base, data = list(_BASES.items())[number % len(_BASES)]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        change = random.choice(_CHANGES)
        data = change(random, base, data)
    return Broken(f"{seed}-{number}-{base}", data)


def _flipped(random: Random, _: str, data: bytes) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _inserted(random: Random, _: str, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_WORDS) + data[at:]


def _replaced(random: Random, _: str, data: bytes) -> bytes:
    """A value of a line, or what looks like one."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    key, colon, _after = lines[at].partition(b": ")
    lines[at] = (key if colon else lines[at]) + (colon or b" ") + random.choice(_WORDS)
    return b"\n".join(lines)


def _removed(random: Random, _: str, data: bytes) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + data[at + random.randrange(1, 60) :]


def _cut(random: Random, _: str, data: bytes) -> bytes:
    return data[: random.randrange(len(data) or 1)]


def _without_line(random: Random, _: str, data: bytes) -> bytes:
    lines = data.split(b"\n")
    del lines[random.randrange(len(lines))]
    return b"\n".join(lines)


def _with_line_twice(random: Random, _: str, data: bytes) -> bytes:
    lines = data.split(b"\n")
    lines.insert(random.randrange(len(lines)), random.choice(lines))
    return b"\n".join(lines)


def _indented(random: Random, _: str, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = b" " * random.randrange(7) + lines[at].lstrip(b" ")
    return b"\n".join(lines)


def _in_utf16(random: Random, _: str, data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode(random.choice(["utf-16", "utf-16-le", "utf-32"]))


def _restructured(change: Callable[[Random, Any, Any], None]) -> Callable[..., bytes]:
    """A change of a value that is somewhere in the data, which is written anew."""

    def changed(random: Random, base: str, data: bytes) -> bytes:
        try:
            value = json.loads(data) if base.endswith("json") else yaml.safe_load(data)
        except (ValueError, yaml.YAMLError, RecursionError):
            return _flipped(random, base, data)
        places = list(_places(value))
        if not places:
            return _flipped(random, base, data)
        change(random, *random.choice(places))
        return _written(value, base)

    return changed


def _written(value: Any, base: str) -> bytes:
    try:
        if base.endswith("json"):
            return json.dumps(value, indent=4, default=_as_text).encode("utf-8", "surrogatepass")
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()
    except (ValueError, RecursionError):  # of a number that has too many digits
        return b"interactions: " + b"9" * 5000


def _as_text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def _retype(random: Random, owner: Any, key: Any) -> None:
    choices = _HEADERS if key in ("headers", "trailers") and random.random() < 0.8 else _VALUES
    owner[key] = copy.deepcopy(random.choice(choices))


def _delete(_: Random, owner: Any, key: Any) -> None:
    del owner[key]


def _nest(random: Random, owner: Any, key: Any) -> None:
    for _ in range(random.choice((1, 2, 90, 150, 300))):
        owner[key] = [owner[key]] if random.random() < 0.5 else {"a": owner[key]}


def _rename(random: Random, owner: Any, key: Any) -> None:
    if isinstance(owner, dict):
        owner[random.choice(["a", "status", "headers", "body", "error", 5, None, True])] = (
            owner.pop(key)
        )


_CHANGES: tuple[Callable[..., bytes], ...] = (
    _flipped, _inserted, _inserted, _replaced, _removed, _cut, _without_line, _with_line_twice, _indented,
    _in_utf16,
    *[_restructured(change) for change in (_retype, _retype, _retype, _retype, _delete, _delete, _nest, _rename)],
)  # fmt: skip
