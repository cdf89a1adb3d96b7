"""Secrets planted in every place of real traffic are in nothing that a run leaves or says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml  # noqa: F401 -- pytester would have each inner run import it anew
from planted import ANSWERS, PLACES, VARIABLE, answered, left_in, secret
from server import ROUTES

from pytest_reqord.cassette_file.cache import read_document

INI = f"""
[pytest]
reqord_secrets = {VARIABLE}
reqord_redact_headers = X-Mine
reqord_redact_fields = nickname
reqord_redact_query = shibboleth

reqord_redact_patterns = PIN-(\\S+)
reqord_inline_limit = 1000
reqord_record_errors = true
"""
SUITE = """
    import os
    import pytest, requests
    from planted import PLACES, secret, send

    API = os.environ["API"]
    HAPPENS = os.environ.get("HAPPENS")

    @pytest.mark.parametrize("half", [0, 1])
    def test_places(cassette, half):
        for place in PLACES[half::2]:
            send(API, place)
        if HAPPENS == "a crash" and half:
            cassette.flush()
            os._exit(3)
        assert HAPPENS != "a failure"

    def test_error(cassette):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{API}/broken/reset-early?api_key={secret('query')}")
        assert HAPPENS != "a failure"

    def test_change(cassette):
        more = {"more": 1} if HAPPENS == "drift" else {}
        requests.post(API + "/echo", json={"password": secret("deep json"), **more})
        assert HAPPENS != "drift"

    def test_miss(cassette):
        headers = {"X-Api-Key": secret("key header")}
        requests.get(API + "/json?name=Ada", headers=headers)
        if HAPPENS == "drift":
            body = {"password": secret("json in json")}
            requests.post(API + "/json?sig=" + secret("presigned"), headers=headers, json=body)
"""
# these runs are long, and in this process: what a thread or an object of another test's raises in the
# meantime, which our own filter makes an error, would be told of one of theirs ("4 passed, 1 error")
OF_OTHERS = (
    "-Wdefault::pytest.PytestUnhandledThreadExceptionWarning",
    "-Wdefault::pytest.PytestUnraisableExceptionWarning",
)
RECORDING = ["once", "new_episodes", "all", "rewrite"]


@pytest.fixture
def run(suite, monkeypatch):
    """Run the suite, and see that nothing of what it left and said has a secret in it."""
    monkeypatch.setitem(ROUTES, "planted", lambda _, seen: iter([ANSWERS[seen.arguments[0]]]))
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv(VARIABLE, secret("named"))
    suite.makeini(INI)
    suite.makepyfile(SUITE)

    def run(*arguments, happens="", **outcomes):
        monkeypatch.setenv("HAPPENS", happens)
        start = suite.runpytest_subprocess if happens == "a crash" else suite.runpytest
        result = start("--junitxml=report.xml", "-ra", *OF_OTHERS, *arguments)
        said = result.stdout.str() + result.stderr.str()
        if outcomes:
            result.assert_outcomes(**outcomes)
        assert left_in(said.encode()) == []
        for path, data in files(suite):
            assert left_in(data) == [], path
        return result

    return run


def files(suite):
    """Everything that the run left but the suite itself; of cassettes also what is packed."""
    for path in suite.path.rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path, path.read_bytes()
        if path.suffix == ".yaml":
            for entry in read_document(path).entries:
                interaction = entry.interaction()
                yield path, interaction.request.content
                if interaction.response is not None:
                    yield path, interaction.response.content


def staged(suite):
    return list(suite.path.glob(".pytest_cache/reqord/*/*.yaml"))


@pytest.mark.parametrize("mode", RECORDING)
def test_nothing_is_left_of_any_secret(run, suite, cassettes, mode):
    """Neither after a crash, nor of tests that fail, pass, replay, drift, miss, are verified."""
    run(f"--record-mode={mode}", happens="a crash")
    crashed = staged(suite)
    assert {path.parent.stat().st_mode & 0o777 for path in crashed} == {0o700}
    run(f"--record-mode={mode}", happens="a failure", failed=3, passed=2)
    drafts = set(staged(suite)) - set(crashed)
    assert drafts
    listed = suite.run(Path(sys.executable).parent / "reqord", "keep").stdout.str()
    assert "test_places[1]" in listed
    for draft in drafts:
        shown = suite.run(Path(sys.executable).parent / "reqord", "show", draft).stdout.str()
        assert "POST" in shown or "GET" in shown
        assert left_in(shown.encode()) == []
    run(f"--record-mode={mode}", passed=5)
    assert len(cassettes()) == 5
    run(passed=5)
    run("--record-mode=verify", passed=5)
    run("--rerecord=*/echo*", passed=5)
    run(happens="drift", failed=2, passed=3)


@pytest.mark.parametrize("form", ["plain", "packed", "beside"])
@pytest.mark.parametrize("does", ["cassette.flush()", "time.sleep(0.5)"])
def test_a_secret_that_becomes_known_late_is_swept_at_once(run, suite, monkeypatch, form, does):
    """A process that dies right after it leaves nothing of it, nor does the draft when it's saved."""
    said = f"it will be {secret('late echo')}" + " long" * (300_000 if form == "beside" else 0)
    answer = answered(said, packed=form == "packed")
    monkeypatch.setitem(ANSWERS, "late echo", answer)
    suite.makepyfile(f"""
        import os, requests, time
        from planted import secret, send
        API = os.environ["API"]

        def test_late(cassette):
            requests.get(API + "/json")
            requests.get(API + "/planted/late echo")
            {does}
            requests.get(API + "/json", headers={{"X-Api-Key": secret("late echo")}})
            {"cassette.flush()" if "flush" in does else ""}
            if os.environ["HAPPENS"]:
                os._exit(3)
    """)

    run("--record-mode=once", happens="a crash")
    (draft,) = staged(suite)
    kept = suite.run(Path(sys.executable).parent / "reqord", "keep", "--all")
    assert kept.ret == 0
    assert not draft.exists()
    assert [path for path, data in files(suite) if left_in(data)] == []
    assert len(list(suite.path.glob("cassettes/*/*.yaml"))) == 1


def test_nothing_is_left_under_xdist(run, cassettes):
    """Workers tell the controller nothing of it, either."""
    run("-n2", "--record-mode=once", happens="a failure", failed=3, passed=2)
    run("-n2", "--record-mode=once", passed=5)
    assert len(cassettes()) == 5


def test_every_place_would_leak(run, suite, cassettes):
    """Forty and more; with redaction off each of them is found."""
    assert len(PLACES) >= 40
    with pytest.raises(AssertionError):
        run("--record-mode=once", "-o", "reqord_redact=false", "-o", "reqord_on_leak=ignore")
    left = {place for _, data in files(suite) for place in left_in(data)}
    assert left == set(PLACES)
