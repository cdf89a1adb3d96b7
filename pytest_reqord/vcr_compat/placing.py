"""Where a cassette of ``@pytest.mark.vcr`` lies: pytest-recording's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import Path, os
from pytest_reqord.settings.paths import cassette_name, check_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_reqord.vcr_compat.vcr import VCR

__all__ = ["cassette_path", "default_name", "extra_paths", "suffix_of"]

_REFUSED = str.maketrans(dict.fromkeys("<>?%*:|\"'/\\", "-"))
_MOST_BYTES = 255


def default_name(item: pytest.Item) -> str:
    """What the mark ``default_cassette`` says, or else the test's name.

    :raises pytest.UsageError: if the mark says nothing.
    """
    mark = item.get_closest_marker("default_cassette")
    if mark is not None:
        if not mark.args:
            raise pytest.UsageError(
                f"@pytest.mark.default_cassette of {item.nodeid} has no name;"
                ' write @pytest.mark.default_cassette("name.yaml")'
            )
        return str(mark.args[0])
    owner = getattr(item, "cls", None)
    return cassette_name(owner.__name__ if owner else None, item.name).translate(_REFUSED)


def suffix_of(options: Mapping[str, Any]) -> str:
    """The suffix of cassettes: the name of their serializer where one is named."""
    return f".{options['serializer']}" if "serializer" in options else ".yaml"


def cassette_path(name: str, options: Mapping[str, Any], vcr: VCR) -> Path:
    """The file of a cassette.

    :param name: its name, perhaps with folders.
    :param options: what marks and ``vcr_config`` say.
    :param vcr: what holds where they say nothing.
    :raises UsageError: if no file can have that name.
    """
    check_path(name)
    suffix = suffix_of(options)
    path = _fitting(name, suffix)
    transform = options.get("path_transformer", vcr.path_transformer)
    if transform is not None:
        path = os.fspath(transform(path))
    folder = options.get("cassette_library_dir", vcr.cassette_library_dir)
    if folder:
        folder = os.fspath(folder)
        path = path if path.startswith(folder) else os.path.join(folder, path)
    return Path(os.path.abspath(path))


def _fitting(name: str, suffix: str) -> str:
    """A name that is too long for a file, cut and told apart by a hash of the whole."""
    folder, last = os.path.split(name)
    last = last.removesuffix(suffix)
    encoded = last.encode("utf-8", "surrogateescape")
    if len(encoded) + len(suffix) <= _MOST_BYTES:
        return name
    from hashlib import md5  # late: names are rarely too long

    digest = md5(encoded, usedforsecurity=False).hexdigest()
    start = encoded[: _MOST_BYTES - len(suffix) - len(digest) - 3].decode("utf-8", "ignore")
    return os.path.join(folder, f"{start}...{digest}")


def extra_paths(marks: Sequence[pytest.Mark], folder: str) -> tuple[Path, ...]:
    """The cassettes that marks name to be played from as well, without doubles.

    :raises UsageError: if no file can have such a path.
    """
    paths = (os.path.join(folder, os.fspath(path)) for mark in marks for path in mark.args)
    extra = tuple(Path(os.path.abspath(path)) for path in dict.fromkeys(paths))
    for path in extra:
        check_path(os.fspath(path))
    return extra
