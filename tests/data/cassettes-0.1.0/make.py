"""Make this folder anew: of the code that is installed, which was 0.1.0 (426c253).

It is here to show how the files came to be; to run it again would make another folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

from pytest_reqord import Headers, Interaction, Request, Response
from pytest_reqord.codec import encode, render, render_vcr
from pytest_reqord.models import Arrival, Failure

HERE = Path(__file__).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "reqord", "-p", "no:cacheprovider"]
START = datetime(2026, 11, 23, 7, 0, tzinfo=timezone.utc)
TEXTS = [
    "a", "yes", "null", "~", "12", "1.0", "0x1F", "2026-11-23", "- a", "a: b", "a #b", "#a", "&a", "*a",
    "!a", "|", "'a'", '"', "\\", "%a", "@a", "{}", "[", ",", "---", " a", "a ", "\ta", "a\t", "a:", "é",
    "日本", "💥", "\0", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\U0001fffe", "a\n", "a\n\n",
    "\n", "\na", "a\n\n\nb", "a \nb", "a\r\nb\r\n", "\r", "a\n b\n  c", "a\n\tb", "\\n", '\\"\\\n "\n',
    "x" * 3000, "a\n" * 60, "- recorded_at: 'x'\n  elapsed: 1.0\n", "<<<<<<<", "\n<<<<<<< a\n",
]  # fmt: skip
JSONS = [
    '{"a":1,"a":2}', '{"a": 1, "a": 2}', '{"a":1, "b": [1,2,{"c":[]}] , "d":{}}', "[NaN,Infinity]",
    "[" * 40 + "]" * 40, "[" * 90 + "]" * 90, '[1.0,1e5,-0.0,"\\u00e9"]', '{"a":"b, c: d {[\\"\\\\"}',
    '{"a":1}\n', '{"\u2028":"\x7f"}', "{}", "[]", "[ ]", "[1, 2]", "[1,]", '{"a" : 1}', "[\n  1\n]",
    '["a\\n", "b"]', '[", ",": "]', '{"a": "é 日本"}', "{", '[{"a": 1}, {"b": 2}]',
]  # fmt: skip
NOTHING = Headers()


def run(mode: str, *more: str, write: bool = False) -> None:
    where = {"SEEN": str(HERE / "seen.json"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if write:
        where["WRITE_SEEN"] = "1"
    command = [*PYTEST, f"--record-mode={mode}", *more]
    subprocess.run(command, cwd=HERE / "suite", env=os.environ | where, check=True)


def record() -> None:
    server = subprocess.Popen([sys.executable, "answers.py"], cwd=HERE / "suite")
    try:
        run("once", "-k", "not vcr and not locked", write=True)
        run("once", "-o", "reqord_format=vcr", "-k", "vcr", write=True)
    finally:
        server.kill()
    recorded = HERE / "suite/cassettes/kinds/test_requests[text-one-line].yaml"
    text = recorded.read_text().replace("reqord: 1\n", "reqord: 1\nlocked: true\n")
    (HERE / "suite/cassettes/locked.yaml").write_text(text)


def interactions() -> list[Interaction]:
    """One of each kind that an interaction can have, each text in each place."""
    found: list[Interaction] = []
    numbers = count()

    def add(request: Request, response: Response | None, **more: object) -> None:
        number = next(numbers)
        at = START + timedelta(seconds=number, microseconds=number * 7)
        fields = {"recorded_by": "test_it.py::test_it", "elapsed": round(number / 7, 6), **more}
        found.append(Interaction(request, response, at, **fields))

    def get(number: int | str) -> Request:
        return Request("GET", f"https://api.example.com/{number}", NOTHING, b"")

    for at, text in enumerate([*TEXTS, *JSONS]):
        body = text.encode()
        line = text.replace("\n", " ").replace("\r", " ").encode().decode("latin-1").strip()
        headers = Headers([("X-Text", line), ("x-text", "b"), ("X-Empty", ""), ("", line.replace(":", "") or "a")])
        request = Request("POST", f"https://api.example.com/{at}?{line}", headers, body)
        add(request, Response(200, text, headers, body, trailers=headers), recorded_by=text)
        method = Request(text, get("method").uri, NOTHING, b"")
        details = {text[:40]: text, "b": "c"}
        add(method, None, failure=Failure(text, text, details))
        add(get(at), Response(200, "", NOTHING, body, broken=Failure(text, text, details)))
    ok = Response(200, "OK", NOTHING, b"0123456789")
    for other in (
        ok._replace(status=0), ok._replace(status=999), ok._replace(http_version="2"),
        ok._replace(http_version="1.0", reason=""), ok._replace(chunks=()), ok._replace(complete=False),
        ok._replace(chunks=(3, 7)), ok._replace(chunks=(10,)), ok._replace(interim=(100, 103)),
        ok._replace(arrivals=(Arrival(0, 0.1), Arrival(3, 0.25), Arrival(10, 12.000001))),
        ok._replace(chunks=(3, 7), arrivals=(Arrival(3, 0.5),), trailers=Headers([("A", "b")])),
        ok._replace(body=b"\xff\xfe" * 100), ok._replace(body=b""), ok._replace(body=bytes(range(256))),
        ok._replace(headers=Headers([("A", "b\n folded"), ("B", "c")])),
    ):  # fmt: skip
        add(get("response"), other)
        add(get("response"), other, recorded_by="", elapsed=0.0)
    return found


def plain(value: object) -> object:
    """A value as JSON that keeps all of it."""
    if isinstance(value, Headers):
        return list(map(list, value.pairs))
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return {name: plain(one) for name, one in zip(fields, value, strict=True)}
        return list(map(plain, value))
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value.isoformat() if isinstance(value, datetime) else value


def values() -> None:
    found = interactions()
    folder = HERE / "values"
    (folder / "native.yaml").write_bytes(render([encode(one).text for one in found]))
    extra = b"reqord: 1\nlocked: true\nowner: Ada\nmetadata:\n  a: [1, 2]\ninteractions:\n"
    (folder / "with-more.yaml").write_bytes(render([encode(one).text for one in found[:4]], extra))
    expected = json.dumps(list(map(plain, found)), indent=1)
    (folder / "native.json").write_text(f"{expected}\n")
    texts = [
        one._replace(response=one.response._replace(trailers=NOTHING, broken=None))
        for one in found
        if one.response is not None and one.response.complete and one.request.uri[24:25].isdigit()
    ]
    from pytest_reqord.codec import as_vcr

    entries = [as_vcr(one) for one in texts]
    (folder / "vcr.yaml").write_bytes(render_vcr(entries))
    read = [plain(entry.interaction()._replace(recorded_at=START)) for entry in entries]
    (folder / "vcr.json").write_text(json.dumps(read, indent=1) + "\n")


if __name__ == "__main__":
    (HERE / "seen.json").write_text("{}")
    (HERE / "values").mkdir()
    values()
    record()
    # what is redacted or packed anew is not as it was live, what is locked was never recorded
    others = "locked or secrets or headers or chunked-gzip"
    run("none", "-k", f"not ({others})")
    run("none", "-k", others, write=True)
