"""Tests that have a fake file system, or whose files, clock or threads are mocks."""

from __future__ import annotations

import pytest

ASKING = """
    import os, pathlib, time

    import pytest, requests

    def ask(times=12):
        for number in range(times):
            assert requests.get(f"{os.environ['API']}/json?{number}").ok
"""

FAKES = """
    from asking import *

    from pyfakefs.fake_filesystem import OSType
    from pyfakefs.fake_filesystem_unittest import Patcher, TestCase, patchfs
    from pytest_reqord import use_cassette

    @pytest.mark.cassette
    def test_fixture(fs):
        ask()
        assert not os.path.exists(__file__)

    @pytest.mark.vcr
    def test_vcr(fs):
        ask()

    @pytest.mark.cassette
    def test_patcher():
        ask(2)
        with Patcher():
            ask()
        ask(2)

    @pytest.mark.cassette
    def test_default_arguments():
        with Patcher(patch_default_args=True):
            ask()

    @patchfs
    def asks_in_fake(fake_fs):
        ask()

    @pytest.mark.cassette
    def test_decorator():
        asks_in_fake()

    def test_use_cassette(fs):
        with use_cassette("cassettes/text.yaml"):
            ask()
        with use_cassette(pathlib.Path("cassettes") / "path.yaml") as cassette:
            ask()
            assert len(cassette.interactions) == 12

    class TestClass(TestCase):
        @classmethod
        def setUpClass(cls):
            cls.setUpClassPyfakefs()

        @pytest.mark.cassette
        def test_it(self):
            ask()

    @pytest.mark.cassette
    def test_other_system(fs):
        fs.os = OSType.WINDOWS
        ask()

    @pytest.mark.cassette
    def test_pause(fs):
        ask(2)
        fs.pause()
        ask(2)
        fs.resume()
        ask(2)

    @pytest.mark.cassette
    def test_body_beside(fs):
        assert requests.post(f"{os.environ['API']}/echo", data=b"x" * (2 << 20)).ok
"""

WIDE = """
    from asking import *

    def test_nothing(fs_session):
        pass

    @pytest.mark.cassette
    def test_something(fs_session):
        ask()

    @pytest.mark.cassette
    def test_module(fs_module):
        ask()
"""

LATE = """
    from asking import pytest
    import os

    @pytest.mark.cassette
    def test_imported_in_it(fs):
        from httpx import Client
        with Client() as client:
            for number in range(12):
                assert client.get(f"{os.environ['API']}/json?{number}").status_code == 200

    @pytest.mark.cassette
    def test_imported_again():
        from httpx import Client
        with Client() as client:
            for number in range(12):
                assert client.get(f"{os.environ['API']}/json?{number}").status_code == 200
"""


@pytest.fixture
def faked(suite, monkeypatch):
    """A suite that has pyfakefs."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p xdist -p pyfakefs.pytest_plugin")
    suite.makepyfile(asking=ASKING, test_fakes=FAKES, test_late=LATE, test_wide=WIDE)
    return suite


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        ("once", []),
        ("all", ["test_wide.py", "test_late.py", "test_fakes.py"]),
        ("once", ["-n2", "--dist=loadfile"]),
    ],
    ids=["a cassette first", "a fake file system first", "workers"],
)
def test_fake_file_systems(faked, api, cassettes, mode, order):
    """All is recorded into the real file system, and played from there, whatever comes first."""
    faked.runpytest_subprocess(f"--record-mode={mode}", *order).assert_outcomes(passed=15)
    asked = len(api.seen)

    assert asked == sum(text.count(b"recorded_at") for text in cassettes().values())
    faked.runpytest_subprocess(*order).assert_outcomes(passed=15)
    faked.runpytest_subprocess("test_late.py").assert_outcomes(passed=2)
    assert len(api.seen) == asked


def test_misses_and_drafts(faked):
    """A miss in a fake file system tells what there really is, and a draft is kept and played."""
    faked.makepyfile(
        test_draft="""
        from asking import *

        @pytest.mark.cassette
        def test_it(fs):
            ask(int(os.environ.get("TIMES", 2)))
            assert "FAIL" not in os.environ
        """
    )

    faked.runpytest_subprocess("test_draft.py").stdout.fnmatch_lines(
        ["*no such cassette", "*--record-mode=once*"]
    )
    faked._monkeypatch.setenv("FAIL", "1")
    draft = faked.runpytest_subprocess("test_draft.py", "--record-mode=once")
    draft.stdout.fnmatch_lines(["draft *", "*kept in .pytest_cache/*"])
    faked._monkeypatch.delenv("FAIL")
    faked.runpytest_subprocess("test_draft.py", "--record-mode=once").assert_outcomes(passed=1)
    faked._monkeypatch.setenv("TIMES", "3")
    missed = faked.runpytest_subprocess("test_draft.py")
    missed.stdout.fnmatch_lines(["*json?2 is not in *", "*json?0*"])


PATCHED = """
    from asking import *
    from unittest import mock

    PATCHES = {
        "builtins.open": mock.mock_open(read_data="x"),
        "io.open": mock.Mock(side_effect=PermissionError),
        "os.open": mock.Mock(side_effect=OSError),
        "os.write": mock.Mock(return_value=3),
        "os.read": mock.Mock(return_value=b""),
        "os.close": mock.Mock(),
        "os.stat": mock.Mock(side_effect=FileNotFoundError),
        "os.lstat": mock.Mock(side_effect=FileNotFoundError),
        "os.fsync": mock.Mock(side_effect=OSError),
        "os.replace": mock.Mock(),
        "os.rename": mock.Mock(),
        "os.link": mock.Mock(side_effect=OSError),
        "os.unlink": mock.Mock(),
        "os.remove": mock.Mock(),
        "os.mkdir": mock.Mock(),
        "os.makedirs": mock.Mock(),
        "os.listdir": mock.Mock(return_value=[]),
        "os.scandir": mock.Mock(side_effect=OSError),
        "os.access": mock.Mock(return_value=False),
        "os.getcwd": mock.Mock(return_value="/nowhere"),
        "os.getpid": mock.Mock(return_value=1),
        "os.urandom": mock.Mock(return_value=b"1234"),
        "os.path.exists": mock.Mock(return_value=False),
        "os.path.isfile": mock.Mock(return_value=True),
        "os.path.isdir": mock.Mock(return_value=False),
        "os.path.realpath": mock.Mock(return_value="/nowhere"),
        "pathlib.Path": mock.Mock(),
        "pathlib.Path.exists": mock.Mock(return_value=True),
        "pathlib.Path.open": mock.mock_open(read_data=""),
        "pathlib.Path.mkdir": mock.Mock(side_effect=OSError),
        "pathlib.Path.read_bytes": mock.Mock(return_value=b""),
        "pathlib.Path.write_bytes": mock.Mock(),
        "pathlib.Path.unlink": mock.Mock(),
        "pathlib.Path.stat": mock.Mock(side_effect=OSError),
        "tempfile.gettempdir": mock.Mock(return_value="/nowhere"),
        "shutil.rmtree": mock.Mock(),
        "fcntl.flock": mock.Mock(side_effect=OSError),
        "filelock.FileLock": mock.Mock(),
        "time.sleep": mock.Mock(),
        "time.time": mock.Mock(return_value=5.0),
        "time.time_ns": mock.Mock(return_value=5),
        "time.monotonic": mock.Mock(return_value=5.0),
        "time.perf_counter": mock.Mock(return_value=5.0),
        "threading.Thread": mock.Mock(),
        "threading.Thread.start": mock.Mock(),
        "threading.Timer": mock.Mock(),
        "threading.Lock": mock.MagicMock(),
        "threading.Event": mock.Mock(),
        "queue.Queue": mock.Mock(),
        "json.dumps": mock.Mock(return_value="{}"),
        "json.loads": mock.Mock(return_value={}),
        "random.random": mock.Mock(return_value=0.5),
        "uuid.uuid4": mock.Mock(return_value="one"),
        "atexit.register": mock.Mock(),
        "hashlib.sha256": mock.Mock(side_effect=ValueError),
        "os.environ": {"API": os.environ["API"]},
    }

    @pytest.mark.cassette
    @pytest.mark.parametrize("what", PATCHES)
    def test_patched(what):
        sleep = time.sleep
        with mock.patch(what, PATCHES[what]):
            ask()
            sleep(0.02)  # a batch is written meanwhile
        ask(1)

    @pytest.mark.cassette
    @pytest.mark.parametrize("what", PATCHES)
    def test_patched_to_the_end(what, request):
        patch = mock.patch(what, PATCHES[what])
        patch.start()
        request.addfinalizer(patch.stop)
        ask()
"""


def test_mocks(suite, api, cassettes):
    """Whatever attribute a test has patched, all is recorded and, in another order, played."""
    suite.makepyfile(asking=ASKING, test_mocks=PATCHED)

    recorded = suite.runpytest_subprocess("--record-mode=once")
    outcomes = recorded.parseoutcomes()
    assert set(outcomes) == {"passed"}
    asked = len(api.seen)
    assert asked == outcomes["passed"] // 2 * 25
    assert asked == sum(text.count(b"recorded_at") for text in cassettes().values())
    played = suite.runpytest_subprocess("-p", "randomly", "--randomly-seed=1")
    assert played.parseoutcomes() == outcomes
    assert len(api.seen) == asked
