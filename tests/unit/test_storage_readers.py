from __future__ import annotations

import threading

import pytest
from entries import interaction

from pytest_reqord import codec
from pytest_reqord.cassette_file.cache import Library
from pytest_reqord.errors import CassetteFormatError
from pytest_reqord.matching.matchers import Matching
from pytest_reqord.writer import append_only


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "one.yaml"
    append_only(path, [interaction(1)])
    return path


def test_append_in_pieces(path):
    """A reader that comes into the middle of another process's append waits for its end."""
    text = codec.encode(interaction(2)).text
    with path.open("ab") as file:
        file.write(text[:50])
    finish = threading.Timer(0.01, append_rest, [path, text[50:]])
    finish.start()
    index = Library().index(path, Matching(("method", "uri")))
    finish.join()

    assert len(index.entries) == 2


def append_rest(path, data):
    with path.open("ab") as file:
        file.write(data)


def test_torn(path):
    """What is torn for good is told with its line."""
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(CassetteFormatError) as caught:
        Library().index(path, Matching(("method", "uri")))
    assert caught.value.line > 0
