"""Where a test's cassette lies and what the test is called in it."""

from __future__ import annotations

from functools import lru_cache

from pytest_reqord.base.platform import is_device
from pytest_reqord.base.real import Path, os
from pytest_reqord.errors import UsageError

__all__ = [
    "cassette_name",
    "check_path",
    "file_name",
    "is_default_of",
    "join_within",
    "recorded_by",
]

_SUFFIX = ".yaml"
_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_BYTES = 255  # NAME_MAX of every file system that test suites live on

# what a file system or a shell refuses in a name; the set and the dash are pytest-recording's
_REFUSED = str.maketrans(
    dict.fromkeys("<>?%*:|\"'/\\", "-") | {chr(code): "-" for code in range(32)}
)


def cassette_name(class_name: str | None, test_name: str) -> str:
    """What a test's cassette is called: ``Class.test_name[param]``, as pytest-recording has it."""
    return f"{class_name}.{test_name}" if class_name else test_name


def file_name(name: str) -> str:
    """A name as a file system takes it, with the suffix of a cassette.

    A name that is too long, in bytes, is cut and told apart by a hash of the whole.
    """
    name = name.translate(_REFUSED)
    if name.endswith(_SUFFIXES):
        suffix = Path(name).suffix
        name = name[: -len(suffix)]
    else:
        suffix = _SUFFIX
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) + len(suffix) > _MOST_BYTES:
        from hashlib import md5  # late: names are rarely too long

        digest = md5(encoded, usedforsecurity=False).hexdigest()
        prefix = encoded[: _MOST_BYTES - len(suffix) - len(digest) - 3].decode("utf-8", "ignore")
        name = f"{prefix}...{digest}"
    return name + suffix


def check_path(path: str) -> None:
    """Refuse a path that no file can have.

    :raises UsageError: if it has a NUL, or half a character, or on Windows the name of a device.
    """
    try:
        is_path = b"\0" not in os.fsencode(path) and not is_device(path)
    except UnicodeEncodeError:
        is_path = False
    if not is_path:
        raise UsageError(f"no file can have the path {path!r}: give the cassette another name")


def join_within(root: Path, name: str) -> Path:
    """The path of a cassette that a user named, which may lie in folders below the root.

    :param root: the folder that it must not leave, through symbolic links either.
    :param name: the name, with or without a suffix.
    :raises UsageError: if it would leave the root.
    """
    check_path(name.replace("\0", "-"))  # as `file_name` has it
    *folders, last = Path(name).parts or (name,)
    path = root.joinpath(*folders, file_name(last))
    real_root = os.path.realpath(root)
    if Path(name).anchor or ".." in folders or last == "..":
        inside = False
    else:
        inside = os.path.realpath(path).startswith(real_root + os.sep)
    if not inside:
        raise UsageError(
            f"a cassette named {name!r} would lie outside of {root}."
            " Give such a place as @pytest.mark.cassette(path=...)"
        )
    return path


def recorded_by(nodeid: str, test_file: Path, holder: str | os.PathLike[str]) -> str:
    """What a test is called in its cassette: its id, from the folder that holds the cassettes.

    :param nodeid: pytest's id, which starts at the rootdir.
    :param test_file: the file of the test.
    :param holder: the folder that holds the cassettes' folder.
    """
    _, separator, rest = nodeid.partition("::")
    return _relative(str(test_file), str(holder)) + separator + rest


@lru_cache(maxsize=16)  # tests come file by file; a Path would take longer to look up
def _relative(test_file: str, holder: str) -> str:
    try:
        relative = os.path.relpath(test_file, holder)
    except ValueError:  # another drive
        relative = Path(test_file).name
    return relative.replace(os.sep, "/")


def is_default_of(path: Path, owner: str) -> bool:
    """Whether a cassette has the default name of a test, so that no other test records into it.

    :param path: the cassette.
    :param owner: the test as `recorded_by` names it; empty outside of a test.
    """
    _, *names = owner.split("::")
    if not names:
        return not owner
    class_name = names[-2] if len(names) > 1 else None
    name = file_name(cassette_name(class_name, names[-1]))
    return path.name.casefold() == name.casefold()  # see `Library.settled`
