"""What a user is told: each message, provoked as a user does it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_reqord import report
from pytest_reqord.base.notes import Notes
from pytest_reqord.cli import docs

if TYPE_CHECKING:
    from collections.abc import Mapping

POSTS = """
    import os, pytest, requests
    API, MODEL = os.environ["API"], os.environ.get("MODEL", "a")

    @pytest.mark.parametrize("n", range(5))
    def test_many(cassette, n):
        requests.post(API + "/echo", json={"n": n, "model": MODEL})
"""

TWO = """
    import os, requests
    API, WORDS = os.environ["API"], os.environ.get("WORDS", "a b").split()

    def test_it(cassette):
        for word in WORDS:
            requests.get(API + "/json", params={"q": word})
"""

SERVER = """
    import pytest, requests, threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    @pytest.fixture(scope="session")
    def live_server():
        server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

    def test_it(live_server, cassette):
        requests.get(live_server)
"""


class Case(NamedTuple):
    """A message.

    :param suite: the suite that provokes it.
    :param says: lines of the last run's output, in their order.
    :param options: of the last run.
    :param recorded: options of a run before it; None for none.
    :param environment: variables of the last run.
    :param never: a line that it doesn't have.
    """

    suite: str
    says: list[str]
    options: tuple[str, ...] = ()
    recorded: tuple[str, ...] | None = None
    environment: Mapping[str, str] = MappingProxyType({})
    never: str = "no such line"


ONCE = ("--record-mode=once",)
GET = """
    import os, pytest, requests
    API = os.environ["API"]

    {mark}
    def test_it({fixtures}):
        requests.get(API + {path!r})
        {then}
"""


def get(mark: str = "", fixtures: str = "cassette", path: str = "/json", then: str = "") -> str:
    return GET.format(mark=mark, fixtures=fixtures, path=path, then=then)


CASES = {
    "a cassette that grew": Case(
        TWO,
        ["saved *test_it.yaml (added 1, now 3)"],
        options=("--record-mode=new_episodes",),
        recorded=ONCE,
        environment={"WORDS": "a b c"},
    ),
    "a cassette of which a part was recorded anew": Case(
        TWO.replace('"/json"', '"/echo", headers={"X-Now": os.environ.get("NOW", "")}'),
        ["saved *test_it.yaml (changed 1, now 2)"],
        options=("--rerecord=GET *q=b",),
        recorded=ONCE,
        environment={"NOW": "later"},
    ),
    "a cassette that was recorded anew as a whole": Case(
        TWO.replace('"/json"', '"/echo", headers={"X-Now": os.environ.get("NOW", "")}'),
        ["saved *test_it.yaml (changed 2, now 2)"],
        options=("--record-mode=all",),
        recorded=ONCE,
        environment={"NOW": "later"},
    ),
    "many tests without a cassette": Case(
        POSTS,
        ["5 tests have no cassette: pytest * --record-mode=once"],
        never="*test_many?4?* --record-mode=once*",
    ),
    "a miss in the short summary": Case(
        get(), ["FAILED test_it.py::test_it - GET http://*"], options=("--color=no",)
    ),
    "a wrong setting in the short summary": Case(
        get("@pytest.mark.cassette(locked=3)"),
        ["ERROR test_it.py::test_it - locked = 3 (@pytest.mark*"],
    ),
    "one change in many tests": Case(
        POSTS,
        [
            "drifted   body.model: sent 'b', recorded 'a': 5 requests of 5 tests",
            "          pytest * --rerecord='POST http://*/echo'",
            "          see: reqord docs drift",
        ],
        recorded=ONCE,
        environment={"MODEL": "b"},
        never="*drifted *::test_many*",
    ),
    "drift is coloured": Case(
        POSTS, ["*\x1b[[]33mdrifted *"], ("--color=yes",), ONCE, {"MODEL": "b"}
    ),
    "what is not asked for any more": Case(
        TWO,
        [
            "*\x1b[[]33munplayed  test_it.py::test_it left 1 interaction of *",
            "          see: reqord docs unplayed",
        ],
        options=("--color=yes",),
        recorded=ONCE,
        environment={"WORDS": "a"},
    ),
    "what could not be saved": Case(
        get("@pytest.mark.cassette", "", path="/echo?k=ghp_" + "aB3" * 12),
        ["*\x1b[[]31m\x1b[[]1mNOT SAVED *"],
        options=("--record-mode=once", "--color=yes"),
    ),
    "the last plays before a failure": Case(
        """
        import os, requests

        def test_it(cassette):
            for n in range(25):
                requests.get(os.environ["API"] + f"/json?n={n}")
            assert os.environ.get("GOOD")
        """,
        ["*- cassette -*", "played   5 before", "*json?n=5 -> 200*", "*json?n=24 -> 200*"],
        recorded=("--record-mode=once", "-o", "reqord_on_failure=keep"),
        never="*json?n=4 *",
    ),
    "frames of ours": Case(
        """
        import httpx

        def test_it(cassette):
            httpx.get("http://127.0.0.1:1/")
        """,
        ["E *httpx.ConnectError*"],
        options=("-o", "reqord_record_errors=true"),
        recorded=(
            "--record-mode=once",
            "-o",
            "reqord_on_failure=keep",
            "-o",
            "reqord_record_errors=1",
        ),
        never="*pytest_reqord/interceptors*",
    ),
    "a request that changed": Case(
        TWO,
        [
            "E *--record-mode=all   # record everything anew",
            "E *new_episodes   # add it, and keep *",
        ],
        recorded=ONCE,
        environment={"WORDS": "a c"},
        never="*--rerecord*",
    ),
    "a body that changed, where bodies count": Case(
        POSTS,
        [
            "E *pytest 'test_it.py::test_many?0?' '--rerecord=POST http://*/echo'   # record this *",
            "E *--record-mode=all*",
            "E *see: reqord docs miss",
        ],
        options=("-o", "reqord_match_on=method uri body"),
        recorded=ONCE,
        environment={"MODEL": "b"},
    ),
    "a request that is new": Case(
        TWO,
        ["E *new_episodes   # add what is missing", "E *--record-mode=all*"],
        recorded=ONCE,
        environment={"WORDS": "a b c"},
    ),
    "an API that changed": Case(
        POSTS.replace('"/echo"', '"/echo", headers={"X-Now": os.environ.get("NOW", "")}'),
        [
            "*body headers*: recorded *, now 'later'*",
            "cassettes/*.yaml is not what the API answers now",
            "  see: reqord docs compare",
            "*- cassette -*",
            "live     POST http://*/echo -> 200 OK",
            "verified  5 requests of 5 tests went live: 5 answers changed in 5 tests",
            "changed   body headers*: recorded *, now 'later'*: 5 answers of 5 tests",
            "FAILED *::test_many?0? - POST http://*/echo",
        ],
        options=("--record-mode=verify",),
        recorded=ONCE,
        environment={"NOW": "later"},
        never="played *",
    ),
    "an API that did not change": Case(
        POSTS,
        ["verified  5 requests of 5 tests went live: no answer changed"],
        options=("--record-mode=verify", "-v"),
        recorded=ONCE,
        never="played *",
    ),
    "a server of the test process": Case(
        SERVER, ["E *this server runs inside the test process: reqord_ignore_localhost = true *"]
    ),
    "a key that the API refused": Case(
        get(path="/status/401", then="assert 0"),
        ["draft *: the test failed; the API answered 401: mend the key and run again"],
        options=ONCE,
    ),
    "a test without a cassette": Case(
        get(fixtures=""),
        [
            "outside   1 request to 127.0.0.1 while no cassette was open",
            "          test_it.py::test_it",
        ],
        options=ONCE,
    ),
    "a pattern that is no URL": Case(
        get(),
        ["unmatched --rerecord='/chat' named no*", "*of the whole URL, such as '[*]/chat'; see: *"],
        options=("--rerecord=/chat",),
        recorded=ONCE,
    ),
    "an unknown argument": Case(
        get("@pytest.mark.cassette(recordmode='once')"),
        ["*recordmode = 'once' (*) is not a setting: did you mean record_mode? see: reqord docs *"],
    ),
    "an unknown key": Case(
        get(),
        ["*reqord_recordmode = 'once' (*) is not a setting: did you mean reqord_record_mode? *"],
        options=("-o", "reqord_recordmode=once"),
    ),
    "a name like no other": Case(
        get("@pytest.mark.cassette(xyz=1)"),
        ["*xyz = 1 (*) is not a setting: see: reqord docs settings"],
        never="*there are *",
    ),
    "an unknown matcher": Case(
        get("@pytest.mark.cassette(match_on=['bdy'])"),
        ["*'bdy' is not a matcher: did you mean body? see: reqord docs matching"],
    ),
    "the cassette in a wider fixture": Case(
        """
        import pytest

        @pytest.fixture(scope="module")
        def users(cassette):
            pass

        def test_it(users):
            pass
        """,
        ["*ScopeMismatch: *", "*take cassette_factory: with cassette_factory('name')*"],
    ),
    "vcr beside cassette": Case(
        get(fixtures="cassette, vcr"),
        ["*the fixture vcr belongs to @pytest.mark.vcr, *take the fixture cassette instead*"],
    ),
    "default_cassette beside cassette": Case(
        get("@pytest.mark.default_cassette('x')"),
        ["*default_cassette belongs to @pytest.mark.vcr, *@pytest.mark.cassette('name')*"],
    ),
    "none and rerecord": Case(
        get(),
        ["ERROR: --rerecord records, and --record-mode=none forbids it: leave out one of them"],
        options=("--record-mode=none", "--rerecord=*"),
    ),
    "a mode that CI holds back": Case(
        get(fixtures=""),
        [
            'reqord: CI is set: record mode "once" (from -o) acts as "none"; pass --record-mode=once *'
        ],
        options=("-o", "reqord_record_mode=once"),
        environment={"CI": "true"},
    ),
}


CASES |= {
    "help of an ini key": Case(
        get(),
        [
            "*environment variable REQORD does the same*",
            "*--unused-cassettes=delete*",
            "*reqord_on_drift (string):*",
            "*warn, fail; default: warn)*",
        ],
        options=("--help",),
    ),
    "markers": Case(
        get(),
        [
            "@pytest.mark.vcr([*]paths, record_mode=..., match_on=..., *",
            "@pytest.mark.cassette(name=None, [*], path=None, record_mode=..., match_on=..., *",
        ],
        options=("--markers",),
    ),
    "fixtures": Case(
        get(),
        ["vcr_config*", "*For suites of pytest-recording: VCR.py's options*"],
        options=("--fixtures",),
    ),
    "drafts of a deleted test": Case(
        get("@pytest.mark.skipif('GONE' in os.environ, reason='x')", then="assert 0")
        + "    if 'GONE' in os.environ: del test_it\n    def test_other(cassette): pass",
        ["* passed*"],
        options=ONCE,
        recorded=ONCE,
        environment={"GONE": "1"},
        never="*draft*",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(suite, monkeypatch, name):
    """The run says it, and leads on."""
    case = CASES[name]
    suite.makepyfile(test_it=case.suite)
    if case.recorded is not None:
        suite.runpytest(*case.recorded)
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)

    result = suite.runpytest(*case.options)

    result.stdout.no_fnmatch_line(case.never)
    text = [*result.outlines, *result.errlines]
    pytest.LineMatcher(text).fnmatch_lines(case.says)


def test_a_fault_of_ours_shows_where_it_is(suite):
    """Our frames are hidden where an error comes through them, and not where it comes from them."""
    suite.makepyfile(get())
    suite.makeconftest("""
        import pytest_reqord.playback.cassette as ours

        def broken(*_):
            return {}["broken"]

        broken.__code__ = broken.__code__.replace(co_filename=ours.__file__)
        ours.Cassette._route = broken
    """)

    result = suite.runpytest_subprocess()  # for what it puts in place of ours stays
    result.stdout.fnmatch_lines(["*KeyError: 'broken'*", "*playback/cassette.py:*"])


def test_each_page_that_a_message_names_is_there(request):
    """`see: reqord docs X` leads to a page or a section."""
    package = request.config.rootpath / "pytest_reqord"
    named = {
        topic
        for path in package.rglob("*.py")
        for topic in re.findall(
            r"""see\(["']([\w-]+)["']\)|see: reqord docs ([\w-]+)|_fail\([^()]+, "(\w+)"\)""",
            path.read_text(),
        )
        for topic in topic
        if topic
    }
    assert {"drift", "miss", "settings"} <= named
    for topic in named:
        assert docs._text(docs.pages(), topic), topic


@pytest.mark.parametrize(
    ("methods", "pattern"),
    [(["POST"], "'POST https://api.test/v1/chat/*'"), (["POST", "PUT"], "'*'")],
    ids=["of one method", "of several"],
)
def test_many_patterns_become_one(methods, pattern):
    """A change in many requests has one command that a shell takes."""
    notes = Notes()
    for number in range(60):
        request = f"{methods[number % len(methods)]} https://api.test/v1/chat/{number}"
        notes.drifted.append((f"test_it.py::test_{number}", "c.yaml", request, ["body.model: x"]))

    first, command, _ = report.summary(notes, is_recording=False)

    assert first == "drifted   body.model: x: 60 requests of 60 tests"
    assert command.strip() == f"pytest --rerecord={pattern}"


def test_many_changes():
    """Ten changes that several tests have are told, the most frequent first, and the rest is counted."""
    notes = Notes()
    changes = [f"body.f{number}: sent 1, recorded 2" for number in range(12)]
    for test in ("a", "b"):
        notes.drifted.append((test, "c.yaml", "POST http://x/", changes))

    lines = report.summary(notes, is_recording=False)

    assert sum(line.startswith("drifted ") for line in lines) == 10
    assert lines[-2].strip() == "and 2 more changes that several tests have"


def test_a_table_of_our_own(suite):
    """`[tool.reqord]` in pyproject.toml is nothing that anybody reads: settings have another place."""
    suite.makepyprojecttoml("[tool.pytest.ini_options]\n[tool.reqord]\nrecord_mode = 'once'\n")

    result = suite.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: *[[]tool.reqord], which nobody reads: *[[]tool.pytest.ini_options], each as reqord_*"
        ]
    )
