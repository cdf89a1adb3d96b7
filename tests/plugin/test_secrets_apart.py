"""Two secrets that differ stay two in a cassette, and each gets its own answer."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re

import pytest
from server import ROUTES, reply_json

ASKING = """
    import asyncio, json, os
    from concurrent.futures import ThreadPoolExecutor
    from urllib.parse import quote

    import httpx, pytest, requests

    API = os.environ["API"] + "/who"
    KEYS = json.loads(os.environ["KEYS"])

    def arguments(place, secret):
        kinds = {
            "header": ("GET", API, {"headers": {"Authorization": f"Bearer {secret}"}}),
            "own header": ("GET", API, {"headers": {"X-Api-Key": secret}}),
            "cookie": ("GET", API, {"headers": {"Cookie": f"theme=dark; session={secret}"}}),
            "query": ("GET", API, {"params": {"access_token": secret, "page": 1}}),
            "json": ("POST", API, {"json": {"user": "me", "password": secret}}),
            "nested": ("POST", API, {"json": {"auth": [{"credentials": {"password": secret}}]}}),
            "form": ("POST", API, {"data": {"grant": "x", "client_secret": secret}}),
            "multipart": ("POST", API, {"files": {"password": (None, secret), "a": (None, "b")}}),
            "xml": ("POST", API, {"data": f"<a><password>{secret}</password></a>"}),
            "user info": ("GET", API.replace("://", f"://me:{secret}@"), {}),
        }
        return kinds[place]

    def ask(place, user):
        method, url, options = arguments(place, KEYS[user])
        return requests.request(method, url, **options).json()["user"]

    def in_order(place, users):
        return [ask(place, user) for user in users]

    def in_threads(place, users):
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(ask, [place] * len(users), users))

    def in_tasks(place, users):
        async def ask_async(client, user):
            method, url, options = arguments(place, KEYS[user])
            answer = await client.request(method, url, **options)
            return answer.json()["user"]

        async def main():
            async with httpx.AsyncClient() as client:
                return await asyncio.gather(*[ask_async(client, user) for user in users])

        return asyncio.run(main())

    def check(place, how=in_order):
        users = os.environ["USERS"].split()
        names = how(place, users)
        means = json.loads(os.environ.get("MEANS", "null"))
        assert names == [means[user] if means else user for user in users]
"""
PLACES = (
    "header",
    "own header",
    "cookie",
    "query",
    "json",
    "nested",
    "form",
    "multipart",
    "xml",
    "user info",
)
ALL_PLACES = f"""
    @pytest.mark.cassette
    @pytest.mark.parametrize("place", {PLACES})
    def test_it(place):
        check(place)
"""
KEYS = {
    "alice": "alice-0a1B2c3D4e5F6g7H8i9J",
    "bob": "bob-9z8Y7x6W5v4U3t2S1r0Q",
    "carol": "carol-5m6N7o8P9q0R1s2T3u4V",
}
PASSWORDS = {"alice": "alice-1815", "bob": "bobby", "carol": "CAROL!"}
OTHERS = {
    "alice": "zz-1q2W3e4R5t6Y7u8I9o0P1a",
    "bob": "zz-2w3E4r5T6y7U8i9O0p1A2s",
    "carol": "zz-3e4R5t6Y7u8I9o0P1a2S3d",
}


@pytest.fixture(autouse=True)
def who(monkeypatch, suite):
    """An API that knows its users by their secrets, which have their names in them.

    A login gives another token each time.
    """
    logins = itertools.count()

    def answer(_, seen):
        raw = seen.raw
        if basic := re.search(rb"Basic (\S+)", raw):
            raw = base64.b64decode(basic[1])
        found = re.search(rb"alice|bob|carol", raw, re.IGNORECASE)
        name = found[0].decode().lower() if found else "nobody"
        if seen.arguments[:1] == ["login"]:
            token = f"{name}-{hashlib.sha256(b'%d' % next(logins)).hexdigest()}"
            cookie = ("Set-Cookie", f"session={token}; Path=/; HttpOnly")
            yield reply_json({"access_token": token}, cookie)
        else:
            yield reply_json({"user": name})

    monkeypatch.setitem(ROUTES, "who", answer)


@pytest.fixture
def run(suite, monkeypatch, api):
    """Run the suite: who asks in which order, with which keys, and who they are taken for."""

    def run(users, *options, keys=KEYS, means=None):
        monkeypatch.setenv("USERS", users)
        monkeypatch.setenv("KEYS", json.dumps(keys))
        monkeypatch.setenv("MEANS", json.dumps(means))
        seen = len(api.seen)
        result = suite.runpytest(*options)
        if not options:
            assert len(api.seen) == seen  # a replay asks nobody
        return result

    return run


def texts(cassettes) -> str:
    return b"\n".join(cassettes().values()).decode()


@pytest.mark.parametrize("keys", [KEYS, PASSWORDS], ids=["tokens", "passwords"])
def test_each_gets_its_own_answer_in_any_order(suite, run, cassettes, keys):
    """Wherever the secrets stand, whoever asks first, and if only one of them asks."""
    suite.makepyfile(ASKING + ALL_PLACES)
    count = len(PLACES)
    run("alice bob carol", "--record-mode=once", keys=keys).assert_outcomes(passed=count)

    assert not any(secret in texts(cassettes) for secret in keys.values())
    for users in ("alice bob carol", "carol bob alice", "bob alice carol", "carol", "bob"):
        run(users, keys=keys).assert_outcomes(passed=count)


def test_other_keys_are_the_same_ones_throughout(suite, run):
    """With keys that nobody recorded, the first to ask is the first that was recorded, and stays it."""
    suite.makepyfile(ASKING + ALL_PLACES)
    count = len(PLACES)
    run("alice bob alice bob", "--record-mode=once").assert_outcomes(passed=count)

    run("alice bob alice bob", keys=OTHERS).assert_outcomes(passed=count)
    run("alice alice bob bob", keys=OTHERS).assert_outcomes(passed=count)
    means = {"alice": "bob", "bob": "alice"}
    run("bob alice alice bob", keys=OTHERS, means=means).assert_outcomes(passed=count)


def test_no_two_share_one(suite, run):
    """A third secret is a miss which says so, where two were recorded; so is the same once more."""
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once").assert_outcomes(passed=len(PLACES))

    for users in ("alice bob carol", "alice carol bob", "alice alice"):
        result = run(users)
        result.assert_outcomes(failed=len(PLACES))
    result.stdout.fnmatch_lines(["*CassetteMissError: GET *"])
    run("carol bob", means={"carol": "alice", "bob": "bob"}).assert_outcomes(passed=len(PLACES))


def test_threads_and_tasks_get_their_own(suite, run):
    """However they are scheduled."""
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    @pytest.mark.parametrize("how", [in_threads, in_tasks])
    @pytest.mark.parametrize("place", ["header", "query", "json", "form"])
    def test_it(place, how):
        check(place, how)
    """
    )
    run("alice bob carol", "--record-mode=once").assert_outcomes(passed=8)

    run("bob carol alice").assert_outcomes(passed=8)
    run("carol bob alice").assert_outcomes(passed=8)


def test_one_secret_has_no_mark(suite, run, cassettes):
    """What nobody could take for another says nothing of itself, and the file is of version 1."""
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice alice", "--record-mode=once").assert_outcomes(passed=len(PLACES))

    assert "REDACTED-" not in texts(cassettes)
    assert all(data.startswith(b"reqord: 1\n") for data in cassettes().values())


def test_a_mark_tells_little(suite, run, cassettes):
    """8 bits of what can be guessed, the same in every cassette; 32 of what is random."""
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once", keys=PASSWORDS)
    marks = set(re.findall(r"REDACTED-(\w+)", texts(cassettes)))
    assert len(marks) == 4  # the password itself, and Basic with a name before it
    assert all(re.fullmatch("[0-9a-f]{2}", mark) for mark in marks)

    for path in suite.path.glob("cassettes/*/*"):
        path.unlink()
    run("alice bob", "--record-mode=once", keys=KEYS)
    marks = set(re.findall(r"REDACTED-(\w+)", texts(cassettes)))
    assert {len(mark) for mark in marks} == {8}
    assert all(data.startswith(b"reqord: 3\n") for data in cassettes().values())


@pytest.mark.parametrize("layout", ["reqord", "vcr"])
def test_a_rerecording_changes_nothing(suite, run, cassettes, layout):
    """The same secrets have the same marks."""
    suite.makeini(f"[pytest]\nreqord_format = {layout}")
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once")
    before = cassettes()

    run("alice bob", "--record-mode=all").assert_outcomes(passed=len(PLACES))

    changed = [name for name, data in cassettes().items() if data != before[name]]
    assert changed == ["test_it[multipart].yaml"]  # its boundary is another one each time
    run("bob alice").assert_outcomes(passed=len(PLACES))


@pytest.mark.parametrize("layout", ["reqord", "vcr"])
@pytest.mark.parametrize("users", ["bob alice", "bob carol", "carol alice bob"])
def test_a_rerecording_in_another_order(suite, run, layout, users):
    """Each answer keeps the mark of who asked, also in a header that counts as volatile."""
    suite.makeini(f"[pytest]\nreqord_format = {layout}")
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once").assert_outcomes(passed=len(PLACES))

    run(users, "--record-mode=all").assert_outcomes(passed=len(PLACES))

    run(users).assert_outcomes(passed=len(PLACES))
    run(" ".join(reversed(users.split()))).assert_outcomes(passed=len(PLACES))


LOGIN = """
    def log_in(session, user):
        password = {"user": "me", "password": KEYS[user]}
        return session.post(API + "/login", json=password).json()["access_token"]

    @pytest.mark.cassette
    def test_tokens():
        tokens = {user: log_in(requests, user) for user in os.environ["USERS"].split()}
        assert len(set(tokens.values())) == len(tokens)
        for user in (*reversed(tokens), *tokens):
            headers = {"Authorization": "Bearer " + tokens[user]}
            assert requests.get(API, headers=headers).json()["user"] == user

    @pytest.mark.cassette
    def test_cookies():
        sessions = {user: requests.Session() for user in os.environ["USERS"].split()}
        for user in sessions:
            log_in(sessions[user], user)
        for user in (*reversed(sessions), *sessions):
            assert sessions[user].get(API).json()["user"] == user
        for session in sessions.values():
            session.close()
"""


@pytest.mark.parametrize("layout", ["reqord", "vcr"])
def test_tokens_that_an_answer_gave(suite, run, cassettes, layout):
    """Each user sends its own back; what they are each time says nothing, and changes no file."""
    suite.makeini(f"[pytest]\nreqord_format = {layout}")
    suite.makepyfile(ASKING + LOGIN)
    run("alice bob", "--record-mode=once", keys=PASSWORDS).assert_outcomes(passed=2)
    before = cassettes()
    assert set(re.findall(r"REDACTED-(r\w+)", texts(cassettes))) == {"r1", "r2"}

    run("alice bob", keys=PASSWORDS).assert_outcomes(passed=2)
    run("bob alice", keys=PASSWORDS).assert_outcomes(passed=2)
    run("bob", keys=PASSWORDS).assert_outcomes(passed=2)
    run("alice bob", "--record-mode=all", keys=PASSWORDS).assert_outcomes(passed=2)
    assert cassettes() == before


def test_short_tokens_of_an_answer(suite, run, monkeypatch):
    """One that is too short to be looked for is in the path as it was sent, and is found there."""
    answer = reply_json({"access_token": "tok_1", "session_token": "s1"})
    monkeypatch.setitem(ROUTES, "short", lambda *_: iter([answer]))
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    def test_it():
        tokens = requests.get(API.replace("who", "short")).json()
        assert requests.get(f"{API}/{tokens['access_token']}/x", params={"page": 1}).ok
        assert requests.get(API, params={"page": 1, "q": tokens["session_token"]}).ok
    """
    )
    run("", "--record-mode=once").assert_outcomes(passed=1)

    run("").assert_outcomes(passed=1)


def test_keys_of_objects(suite, run):
    """A ``key`` that looks like a secret is one that asks for something."""
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    def test_it():
        for user in os.environ["USERS"].split():
            key = f"{user}2024customer0001"
            assert requests.get(API, params={"key": key}).json()["user"] == user
    """
    )
    run("alice bob", "--record-mode=once").assert_outcomes(passed=1)

    run("bob alice").assert_outcomes(passed=1)


def test_a_miss_says_which_secret(suite, run):
    """It names the place, and nothing of the secret."""
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    def test_it():
        check("json")
    """
    )
    run("alice bob", "--record-mode=once").assert_outcomes(passed=1)

    result = run("alice bob carol")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*nearest: POST */who*", "*  the secret in body, password: another one than was recorded"]
    )
    assert KEYS["carol"] not in result.stdout.str()


def test_more_is_recorded_later(suite, run, cassettes):
    """Who comes to a cassette in which others are told apart is told apart from them."""
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once").assert_outcomes(passed=len(PLACES))
    before = set(re.findall(r"REDACTED-(\w+)", texts(cassettes)))

    run("alice bob carol", "--record-mode=new_episodes").assert_outcomes(passed=len(PLACES))

    assert before < set(re.findall(r"REDACTED-(\w+)", texts(cassettes)))
    run("carol alice bob").assert_outcomes(passed=len(PLACES))


def test_what_was_recorded_without_marks_plays_as_before(suite, run):
    """By the order, whoever asks."""
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once").assert_outcomes(passed=len(PLACES))
    for path in suite.path.glob("cassettes/*/*"):
        text = re.sub("REDACTED-[0-9a-z]+", "REDACTED", path.read_text())
        path.write_text(text.replace("reqord: 3", "reqord: 1"))

    run("alice bob").assert_outcomes(passed=len(PLACES))
    run("carol carol", means={"carol": "alice"}).assert_outcomes(failed=len(PLACES))


@pytest.mark.parametrize("key", [None, "dummy", "test-token", "your_api_key"])
def test_keys_that_are_missing_are_no_keys(suite, run, key):
    """``Bearer None`` for everyone plays by the order."""
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    def test_it():
        check("header")
    """
    )
    run("alice bob", "--record-mode=once").assert_outcomes(passed=1)

    run("alice bob", keys={"alice": key, "bob": key}).assert_outcomes(passed=1)


def test_one_key_for_all_that_answers_gave(suite, run):
    """A suite that logs in while it records only may send one key of its own on replay."""
    suite.makepyfile(
        ASKING
        + """
    def log_in(user):
        return requests.post(API + "/login", json={"password": KEYS[user]}).json()["access_token"]

    @pytest.mark.cassette
    def test_it():
        for user in os.environ["USERS"].split():
            token = log_in(user) if "LIVE" in os.environ else "a-key-of-mine-12345"
            headers = {"Authorization": "Bearer " + token}
            assert requests.get(API, headers=headers).json()["user"] == user
    """
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVE", "1")
        run("alice bob alice", "--record-mode=once").assert_outcomes(passed=1)

    run("alice bob alice").assert_outcomes(passed=1)


def test_in_order_only(suite, run):
    """With ``strict_order`` another user is another request."""
    suite.makeini("[pytest]\nreqord_strict_order = true")
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once").assert_outcomes(passed=len(PLACES))

    run("alice bob").assert_outcomes(passed=len(PLACES))
    run("bob alice").assert_outcomes(failed=len(PLACES))


def test_a_repeat_is_the_same_users(suite, run):
    """With ``allow_playback_repeats`` everyone gets their own again."""
    suite.makeini("[pytest]\nreqord_allow_playback_repeats = true")
    suite.makepyfile(ASKING + ALL_PLACES)
    run("alice bob", "--record-mode=once").assert_outcomes(passed=len(PLACES))

    run("bob bob alice bob alice alice").assert_outcomes(passed=len(PLACES))


def test_a_draft_goes_on(suite, run, monkeypatch, cassettes):
    """What a failed test recorded is told apart from what the next attempt adds."""
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    def test_it():
        check("header")
        assert "BREAK" not in os.environ
    """
    )
    monkeypatch.setenv("BREAK", "1")
    run("alice", "--record-mode=once").assert_outcomes(failed=1)
    monkeypatch.delenv("BREAK")
    run("alice bob", "--record-mode=once").assert_outcomes(passed=1)

    assert len(set(re.findall(r"REDACTED-(\w+)", texts(cassettes)))) == 2
    run("bob alice").assert_outcomes(passed=1)


def test_children_are_told_apart(suite, run):
    """A secret that a child process sends, from the one that the test sends."""
    suite.makepyfile(
        ASKING
        + """
    import subprocess, sys

    @pytest.mark.cassette
    def test_it():
        users = os.environ["USERS"].split()
        check("header", lambda place, _: [ask(place, users[0]), *in_child(users[1:])])

    def in_child(users):
        script = "import os, sys, requests\\n" + (
            "for key in sys.argv[1:]:"
            " print(requests.get(os.environ['API'] + '/who',"
            " headers={'Authorization': 'Bearer ' + key}).json()['user'])"
        )
        keys = [KEYS[user] for user in users]
        return subprocess.check_output([sys.executable, "-c", script, *keys], text=True).split()
    """
    )
    run("alice bob", "--record-mode=once").assert_outcomes(passed=1)

    run("bob alice").assert_outcomes(passed=1)


def test_the_mark_of_vcrpy_goes_by_the_order(suite, run, cassettes):
    """As VCR.py does: nothing is told apart, in its format or in ours."""
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.vcr
    @pytest.mark.parametrize("place", ["header", "own header", "cookie"])
    def test_it(place):
        check(place)
    """
    )
    run("alice bob", "--record-mode=once").assert_outcomes(passed=3)

    assert "REDACTED" in texts(cassettes)
    assert "REDACTED-" not in texts(cassettes)
    run("alice bob").assert_outcomes(passed=3)


def test_a_shared_cassette_of_several_workers(suite, run, cassettes):
    """Each test's part is one of its own, whichever worker recorded it."""
    suite.makepyfile(
        ASKING
        + """
    pytestmark = pytest.mark.cassette("shared")

    @pytest.mark.parametrize("number", range(6))
    def test_it(number):
        check("header")
        check("json")
    """
    )
    run("alice bob", "--record-mode=once", "-n2").assert_outcomes(passed=6)
    assert len(cassettes()) == 1
    assert texts(cassettes).count("REDACTED-") == 24

    run("bob alice", "-n2").assert_outcomes(passed=6)


def test_vcrpy_plays_what_has_marks(suite, run, cassettes):
    """In its format they are text as any other."""
    vcr = pytest.importorskip("vcr")
    suite.makeini("[pytest]\nreqord_format = vcr")
    suite.makepyfile(
        ASKING
        + """
    @pytest.mark.cassette
    @pytest.mark.parametrize("place", ["header", "json", "form"])
    def test_it(place):
        check(place)
    """
    )
    run("alice bob", "--record-mode=once").assert_outcomes(passed=3)
    assert "REDACTED-" in texts(cassettes)

    import requests

    for path in suite.path.glob("cassettes/*/*"):
        with vcr.use_cassette(str(path), record_mode="none") as cassette:
            for user, request in zip(("alice", "bob"), cassette.requests, strict=True):
                answer = requests.request(request.method, request.uri, timeout=5)
                assert answer.json()["user"] == user
