"""The names that are promised."""

from __future__ import annotations

import importlib
import pickle
import re

import public_names
import pytest

import pytest_reqord
from pytest_reqord import errors


def test_all_is_sorted_and_complete():
    """`__all__` is sorted, each name can be got, and `dir` shows it."""
    names = pytest_reqord.__all__
    assert sorted(names, key=lambda name: (not name.isupper(), name)) == names
    for name in pytest_reqord.__all__:
        found = getattr(pytest_reqord, name)
        assert getattr(found, "__name__", None) or found.name == name
        assert name in dir(pytest_reqord)


@pytest.mark.parametrize("version", sorted(public_names.of_release()))
def test_no_name_of_a_release_is_gone(version):
    """All that a release promised is there: a name goes only with a new major version."""
    assert public_names.of_release()[version] - public_names.names() == set()


def test_markers_and_fixtures(pytester, monkeypatch):
    """The promised markers and fixtures are those that pytest knows."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    markers = pytester.runpytest_subprocess("-p", "reqord", "--markers").stdout.str()
    fixtures = pytester.runpytest_subprocess("-p", "reqord", "--fixtures").stdout.str()

    for name in public_names.MARKERS:
        assert re.search(rf"^@pytest\.mark\.{name}\b", markers, re.MULTILINE)
    for name in public_names.FIXTURES:
        assert re.search(rf"^{name}\b", fixtures, re.MULTILINE)


def test_other_names_are_missing():
    """A name that isn't promised is an AttributeError like any other."""
    with pytest.raises(AttributeError, match="no attribute 'Casette'"):
        _ = pytest_reqord.Casette


def test_the_writer_is_importable_from_its_module():
    """`pytest_reqord.writer.CassetteWriter` is the same class."""
    module = importlib.import_module("pytest_reqord.writer")
    assert module.CassetteWriter is pytest_reqord.CassetteWriter


REQUEST = pytest_reqord.Request("GET", "http://x/", pytest_reqord.Headers(), b"")
EXAMPLES = [
    errors.UsageError("wrong"),
    errors.CassetteNotFound("a.yaml"),
    errors.CassetteFormatError("a.yaml", 3, 1, "it is broken", "Mend it"),
    errors.CassetteLocked("a.yaml", "process 1", 2.0),
    errors.CassetteMiss(REQUEST, "a.yaml", ["nearest: GET http://y/"], ["pytest x"]),
    errors.CassetteMissError(REQUEST, "a.yaml", ["nearest: GET http://y/"], ["pytest x"]),
    errors.SequenceMismatchError(REQUEST, "a.yaml", "GET http://y/", 0),
    errors.AmbiguousRequest(REQUEST, ["a.yaml", "b.yaml"], "exporter"),
    errors.CassetteClosed(REQUEST, "a.yaml", "test_x.py::test_y"),
    errors.NetworkBlocked("example.com", 443, "test_x.py::test_y"),
    errors.WriteFailed("a.yaml", "the disk is full"),
    errors.RedactorError("no_names", "it returned None"),
    errors.UnsupportedClient("urllib3", "3", "HTTP/2 is not taken"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_survive_a_process_boundary(error):
    """Every error pickles with its fields, so that xdist and process pools can carry it."""
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy).keys() == vars(error).keys()


def test_every_error_is_an_example_here():
    """The list above is complete."""
    bases = {"ReqordError", "CassetteError", "PlaybackError", "RecordingError"}
    assert {type(error).__name__ for error in EXAMPLES} | bases == set(errors.__all__)


def test_a_miss_is_no_exception():
    """`except Exception` doesn't catch a miss."""
    assert not issubclass(errors.CassetteMissError, Exception)
    assert issubclass(errors.CassetteMiss, errors.ReqordError)
