"""Count the modules that a request and a test pass through, and how often they change.

    python tests/benchmarks/path.py

The first replayed ``requests.get`` of a process, and a test that records one, from its set-up to
its teardown. A change is counted where a function of another module of the package is entered;
what a module does while it is imported doesn't count, and of threads only the test's own does. It
is the same on each machine, so that it tells when the way gets longer.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pytest_reqord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_PACKAGE = str(Path(pytest_reqord.__file__).parent) + os.sep
_GOALS = {"a replayed requests.get": (15, 40), "a recorded test": (40, 150)}
_SUITE = """
import pytest, requests

@pytest.mark.cassette
def test_get(address, walked):
    with walked():
        assert requests.get(address).json() == {}
"""


class Walk:
    """What was passed through while it was watched."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.changes = 0
        self._here = ""

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count what this thread does in it."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name == "<module>":
            return
        if code.co_filename.startswith(_PACKAGE):
            self.changes += code.co_filename != self._here
            self._here = code.co_filename
            self.modules.add(code.co_filename)


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Watching:
    """The plugin that watches: the request where it is replayed, else the whole test."""

    def __init__(self, address: str, *, whole: bool) -> None:
        self.walk = Walk()
        self._address = address
        self._whole = whole

    @pytest.fixture
    def address(self) -> str:
        return self._address

    @pytest.fixture
    def walked(self) -> Any:
        return nullcontext if self._whole else self.walk.watch

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        with self.walk.watch() if self._whole else nullcontext():
            return (yield)


def _run(folder: str, watching: _Watching, *options: str) -> Walk:
    arguments = ["-qq", "-p", "pytest_reqord.plugin", "--rootdir", folder, folder, *options]
    with redirect_stdout(sys.stderr):
        status = pytest.main(arguments, [watching])
    assert status == 0
    return watching.walk


def main() -> None:
    """Record and replay in this process, and print the four figures."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_suite.py").write_text(_SUITE)
        watching = partial(_Watching, f"http://127.0.0.1:{server.server_port}/")
        recorded = _run(folder, watching(whole=True), "--record-mode=once")
        server.shutdown()
        replayed = _run(folder, watching(whole=False))
    for name, walk in (("a replayed requests.get", replayed), ("a recorded test", recorded)):
        modules, changes = _GOALS[name]
        print(
            f"{name}: {len(walk.modules)} modules (goal {modules}),"
            f" {walk.changes} changes of module (goal {changes})"
        )


if __name__ == "__main__":
    main()
