"""The end of the interpreter: nothing is lost, and nothing is printed that a user can't have meant."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

# each leaves a response unread, and in a global, until the interpreter ends
LEFT = """
    import atexit, http.client, os, sys, urllib.parse, urllib.request
    API = os.environ["API"]
    kept = []

    def by_http_client():
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(API).netloc)
        connection.request("GET", "/json?by_http_client")
        kept.extend([connection, connection.getresponse()])

    def by_urllib():
        kept.append(urllib.request.urlopen(API + "/json?by_urllib"))

    def by_requests():
        import requests
        kept.append(requests.get(API + "/endless?by_requests", stream=True))

    def by_httpx():
        import httpx
        client = httpx.Client()
        request = client.build_request("GET", API + "/endless?by_httpx")
        kept.extend([client, client.send(request, stream=True)])

    def by_botocore():
        import botocore.session
        os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_REGION="eu-west-1")
        session = botocore.session.get_session()
        client = session.create_client("s3", endpoint_url=API, region_name="eu-west-1")
        kept.extend([client, client.get_object(Bucket="json", Key="by_botocore")])

    def at_exit():
        atexit.register(lambda: kept.append(urllib.request.urlopen(API + "/json?at_exit")))

    ALL = [by_http_client, by_urllib, by_requests, by_httpx, by_botocore, at_exit]
    if __name__ == "__main__":
        globals()[sys.argv[1]]()
"""

WAYS = {
    "subprocess": """
        def run(leave):
            subprocess.run([sys.executable, "left.py", leave.__name__], check=True)
    """,
    **{
        method: f"""
        def run(leave):
            process = multiprocessing.get_context({method!r}).Process(target=leave)
            process.start()
            process.join(60)
            assert process.exitcode == 0
    """
        for method in ("spawn", "forkserver", "fork")
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_of_a_child(suite, cassettes, way):
    """What a child has not read to its end is recorded at the end of the child, without a word."""
    # until Python 3.13 atexit isn't asked where a process has no interpreter of its own to end
    kinds = "left.ALL" if way in ("subprocess", "spawn") else "left.ALL[:-1]"
    suite.makepyfile(
        left=LEFT,
        test_it=f"""
        import multiprocessing, os, pytest, subprocess, sys, warnings, left
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads
        {WAYS[way]}
        @pytest.mark.parametrize("leave", {kinds}, ids=lambda each: each.__name__)
        def test_it(cassette, leave, capfd):
            run(leave)
            assert capfd.readouterr().err == ""
    """,
    )
    count = 6 if "[" not in kinds else 5

    suite.runpytest_subprocess("--record-mode=once", timeout=120).assert_outcomes(passed=count)

    found = {name: yaml.safe_load(text)["interactions"] for name, text in cassettes().items()}
    assert {name: len(each) for name, each in found.items()} == dict.fromkeys(found, 1)
    assert len(found) == count
    suite.runpytest_subprocess(timeout=120).assert_outcomes(passed=count)


@pytest.mark.parametrize("options", [["--record-mode=all"], ["--record-mode=all", "-n1"], []])
def test_of_a_run(suite, options):
    """Responses that tests leave until the interpreter ends don't print anything there."""
    suite.makepyfile(
        left=LEFT,
        test_it="""
        import pytest, left

        @pytest.mark.parametrize("leave", left.ALL[:-1], ids=lambda each: each.__name__)
        def test_it(cassette, leave):
            leave()
    """,
    )
    suite.runpytest_subprocess("--record-mode=once", timeout=120)

    result = suite.runpytest_subprocess("-W", "ignore::ResourceWarning", *options, timeout=120)

    result.assert_outcomes(passed=5)
    assert result.stderr.str() == ""


def run_script(folder, text):
    """Run a script as a user would, and give what it said on standard error."""
    script = folder / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=folder,
        env={**os.environ, "REQORD": "once"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    return done.stderr


def test_of_a_script_that_begins_at_its_end(api, tmp_path):
    """What is first recorded by a handler of atexit is saved."""
    said = run_script(
        tmp_path,
        f"""
import atexit, threading, urllib.request

def at_exit():
    from pytest_reqord import use_cassette
    with use_cassette("late.yaml"):
        urllib.request.urlopen("{api.url}/json").read()

atexit.register(at_exit)
""",
    )

    assert said == ""
    assert len(yaml.safe_load((tmp_path / "late.yaml").read_text())["interactions"]) == 1


def test_of_a_daemon_thread(api, tmp_path):
    """A daemon thread that goes on while the interpreter ends is ended without a word."""
    said = run_script(
        tmp_path,
        f"""
import atexit, threading, urllib.request

def work():
    while True:
        urllib.request.urlopen("{api.url}/json").read()
        has_begun.set()

has_begun = threading.Event()
thread = threading.Thread(target=work, daemon=True)
atexit.register(thread.join, 30)  # runs after what closes the cassette

from pytest_reqord import use_cassette
use_cassette("daemon.yaml").__enter__()
thread.start()
has_begun.wait(30)
""",
    )

    assert [line for line in said.splitlines() if not line.startswith("reqord: ")] == []
    assert "the run was interrupted" in said
