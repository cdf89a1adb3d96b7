"""What all processes of a run agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.hints import Test
from pytest_reqord.base.real import os, time

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunInfo", "is_under_ci", "new_run_id", "staging_without_cache"]

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
