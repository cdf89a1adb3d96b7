"""A chat that is recorded again: of ids, times and chunks nothing is left in the diff."""

from __future__ import annotations

import difflib
import gzip
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic  # noqa: F401 -- imported once here, not in each run in this process
import openai  # noqa: F401 -- imported once here, not in each run in this process
import pytest


class Model(ThreadingHTTPServer):
    """Speaks as OpenAI, Anthropic and Ollama do: each answer has other ids, times and chunks."""

    daemon_threads = True

    def __init__(self) -> None:
        self.random = random.Random(17)
        self.words = ["Hello", ", ", "Ada", "."]
        self.coding = ""
        self.line_end = "\n"
        self.asked: list[dict] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fresh(self, prefix: str) -> str:
        return f"{prefix}{self.random.randrange(16**24):024x}"

    def now(self) -> int:
        return 1_790_000_000 + self.random.randrange(10**6)

    def padding(self) -> str:
        return self.fresh("")[: self.random.randrange(3, 12)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def log_message(self, *args) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        found = {
            "/v1/chat/completions": self.chat,
            "/v1/responses": self.responses_api,
            "/v1/messages": self.messages,
            "/api/chat": self.ollama,
        }[self.path](body)
        if isinstance(found, dict):
            self.send("application/json", [json.dumps(found, indent=2)])
        else:
            kind = "application/x-ndjson" if self.path == "/api/chat" else "text/event-stream"
            self.send(kind, [part.replace("\n", self.server.line_end) for part in found])

    def send(self, kind: str, parts: list[str]) -> None:
        data = "".join(parts).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("x-request-id", self.server.fresh("req_"))
        if self.server.coding == "gzip":
            data = gzip.compress(data)  # with the time in it
            self.send_header("Content-Encoding", "gzip")
        if len(parts) == 1:
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while data:  # cut where the network pleases
            size = self.server.random.randrange(20, 200)
            piece, data = data[:size], data[size:]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def chat(self, body: dict):
        model = self.server
        base: dict = {"id": model.fresh("chatcmpl-"), "created": model.now(), "model": "gpt"}
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(model.words)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return {**base, "object": "chat.completion", "choices": [choice]}
        deltas: list[dict] = [
            {"role": "assistant", "content": ""},
            *({"content": word} for word in model.words),
            {},
        ]
        return [
            *(
                "data: "
                + json.dumps(
                    {
                        **base,
                        "object": "chat.completion.chunk",
                        "choices": [
                            {
                                "index": 0,
                                "delta": delta,
                                "finish_reason": None if delta else "stop",
                            }
                        ],
                        "obfuscation": model.padding(),
                    }
                )
                + "\n\n"
                for delta in deltas
            ),
            "data: [DONE]\n\n",
        ]

    def responses_api(self, body: dict):
        model = self.server
        item: dict = {
            "type": "message",
            "id": model.fresh("msg_"),
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "".join(model.words), "annotations": []},
            ],
        }
        whole = {
            "id": model.fresh("resp_"),
            "object": "response",
            "created_at": model.now(),
            "model": "gpt",
            "status": "completed",
            "output": [item],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "previous_response_id": body.get("previous_response_id"),
        }
        if not body.get("stream"):
            return whole
        delta = {"item_id": item["id"], "output_index": 0, "content_index": 0, "logprobs": []}
        begun = {**whole, "status": "in_progress", "output": []}
        return self.events(
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
            {"type": "response.content_part.added", **delta, "part": {**item["content"][0], "text": ""}},
            *(
                {"type": "response.output_text.delta", **delta, "delta": word, "obfuscation": model.padding()}
                for word in model.words
            ),
            {"type": "response.completed", "response": whole},
        )  # fmt: skip

    def messages(self, body: dict):
        model = self.server
        message: dict = {
            "id": model.fresh("msg_"), "type": "message", "role": "assistant", "model": "claude",
            "content": [], "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 1},
        }  # fmt: skip
        return self.events(
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
                for word in model.words
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 12}},
            {"type": "message_stop"},
        )  # fmt: skip

    def events(self, *events: dict) -> list[str]:
        return [
            f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n"
            for number, event in enumerate(events)
        ]

    def ollama(self, body: dict):
        model = self.server
        parts: list[dict] = [
            {"message": {"role": "assistant", "content": word}} for word in model.words
        ]
        last = {"done_reason": "stop", "total_duration": model.now(), "eval_count": 9}
        return [
            json.dumps({"model": "llama", "created_at": f"2026-11-28T10:00:{at:02}.{model.now()}Z", **part})
            + "\n"
            for at, part in enumerate([*parts, last])
        ]  # fmt: skip


@pytest.fixture
def model(monkeypatch):
    with Model() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("MODEL", server.url)
        yield server
        server.shutdown()


CHAT = """
    import os
    import openai

    def test_it(cassette):
        with openai.OpenAI(api_key="sk-test", base_url=os.environ["MODEL"] + "/v1") as client:
            question = [{"role": "user", "content": "Hi"}]
            said = ""
            for part in client.chat.completions.create(model="gpt", messages=question, stream=True):
                said += part.choices[0].delta.content or ""
            assert said.startswith("Hello")
"""
PLAIN = """
    import os
    import openai

    def test_it(cassette):
        with openai.OpenAI(api_key="sk-test", base_url=os.environ["MODEL"] + "/v1") as client:
            question = [{"role": "user", "content": "Hi"}]
            answer = client.chat.completions.create(model="gpt", messages=question)
            assert answer.choices[0].message.content.startswith("Hello")
"""
RESPONSES = """
    import os
    import openai

    def test_it(cassette):
        with openai.OpenAI(api_key="sk-test", base_url=os.environ["MODEL"] + "/v1") as client:
            with client.responses.stream(model="gpt", input="Hi") as stream:
                assert stream.get_final_response().output_text.startswith("Hello")
"""
MESSAGES = """
    import os
    import anthropic

    def test_it(cassette):
        with anthropic.Anthropic(api_key="sk-test", base_url=os.environ["MODEL"]) as client:
            question = [{"role": "user", "content": "Hi"}]
            with client.messages.stream(model="claude", max_tokens=9, messages=question) as stream:
                assert stream.get_final_text().startswith("Hello")
"""
OLLAMA = """
    import json, os
    import httpx

    def test_it(cassette):
        url = os.environ["MODEL"] + "/api/chat"
        with httpx.stream("POST", url, json={"model": "llama"}) as stream:
            parts = [json.loads(line) for line in stream.iter_lines()]
        assert parts[0]["message"]["content"] == "Hello"
"""
TURNS = """
    import os
    import openai

    def test_it(cassette):
        with openai.OpenAI(api_key="sk-test", base_url=os.environ["MODEL"] + "/v1") as client:
            with client.responses.stream(model="gpt", input="Hi") as stream:
                first = stream.get_final_response()
            with client.responses.stream(
                model="gpt", input="And?", previous_response_id=first.id
            ) as stream:
                second = stream.get_final_response()
            assert second.previous_response_id == first.id
            assert second.id != first.id
"""


@pytest.fixture
def recorded(suite, model, cassettes):
    """Record a test, have it recorded again, and give the lines that differ."""

    def diff(test: str, change=lambda model: None, *options: str, ini: str = "") -> list[str]:
        suite.makeini(f"[pytest]\n{ini}")
        suite.makepyfile(test_it=test)
        suite.runpytest("--record-mode=once", *options).assert_outcomes(passed=1)
        (before,) = cassettes().values()
        asked = len(model.asked)
        change(model)
        suite.runpytest("--record-mode=all", *options).assert_outcomes(passed=1)
        assert len(model.asked) == 2 * asked
        (after,) = cassettes().values()
        asked = len(model.asked)
        suite.runpytest("--record-mode=none", *options).assert_outcomes(passed=1)
        assert len(model.asked) == asked
        compared = difflib.ndiff(before.decode().splitlines(), after.decode().splitlines())
        lines = [line for line in compared if line[0] in "+-"]
        # the first change of a file has it say that it has a key of version 2
        return [line for line in lines if line not in ("- reqord: 1", "+ reqord: 2")]

    return diff


STREAMS = {
    "chat": CHAT,
    "responses": RESPONSES,
    "messages": MESSAGES,
    "ollama": OLLAMA,
}


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_says_the_same(recorded, model, name, coding, line_end):
    """Other ids, times, paddings and chunks are no change."""
    model.coding, model.line_end = coding, line_end
    assert recorded(STREAMS[name]) == []


def say(*words):
    def change(model):
        model.words = list(words)

    return change


@pytest.mark.parametrize(
    ("name", "changed"),
    [("chat", 1), ("responses", 3), ("messages", 1), ("ollama", 1)],
)
def test_a_stream_in_which_a_word_changed(recorded, name, changed):
    """The lines with the word have changed, and when it was; ids and times are the old ones."""
    lines = recorded(STREAMS[name], say("Hello", ", ", "Eve", "."))

    old = [line for line in lines if line.startswith("-") and "Ada" in line]
    new = [line for line in lines if line.startswith("+") and "Eve" in line]
    for before, after in zip(old, new, strict=True):
        assert before[1:].replace("Ada", "Eve") == after[1:]
    rest = [line for line in lines if "Ada" not in line and "Eve" not in line]
    assert len(old) <= changed
    assert [line.partition(":")[0] for line in rest] == ["+   rerecorded_at"]


def test_a_plain_answer(recorded):
    """An id of plain JSON counts, until it is named: there it may be all that the answer says."""
    lines = recorded(PLAIN)
    assert any('"id": "chatcmpl-' in line for line in lines)
    assert any('"created"' in line for line in lines)


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_plain_answer_whose_fields_are_named(recorded, model, coding):
    """What the user names is volatile in plain JSON, too."""
    model.coding = coding
    ini = "reqord_volatile_fields = stream-defaults id created"
    assert recorded(PLAIN, ini=ini) == []


def test_a_plain_answer_in_which_a_word_changed(recorded):
    """One line changed, and the time."""
    ini = "reqord_volatile_fields = id created"
    lines = recorded(PLAIN, say("Hello, Eve."), ini=ini)
    assert len(lines) == 3
    assert [line.replace(" ", "") for line in lines if "Ada" in line or "Eve" in line] == [
        '-"content":"Hello,Ada."',
        '+"content":"Hello,Eve."',
    ]


def test_an_id_that_is_sent_later(recorded):
    """Of a conversation the ids that were sent are new, everywhere; the others are the old ones."""
    lines = recorded(TURNS)
    assert any("resp_" in line for line in lines)
    assert not any("msg_" in line and "resp_" not in line for line in lines)


@pytest.mark.parametrize(
    "ini",
    ["reqord_format = vcr", "reqord_inline_limit = 10"],
    ids=lambda line: line.rpartition(" ")[2],
)
@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("name", ["chat", "ollama"])
def test_other_files(recorded, model, name, coding, ini):
    """The same holds for VCR.py's format, and for bodies that lie in files."""
    model.coding = coding
    assert recorded(STREAMS[name], ini=ini) == []


@pytest.mark.parametrize("name", STREAMS)
def test_a_word_changed_in_vcr(recorded, name):
    """In VCR.py's format, too, a changed stream has its old ids and times."""
    lines = recorded(STREAMS[name], say("Hello", ", ", "Eve", "."), ini="reqord_format = vcr")
    assert lines
    assert all(
        line[1:].replace("Eve", "Ada") in _removed(lines) for line in lines if line[0] == "+"
    )


def _removed(lines):
    return [line[1:] for line in lines if line[0] == "-"]


SETTINGS = {
    "marker": PLAIN.replace(
        "    def test_it",
        '    @pytest.mark.cassette(volatile_fields=["id", "created"])\n    def test_it',
    ).replace("import os", "import os, pytest"),
    "cassette_config": PLAIN
    + """
    import pytest

    @pytest.fixture(scope="module")
    def cassette_config():
        return {"volatile_fields": ["id", "created"]}
""",
}


@pytest.mark.parametrize("place", ["marker", "cassette_config"])
def test_settings(recorded, place):
    """It is set where other settings are."""
    assert recorded(SETTINGS[place]) == []


def test_use_cassette(suite, model, cassettes):
    """So it is of a cassette that code opens."""
    suite.makepyfile(
        test_it="""
        import os
        import httpx
        from pytest_reqord import use_cassette

        def test_it():
            with use_cassette("cassettes/it.yaml", volatile_fields="id created"):
                url = os.environ["MODEL"] + "/v1/chat/completions"
                assert httpx.post(url, json={}).json()["id"]
        """
    )
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    before = cassettes()
    suite.runpytest("--record-mode=all").assert_outcomes(passed=1)
    assert len(model.asked) == 2
    assert cassettes() == before


@pytest.mark.parametrize("option", ["--rerecord=POST *", "--record-mode=rewrite"])
def test_other_ways_to_record_again(suite, model, cassettes, option):
    """However it is recorded again."""
    suite.makepyfile(test_it=CHAT)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    before = cassettes()
    suite.runpytest(option).assert_outcomes(passed=1)
    assert len(model.asked) == 2
    assert cassettes() == before


def test_verify(suite, model):
    """`verify` finds a changed word, and nothing else."""
    suite.makepyfile(test_it=CHAT)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest("--record-mode=verify").assert_outcomes(passed=1)
    model.words = ["Hello", "!", "Ada", "."]
    result = suite.runpytest("--record-mode=verify")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*body choices[[]0].delta.content: recorded ', ', now '!' (document 2)"]
    )
    assert str(result.stdout).count("body ") == 1
