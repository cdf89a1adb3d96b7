"""Suites of pytest-recording run as they are: marks, fixtures, options."""

from __future__ import annotations

import pytest
import yaml
from vcr_files import cassette, entry

MARKED = """
    import os, requests, pytest

    API = os.environ["API"]

    @pytest.mark.vcr
    def test_it(vcr):
        assert requests.get(API + "/json?it").status_code == 200
        assert len(vcr) == 1
"""


def store(suite, name, path, text, folder="cassettes/test_it"):
    """Put a cassette of VCR.py's in a suite."""
    file = suite.path / folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(cassette(entry(path, text)))
    return file


def test_a_marked_test_records_and_plays(suite, api, cassettes):
    """A marked test records what has no cassette yet, and plays it without the network."""
    suite.makepyfile(test_it=MARKED)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    assert len(api.seen) == 1
    assert list(cassettes()) == ["test_it.yaml"]


def test_cassettes_of_vcr_play_where_they_lie(suite):
    """A cassette that VCR.py wrote plays from pytest-recording's place, unchanged."""
    stored = store(suite, "TestUsers.test_it[a-b].yaml", "users", "Ada")
    before = stored.read_bytes()
    suite.makepyfile(
        test_it="""
        import requests, pytest

        pytestmark = pytest.mark.vcr

        class TestUsers:
            @pytest.mark.parametrize("name", ["a/b"])
            def test_it(self, name):
                assert requests.get("http://api.invalid/users").text == "Ada"
        """
    )

    result = suite.runpytest("-W", "error", "--strict-markers")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= cassettes =*")
    assert stored.read_bytes() == before


def test_an_unmarked_test_has_no_cassette(suite):
    """Without a mark the fixture gives None and the other fixtures are there all the same."""
    suite.makepyfile(
        """
        def test_it(vcr, vcr_config, vcr_markers, record_mode, disable_recording, allowed_hosts,
                    vcr_cassette_dir, default_cassette_name):
            assert vcr is None and vcr_config == {} and vcr_markers == []
            assert record_mode == "none" and disable_recording is False and allowed_hosts is None
            assert vcr_cassette_dir.endswith("cassettes/test_an_unmarked_test_has_no_cassette")
            assert default_cassette_name == "test_it"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


def test_the_cassette_opens_before_function_fixtures(suite, cassettes):
    """Requests of function-scoped fixtures, autouse ones and setUp too, are in the cassette."""
    suite.makepyfile(
        """
        import os, requests, pytest, unittest

        API = os.environ["API"]

        @pytest.fixture(scope="module", autouse=True)
        def wider():
            requests.get(API + "/json?wider")

        @pytest.fixture(autouse=True)
        def early():
            requests.get(API + "/json?early")
            yield
            requests.get(API + "/json?late")

        @pytest.mark.vcr
        def test_it():
            pass

        @pytest.mark.vcr
        class TestUnit(unittest.TestCase):
            def setUp(self):
                requests.get(API + "/json?setup")

            def test_it(self):
                pass
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    def queries(name):
        stored = yaml.safe_load(cassettes()[name])["interactions"]
        return [each["request"]["uri"].partition("?")[2] for each in stored]

    assert queries("test_it.yaml") == ["early", "late"]
    assert sorted(queries("TestUnit.test_it.yaml")) == ["early", "late", "setup"]


def test_fixtures_are_overridable(suite):
    """A suite's own `vcr_config`, folder, name and record mode count, at whatever scope."""
    store(suite, "mine.yaml", "users", "Ada", folder="elsewhere")
    suite.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def vcr_config():
            return {"match_on": ["path"]}

        @pytest.fixture(scope="module")
        def vcr_cassette_dir(request):
            return str(request.path.parent / "elsewhere")

        @pytest.fixture
        def default_cassette_name():
            return "mine"

        @pytest.fixture(scope="session")
        def record_mode():
            return "new_episodes"
        """
    )
    suite.makepyfile(
        """
        import requests, pytest

        @pytest.mark.vcr
        def test_it(vcr, record_mode):
            assert requests.post("http://other.invalid:81/users?x=1").text == "Ada"
            assert vcr.record_mode == "new_episodes"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


def test_marks_merge_from_the_widest_to_the_nearest(suite):
    """Of what `vcr_config` and several marks say, the nearest word on each option counts."""
    suite.makeconftest(
        """
        import pytest

        @pytest.fixture
        def vcr_config():
            return {"filter_headers": ["x-config"], "record_mode": "once"}
        """
    )
    suite.makepyfile(
        """
        import os, requests, pytest

        pytestmark = pytest.mark.vcr(filter_headers=["x-module"], allow_playback_repeats=True)

        @pytest.mark.vcr(filter_headers=["x-test"])
        def test_it(vcr, vcr_markers):
            assert len(vcr_markers) == 2
            names = ["x-config", "x-module", "x-test"]
            requests.get(os.environ["API"] + "/json", headers=dict.fromkeys(names, "1"))
            assert [name for name in names if name in vcr.requests[0].headers] == names[:2]
            assert vcr.allow_playback_repeats and vcr.record_mode == "once"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "expected"), [((), "new_episodes"), (("--record-mode=none",), "none")]
)
def test_the_command_line_beats_the_mark(suite, monkeypatch, arguments, expected):
    """A mark's record mode counts, under CI too, unless the command line says otherwise."""
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(
        f"""
        import pytest

        @pytest.mark.vcr(record_mode="new_episodes")
        def test_it(vcr):
            assert vcr.record_mode == "{expected}"
        """
    )

    suite.runpytest(*arguments).assert_outcomes(passed=1)


def test_default_cassette_names_a_file(suite):
    """The mark names the test's cassette, with or without its suffix, in a folder below too."""
    store(suite, "sub/shared.yaml", "users", "Ada")
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.mark.default_cassette("sub/shared")
        @pytest.mark.vcr
        def test_bare():
            assert requests.get("http://api.invalid/users").text == "Ada"

        @pytest.mark.default_cassette("sub/shared.yaml")
        @pytest.mark.vcr
        def test_suffixed():
            assert requests.get("http://api.invalid/users").text == "Ada"

        @pytest.mark.default_cassette
        @pytest.mark.vcr
        def test_nameless():
            pass
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*default_cassette of *::test_nameless has no name*"])


def test_extra_cassettes_are_played_from_and_never_written(suite, api):
    """A mark's paths are played after the test's own cassette; `once` then records nothing."""
    first = store(suite, "extra.yaml", "one", "1")
    second = store(suite, "two.yaml", "two", "2", folder="other")
    suite.makepyfile(
        test_it=f"""
        import os, requests, pytest

        @pytest.mark.vcr("extra.yaml", "missing.yaml")
        @pytest.mark.vcr({str(second)!r})
        def test_it(vcr):
            assert requests.get("http://api.invalid/two").text == "2"
            assert requests.get("http://api.invalid/one").text == "1"
            assert vcr.all_played and len(vcr) == 2
            with pytest.raises(Exception, match="is not in"):
                requests.get(os.environ["API"] + "/json")
        """
    )
    before = first.read_bytes(), second.read_bytes()

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert (first.read_bytes(), second.read_bytes()) == before
    assert api.seen == []
    assert not (suite.path / "cassettes/test_it/test_it.yaml").exists()


@pytest.mark.parametrize(("name", "expected"), [("test_it", "new"), ("shared", "old new")])
def test_all_drops_what_a_test_no_longer_asks_for(suite, name, expected):
    """In `all` a test's own cassette is replaced; in a shared one what others recorded stays."""
    file = store(suite, f"{name}.yaml", "old", "x")
    suite.makepyfile(
        test_it=f"""
        import os, requests, pytest

        @pytest.mark.vcr
        @pytest.mark.default_cassette("{name}")
        def test_it():
            assert requests.get(os.environ["API"] + "/new").status_code
        """
    )

    suite.runpytest("--record-mode=all").assert_outcomes(passed=1)

    stored = yaml.safe_load(file.read_text())["interactions"]
    assert " ".join(each["request"]["uri"].rpartition("/")[2] for each in stored) == expected


@pytest.mark.parametrize("mode", ["none", "once"])
def test_the_guard_holds_with_recording_disabled(suite, mode):
    """--disable-recording opens no hole in --block-network, but where the mode would record."""
    suite.makepyfile(
        """
        import os, requests, pytest

        def is_blocked():
            try:
                return not requests.get(os.environ["API"] + "/json").ok
            except RuntimeError:
                return True

        @pytest.mark.vcr
        def test_marked(record_mode):
            assert is_blocked() == (record_mode == "none")

        def test_unmarked():
            assert is_blocked()
        """
    )

    result = suite.runpytest("--disable-recording", "--block-network", f"--record-mode={mode}")

    result.assert_outcomes(passed=2)


def test_long_names_are_cut_as_pytest_recording_cuts_them(suite):
    """A name longer than the file system takes is found by its start and its MD5."""
    name = "test_" + "x" * 300
    from hashlib import md5

    digest = md5(name.encode(), usedforsecurity=False).hexdigest()
    store(suite, f"{name[: 255 - 5 - 32 - 3]}...{digest}.yaml", "users", "Ada")
    suite.makepyfile(
        test_it=f"""
        import os, requests, pytest

        @pytest.mark.vcr
        def {name}():
            assert requests.get("http://api.invalid/users").text == "Ada"
            requests.get(os.environ["API"] + "/json")
        """
    )

    suite.runpytest("--record-mode=new_episodes").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)


def test_disable_recording_leaves_tests_alone(suite, api):
    """With --disable-recording there is no cassette and requests are live."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr
        def test_it(vcr, disable_recording):
            assert vcr is None and disable_recording
            requests.get(os.environ["API"] + "/json")
        """
    )

    suite.runpytest("--disable-recording").assert_outcomes(passed=1)

    assert len(api.seen) == 1


GUARDED = """
    import os, pytest, requests, socket
    from urllib.parse import urlsplit

    API = os.environ["API"]

    def connect():
        parts = urlsplit(API)
        socket.create_connection((parts.hostname, parts.port)).close()

    def is_blocked():
        try:
            connect()
        except RuntimeError as error:
            assert "Network is disabled for host" in str(error)
            return True
        return False
"""


def test_block_network_refuses_all_but_recording(suite):
    """The guard is on for unmarked tests and for cassettes that only play."""
    suite.makepyfile(
        GUARDED
        + """
    def test_unmarked():
        assert is_blocked()

    @pytest.mark.vcr
    def test_playing(record_mode):
        assert is_blocked() == (record_mode == "none")

    @pytest.mark.vcr(record_mode="once")
    def test_recording():
        assert not is_blocked()

    @pytest.mark.cassette
    def test_native(record_mode):
        assert is_blocked() == (record_mode == "none")
    """
    )

    suite.runpytest("--block-network").assert_outcomes(passed=4)
    suite.runpytest("--block-network", "--record-mode=once").assert_outcomes(passed=4)


def test_block_network_marks(suite):
    """The mark blocks one test, from before its fixtures; what it allows wins over all else."""
    suite.makeconftest(
        """
        import pytest

        @pytest.fixture
        def vcr_config():
            return {"allowed_hosts": "example.com"}
        """
    )
    suite.makepyfile(
        GUARDED
        + """
    @pytest.fixture
    def blocked_early():
        return is_blocked()

    def test_free():
        assert not is_blocked()

    @pytest.mark.block_network
    def test_blocked(blocked_early, allowed_hosts):
        assert blocked_early and allowed_hosts == ["example.com"]

    @pytest.mark.block_network(allowed_hosts=["127.0.0.*"])
    def test_allowed(allowed_hosts):
        assert not is_blocked()

    @pytest.mark.block_network(hosts=["127.0.0.*"])
    def test_wrong():
        pass
    """
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*takes allowed_hosts=* and nothing else*'hosts'*"])
    result = suite.runpytest("--block-network", "--allowed-hosts=127.0.0.1,::1", "-k", "free")
    result.assert_outcomes(passed=1)


def test_the_ini_file_blocks_the_network_and_allows_hosts(suite):
    """Each key is what the option of its name says; a mark and the option win over it."""
    suite.makepyfile(
        GUARDED
        + """
    def test_it(allowed_hosts):
        assert is_blocked() == (allowed_hosts != [r"127\\.0\\.0\\.1$", "::1"])

    @pytest.mark.block_network(allowed_hosts=["a.example"])
    def test_mark(allowed_hosts):
        assert is_blocked() and allowed_hosts == ["a.example"]
    """
    )

    suite.makeini("[pytest]\nreqord_block_network = true")
    suite.runpytest().assert_outcomes(passed=2)
    suite.makeini(
        "[pytest]\nreqord_block_network = true\nreqord_allowed_hosts = 127\\.0\\.0\\.1$\n  ::1"
    )
    suite.runpytest().assert_outcomes(passed=2)
    suite.runpytest("--allowed-hosts=example.com").assert_outcomes(passed=2)
    for wrong, said in (("block_network=maybe", "truth value"), ("allowed_hosts=*", "expression")):
        result = suite.runpytest("-o", f"reqord_{wrong}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*{wrong.partition('=')[0]}*{said}*"])


def test_hosts_that_are_allowed_where_nothing_is_blocked_are_told(suite):
    """A line in the header, as they may be meant for tests with a mark; no error."""
    suite.makepyfile("def test_it(): pass")
    hint = "*without --block-network, allowed hosts count only in tests marked*"

    for given in (["--allowed-hosts=a.example"], ["-o", "reqord_allowed_hosts=a.example"]):
        result = suite.runpytest(*given)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([hint])
        suite.runpytest(*given, "--block-network").stdout.no_fnmatch_line(hint)


def test_use_cassette_records_where_the_network_is_blocked(suite, api):
    """The guard of a test gives way to each cassette that records, and is back after it."""
    suite.makepyfile(
        GUARDED
        + """
    from pytest_reqord import use_cassette

    def test_it():
        for name in "ab":
            with use_cassette(f"{name}.yaml"):
                assert requests.get(API + "/json").ok
            assert is_blocked()
    """
    )

    suite.runpytest_subprocess("--block-network", "--record-mode=once").assert_outcomes(passed=1)
    assert len(api.seen) == 2
    suite.runpytest_subprocess("--block-network").assert_outcomes(passed=1)
    suite.runpytest_subprocess("--block-network", "--record-mode=once").assert_outcomes(passed=1)
    assert len(api.seen) == 2


def test_a_miss_is_an_exception_of_the_test(suite):
    """A miss that reaches the test fails it; one that the code handles doesn't."""
    suite.makepyfile(
        """
        import requests, pytest

        @pytest.mark.vcr
        def test_handled():
            try:
                requests.get("http://api.invalid/")
            except Exception as error:
                assert not isinstance(error, requests.RequestException)

        @pytest.mark.vcr
        def test_unhandled():
            requests.get("http://api.invalid/")
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*pytest *test_unhandled --record-mode=once*"])


def test_the_exception_is_one_of_vcr_where_it_is_imported(suite):
    """`except vcr.errors.CannotOverwriteExistingCassetteException` catches a miss."""
    suite.mkpydir("vcr")
    (suite.path / "vcr/errors.py").write_text(
        "class CannotOverwriteExistingCassetteException(Exception):\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        self.cassette = kwargs['cassette']\n"
        "class UnhandledHTTPRequestError(KeyError):\n"
        "    pass\n"
    )
    store(suite, "test_it.yaml", "users", "Ada")
    suite.makepyfile(
        test_it="""
        import pickle, requests, pytest
        import vcr.errors

        @pytest.mark.vcr
        def test_it(request):
            cassette = request.getfixturevalue("vcr")
            with pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException) as caught:
                requests.get("http://api.invalid/user")
            assert caught.value.cassette is cassette
            assert caught.value.failed_request.path == "/user"
            assert caught.value.reason == "no_match"
            (similar, yes, no), = caught.value.similar_requests
            assert similar.path == "/users" and "host" in yes and no[0][0] == "path"
            assert "/user is not in" in str(pickle.loads(pickle.dumps(caught.value)))
            with pytest.raises(vcr.errors.UnhandledHTTPRequestError):
                cassette.play_response(caught.value.failed_request)
        """
    )

    suite.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_vcr_is_never_imported(suite):
    """A suite that doesn't import VCR.py plays, misses and records without it."""
    suite.mkpydir("vcr").joinpath("__init__.py").write_text("raise SystemExit('imported')")
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr(record_mode="once")
        def test_it(vcr):
            requests.get(os.environ["API"] + "/json")

        @pytest.mark.vcr
        def test_miss():
            with pytest.raises(Exception, match="is not in"):
                requests.get("http://api.invalid/")
        """
    )

    suite.runpytest().assert_outcomes(passed=2)


def test_unplayed_and_other_bodies_are_no_concern(suite):
    """What a marked test leaves over or sends otherwise isn't spoken of."""
    store(suite, "test_it.yaml", "users", "Ada")
    store(suite, "test_body.yaml", "users", "Ada")
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.mark.vcr
        def test_it():
            pass

        @pytest.mark.vcr(match_on=["uri"])
        def test_body():
            assert requests.post("http://api.invalid/users", data="new").text == "Ada"
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*= cassettes =*")


def test_recordings_are_kept_on_failure(suite, cassettes):
    """A failed test's recording is saved, unless `record_on_exception` is false."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr
        def test_kept():
            requests.get(os.environ["API"] + "/json")
            assert False

        @pytest.mark.vcr(record_on_exception=False)
        def test_discarded():
            requests.get(os.environ["API"] + "/json")
            assert False
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(failed=2)

    assert list(cassettes()) == ["test_kept.yaml"]


def test_only_secret_headers_are_redacted(suite, cassettes):
    """Redaction is what `vcr_config` says and the default headers, and nothing else."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr(filter_headers=[("x-api-key", "MINE")])
        def test_it():
            headers = {"Authorization": "Bearer abcdefghijklmnop", "X-API-Key": "qrstuvwxyz012345"}
            requests.post(
                os.environ["API"] + "/json?api_key=0123456789abcdef",
                json={"password": "hunter2hunter2"},
                headers=headers,
            )
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    stored = cassettes()["test_it.yaml"].decode()
    assert "abcdefghijklmnop" not in stored
    assert "qrstuvwxyz012345" not in stored
    assert "MINE" in stored
    assert "0123456789abcdef" in stored
    assert "hunter2hunter2" in stored


def test_under_xdist(suite, api, cassettes):
    """Marked tests record and play in workers too."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.vcr
        @pytest.mark.parametrize("number", range(4))
        def test_it(number):
            assert requests.get(os.environ["API"] + f"/json?n={number}").ok
        """
    )

    suite.runpytest("--record-mode=once", "-n2").assert_outcomes(passed=4)
    suite.runpytest("-n2").assert_outcomes(passed=4)

    assert len(api.seen) == 4
    assert len(cassettes()) == 4


def test_one_cassette_a_test(suite, cassettes):
    """A test with `vcr` and `cassette` is an error that says so; a suite's own fixture is none."""
    suite.makepyfile(
        test_both="""
            import pytest

            pytestmark = pytest.mark.vcr

            @pytest.mark.cassette
            def test_marks(): ...

            def test_fixture(cassette): ...
        """,
        test_own="""
            import os, pytest, requests

            pytestmark = pytest.mark.vcr

            @pytest.fixture
            def cassette(vcr):
                return vcr

            def test_own(cassette):
                assert requests.get(os.environ["API"] + "/json?own").ok
                assert len(cassette) == 1
        """,
    )

    result = suite.runpytest("--record-mode=once")

    result.assert_outcomes(errors=2, passed=1)
    for name in ("marks", "fixture"):
        result.stdout.fnmatch_lines([f"*test_both.py::test_{name} has two cassettes: *"])
    assert list(cassettes()) == ["test_own.yaml"]


@pytest.mark.parametrize("name", ["recording", "vcr"])
def test_native_tests_pay_nothing_for_it(suite, name):
    """A run without marked tests imports nothing of this part but its plugin."""
    suite.makepyfile(
        """
        import sys

        def test_it():
            loaded = {name for name in sys.modules if name.startswith("pytest_reqord.vcr_compat.")}
            assert loaded <= {"pytest_reqord.vcr_compat.plugin"}
        """
    )

    suite.runpytest_subprocess("-p", f"no:{name}").assert_outcomes(passed=1)
