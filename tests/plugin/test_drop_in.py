"""Suites of VCR.py's as they come: what they rely on, and what they may take of ours besides."""

from __future__ import annotations

import pytest
from vcr_files import cassette, entry


def play(suite, file, test, **config):
    """Play a cassette in a test of `@pytest.mark.vcr`."""
    path = suite.path / "cassettes/test_it/test_it.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(file)
    suite.makeconftest(
        f"""
        import pytest

        @pytest.fixture
        def vcr_config():
            return {config!r}
        """
    )
    suite.makepyfile(
        test_it=f"import asyncio, requests, aiohttp, pytest\npytestmark = pytest.mark.vcr\n{test}"
    )
    return suite.runpytest()


def test_a_method_in_lower_case(suite):
    """aiohttp sends ``POST`` where it was asked to ``post``, and VCR.py records what was asked."""
    file = cassette(entry("a", "yes")).replace("method: GET", "method: post")
    result = play(
        suite,
        file,
        """
async def ask():
    url = "http://api.invalid/a"
    async with aiohttp.ClientSession() as session, session.request("post", url) as answer:
        return await answer.text()

def test_it():
    assert asyncio.run(ask()) == "yes"
""",
    )

    result.assert_outcomes(passed=1)


def test_a_file_without_a_version(suite):
    """VCR.py doesn't ask for one."""
    file = cassette(entry("a", "yes")).replace("version: 1\n", "")
    test = 'def test_it(): assert requests.get("http://api.invalid/a").text == "yes"'

    play(suite, file, test).assert_outcomes(passed=1)


def test_concurrent_requests_get_their_own_answers(suite):
    """Of what matches, the interaction with an equal body comes first: 50 threads, 50 answers."""
    suite.makepyfile(
        test_it="""
        import os, threading
        from concurrent.futures import ThreadPoolExecutor
        import pytest, requests

        @pytest.mark.vcr
        def test_it():
            start = threading.Barrier(50)

            def ask(number):
                start.wait()
                url = os.environ["API"] + "/echo"
                return requests.post(url, json={"number": number}).json()["body"]

            with ThreadPoolExecutor(50) as pool:
                answers = list(pool.map(ask, range(50)))
            assert answers == ['{"number": %d}' % number for number in range(50)]
        """
    )
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    for _ in range(3):
        suite.runpytest().assert_outcomes(passed=1)


ANSWERS = [("1", "one"), ("2", "two"), ("3", "three")]

ASK = """
import contextvars, os, threading, anyio, gevent, httpx, trio
from concurrent.futures import ThreadPoolExecutor

URL = "http://api.invalid/a"

def ask(number):
    return requests.post(URL, data=str(number)).text

async def ask_async(number):
    async with httpx.AsyncClient() as client:
        return (await client.post(URL, content=str(number))).text
"""


@pytest.mark.parametrize(
    "test",
    [
        "def test_it(): return [ask(2), ask(3)]",
        "def test_it(): return [asyncio.run(ask_async(number)) for number in (2, 3)]",
        "def test_it(): return [trio.run(ask_async, number) for number in (2, 3)]",
        """
async def both():
    await asyncio.to_thread(int)  # its thread is there ever after, and has nothing to do
    return [await ask_async(2), await ask_async(3)]

def test_it(): return asyncio.run(both())
""",
        """
async def both():
    await anyio.to_thread.run_sync(int)
    return [await ask_async(2), await ask_async(3)]

def test_it(): return asyncio.run(both())
""",
    ],
    ids=["plain", "asyncio", "trio", "to_thread", "anyio"],
)
def test_one_request_after_another_gets_what_vcr_would_play(suite, test):
    """A file that was recorded again has older bodies first, and the test expects their answers."""
    file = cassette(*(entry("a", text, "POST", body) for body, text in ANSWERS))
    test = f"{ASK}\n{test}\nbare = test_it\ndef test_it(): assert bare() == ['one', 'two']"

    play(suite, file, test).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "test",
    [
        """
async def all_of_them():
    return await asyncio.gather(*map(ask_async, (3, 1, 2)))

def test_it(): return asyncio.run(all_of_them())
""",
        """
async def all_of_them():
    other = asyncio.create_task(ask_async(1))
    return [await ask_async(3), await other, await ask_async(2)]

def test_it(): return asyncio.run(all_of_them())
""",
        """
async def all_of_them():
    answers = {}

    async def note(number):
        answers[number] = await ask_async(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, 3)
        await note(2)
        nursery.start_soon(note, 1)
    return [answers[3], answers[1], answers[2]]

def test_it(): return trio.run(all_of_them)
""",
        """
def test_it():
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(ask, 3).result(), ask(1), pool.submit(ask, 2).result()]
""",
        """
def test_it():
    may_ask, answers = threading.Event(), {}

    def note():
        may_ask.wait()
        answers[1] = ask(1)

    thread = threading.Thread(target=note)
    thread.start()
    first = ask(3)
    may_ask.set()
    thread.join()
    return [first, answers[1], ask(2)]
""",
        """
def test_it():
    return [one.get() for one in [gevent.spawn(ask, number) for number in (3, 1, 2)]]
""",
        """
def test_it():
    from_child, to_parent = os.pipe()
    if not os.fork():
        os.write(to_parent, ask(3).encode())
        os._exit(0)
    os.wait()
    return [os.read(from_child, 99).decode(), ask(1), ask(2)]
""",
    ],
    ids=["tasks", "beside_a_task", "trio", "pool", "beside_a_thread", "greenlets", "child"],
)
def test_requests_at_once_get_their_own_answers(suite, test):
    """In whatever order they come, and from then on: in tasks, threads, greenlets, a child."""
    file = cassette(*(entry("a", text, "POST", body) for body, text in ANSWERS))
    expected = ["three", "one", "two"]
    test = f"{ASK}\n{test}\nbare = test_it\ndef test_it(): assert bare() == {expected}"

    play(suite, file, test).assert_outcomes(passed=1)


SECRETS = """
        import os, requests, pytest

        @pytest.mark.vcr(MARK)
        def test_it():
            requests.post(
                os.environ["API"] + "/echo",
                json={"password": "hunter2-hunter2", "iban": "DE02120300000000202051"},
                headers={"Authorization": "Bearer 0123456789abcdef"},
            )
"""


@pytest.mark.parametrize(
    ("mark", "left"),
    [
        ("", {"hunter2", "DE0212"}),
        ("redact=True", {"DE0212"}),
        ("redact=False", {"hunter2", "DE0212", "0123456789abcdef"}),
        ("redact_fields=['iban']", {"hunter2"}),
        ("redact_patterns=['hunter2-[a-z0-9]+']", {"DE0212"}),
        (
            "redactors=[{'request_body_json': {'iban': '-'}, 'response_body_raw': lambda _: b''}]",
            {"hunter2"},
        ),
    ],
)
def test_our_redaction_in_a_mark_of_vcr(suite, cassettes, mark, left):
    """``redact`` and its kind hold there as in ours; without them, the default headers alone."""
    suite.makepyfile(test_it=SECRETS.replace("MARK", mark))
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    text = cassettes()["test_it.yaml"].decode()
    assert {one for one in ("hunter2", "DE0212", "0123456789abcdef") if one in text} == left
    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("config", "outcome", "line"),
    [
        ({"on_drift": "fail"}, {"failed": 1}, "*drifted*POST http://api.invalid/a*"),
        ({"on_drift": "warn"}, {"passed": 1}, "drifted *test_it sent other bodies*"),
        (
            {"strict_order": True},
            {"failed": 1},
            "*SequenceMismatchError*GET http://api.invalid/b, at position 0*",
        ),
        (
            {"on_unplayed": "fail"},
            {"passed": 1, "errors": 1},
            "*unplayed*GET http://api.invalid/b*",
        ),
        (
            {"cassette_dir": "here"},
            {"errors": 1},
            "*cassette_dir *override the fixture vcr_cassette_dir*",
        ),
        ({"redact": "perhaps"}, {"errors": 1}, "*redact = 'perhaps'*true or false*"),
        ({"lock_timeout": 3}, {"errors": 1}, "*lock_timeout = 3*holds for the whole run*"),
    ],
)
def test_our_settings_in_vcr_config(suite, config, outcome, line):
    """Each is honoured, or refused with the place where it belongs."""
    file = cassette(entry("b", "no"), entry("a", "yes")).replace(
        "GET\n    uri: http://api.invalid/a", "POST\n    uri: http://api.invalid/a"
    )
    test = 'def test_it(): assert requests.post("http://api.invalid/a", data="x").text == "yes"'

    result = play(suite, file, test, **config)

    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines([line])


def test_a_miss_of_ours_in_vcr_config(suite):
    """With ``on_miss = fail`` no ``except Exception`` hides it."""
    test = """
def test_it():
    try:
        requests.get("http://api.invalid/b")
    except Exception:
        pass
"""
    play(suite, cassette(entry("a")), test, on_miss="fail").assert_outcomes(failed=1)


OWN_YAML = """
    import json

    class Own:
        @staticmethod
        def serialize(cassette):
            return "mine " + json.dumps(cassette)

        @staticmethod
        def deserialize(text):
            assert text.startswith("mine "), text
            return json.loads(text[5:])

    def pytest_recording_configure(config, vcr):
        vcr.register_serializer("yaml", Own)
"""


def test_our_format_where_a_suite_has_a_yaml_of_its_own(suite, cassettes, monkeypatch):
    """With ``reqord_format = reqord`` what is new is ours, and what is added to comes over."""
    suite.makeconftest(OWN_YAML)
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr
        def test_old(vcr):
            asked = ["/echo/1", "/echo/2"][: int(os.environ.get("ASKED", "1"))]
            for path in asked:
                assert requests.get(os.environ["API"] + path).ok

        @pytest.mark.vcr
        def test_new(vcr):
            if "ASKED" in os.environ:
                assert requests.get(os.environ["API"] + "/echo/3").ok
        """
    )
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    assert cassettes()["test_old.yaml"].startswith(b"mine ")

    suite.makeini("[pytest]\nreqord_format = reqord")
    monkeypatch.setenv("ASKED", "2")
    suite.runpytest("--record-mode=new_episodes").assert_outcomes(passed=2)

    assert all(text.startswith(b"reqord: 1\n") for text in cassettes().values())
    assert cassettes()["test_old.yaml"].count(b"- recorded_at:") == 2
    for mode in ("none", "all", "rewrite", "none"):
        suite.runpytest(f"--record-mode={mode}").assert_outcomes(passed=2)
    assert all(text.startswith(b"reqord: 1\n") for text in cassettes().values())


SHAPES = """\
interactions:
- request:
    body: {b: 2, a: 1}
    headers: {X-One: plain}
    method: POST
    uri: http://api.invalid/a
  response:
    body: {string: secret, more: 1}
    headers:
      Link: <http://secret.invalid/>; rel="next"
      Vary: [one, two]
    status: {code: 200, message: OK}
    url: http://api.invalid/a
version: 1
"""


def test_hooks_get_what_the_file_has(suite):
    """A header that is a text, a body that is a mapping, keys that nobody knows: as they stand."""
    file = suite.path / "cassettes/test_it/test_it.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(SHAPES)
    suite.makepyfile(
        test_it="""
        import pytest, requests

        seen = []

        def on_request(request):
            seen.append((request.body, dict(request.headers)))
            return request

        def on_response(response):
            response["headers"]["Link"] = response["headers"]["Link"].replace("secret", "public")
            response["body"]["string"] = response["body"]["string"].replace(b"secret", b"public")
            assert response["url"] and response["headers"]["Vary"] == ["one", "two"]
            assert response["body"]["more"] == 1
            return response

        @pytest.mark.vcr(before_record_request=on_request, before_record_response=on_response)
        def test_it(vcr):
            answer = requests.post("http://api.invalid/a", json={"a": 1, "b": 2})
            assert answer.headers["Link"] == '<http://public.invalid/>; rel="next"'
            assert answer.text == "public"
            assert ({"a": 1, "b": 2}, {"X-One": "plain"}) in seen
            assert vcr.responses[0]["headers"]["Link"] == answer.headers["Link"]
        """
    )

    suite.runpytest().assert_outcomes(passed=1)
    assert file.read_text() == SHAPES
