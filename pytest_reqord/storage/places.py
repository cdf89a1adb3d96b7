"""Folders of ours outside the project: one a user, in the system's temp folder."""

from __future__ import annotations

import stat
from functools import lru_cache

from pytest_reqord.real import Path, os

__all__ = ["identity", "user_folder"]

_PRIVATE = 0o700
_SYSTEM_TEMP = "/tmp"  # noqa: S108 - a known name is the point; `_own` checks whose folder it is
_OTHERS = ("TMPDIR", "TEMP", "TMP")  # variables, in the order in which `tempfile` asks them


def identity(real: str) -> str:
    """What stands for a file: the same for names that some file systems don't tell apart.

    :param real: its real path.
    """
    return real.casefold()


def user_folder(name: str) -> Path:
    """The folder ``name`` in the user's own temp folder, made when it isn't there.

    It doesn't follow ``TMPDIR`` where ``/tmp`` can be used: two runs with different environments
    must meet at the same locks.

    Where somebody else has made it, which only a privileged user could mend, the next place is
    taken.

    :raises PermissionError: if there is none.
    """
    return _own_folder(name, os.getuid())


@lru_cache(maxsize=16)
def _own_folder(name: str, user: int) -> Path:
    places = [_SYSTEM_TEMP, *filter(None, map(os.environ.get, _OTHERS))]
    usable = [place for place in places if os.access(place, os.W_OK | os.X_OK)]
    refused = ""
    for place in usable or places[:1]:
        base = Path(place, f"pytest-reqord-{user}")
        try:
            _own(base, user)
            _own(base / name, user)
        except OSError as error:
            refused = refused or str(error)
        else:
            return base / name
    raise PermissionError(f"{refused}. Set TMPDIR to a folder in which you may write")


def _own(folder: Path, user: int) -> None:
    """Make a folder that only its owner may enter, or see that it is one."""
    try:
        os.mkdir(folder, _PRIVATE)
    except FileExistsError:
        found = os.lstat(folder)
        # a name in a folder that all may write: another user, or a link of theirs, may be there
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
            raise PermissionError(f"{folder} is not a folder of user {user}") from None
        if stat.S_IMODE(found.st_mode) != _PRIVATE:
            os.chmod(folder, _PRIVATE)
