"""Secrets don't reach any file of the run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

SECRET = "hunter2-is-not-a-good-password"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

LOGIN = f"""
    import os, requests
    API = os.environ["API"]

    def test_it(cassette):
        answer = requests.post(
            API + "/echo?api_key={SECRET}",
            json={{"password": "{SECRET}", "user": "ada"}},
            headers={{"Authorization": "Bearer {SECRET}"}},
        )
        assert answer.json()["body"].count("{SECRET}") == int(os.environ["SEEN"])
        assert not os.environ.get("BREAK")
"""


def files(suite) -> dict[str, bytes]:
    """Everything that the run left, but for the suite itself and its bytecode."""
    return {
        str(path): path.read_bytes()
        for path in suite.path.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
@pytest.mark.parametrize("breaks", ["", "1"])
def test_no_secret_in_any_file(suite, monkeypatch, mode, breaks):
    """Neither cassettes nor drafts hold what was secret, also where the server echoed it."""
    monkeypatch.setenv("SEEN", "1")
    monkeypatch.setenv("BREAK", breaks)
    suite.makepyfile(LOGIN)

    suite.runpytest(f"--record-mode={mode}")

    left = files(suite)
    assert any(b"[REDACTED" in data for data in left.values())
    assert not [path for path, data in left.items() if SECRET.encode() in data]


def test_a_replay_matches_with_any_secret(suite, api, monkeypatch):
    """The real secret, or a dummy, finds what was recorded without it."""
    monkeypatch.setenv("SEEN", "1")
    suite.makepyfile(LOGIN)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    monkeypatch.setenv("SEEN", "0")
    suite.makepyfile(
        LOGIN.replace(f'": "{SECRET}"', '": "dummy"').replace("Bearer hunter2", "Bearer x")
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*drifted *")
    assert len(api.seen) == 1


def test_named_secrets_are_replaced_everywhere(suite, monkeypatch):
    """The values of the variables in `reqord_secrets` are in no file, wherever they stood."""
    monkeypatch.setenv("MY_TOKEN", SECRET)
    suite.makeini("[pytest]\nreqord_secrets = MY_TOKEN")
    suite.makepyfile("""
        import os, requests

        def test_it(cassette):
            requests.post(os.environ["API"] + "/echo", data="say " + os.environ["MY_TOKEN"])
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert not [path for path, data in files(suite).items() if SECRET.encode() in data]


LEAK = f"""
    import os, pytest, requests

    @pytest.mark.cassette
    def test_it():
        requests.post(os.environ["API"] + "/echo", data="{GITHUB}")
"""


def test_a_known_secret_keeps_the_recording_a_draft(suite, cassettes):
    """What looks like a GitHub token is not saved; the run fails and says once where it stands."""
    suite.makepyfile(LEAK)

    result = suite.runpytest("--record-mode=once")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    assert not cassettes()
    said = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "draft *::test_it for *: GitHub token in request body",
            "NOT SAVED *GitHub token in request body of POST http://*The draft lies in *on_leak = ignore",
        ]
    )
    assert said.count("reqord_on_leak = ignore") == 1
    assert GITHUB not in said


def test_a_draft_with_a_known_secret_is_its_owners(suite):
    """Nobody else may read it, whatever the umask, and the message says where it lies."""
    suite.makepyfile(LEAK)
    before = os.umask(0)
    try:
        result = suite.runpytest("--record-mode=once")
    finally:
        os.umask(before)

    line = next(line for line in result.outlines if line.startswith("NOT SAVED"))
    draft = Path(line.partition("The draft lies in ")[2].partition(", for you alone")[0])
    assert draft.stat().st_mode & 0o777 == 0o600


def test_a_draft_with_a_known_secret_is_not_saved_by_the_next_run(suite, api, cassettes):
    """The next run plays it, and keeps it a draft for the same reason."""
    suite.makepyfile(LEAK)
    suite.runpytest("--record-mode=once")

    result = suite.runpytest("--record-mode=once")

    assert len(api.seen) == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not cassettes()
    result.stdout.fnmatch_lines(["NOT SAVED *GitHub token in request body*"])
    assert suite.runpytest("--record-mode=once", "-o", "reqord_on_leak=ignore").ret == 0
    assert list(cassettes()) == ["test_it.yaml"]


def test_a_known_secret_in_the_address_is_not_shown(suite):
    """The message names the request, but not the part of its URI that is the secret."""
    suite.makepyfile(LEAK.replace("/echo", f"/echo/{GITHUB}").replace(f'"{GITHUB}"', "b''"))

    result = suite.runpytest("--record-mode=once")

    result.stdout.fnmatch_lines(
        ["NOT SAVED *GitHub token in request URI of POST */echo/[[]REDACTED].*"]
    )
    assert GITHUB not in result.stdout.str()


def test_keep_refuses_a_known_secret_that_nobody_allows(suite, cassettes):
    """`reqord keep` says where it is and not what; `--allow KIND` saves the draft all the same."""
    suite.makepyfile(test_it=LEAK)
    suite.runpytest("--record-mode=once")
    reqord = Path(sys.executable).parent / "reqord"

    for _ in range(2):
        refused = suite.run(reqord, "keep", "test_it.py::test_it", "--allow", "JSON Web Token")

        assert refused.ret == 1
        refused.stderr.fnmatch_lines(
            [
                "not saved test_it.py::test_it: GitHub token in request body of POST *",
                "*reqord keep test_it.py::test_it --allow 'JSON Web Token' --allow 'GitHub token'",
            ]
        )
        assert GITHUB not in refused.stderr.str() + refused.stdout.str()
        assert not cassettes()

    kept = suite.run(reqord, "keep", "test_it.py::test_it", "--allow", "GitHub token")

    assert kept.ret == 0
    assert GITHUB.encode() in cassettes()["test_it.yaml"]


@pytest.mark.parametrize("packed", ["ZIP_STORED", "ZIP_DEFLATED"])
@pytest.mark.parametrize(
    "case",
    [
        ("SECRET", "secret within a zip archive, where it can't be replaced,"),
        ("KEY", "GitHub token"),
    ],
)
def test_a_secret_in_an_archive_keeps_the_recording_a_draft(
    suite, cassettes, monkeypatch, packed, case
):
    """A known one, and one of a known kind: no byte of the archive is changed, and nothing saved."""
    secret, kind = case
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("KEY", GITHUB)
    suite.makepyfile(f"""
        import io, os, pytest, requests, zipfile

        def test_it(cassette):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", zipfile.{packed}) as archive:
                archive.writestr("a.txt", "nothing")
                archive.writestr("config.json", "of " + os.environ["{secret}"] * 2)
            API = os.environ["API"]
            requests.post(API + "/json", json={{"password": os.environ["SECRET"]}})
            requests.post(API + "/json", data=file.getvalue())
            cassette.flush()
            assert cassette.interactions[1].request.body == file.getvalue()
    """)

    result = suite.runpytest("--record-mode=once")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"NOT SAVED *{kind} in request body*of POST http://*"])
    assert not cassettes()


def test_a_leak_may_be_allowed(suite, cassettes):
    """`reqord_on_leak = ignore` saves it all the same."""
    suite.makepyfile(LEAK)

    result = suite.runpytest("--record-mode=once", "-o", "reqord_on_leak=ignore")

    assert result.ret == pytest.ExitCode.OK
    assert list(cassettes()) == ["test_it.yaml"]


def test_redaction_can_be_switched_off_and_is_told(suite, cassettes, monkeypatch):
    """`redact = false` keeps everything, and the summary says so."""
    monkeypatch.setenv("SEEN", "1")
    suite.makepyfile(LOGIN)

    result = suite.runpytest("--record-mode=once", "-o", "reqord_redact=false")

    assert SECRET.encode() in cassettes()["test_it.yaml"]
    result.stdout.fnmatch_lines(["redaction is off in *::test_it*"])


OWN = {
    "ini": """
        [pytest]
        reqord_redact_patterns =
            tag: \\w+
            code (\\d{4}) here
        reqord_redactors = by_name
    """,
    "native": """
        [tool.pytest]
        reqord_redact_patterns = ['tag: \\w+', 'code (\\d{4}) here']
        reqord_redactors = ["by_name"]
    """,
}
NAMED = """
    import pytest

    def by_name(interaction):
        request = interaction.request
        body = request.body.replace(b"Lovelace", b"Doe")
        return interaction._replace(request=request._replace(body=body))

    def pytest_reqord_redactors(config):
        return {"by_name": by_name}
"""
SAID = """
    import os, pytest, requests

    @pytest.mark.cassette
    def test_it():
        requests.post(os.environ["API"] + "/json?a=1", data="Lovelace tag: blue, code 1234 here")
"""


@pytest.mark.parametrize(
    "way", ["ini", "native", "markers", "cassette_config", "marker for the whole module"]
)
def test_own_patterns_and_redactors_from_everywhere(suite, cassettes, way):
    """In ini files and TOML, in markers near and far, in `cassette_config`: each does the same."""
    options = {"redact_patterns": [r"tag: \w+", r"code (\d{4}) here"], "redactors": ["by_name"]}
    conftest, test = dedent(NAMED), dedent(SAID)
    if way == "native":
        if pytest.version_tuple < (9,):
            pytest.skip("pytest reads [tool.pytest] from 9 on")
        suite.makepyprojecttoml(OWN[way])
    elif way == "ini":
        suite.makeini(OWN[way])
    elif way == "cassette_config":
        conftest += f"@pytest.fixture\ndef cassette_config(): return {options!r}\n"
    elif way == "markers":
        test = test.replace("mark.cassette", f"mark.cassette(**{options!r})")
    else:
        test += f"\npytestmark = pytest.mark.cassette(**{options!r})\n"
    suite.makeconftest(conftest)
    suite.makepyfile(test)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    (data,) = cassettes().values()
    assert b"Doe [REDACTED], code [REDACTED] here" in data
    suite.runpytest().assert_outcomes(passed=1)


PARTS = """
    import os, pytest, requests

    @pytest.mark.cassette(redactors={
        "request_headers": {"X-Mine": "sent"},
        "response_headers": {"Content-Type": lambda value: value + "; mine"},
        "url": {"secret-path": "path"},
        "response_body_json": {"name": "Jane", "n": lambda number: 7},
        "response_body_raw": lambda body: body.replace(b"notes", b"words"),
    })
    def test_it():
        requests.get(os.environ["API"] + "/json/secret-path", headers={"X-Mine": "private"})
"""


def test_reqords_shapes(suite, cassettes):
    """Parts of an interaction, each by a mapping or a function; a replay matches all the same."""
    suite.makepyfile(PARTS)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    data = cassettes()["test_it.yaml"]
    for text in (b"X-Mine: sent", b"json; mine", b"/json/path", b"Jane", b'"n": 7', b'"words"'):
        assert text in data
    assert b"private" not in data
    suite.runpytest().assert_outcomes(passed=1)


def test_a_default_that_is_none_cannot_be_kept(suite):
    """`reqord_redact_keep` of a name that nothing redacts is a usage error, which lists them."""
    result = suite.runpytest("-o", "reqord_redact_keep=nosuch")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*reqord_redact_keep*'nosuch' is not redacted by default: *see: reqord docs redaction"]
    )


TWICE = f"""
    import os, pytest, requests
    from pytest_reqord import use_cassette

    def test_it(cassette):
        with use_cassette(cassette.path):
            requests.post(os.environ["API"] + "/echo", data="{GITHUB}")
        requests.get(os.environ["API"] + "/json")
        assert False
"""


def test_keep_refuses_what_it_would_save_with_a_draft(suite, cassettes):
    """In `all` a test's drafts for one cassette are saved together, so all of them are searched."""
    suite.makepyfile(test_it=TWICE)
    suite.runpytest("--record-mode=all").assert_outcomes(failed=1)

    refused = suite.run(Path(sys.executable).parent / "reqord", "keep", "test_it.py::test_it")

    assert refused.ret == 1
    assert not cassettes()


def test_own_rules_add_to_the_defaults(suite, cassettes):
    """ini lists, marker arguments and a hook redact besides what is redacted anyway."""
    suite.makeini("[pytest]\nreqord_redact_fields = nickname")
    suite.makeconftest("""
        def pytest_reqord_redact(interaction):
            request = interaction.request
            body = request.body.replace(b"Lovelace", b"Doe")
            return interaction._replace(request=request._replace(body=body))
    """)
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.cassette(redact_headers=["X-Mine"])
        def test_it():
            requests.post(
                os.environ["API"] + "/json",
                json={"nickname": "countess", "name": "Lovelace", "password": "secretsecret"},
                headers={"X-Mine": "private"},
            )
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    data = cassettes()["test_it.yaml"]
    for secret in (b"countess", b"Lovelace", b"private", b"secretsecret"):
        assert secret not in data
    assert b"Doe" in data


def test_a_fresh_clone_replays_without_keys(suite, monkeypatch):
    """In `none` an unset secret has a dummy before conftest is imported, and none afterwards."""
    monkeypatch.setenv("MY_API_KEY", SECRET)
    suite.makeini("[pytest]\nreqord_secrets = MY_API_KEY")
    suite.makeconftest("import os; KEY = os.environ['MY_API_KEY']")
    suite.makepyfile("""
        import os, requests

        def test_it(cassette):
            key = os.environ["MY_API_KEY"]
            requests.get(os.environ["API"] + "/json", headers={"Authorization": f"Bearer {key}"})
    """)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    monkeypatch.delenv("MY_API_KEY")

    suite.runpytest().assert_outcomes(passed=1)

    assert "MY_API_KEY" not in os.environ


def test_recording_without_a_secret_says_so(suite):
    """A recording run names the secrets that are not set, and gives them no dummy."""
    suite.makeini("[pytest]\nreqord_secrets = MY_API_KEY")
    suite.makepyfile("""
        import os

        def test_it():
            assert "MY_API_KEY" not in os.environ
    """)

    result = suite.runpytest("--record-mode=once")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["reqord: the secret MY_API_KEY is not set"])


@pytest.mark.parametrize("mark", ["cassette", "vcr"])
def test_leave_out(suite, cassettes, mark):
    """A hook keeps an interaction out of the cassette by its status, and the rest is played."""
    suite.makeconftest("""
        from pytest_reqord import LEAVE_OUT

        def pytest_reqord_redact(interaction):
            return interaction if interaction.response.status == 201 else LEAVE_OUT
    """)
    suite.makepyfile(
        test_it=f"""
        import os, pytest, requests

        @pytest.mark.{mark}
        def test_it():
            if os.environ.get("FIRST"):
                assert requests.get(os.environ["API"] + "/status/500").status_code == 500
            assert requests.get(os.environ["API"] + "/status/201").status_code == 201
        """
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FIRST", "1")
        suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    (data,) = cassettes().values()
    assert b"/status/201" in data
    assert b"/status/500" not in data
    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (
            "None",
            "*RedactorError: the redactor pytest_reqord_redact returned None: it has to return*",
        ),
        ("interaction.request", "*pytest_reqord_redact returned what is a Request: it has to*"),
        (
            "interaction._replace(response=interaction.response._replace(body='x'))",
            "*pytest_reqord_redact gave response.body a str: it has to be of bytes*",
        ),
        (
            "interaction._replace(request=interaction.request._replace(headers=['x']))",
            "*TypeError: headers have to be a mapping, or pairs of a name and a value*",
        ),
    ],
)
def test_wrong_redactors(suite, cassettes, returned, said):
    """A hook that returns what is no interaction is an error of its test; nothing is saved."""
    suite.makeconftest(f"""
        def pytest_reqord_redact(interaction):
            return {returned}
    """)
    suite.makepyfile("""
        import os, pytest, urllib.request

        @pytest.mark.cassette
        def test_it():
            urllib.request.urlopen(os.environ["API"] + "/json").read()
    """)

    # urllib.request leaves its socket to the garbage collector where something else than an OSError
    # comes: in this process a later test, such as one of test_leaks, would be told of it
    result = suite.runpytest_subprocess("--record-mode=once")

    assert result.ret == 1
    result.stdout.fnmatch_lines([said])
    assert not cassettes()
