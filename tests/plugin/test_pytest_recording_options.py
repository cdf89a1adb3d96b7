"""VCR.py's options, its hook, its objects and its formats in marked tests."""

from __future__ import annotations

import json

import pytest
import yaml
from vcr_files import cassette, entry

from pytest_reqord.cli import main as reqord


def store(suite, name, *entries):
    """Put a cassette of VCR.py's into the folder of `test_it.py`."""
    file = suite.path / "cassettes/test_it" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(cassette(*entries))
    return file


CASSETTER = "version: 1\ninteractions:\n" + "".join(
    f"""\
- request:
    method: POST
    uri: http://api.invalid/users?pin=[FILTERED]&x=1
    headers:
      content-type:
      - application/json
    body:
      type: json
      content:
        password: "[FILTERED]"
  response:
    status: 200
    headers:
      content-type:
      - application/json
    body:
      type: json
      content:
        name: {name}
        token: "[FILTERED]"
  recorded_at: 2026-11-26T01:51:36.824000+00:00
"""
    for name in ("Ada", "Grace")
)


def interactions(path):
    return yaml.safe_load(path.read_text())["interactions"]


def test_hooks_change_what_is_recorded_and_what_is_loaded(suite, cassettes):
    """`before_record_request` and `before_record_response` run in both; None drops."""
    store(suite, "test_loaded.yaml", entry("keep", "1"), entry("drop", "2"), entry("mute", "3"))
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        def change_request(request):
            if request.path == "/drop":
                return None
            request.headers["X-Hook"] = "seen"
            request.uri = request.uri.replace("keep", "kept")
            return request

        def change_response(response):
            if response["body"]["string"] == b"3":
                return None
            response["body"]["string"] += b" and more"
            response["headers"]["X-Hook"] = ["seen", "twice"]
            response["status"] = {"code": 201, "message": "Changed"}
            return response

        pytestmark = pytest.mark.vcr(
            before_record_request=change_request, before_record_response=[change_response]
        )

        def test_loaded(vcr):
            assert [request.path for request in vcr.requests] == ["/kept"]
            response = requests.get("http://api.invalid/keep")
            assert (response.status_code, response.reason) == (201, "Changed")
            assert response.text == "1 and more"
            assert response.raw.headers.getlist("X-Hook") == ["seen", "twice"]

        def test_recorded(vcr):
            api = os.environ["API"]
            assert requests.get(api + "/body/10").status_code == 200
            assert requests.get(api + "/drop").status_code == 404
            assert [request.headers["x-hook"] for request in vcr.requests] == ["seen"]
        """
    )

    suite.runpytest("-k", "loaded").assert_outcomes(passed=1)
    suite.runpytest("-k", "recorded", "--record-mode=once").assert_outcomes(passed=1)

    stored = yaml.safe_load(cassettes()["test_recorded.yaml"])["interactions"]
    assert len(stored) == 1
    assert stored[0]["response"]["status"] == 201


def test_what_a_hook_writes_stands(suite, cassettes):
    """A secret header has the value that a hook gave it, in the file and where headers are matched."""
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        def change_request(request):
            request.headers["Authorization"] = "FAKE"
            return request

        def change_response(response):
            response["headers"]["Set-Cookie"] = ["a=FAKE", "b=FAKE"]
            return response

        @pytest.mark.vcr(
            before_record_request=change_request,
            before_record_response=change_response,
            match_on=["method", "uri", "headers"],
        )
        def test_it(vcr):
            secret = {"Authorization": "Bearer 0123456789abcdef", "X-Api-Key": "0123456789abcdef"}
            assert requests.get(os.environ["API"] + "/cookies", headers=secret).ok
            assert vcr.requests[0].headers["authorization"] == "FAKE"
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    (stored,) = cassettes().values()
    assert stored.count(b"FAKE") == 3
    assert b"0123456789abcdef" not in stored


def test_a_request_that_a_hook_drops_goes_through_when_playing(suite, api):
    """With record mode none too, a request for which the hook gives None is live."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr(before_record_request=lambda request: None)
        def test_it(vcr):
            assert requests.post(os.environ["API"] + "/echo", data="x").json()["body"] == "x"
            assert len(vcr) == 0
        """
    )

    suite.runpytest().assert_outcomes(passed=1)

    assert len(api.seen) == 1


def test_filters(suite, cassettes):
    """Headers, parameters and fields are taken away, replaced, or given to a function."""
    suite.makepyfile(
        """
        import json, os, requests, pytest

        def upper(key, value, request):
            assert request.method == "POST"
            return f"{key}={value}".upper()

        @pytest.mark.vcr(
            filter_headers=["x-gone", ("X-Set", "set"), ("x-call", upper)],
            filter_query_parameters=["gone", ("set", "new"), ("call", upper)],
            filter_post_data_parameters=["gone", ("set", "new"), ("call", upper)],
            match_on=["method", "uri", "headers", "body"],
        )
        def test_it(vcr):
            headers = {"X-Gone": "1", "X-Set": "1", "X-Call": "a", "X-Kept": "1"}
            fields = {"gone": "1", "set": "1", "call": "b", "kept": "1"}
            url = os.environ["API"] + "/echo"
            requests.post(url, params=fields, data=fields, headers=headers)
            requests.post(url, json=fields)
            form, document = vcr.requests
            assert form.headers["x-set"] == "set" and "x-gone" not in form.headers
            assert form.query == [("call", "CALL=B"), ("kept", "1"), ("set", "new")]
            assert form.body == b"set=new&call=CALL=B&kept=1"
            assert json.loads(document.body) == {"set": "new", "call": "CALL=B", "kept": "1"}
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    stored = yaml.safe_load(next(iter(cassettes().values())))["interactions"]
    assert "X-Gone" not in stored[0]["request"]["headers"]


def test_filtered_requests_play(suite):
    """A filtered request finds the recording that was filtered the same way."""
    store(suite, "test_it.yaml", entry("users?key=K", "Ada", "POST", "a=1&pw=P"))
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.mark.vcr(
            filter_headers=["authorization"],
            filter_query_parameters=[("key", "K")],
            filter_post_data_parameters=[("pw", "P")],
            match_on=["method", "uri", "raw_body"],
        )
        def test_it(vcr):
            sent = {"a": "1", "pw": "secret"}
            response = requests.post("http://api.invalid/users?key=real", data=sent)
            assert response.text == "Ada"
            assert "Authorization" not in vcr.requests[0].headers
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


def test_matchers_of_the_hook(suite):
    """Registered matchers get VCR.py's requests and say no with False or an AssertionError."""
    store(suite, "test_it.yaml", *(entry(f"a{n}", str(n), "POST", f"{n}") for n in range(3)))
    suite.makeconftest(
        """
        def by_number(r1, r2):
            return r1.body == r2.body and r2.host == "api.invalid"

        def by_assertion(r1, r2):
            assert r1.headers["content-length"] == "1" and r2.scheme == "http"

        def pytest_recording_configure(config, vcr):
            assert config.rootpath
            vcr.register_matcher("number", by_number)
            vcr.register_matcher("asserting", by_assertion)
            vcr.match_on = ["number"]
        """
    )
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.mark.vcr(additional_matchers=["asserting"])
        def test_it():
            for number in "201":
                assert requests.post("http://other.invalid/", data=number).text == number
            with pytest.raises(Exception, match="is not in"):
                requests.post("http://other.invalid/", data="22")
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


def test_what_is_played_first(suite):
    """One thing after another is the first unplayed match of the file, as VCR.py has it; each once."""
    bodies = ((1, "b"), (2, "a"), (3, "a"))
    store(suite, "test_once.yaml", *(entry("", str(n), "POST", body) for n, body in bodies))
    store(suite, "test_repeats.yaml", entry("", "1"), entry("", "2"))
    suite.makepyfile(
        test_it="""
        import requests, pytest

        def post():
            return requests.post("http://api.invalid/", data="a").text

        @pytest.mark.vcr
        def test_once(vcr):
            assert [post(), post()] == ["1", "2"]
            assert vcr.play_count == 2 and not vcr.all_played
            assert post() == "3" and vcr.all_played
            with pytest.raises(Exception, match="is not in"):
                post()
            vcr.rewind()
            assert vcr.play_count == 0 and post() == "1"

        @pytest.mark.vcr(allow_playback_repeats=True)
        def test_repeats(vcr):
            assert [requests.get("http://api.invalid/").text for _ in range(3)] == ["1"] * 3
            assert vcr.play_count == 3 and vcr.play_counts[0] == 3 and not vcr.all_played
        """
    )

    suite.runpytest().assert_outcomes(passed=2)


def test_compressed_bodies(suite):
    """A plain body under `Content-Encoding` plays, and hooks and tests see it as it is stored."""
    gzipped = entry("users", '{"name": "Ada"}').replace(
        "Content-Type:", "Content-Encoding:\n      - gzip\n      Content-Type:"
    )
    store(suite, "test_plain.yaml", gzipped)
    store(suite, "test_unpacked.yaml", gzipped)
    suite.makepyfile(
        test_it="""
        import json, os, requests, pytest

        def change(response):
            document = json.loads(response["body"]["string"])
            response["body"]["string"] = json.dumps({**document, "hook": 1}).encode()
            return response

        @pytest.mark.vcr(before_record_response=change)
        def test_plain(vcr):
            assert requests.get("http://api.invalid/users").json() == {"name": "Ada", "hook": 1}

        @pytest.mark.vcr(decode_compressed_response=True, before_record_response=change)
        def test_unpacked(vcr):
            assert "Content-Encoding" not in vcr.responses[0]["headers"]
            assert requests.get("http://api.invalid/users").json() == {"name": "Ada", "hook": 1}

        @pytest.mark.vcr(decode_compressed_response=True)
        def test_recorded(vcr):
            text = requests.get(os.environ["API"] + "/encoded/gzip").text
            assert vcr.responses[0]["body"]["string"].decode() == text
            assert "content-encoding" not in {name.lower() for name in vcr.responses[0]["headers"]}
        """
    )

    suite.runpytest("-k", "not recorded").assert_outcomes(passed=2)
    suite.runpytest("-k", "recorded", "--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest("-k", "recorded").assert_outcomes(passed=1)


CLIENTS_ASK = """
    import asyncio, os, aiohttp, httpx, pytest, requests, urllib3

    async def through_aiohttp(url):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    CLIENTS = {
        "requests": lambda url: requests.get(url).content,
        "httpx": lambda url: httpx.get(url).content,
        "urllib3": lambda url: urllib3.request("GET", url).data,
        "aiohttp": lambda url: asyncio.run(through_aiohttp(url)),
    }

    @pytest.fixture(params=CLIENTS)
    def ask(request):
        return CLIENTS[request.param]
"""


@pytest.mark.parametrize("options", ["", "decode_compressed_response=True"])
def test_a_length_beside_chunks(suite, options):
    """A file with both framings plays to every client: the length says where the body ends."""
    both = entry("users", '{"name": "Ada"}').replace(
        "Content-Type:",
        "Transfer-Encoding:\n      - chunked\n      Content-Length:\n      - '99'\n"
        "      Content-Encoding:\n      - gzip\n      Content-Type:",
    )
    for client in ("requests", "httpx", "urllib3", "aiohttp"):
        store(suite, f"test_it[{client}].yaml", both)
    suite.makepyfile(
        test_it=f"""{CLIENTS_ASK}
    @pytest.mark.vcr({options})
    def test_it(ask):
        assert ask("http://api.invalid/users") == b'{{"name": "Ada"}}'
        """
    )

    suite.runpytest().assert_outcomes(passed=4)


def test_a_length_is_added_to_chunks(suite):
    """What `decode_compressed_response` records of a chunked answer plays to every client."""
    suite.makepyfile(
        test_it=f"""{CLIENTS_ASK}
    @pytest.mark.vcr(decode_compressed_response=True)
    def test_it(ask):
        assert len(ask(os.environ["API"] + "/encoded/gzip?chunked=9")) > 0
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=4)
    suite.runpytest("--block-network").assert_outcomes(passed=4)


def test_ignored_hosts(suite, api, cassettes):
    """Names and patterns of `ignore_hosts`, and localhost, are let through and not recorded."""
    suite.makepyfile(
        """
        import os, re, requests, pytest

        def ask(vcr):
            assert requests.get(os.environ["API"] + "/json").ok
            assert len(vcr) == 0

        @pytest.mark.vcr(ignore_hosts=["127.0.0.1"])
        def test_name(vcr):
            ask(vcr)

        @pytest.mark.vcr(ignore_hosts=[re.compile("127[.].*")])
        def test_pattern(vcr):
            ask(vcr)

        @pytest.mark.vcr(ignore_localhost=True)
        def test_localhost(vcr):
            ask(vcr)
        """
    )

    suite.runpytest().assert_outcomes(passed=3)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=3)

    assert len(api.seen) == 6
    assert cassettes() == {}


def test_sensitive_data_and_interaction_hooks(suite, cassettes):
    """Placeholders stand in the file and values in the test; the interaction hooks run too."""
    suite.makepyfile(
        """
        import os, requests, pytest

        LOADED = []

        def saving(request, response):
            return None if request.path == "/status/204" else (request, response)

        def loading(request, response, cassette):
            LOADED.append(request.path)
            return request, response

        @pytest.mark.vcr(
            filter_sensitive_data={"<PASSWORD>": "hunter22"},
            before_save_interaction=saving,
            after_load_interaction=[loading],
        )
        def test_it(vcr):
            api = os.environ["API"]
            assert "hunter22" in requests.get(api + "/echo?pw=hunter22").text
            assert "hunter22" in vcr.requests[0].uri
            assert "/echo" in LOADED
            if vcr.record_mode == "once":
                requests.get(api + "/status/204")
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    (stored,) = cassettes().values()
    assert b"hunter22" not in stored
    assert b"<PASSWORD>" in stored or b"%3CPASSWORD" in stored
    assert b"/status/204" not in stored


def test_the_cassette_object(suite):
    """`requests`, `responses`, `data` and the questions that tests ask of VCR.py's cassette."""
    stored = store(suite, "test_it.yaml", entry("users?b=2&a=1", "Ada", "POST", '"{}"'))
    suite.makepyfile(
        test_it=f"""
        import requests, pytest

        @pytest.mark.vcr(record_mode="new_episodes")
        def test_it(vcr):
            assert str(vcr) == "<Cassette containing 1 recorded response(s)>" and len(vcr) == 1
            assert vcr.path == vcr._path == {str(stored)!r}
            assert vcr.rewound and not vcr.dirty and not vcr.write_protected
            (request, response), = vcr.data
            assert vcr.requests == [request] and vcr.responses == [response]
            assert (request.method, request.scheme, request.protocol) == ("POST", "http", "http")
            assert (request.host, request.port, request.path) == ("api.invalid", 80, "/users")
            assert request.query == [("a", "1"), ("b", "2")] and request.body == b"{{}}"
            assert request.url == request.uri == "http://api.invalid/users?b=2&a=1"
            assert request.headers["AUTHORIZATION"] == "token-of-the-recording"
            assert response == {{
                "status": {{"code": 200, "message": "OK"}},
                "headers": {{"Content-Type": ["text/plain"]}},
                "body": {{"string": b"Ada"}},
            }}
            assert request in vcr and vcr.can_play_response_for(request)
            assert vcr.responses_of(request) == [response]
            assert vcr.play_response(request) == response
            assert request not in vcr and not vcr.can_play_response_for(request)
            with pytest.raises(KeyError):
                vcr.play_response(request)
            assert vcr.find_requests_with_most_matches(request)[0][0] is request
            vcr.append(request, response)
            assert len(vcr.data) == 2 and vcr.dirty and request in vcr
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


def test_serializers(suite, cassettes, api):
    """JSON and registered serializers name their files, write and read them."""
    suite.makeconftest(
        """
        import json

        class Parsed:
            @staticmethod
            def serialize(cassette):
                assert cassette["version"] == 1
                for each in cassette["interactions"]:
                    each["response"]["parsed_body"] = each["response"].pop("body")["string"]
                return json.dumps(cassette)

            @staticmethod
            def deserialize(text):
                cassette = json.loads(text)
                for each in cassette["interactions"]:
                    each["response"]["body"] = {"string": each["response"].pop("parsed_body")}
                return cassette

        def pytest_recording_configure(config, vcr):
            vcr.register_serializer("parsed", Parsed)
        """
    )
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr(serializer="json")
        def test_json(vcr):
            assert requests.get(os.environ["API"] + "/json").json()["name"] == "Ada"

        @pytest.mark.vcr(serializer="parsed")
        def test_parsed(vcr):
            assert requests.get(os.environ["API"] + "/json").json()["name"] == "Ada"

        @pytest.mark.vcr(serializer="unknown")
        def test_unknown():
            pass
        """
    )

    result = suite.runpytest("--record-mode=once")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*serializer = 'unknown'*json, parsed, yaml*"])
    suite.runpytest().assert_outcomes(passed=2, errors=1)
    assert len(api.seen) == 2

    folder = suite.path / "cassettes/test_it"
    assert json.loads((folder / "test_json.json").read_text())["version"] == 1
    assert "parsed_body" in (folder / "test_parsed.parsed").read_text()
    suite.runpytest("--record-mode=all", "-k", "json or parsed").assert_outcomes(passed=2)
    assert len(json.loads((folder / "test_json.json").read_text())["interactions"]) == 1


def test_persisters(suite, api):
    """A registered persister keeps the cassettes; `once` asks it what there is."""
    suite.makeconftest(
        """
        import json, pathlib

        class Persister:
            @staticmethod
            def load_cassette(path, serializer):
                file = pathlib.Path("kept.txt")
                if not file.exists():
                    raise FileNotFoundError(path)
                cassette = serializer.deserialize(file.read_text())

                class Request:
                    def __init__(self, plain):
                        self.plain = plain

                    def _to_dict(self):
                        return self.plain

                pairs = [(Request(e["request"]), e["response"]) for e in cassette["interactions"]]
                return [a for a, _ in pairs], [b for _, b in pairs]

            @staticmethod
            def save_cassette(path, cassette, serializer):
                interactions = [
                    {"request": request._to_dict(), "response": response}
                    for request, response in zip(cassette["requests"], cassette["responses"])
                ]
                plain = {"version": 1, "interactions": interactions}
                pathlib.Path("kept.txt").write_text(serializer.serialize(plain))

        def pytest_recording_configure(config, vcr):
            vcr.register_persister(Persister)
        """
    )
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr(record_mode="once")
        def test_it(vcr):
            assert requests.get(os.environ["API"] + "/json").json()["name"] == "Ada"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    assert len(api.seen) == 1
    assert not (suite.path / "cassettes").exists()


def test_what_lies_beside_the_interactions_stays(suite):
    """Metadata and unknown keys are kept when a cassette is saved, in whatever format."""
    suite.makeconftest(
        """
        import json, pathlib

        class Plain:
            serialize, deserialize = staticmethod(json.dumps), staticmethod(json.loads)

        class Persister:
            @staticmethod
            def load_cassette(path, serializer):
                return [], [], {"now": 5}

            @staticmethod
            def save_cassette(path, cassette, serializer):
                pathlib.Path("kept.json").write_text(json.dumps(cassette["metadata"]))

        def pytest_recording_configure(config, vcr):
            vcr.register_serializer("plain", Plain)
        """
    )
    suite.makepyfile(
        test_it="""
        import os, requests, pytest
        from conftest import Persister

        def ask(vcr):
            assert vcr.get_metadata("now", 7) == 5
            assert vcr.get_metadata("new", [1]) == [1]
            assert requests.get(os.environ["API"] + "/json").ok

        @pytest.mark.vcr
        def test_yaml(vcr):
            ask(vcr)

        @pytest.mark.vcr(serializer="plain")
        def test_plain(vcr):
            ask(vcr)

        @pytest.mark.vcr(persister=Persister)
        def test_persister(vcr):
            ask(vcr)
        """
    )
    beside = {"metadata": {"now": 5}, "owner": "Ada"}
    stored = store(suite, "test_yaml.yaml", entry("users"), "metadata: {now: 5}\nowner: Ada\n")
    plain = stored.with_name("test_plain.plain")
    plain.write_text(json.dumps({"version": 1, "interactions": [], **beside}))

    suite.runpytest("--record-mode=new_episodes").assert_outcomes(passed=3)
    suite.runpytest("--record-mode=all", "-k", "yaml or plain").assert_outcomes(passed=2)

    grown = {"now": 5, "new": [1]}
    texts = yaml.safe_load(stored.read_text()), json.loads(plain.read_text())
    assert [(each["metadata"], each["owner"]) for each in texts] == [
        (grown, "Ada"),
        (grown, "Ada"),
    ]
    assert json.loads((suite.path / "kept.json").read_text()) == grown


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
@pytest.mark.parametrize("layout", ["keep", "vcr"])
def test_metadata_is_stored(suite, mode, layout):
    """What `get_metadata` stores is there on replay, without a request and in failed tests too."""
    suite.makeini(f"[pytest]\nreqord_format = {layout}")
    suite.makepyfile(
        test_it="""
        import datetime, os, requests, pytest

        @pytest.mark.vcr
        @pytest.mark.parametrize("value", [1.5, "on", {"a": [None]}, datetime.datetime(2026, 1, 2)])
        def test_kinds(vcr, value):
            assert vcr.get_metadata("value", value) == value
            assert vcr.dirty == (vcr.record_mode != "none")

        @pytest.mark.vcr(serializer="json")
        @pytest.mark.default_cassette("shared")
        @pytest.mark.parametrize("key", "ab")
        def test_json(vcr, key):
            assert vcr.get_metadata(key, [key]) == [key]

        @pytest.mark.vcr
        def test_both(vcr):
            assert requests.get(os.environ["API"] + "/json").ok
            assert vcr.get_metadata("a", 1) == 1 and vcr.get_metadata("b", 2) == 2

        @pytest.mark.vcr
        def test_failing(vcr):
            assert vcr.get_metadata("a", 1) == 1
            assert vcr.record_mode == "none"

        @pytest.mark.vcr
        def test_missing(vcr):
            if vcr.record_mode == "none":
                with pytest.raises(Exception, match="missing"):
                    vcr.get_metadata("missing", 1)
        """
    )

    suite.runpytest(f"--record-mode={mode}").assert_outcomes(passed=8, failed=1)
    suite.runpytest().assert_outcomes(passed=9)


def test_metadata_that_a_cassette_cannot_hold(suite):
    """An object in the metadata fails the run, and the message names it and the cassette."""
    suite.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.vcr
        @pytest.mark.parametrize("serializer", [{}, {"serializer": "json"}])
        def test_it(vcr, serializer):
            vcr.get_metadata("value", Exception)
        """
    )

    result = suite.runpytest("--record-mode=once")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_it[[]serializer0].yaml*<class 'Exception'>*"])


def test_vcr_reads_the_metadata(suite):
    """VCR.py finds what was stored in its format, and what it stored is found here."""
    suite.makepyfile(
        test_it="""
        import pytest, vcr as vcrpy

        @pytest.mark.vcr
        def test_ours(vcr):
            assert vcr.get_metadata("ours", {"at": 1}) == {"at": 1}

        def test_theirs():
            with vcrpy.use_cassette("cassettes/test_it/test_ours.yaml", record_mode="none") as read:
                assert read.get_metadata("ours", 0) == {"at": 1}
            with vcrpy.use_cassette("cassettes/test_it/test_read.yaml") as written:
                assert written.get_metadata("theirs", 2) == 2

        @pytest.mark.vcr(record_mode="none")
        def test_read(vcr):
            assert vcr.get_metadata("theirs", 0) == 2
        """
    )
    stored = store(suite, "test_ours.yaml", entry("users"))

    suite.runpytest_subprocess("--record-mode=new_episodes", "-k", "ours").assert_outcomes(passed=1)
    assert yaml.safe_load(stored.read_text())["metadata"] == {"ours": {"at": 1}}
    suite.runpytest_subprocess("-k", "theirs or read").assert_outcomes(passed=2)


def test_a_recording_into_a_file_of_vcr_stays_in_its_format(suite):
    """`new_episodes` adds to VCR.py's YAML in VCR.py's YAML; what was there says the same."""
    stored = store(suite, "test_it.yaml", entry("users", "Ada", token="kept"))
    before = interactions(stored)
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr
        def test_it():
            assert requests.get("http://api.invalid/users").text == "Ada"
            assert requests.get(os.environ["API"] + "/encoded/gzip").ok
            assert requests.get(os.environ["API"] + "/binary/10").ok
        """
    )

    suite.runpytest("--record-mode=new_episodes").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    after = interactions(stored)
    assert len(after) == 3
    assert after[0] == before[0]
    assert after[1]["response"]["status"] == {"code": 200, "message": "OK"}
    assert yaml.safe_load(stored.read_text())["version"] == 1


def test_unused_requests_are_dropped_while_recording(suite):
    """`drop_unused_requests` drops what a passed test didn't play, in no mode but `none`."""
    stored = store(suite, "test_it.yaml", entry("one"), entry("two"), entry("three"))
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr(drop_unused_requests=True)
        def test_it():
            requests.get("http://api.invalid/two")
            assert not os.environ.get("BREAK")
        """
    )

    suite.runpytest().assert_outcomes(passed=1)
    assert len(interactions(stored)) == 3
    suite.runpytest("--record-mode=new_episodes").assert_outcomes(passed=1)

    assert [each["request"]["uri"] for each in interactions(stored)] == ["http://api.invalid/two"]


def test_paths(suite, cassettes):
    """`path_transformer` and `cassette_library_dir` say where a cassette lies."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr(path_transformer=lambda path: f"{path}.moved.yaml")
        def test_transformed(vcr):
            requests.get(os.environ["API"] + "/json")
            assert vcr.path.endswith("test_transformed.moved.yaml")

        @pytest.mark.vcr(cassette_library_dir="cassettes/library")
        def test_library(vcr):
            requests.get(os.environ["API"] + "/json")
            assert vcr.path.endswith("cassettes/library/test_library.yaml")
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    assert sorted(cassettes()) == ["test_library.yaml", "test_transformed.moved.yaml"]


def test_rewrite_starts_over(suite):
    """With record mode rewrite nothing is played and what was there goes."""
    stored = store(suite, "test_it.yaml", entry("users", "Ada"))
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr(record_mode="rewrite")
        def test_it(vcr):
            requests.get(os.environ["API"] + "/json")
            assert vcr.record_mode == "new_episodes"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)

    (only,) = interactions(stored)
    assert only["request"]["uri"].endswith("/json")


def test_an_empty_file_is_no_cassette(suite, cassettes):
    """`once` records into a file that is empty."""
    folder = suite.path / "cassettes/test_it"
    folder.mkdir(parents=True)
    (folder / "test_it.yaml").touch()
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr
        def test_it(vcr):
            assert requests.get(os.environ["API"] + "/json").ok
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert len(yaml.safe_load(cassettes()["test_it.yaml"])["interactions"]) == 1


def test_unknown_options(suite):
    """A key that VCR.py doesn't know stops nothing; one of its own that we don't honour does."""
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.vcr(custom_matchers=["x"], inject_cassette=True, skip_patchers=())
        def test_unknown():
            pass

        @pytest.mark.vcr(custom_patches=((object, "x", None),))
        def test_patches():
            pass

        @pytest.mark.vcr(match_on=["nope"])
        def test_matcher():
            pass
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(
        ["*custom_patches of VCR.py has no counterpart*", "*there is no matcher 'nope'*"],
        consecutive=False,
    )


def test_options_of_cassetter(suite):
    """Its settings that are ours too count; a key that has no counterpart is an error with a remedy."""
    store(
        suite,
        "test_old.yaml",
        entry("users").replace("- request:", "- recorded_at: 2020-01-01T00:00:00Z\n  request:"),
    )
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.mark.vcr(max_age="30d", on_expiry="fail")
        def test_old():
            requests.get("http://api.invalid/users")

        @pytest.mark.vcr(body_scrub_patterns=["secret"])
        def test_scrubbed():
            pass

        class TestObject:
            @pytest.fixture
            def vcr_config(self):
                return object()

            @pytest.mark.vcr
            def test_it(self):
                pass
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(failed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*body_scrub_patterns of cassetter*redact_patterns*",
            "*vcr_config has to return a dictionary*<object object*",
            "expired *",
        ]
    )


@pytest.mark.parametrize("mark", ["vcr", "cassette"])
def test_what_cassetter_has_hidden(suite, mark):
    """A secret that cassetter has taken out of a cassette matches any that is sent, silently."""
    folder = suite.path / "cassettes/test_it"
    folder.mkdir(parents=True)
    (folder / "test_it.yaml").write_text(CASSETTER)
    suite.makepyfile(
        test_it=f"""
        import pytest, requests

        @pytest.mark.{mark}
        def test_it():
            sent = {{"pin": "1234", "x": "1"}}
            for name in ("Ada", "Grace"):
                answer = requests.post("http://api.invalid/users", params=sent, json={{"password": "p"}})
                assert answer.json() == {{"name": name, "token": "[REDACTED]"}}
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= cassettes =*")
    assert reqord(["convert", str(folder)]) == 0
    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("client", ["httpx.AsyncClient", "aiohttp.ClientSession"])
def test_async_clients(suite, client):
    """Async clients play from VCR.py's cassettes too."""
    store(suite, "test_it.yaml", entry("users", "Ada"))
    name = client.partition(".")[0]
    suite.makepyfile(
        test_it=f"""
        import asyncio, pytest, {name}

        async def ask():
            async with {client}() as client:
                response = await client.get("http://api.invalid/users")
                text = response.text
                return text if isinstance(text, str) else await text()

        @pytest.mark.vcr
        def test_it():
            assert asyncio.run(ask()) == "Ada"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)
