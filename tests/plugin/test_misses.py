"""What is not in the recording, what was left of it, and what it was recorded for."""

from __future__ import annotations

import pytest

ONE_POST = """
    import os, requests
    API = os.environ["API"]

    def test_it(cassette):
        requests.post(API + "/echo", json={"model": "a", "n": 1})
"""


def test_a_miss_is_felt_through_except_exception(suite):
    """Code that swallows every Exception doesn't swallow a miss."""
    suite.makepyfile("""
        import os, requests

        def test_it(cassette):
            for _ in range(3):
                try:
                    requests.get(os.environ["API"] + "/json")
                except Exception:
                    pass
    """)

    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CassetteMissError*"])


def test_the_traceback_of_a_miss_ends_in_the_suite(suite):
    """The report shows the suite's own frames, not those of the client or ours."""
    suite.makepyfile("""
        import os, requests

        def fetch():
            return requests.get(os.environ["API"] + "/json")

        def test_it(cassette):
            fetch()
    """)

    result = suite.runpytest()

    result.stdout.fnmatch_lines(["*return requests.get*", "E *CassetteMissError*"])
    result.stdout.no_fnmatch_line("*adapters.py*")
    result.stdout.no_fnmatch_line("*cassette.py:*")


def test_a_swallowed_miss_fails_the_phase_it_happened_in(suite):
    """Even `except BaseException` doesn't hide a miss: the call fails, and only the call."""
    suite.makepyfile("""
        import os, requests

        def test_it(cassette):
            try:
                requests.get(os.environ["API"] + "/json")
            except BaseException:
                pass
    """)

    suite.runpytest().assert_outcomes(failed=1)


def test_on_miss_raise(suite):
    """With `on_miss = raise` a miss is an Exception that the test may handle."""
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.cassette(on_miss="raise")
        def test_it():
            with pytest.raises(Exception, match="is not in"):
                requests.get(os.environ["API"] + "/json")
    """)

    suite.runpytest().assert_outcomes(passed=1)


def test_a_miss_names_the_nearest_recording_and_what_differs(suite):
    """The text of a miss shows the nearest interaction field by field, then what to run."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")
    suite.makepyfile(ONE_POST.replace("/echo", "/echo?page=2"))

    result = suite.runpytest()

    result.stdout.fnmatch_lines(
        [
            "*POST http://*/echo?page=2 is not in *test_it.yaml*",
            "*nearest: POST http://*/echo",
            "*query page: sent ?'2'?, recorded None*",
            "*--record-mode=all*",
            "*--record-mode=new_episodes*",
        ]
    )


@pytest.mark.parametrize(
    ("policy", "outcome", "line"),
    [
        ("warn", {"passed": 1}, "*body.model: sent 'b', recorded 'a'*"),
        ("fail", {"failed": 1}, "*body.model: sent 'b', recorded 'a'*"),
        ("ignore", {"passed": 1}, None),
    ],
)
def test_on_drift(suite, policy, outcome, line):
    """An answer that was recorded for another body is told, or fails the test."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")
    suite.makepyfile(ONE_POST.replace('"a"', '"b"'))

    result = suite.runpytest("-o", f"reqord_on_drift={policy}")

    result.assert_outcomes(**outcome)
    if line:
        result.stdout.fnmatch_lines([line])
    else:
        result.stdout.no_fnmatch_line("*drifted *")
    if "failed" in outcome:
        again = "  pytest *::test_it --record-mode=all   # record everything anew"
        result.stdout.fnmatch_lines([again])


@pytest.mark.parametrize(
    ("policy", "outcome", "line"),
    [
        ("warn", {"passed": 1}, "*unplayed POST http://*/echo*"),
        ("fail", {"passed": 1, "errors": 1}, "*unplayed POST http://*/echo*"),
        ("ignore", {"passed": 1}, None),
    ],
)
def test_on_unplayed(suite, policy, outcome, line):
    """Interactions that a passed test no longer asks for are told, or fail it."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")
    suite.makepyfile("def test_it(cassette): pass")

    result = suite.runpytest("-o", f"reqord_on_unplayed={policy}")

    result.assert_outcomes(**outcome)
    if line:
        result.stdout.fnmatch_lines([line])
    else:
        result.stdout.no_fnmatch_line("*unplayed *")


def test_each_interaction_plays_once(suite):
    """A second request for one recorded answer is a miss, unless repeats are allowed."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")
    twice = ONE_POST.replace("test_it(cassette):", "test_it(cassette):\n      for _ in 'ab':")
    suite.makepyfile(twice)

    suite.runpytest().assert_outcomes(failed=1)
    suite.runpytest("-o", "reqord_allow_playback_repeats=true").assert_outcomes(passed=1)


def test_strict_order(suite):
    """With `strict_order` another order is an error that says what was expected."""
    both = """
        import os, requests, pytest
        API = os.environ["API"]

        @pytest.mark.cassette(strict_order=True)
        def test_it():
            requests.get(API + "/json?{}")
            requests.get(API + "/json?{}")
    """
    suite.makepyfile(both.format("a", "b"))
    suite.runpytest("--record-mode=once")
    suite.runpytest().assert_outcomes(passed=1)
    suite.makepyfile(both.format("b", "a"))

    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*SequenceMismatchError*json?a, at position 0*--record-mode=all*"])


def test_distinct_bodies_find_their_own_answers(suite):
    """Posts to one URL get their own answers back in any order."""
    posts = """
        import os, requests
        API = os.environ["API"]

        def test_it(cassette):
            for n in {}:
                assert requests.post(API + "/echo", json={{"n": n}}).json()["body"] == '{{"n": %d}}' % n
    """
    suite.makepyfile(posts.format("range(10)"))
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.makepyfile(posts.format("reversed(range(10))"))

    result = suite.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*drifted *")


def test_a_clean_replay_prints_nothing(suite):
    """A replay that needed nothing from the user has no line of ours."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")

    result = suite.runpytest()

    result.stdout.no_fnmatch_line("*cassette*")
    result.stdout.no_fnmatch_line("*reqord:*")


def test_verbose_names_cassettes(suite):
    """With `-v` the header has the mode and the summary names what was played."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")

    result = suite.runpytest("-v")

    result.stdout.fnmatch_lines(
        ["reqord: record mode none", "played *test_it.yaml (1 interaction)"]
    )


def test_a_miss_tells_of_a_draft(suite):
    """A miss of a test whose recording is a draft says how to save it."""
    suite.makepyfile(ONE_POST + "        assert False\n")
    suite.runpytest("--record-mode=once")

    result = suite.runpytest()

    result.stdout.fnmatch_lines(["*reqord keep *::test_it*save the draft*"])


@pytest.mark.parametrize("is_in_file", [True, False])
def test_a_miss_of_a_locked_cassette_says_so(suite, is_in_file):
    """None of the commands would record into it."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")
    changed = ONE_POST.replace("/echo", "/other")
    if is_in_file:
        (cassette,) = suite.path.rglob("test_it.yaml")
        cassette.write_text("locked: true\n" + cassette.read_text())
    else:
        mark = "import pytest\n    @pytest.mark.cassette(locked=True)\n    def test_it"
        changed = changed.replace("def test_it", mark)
    suite.makepyfile(changed)

    result = suite.runpytest("--record-mode=new_episodes")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*# it is locked: take locked out*", "*--record-mode=*"])


def test_a_failing_test_has_a_section(suite):
    """The report of a failing test says what was played and missed."""
    suite.makepyfile(ONE_POST)
    suite.runpytest("--record-mode=once")
    suite.makepyfile(ONE_POST + "        assert False\n")

    result = suite.runpytest()

    result.stdout.fnmatch_lines(
        ["*- cassette -*", "*test_it.yaml (record mode none)", "played*200*"]
    )


WIDER = """
    import os, pytest, requests

    @pytest.fixture(scope="session")
    def users(cassette_factory):
        with cassette_factory("users"):
            return requests.get(os.environ["API"] + "/json").json()

    def test_one(users):
        pass

    @pytest.mark.cassette
    def test_two(users):
        pass
"""


@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_a_miss_in_a_wider_fixture(suite, options):
    """It is the error of every test that needs the fixture, with a command that pytest takes."""
    suite.makepyfile(test_wider=WIDER)

    result = suite.runpytest("-p", "no:randomly", *options)

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "ERROR test_wider.py::test_one - GET http://*",
            "ERROR test_wider.py::test_two - GET http://*",
        ]
    )
    result.stdout.fnmatch_lines(["E *pytest test_wider.py::test_one --record-mode=once *"])
    result.stdout.no_fnmatch_line("*REQORD=*")


def test_commands_work_where_pytest_was_started(suite, monkeypatch):
    """In another folder than the one that names of tests start in, they go there first."""
    folder = suite.mkdir("inner")
    folder.joinpath("pytest.ini").write_text("[pytest]\n")
    folder.joinpath("test_it.py").write_text(
        "import requests\ndef test_it(cassette, tmp_path, monkeypatch):\n"
        "    monkeypatch.chdir(tmp_path)\n    requests.get('http://api.test/')\n"
    )

    result = suite.runpytest("inner/test_it.py")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *cd inner && pytest test_it.py::test_it --record-mode=once *"])
