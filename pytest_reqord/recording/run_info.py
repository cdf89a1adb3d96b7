"""Say once what all processes of a run agree on, and the shell commands that a miss ends with."""

from __future__ import annotations

import shlex
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.models import host_of
from pytest_reqord.base.real import os, time
from pytest_reqord.matching.matchers import port_of
from pytest_reqord.settings.resolve import pattern_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_reqord.base.models import Request

__all__ = [
    "LOCKED",
    "RunInfo",
    "Test",
    "again",
    "commands",
    "is_under_ci",
    "keep_command",
    "move_command",
    "namesake_line",
    "new_run_id",
    "served_here",
    "staging_without_cache",
]


_FALSE = frozenset({"", "0", "false", "no", "off"})


class RunInfo(NamedTuple):
    """What all processes of a run agree on.

    :param id: the run's name; xdist workers have their controller's.
    :param staging: the folder for staging files and drafts; None where there can be none, which
        who needs it is told by `staging_without_cache`.
    :param base: where a relative path of `use_cassette` starts.
    :param started_at: when the run began, as it stands in cassettes.
    :param is_worker: whether another process ends the run.
    :param is_ci: whether only the command line may make it record.
    :param started_in: the folder that pytest was started in; empty for ``base``.
    """

    id: str
    staging: Path | None
    base: Path
    started_at: str
    is_worker: bool = False
    is_ci: bool = False
    started_in: str = ""

    def test(self, nodeid: str | None) -> Test:
        """A test of this run, for what a user is told to run again."""
        base = os.fspath(self.base)
        return Test(base, self.started_in or base, nodeid)


def is_under_ci(value: str) -> bool:
    """Whether ``CI`` is set, so that a run records only where somebody told it to.

    :param value: the value of that variable, as it was when the run began.
    """
    return value.lower() not in _FALSE


def new_run_id() -> str:
    """A name that no other run has, and that sorts by when the run began."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}-{os.urandom(2).hex()}"


def staging_without_cache(base: Path) -> Path:
    """Where staging files go if there is no cache of pytest's: the user's temp folder.

    :param base: the folder of the project, which keeps the projects apart.
    :raises PermissionError: if there can be none.
    """
    from hashlib import sha256

    from pytest_reqord.storage import user_folder

    return user_folder("staging") / sha256(os.fsencode(base)).hexdigest()[:16]


# The shell commands that a miss ends with.


LOCKED = "# it is locked: take locked out of its marker, settings or file first"
"""What a user is told of a cassette that no mode writes."""


class Test(NamedTuple):
    """Which test is to be run again, and from where.

    :param base: the folder that names of tests start in.
    :param started_in: the folder that pytest was started in.
    :param nodeid: the test as pytest names it; empty between tests, None in a script.
    """

    base: str
    started_in: str
    nodeid: str | None = None


def commands(
    test: Test,
    path: str | os.PathLike[str],
    sent: Request | None = None,
    left: Sequence[Request] = (),
) -> list[str]:
    """What a user runs to add a missing request, or to start over.

    :param test: the test that misses.
    :param path: the cassette.
    :param sent: the request that misses.
    :param left: those that the test recorded and hasn't asked for: it may have changed one, and
        to add the new one would leave the old one where it is.
    """
    if not os.path.exists(path):
        return [f"{_command(test, 'once')}   # record it"]
    add = _command(test, "new_episodes")
    if not left:
        return [f"{add}   # add what is missing", again(test)]
    lines = [again(test), f"{add}   # add it, and keep what was not asked for"]
    if sent is not None and test.nodeid and (sent.method, sent.uri) in {_key(one) for one in left}:
        option = f"--rerecord={pattern_of(sent.method, sent.uri)}"
        lines.insert(0, f"{_way(test)}{_pytest(test, option)}   # record this request anew")
    return lines


def _key(request: Request) -> tuple[str, str]:
    return request.method, request.uri


def again(test: Test) -> str:
    """What a user runs to record all of a test anew."""
    return f"{_command(test, 'all')}   # record everything anew"


def served_here(uri: str) -> str:
    """What a user is told where a server of the test process itself was asked; else nothing.

    It answers while the test runs, so there is nothing to record; its port may be another each time.
    """
    if not host_of(uri).is_local:
        return ""
    port = port_of(uri)
    if port not in _ports_served():
        return ""
    return (
        "# this server runs inside the test process: reqord_ignore_localhost = true"
        " lets requests to it through"
    )


def _ports_served() -> set[int]:
    """The TCP ports that this process listens on."""
    found = set()
    with suppress(OSError):  # there is no such folder on Windows
        for name in os.listdir("/dev/fd"):
            with suppress(OSError):  # the one of the folder itself
                found.add(_port_served(int(name)))
    return found


def _port_served(number: int) -> int:
    """The TCP port that a file descriptor listens on; 0 for any other one."""
    import _socket  # not `socket`, whose class tests replace; late: for a miss

    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        return 0
    copy = _socket.socket(fileno=os.dup(number))
    try:
        name = copy.getsockname()
        is_served = copy.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN)
        return int(name[1]) if is_served and isinstance(name, tuple) else 0
    finally:
        copy.close()


def move_command(old: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """What a user runs where a test was moved or renamed and its cassette wasn't."""
    old, path = os.fspath(old), os.fspath(path)
    folder, names = os.path.dirname(path), f"{shlex.quote(old)} {shlex.quote(path)}"
    is_there = os.path.isdir(folder)
    make = "" if is_there else f"mkdir -p {shlex.quote(folder)} && "
    return f"{make}mv {names}   # if the test was moved or renamed: it probably had this cassette"


def _command(test: Test, mode: str) -> str:
    if test.nodeid is not None:
        return f"{_way(test)}{_pytest(test, f'--record-mode={mode}')}"
    script, *arguments = sys.argv or ["script.py"]
    return f"REQORD={mode} {shlex.join(['python', script or 'script.py', *arguments])}"


def _pytest(test: Test, option: str) -> str:
    return shlex.join(["pytest", *filter(None, [test.nodeid]), option])


def _way(test: Test) -> str:
    """Into the folder that names of tests start in, where pytest was started in another one."""
    folder = os.path.relpath(test.base, test.started_in) if test.base != test.started_in else "."
    return "" if folder == "." else f"cd {shlex.quote(folder)} && "


def namesake_line(other: str) -> str:
    """What a user is told where a file system can't tell the default names of two tests apart."""
    return f"# {other} has a cassette of this name too: give one of them a name of its own"


def keep_command(test: Test, name: str) -> str:
    """What a user runs to save the draft that an earlier run left.

    :param name: what `reqord keep` finds the draft by.
    """
    return (
        f"{_way(test)}reqord keep {shlex.quote(name)}   # save the draft that an earlier run left"
    )
