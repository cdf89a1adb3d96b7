from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

TWO_TESTS = """
    import os, requests, pytest

    API = os.environ["API"]

    @pytest.mark.cassette
    def test_one():
        assert requests.get(API + "/json").status_code == 200

    def test_two(cassette):
        assert requests.post(API + "/echo", json={"n": 2}).json()["body"] == '{"n": 2}'
"""

FAILS_ON_DEMAND = """
    import os, requests, pytest

    API = os.environ["API"]

    def test_good(cassette):
        requests.get(API + "/json?good")

    def test_bad(cassette):
        requests.get(API + "/json?bad")
        assert not os.environ.get("BREAK")
"""


def test_once_records_and_none_plays(suite, api, cassettes):
    """What `once` recorded is played by a plain run, which never reaches the server."""
    suite.makepyfile(TWO_TESTS)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    assert len(api.seen) == 2
    suite.runpytest().assert_outcomes(passed=2)

    assert len(api.seen) == 2
    assert sorted(cassettes()) == ["test_one.yaml", "test_two.yaml"]
    stored = yaml.safe_load(cassettes()["test_two.yaml"])
    assert stored["interactions"][0]["request"]["method"] == "POST"


def test_none_misses_at_the_first_request(suite, api):
    """Without a cassette the first request fails, with the path and the command that records."""
    suite.makepyfile(TWO_TESTS)

    result = suite.runpytest()

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*CassetteMissError: GET http://*/json is not in *test_one.yaml*",
            "*pytest *::test_one --record-mode=once*",
        ]
    )
    assert not api.seen


def test_once_plays_what_existed_when_the_run_began(suite, api, cassettes):
    """A cassette from an earlier run is played by `once`; what it lacks is a miss."""
    suite.makepyfile(TWO_TESTS)
    suite.runpytest("--record-mode=once")
    before = cassettes()
    suite.makepyfile(TWO_TESTS.replace("/json", "/json?other"))

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1, failed=1)

    assert len(api.seen) == 2
    assert cassettes() == before


def test_a_cassette_born_in_this_run_is_recorded_into(suite, api, cassettes):
    """Two tests that share a new cassette both record into it in one `once` run."""
    suite.makepyfile("""
        import os, requests, pytest
        pytestmark = pytest.mark.cassette("shared")

        @pytest.mark.parametrize("n", range(3))
        def test_same(n):
            requests.get(os.environ["API"] + "/json")
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=3)

    assert len(api.seen) == 3
    stored = yaml.safe_load(cassettes()["shared.yaml"])["interactions"]
    assert len({one["recorded_by"] for one in stored}) == 3
    suite.runpytest("-p", "no:randomly", "-k", "1").assert_outcomes(passed=1, deselected=2)


def test_new_episodes_records_only_what_misses(suite, api, cassettes):
    """`new_episodes` plays what is there and puts what isn't in its place in time."""
    suite.makepyfile(TWO_TESTS)
    suite.runpytest("--record-mode=once")
    suite.makepyfile(TWO_TESTS.replace("200", '200\n        requests.get(API + "/json?more")', 1))

    suite.runpytest("--record-mode=new_episodes").assert_outcomes(passed=2)

    assert len(api.seen) == 3
    stored = yaml.safe_load(cassettes()["test_one.yaml"])["interactions"]
    assert [one["request"]["uri"].rpartition("/")[2] for one in stored] == ["json", "json?more"]
    suite.runpytest().assert_outcomes(passed=2)
    assert len(api.seen) == 3


def test_all_leaves_the_cassette_of_a_failing_test_alone(suite, api, cassettes, monkeypatch):
    """`all` replaces the cassettes of what passed; what failed keeps its file byte for byte."""
    suite.makepyfile(FAILS_ON_DEMAND)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    before = cassettes()
    monkeypatch.setenv("BREAK", "1")
    suite.makepyfile(FAILS_ON_DEMAND.replace("json?", "echo?"))

    result = suite.runpytest("--record-mode=all")

    result.assert_outcomes(passed=1, failed=1)
    after = cassettes()
    assert after["test_bad.yaml"] == before["test_bad.yaml"]
    assert b"/echo?good" in after["test_good.yaml"]
    assert b"/json?good" not in after["test_good.yaml"]
    result.stdout.fnmatch_lines(["draft*::test_bad*the test failed*", "*reqord keep *::test_bad*"])


def test_all_again_changes_nothing(suite, api, cassettes):
    """A second `all` run against an unchanged API leaves every file as it is."""
    suite.makepyfile(TWO_TESTS)
    suite.runpytest("--record-mode=all").assert_outcomes(passed=2)
    before = cassettes()

    result = suite.runpytest("--record-mode=all")

    assert cassettes() == before
    assert len(api.seen) == 4
    result.stdout.fnmatch_lines(["unchanged *test_one.yaml"])


def test_all_again_through_a_client_that_signs(suite, cassettes):
    """What botocore signs each request with, and numbers it by, is no change of the API's."""
    suite.makepyfile("""
        import os, boto3, pytest

        def test_it(cassette):
            keys = {"aws_access_key_id": "AKIA0", "aws_secret_access_key": "x" * 40}
            s3 = boto3.client("s3", "eu-west-1", endpoint_url=os.environ["API"], **keys)
            with pytest.raises(s3.exceptions.ClientError, match="404"):
                s3.list_buckets()
    """)
    suite.runpytest("--record-mode=all", "-W", "ignore").assert_outcomes(passed=1)
    before = cassettes()

    result = suite.runpytest("--record-mode=all", "-W", "ignore")

    result.stdout.fnmatch_lines(["unchanged *test_it.yaml"])
    assert cassettes() == before


def test_all_keeps_other_tests_of_a_shared_cassette(suite, api, cassettes):
    """In a shared cassette `all` replaces what the tests that ran had recorded, nothing else."""
    suite.makepyfile("""
        import os, requests, pytest
        pytestmark = pytest.mark.cassette("shared")

        def test_a():
            requests.get(os.environ["API"] + "/json?a")

        def test_b():
            requests.get(os.environ["API"] + "/json?b")
    """)
    suite.runpytest("--record-mode=all").assert_outcomes(passed=2)

    suite.runpytest("--record-mode=all", "-k", "test_b").assert_outcomes(passed=1, deselected=1)

    stored = yaml.safe_load(cassettes()["shared.yaml"])["interactions"]
    assert [one["recorded_by"].rpartition("::")[2] for one in stored] == ["test_a", "test_b"]


def test_rewrite_drops_what_others_recorded(suite, cassettes):
    """`rewrite` leaves in a cassette only what the tests of this run record."""
    suite.makepyfile("""
        import os, requests, pytest
        pytestmark = pytest.mark.cassette("shared")

        def test_a():
            requests.get(os.environ["API"] + "/json?a")

        def test_b():
            requests.get(os.environ["API"] + "/json?b")
    """)
    suite.runpytest("--record-mode=all")

    suite.runpytest("--record-mode=rewrite", "-k", "test_b")

    stored = yaml.safe_load(cassettes()["shared.yaml"])["interactions"]
    assert [one["recorded_by"].rpartition("::")[2] for one in stored] == ["test_b"]


@pytest.mark.parametrize("options", [[], ["-n2"], ["-x", "-p", "no:xdist"]])
def test_rewrite_keeps_what_tests_of_this_run_did_not_record(
    suite, cassettes, monkeypatch, options
):
    """`rewrite` keeps what a test had that fails before its cassette opens, or before it records."""
    suite.makepyfile("""
        import os, requests, pytest
        pytestmark = pytest.mark.cassette("shared")

        @pytest.fixture(scope="module")
        def broken():
            assert "BROKEN" not in os.environ

        def get(name):
            requests.get(os.environ["API"] + "/json?" + name)

        def test_recorded():
            get("recorded")

        def test_left_out():
            get("left_out")

        def test_skipped():
            if "BROKEN" in os.environ:
                pytest.skip("today")
            get("skipped")

        def test_failed():
            assert "BROKEN" not in os.environ or "-x" in os.environ["OPTIONS"]
            get("failed")

        def test_without_setup(broken):
            get("without_setup")

        def test_last():
            get("last")
    """)
    monkeypatch.setenv("OPTIONS", " ".join(options))
    suite.runpytest_subprocess("--record-mode=all").assert_outcomes(passed=6)
    before = yaml.safe_load(cassettes()["shared.yaml"])["interactions"]
    monkeypatch.setenv("BROKEN", "1")

    suite.runpytest_subprocess("--record-mode=rewrite", "-k", "not left_out", *options)

    stored = yaml.safe_load(cassettes()["shared.yaml"])["interactions"]
    names = [one["recorded_by"].rpartition("::")[2] for one in stored]
    kept = [one for one in before if "left_out" not in one["recorded_by"]]
    assert sorted(names) == sorted(one["recorded_by"].rpartition("::")[2] for one in kept)
    assert all(one in stored for one in kept if "setup" in one["recorded_by"])


def test_all_that_captures_nothing_deletes_nothing(suite, cassettes):
    """A recording without a single interaction leaves the cassette as it is."""
    suite.makepyfile(TWO_TESTS)
    suite.runpytest("--record-mode=once")
    before = cassettes()
    suite.makepyfile("""
        def test_one(cassette): pass
        def test_two(cassette): pass
    """)

    suite.runpytest("--record-mode=all").assert_outcomes(passed=2)

    assert cassettes() == before


def test_a_draft_is_played_by_the_next_run(suite, api, cassettes, monkeypatch):
    """Fixing an assertion doesn't cost the API call again: the draft is played, then saved."""
    suite.makepyfile(FAILS_ON_DEMAND)
    monkeypatch.setenv("BREAK", "1")
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1, failed=1)
    assert sorted(cassettes()) == ["test_good.yaml"]
    monkeypatch.delenv("BREAK")

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    assert len(api.seen) == 2
    assert sorted(cassettes()) == ["test_bad.yaml", "test_good.yaml"]
    result = suite.runpytest()
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("draft *")


@pytest.mark.parametrize("path", ["status/429", "status/503", "status/401"])
def test_a_draft_with_a_refusal_is_not_played(suite, api, path, monkeypatch):
    """A draft that may be why its test failed is recorded again."""
    suite.makepyfile(FAILS_ON_DEMAND.replace("json?bad", path))
    monkeypatch.setenv("BREAK", "1")
    suite.runpytest("--record-mode=once")
    monkeypatch.delenv("BREAK")

    suite.runpytest("--record-mode=once")

    assert len(api.seen) == 3


def test_keep_saves_a_draft_as_it_is(suite, api, cassettes, monkeypatch):
    """`reqord keep NODEID` makes a draft the cassette without running anything."""
    suite.makepyfile(FAILS_ON_DEMAND)
    monkeypatch.setenv("BREAK", "1")
    suite.runpytest("--record-mode=once")

    result = suite.run(
        Path(sys.executable).parent / "reqord",
        "keep",
        "test_keep_saves_a_draft_as_it_is.py::test_bad",
    )

    assert result.ret == 0
    result.stdout.fnmatch_lines(["saved *test_bad.yaml*"])
    assert sorted(cassettes()) == ["test_bad.yaml", "test_good.yaml"]


@pytest.mark.parametrize(("policy", "kept"), [("keep", True), ("discard", False)])
def test_on_failure(suite, cassettes, monkeypatch, policy, kept):
    """`reqord_on_failure` saves the recording of a failing test, or throws it away."""
    suite.makepyfile(FAILS_ON_DEMAND)
    suite.makeini(f"[pytest]\nreqord_on_failure = {policy}")
    monkeypatch.setenv("BREAK", "1")

    result = suite.runpytest("--record-mode=once")

    assert ("test_bad.yaml" in cassettes()) is kept
    result.stdout.no_fnmatch_line("draft *")


def test_a_locked_cassette_is_never_written(suite, api, cassettes):
    """`locked` plays in every mode, whether the marker says it or the file."""
    suite.makepyfile(TWO_TESTS)
    suite.runpytest("--record-mode=once")
    path = next(suite.path.rglob("test_one.yaml"))
    path.write_bytes(path.read_bytes().replace(b"reqord: 1\n", b"reqord: 1\nlocked: true\n"))
    before = cassettes()
    suite.makepyfile(
        TWO_TESTS.replace("def test_two", "@pytest.mark.cassette(locked=True)\n    def test_two")
    )

    suite.runpytest("--record-mode=all").assert_outcomes(passed=2)

    assert len(api.seen) == 2
    assert cassettes() == before


def test_rerecord_replaces_only_what_matches(suite, api, cassettes):
    """`--rerecord` plays all else and replaces just the interactions that match."""
    suite.makepyfile("""
        import os, requests
        API = os.environ["API"]

        def test_it(cassette):
            requests.get(API + "/json")
            requests.post(API + "/echo", data="x")
    """)
    suite.runpytest("--record-mode=once")
    before = yaml.safe_load(cassettes()["test_it.yaml"])["interactions"]

    suite.runpytest("--rerecord=POST */echo").assert_outcomes(passed=1)

    assert [seen.method for seen in api.seen] == ["GET", "POST", "POST"]
    after = yaml.safe_load(cassettes()["test_it.yaml"])["interactions"]
    assert after == before


def test_ci_records_only_on_demand(suite, api, cassettes, monkeypatch):
    """With `CI` set an ini key doesn't record; the command line does."""
    suite.makepyfile(TWO_TESTS)
    suite.makeini("[pytest]\nreqord_record_mode = once")
    monkeypatch.setenv("CI", "true")

    played = suite.runpytest()
    played.assert_outcomes(failed=2)
    played.stdout.fnmatch_lines(
        ['reqord: CI is set: record mode "once" (from *tox.ini) acts as "none"; pass --record*']
    )
    assert not api.seen
    recorded = suite.runpytest("--record-mode=once")
    recorded.assert_outcomes(passed=2)
    recorded.stdout.no_fnmatch_line("*CI is set*")

    assert len(cassettes()) == 2


@pytest.mark.parametrize(
    ("mode", "options"), [("none", ()), ("once", ["--record-mode=none"]), ("", ())]
)
def test_ci_is_no_news_where_nothing_would_record(suite, monkeypatch, mode, options):
    """The header keeps quiet where it isn't `CI` that keeps a run from recording."""
    suite.makepyfile("def test_it(): pass")
    suite.makeini(f"[pytest]\nreqord_record_mode = {mode}" if mode else "[pytest]")
    monkeypatch.setenv("CI", "true")

    result = suite.runpytest(*options)

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*reqord:*")


@pytest.mark.parametrize(
    ("body", "is_saved"),
    [
        ("pytest.xfail('known')", True),
        ("pytest.skip('not now')", False),
        ("request.addfinalizer(lambda: 1 / 0)", False),
    ],
)
def test_what_counts_as_passed(suite, cassettes, body, is_saved):
    """xfailed saves; skipped midway and an error in the teardown don't."""
    suite.makepyfile(f"""
        import os, requests, pytest

        def test_it(cassette, request):
            requests.get(os.environ["API"] + "/json")
            {body}
    """)

    suite.runpytest("--record-mode=once")

    assert bool(cassettes()) is is_saved


def test_an_interrupted_run_saves_what_passed(suite, cassettes):
    """Ctrl-C keeps what was complete; what was cut short is a draft."""
    suite.makepyfile("""
        import os, requests

        def test_done(cassette):
            requests.get(os.environ["API"] + "/json?done")

        def test_cut(cassette):
            requests.get(os.environ["API"] + "/json?cut")
            raise KeyboardInterrupt
    """)

    result = suite.runpytest_subprocess("--record-mode=all")

    assert sorted(cassettes()) == ["test_done.yaml"]
    result.stdout.fnmatch_lines(["draft*test_cut*interrupted*"])


def test_a_recording_outside_of_cassettes_is_counted(suite, api):
    """A recording run says which hosts were reached while no cassette was open."""
    suite.makepyfile("""
        import os, requests

        def test_it():
            requests.get(os.environ["API"] + "/json")
    """)

    result = suite.runpytest("--record-mode=once")

    result.stdout.fnmatch_lines(["outside*1 request to 127.0.0.1*"])


def test_all_drops_recordings_of_tests_that_are_gone(suite, cassettes):
    """In a shared cassette `all` drops, and names, what tests recorded that exist no more."""
    suite.makepyfile("""
        import os, requests, pytest
        pytestmark = pytest.mark.cassette("shared")

        def test_a():
            requests.get(os.environ["API"] + "/json?a")

        def test_old():
            requests.get(os.environ["API"] + "/json?old")

        @pytest.mark.parametrize("n", [1, 2])
        def test_many(n):
            requests.get(os.environ["API"] + f"/json?{n}")
    """)
    suite.runpytest("--record-mode=all").assert_outcomes(passed=4)
    path = next(suite.path.glob("*.py"))
    path.write_text(path.read_text().replace("test_old", "test_new").replace("[1, 2]", "[1]"))

    result = suite.runpytest("--record-mode=all", "-k", "not test_new")

    owners = [
        one["recorded_by"].rpartition("::")[2]
        for one in yaml.safe_load(cassettes()["shared.yaml"])["interactions"]
    ]
    assert sorted(owners) == ["test_a", "test_many[1]"]
    result.stdout.fnmatch_lines(["dropped *::test_many?2?*", "dropped *::test_old*"])


@pytest.mark.parametrize("mode", ["once", "all", "rewrite", "new_episodes"])
def test_a_cassette_that_a_test_opens_twice(suite, mode):
    """Both recordings of one test become part of it."""
    suite.makepyfile("""
        import os, requests
        from pytest_reqord import use_cassette

        def test_it():
            for n in range(2):
                with use_cassette("twice.yaml"):
                    requests.get(os.environ["API"] + f"/json?{n}")
    """)

    suite.runpytest(f"--record-mode={mode}").assert_outcomes(passed=1)

    text = (suite.path / "twice.yaml").read_text()
    assert [line[-1] for line in text.splitlines() if "uri:" in line] == ["0", "1"]


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_test_has_its_cassette_saved_as_its_marker_says(suite, cassettes, mode):
    """Format and size of bodies are the test's own where the run's end saves it, too."""
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.cassette(format="vcr")
        def test_vcr():
            requests.get(os.environ["API"] + "/json")

        @pytest.mark.cassette(inline_limit=5)
        def test_beside():
            requests.get(os.environ["API"] + "/json")
    """)

    suite.runpytest(f"--record-mode={mode}").assert_outcomes(passed=2)

    assert cassettes()["test_vcr.yaml"].endswith(b"version: 1\n")
    assert len(list(suite.path.rglob("test_beside.bodies/*"))) == 1


@pytest.mark.parametrize("how", ["--record-mode=new_episodes", "--rerecord=GET *new*"])
def test_an_old_cassette_that_grows_is_still_played(suite, api, cassettes, monkeypatch, how):
    """A test that adds to a shared cassette doesn't have those after it record theirs again."""
    monkeypatch.setenv("MORE", "/json?old")
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.cassette("shared")
        @pytest.mark.parametrize("n", range(4))
        def test_it(n):
            requests.get(os.environ["API"] + f"/json?{n}")
            if n == 1:
                requests.get(os.environ["API"] + os.environ["MORE"])
    """)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=4)
    monkeypatch.setenv("MORE", "/json?new")

    suite.runpytest(how).assert_outcomes(passed=4)

    assert len(api.seen) == 6
    assert cassettes()["shared.yaml"].count(b"- recorded_at:") == 6
