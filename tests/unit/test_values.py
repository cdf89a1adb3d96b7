"""The small values: headers, messages, clock, paths, modes, notes."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from pytest_reqord.base.clock import Clock, format_time, parse_time
from pytest_reqord.base.models import (
    Failure,
    Headers,
    Interaction,
    Request,
    Response,
    host_of,
)
from pytest_reqord.base.notes import Notes
from pytest_reqord.errors import UsageError
from pytest_reqord.settings.options import access
from pytest_reqord.settings.paths import file_name, is_default_of, join_within, recorded_by

NOW = datetime(2026, 11, 23, 7, 13, 32, 123456, tzinfo=timezone.utc)


def test_headers_keep_lines_and_compare_names_without_case():
    """Order, case and repeats stay; names are found in any case."""
    headers = Headers([("Set-Cookie", "a=1"), ("X-One", "1"), ("set-cookie", "b=2")])

    assert headers.get_all("SET-COOKIE") == ("a=1", "b=2")
    assert headers["x-one"] == "1"
    assert list(headers) == ["Set-Cookie", "X-One", "set-cookie"]
    assert headers.text == "Set-Cookie: a=1\nX-One: 1\nset-cookie: b=2\n"
    assert Headers.parse(headers.text) == headers
    assert pickle.loads(pickle.dumps(headers)) == headers


def test_a_folded_header_is_one_value():
    """A line that starts with a blank continues the value before it."""
    assert Headers.parse("A: 1\n\tmore\nB:\n").pairs == (("A", "1\n\tmore"), ("B", ""))


def test_messages_unpack_what_is_packed():
    """`.text` and `.json()` read a compressed body; `.body` keeps its bytes."""
    body = gzip.compress(json.dumps({"a": "é"}).encode())
    response = Response(200, "OK", Headers({"Content-Encoding": "gzip"}), body)

    assert response.body == body
    assert response.json() == {"a": "é"}
    latin = Headers({"Content-Type": "text/plain; charset=latin-1"})
    assert Response(200, "OK", latin, b"\xe9").text == "é"
    assert Response(200, "OK", Headers({"Content-Encoding": "gzip"}), b"plain").text == "plain"


def test_an_interaction_has_one_outcome():
    """A response or a failure, never both, never neither."""
    request = Request("GET", "http://x/", Headers(), b"")
    with pytest.raises(ValueError, match="either"):
        Interaction(request, None, NOW)
    with pytest.raises(ValueError, match="either"):
        Interaction(request, Response(200, "", Headers(), b""), NOW, failure=Failure("a", "b"))


def test_values_are_frozen():
    """Nothing can change a recorded value."""
    request = Request("GET", "http://x/", Headers(), b"")
    with pytest.raises(AttributeError):
        request.method = "POST"


def test_the_clock_never_repeats_in_threads():
    """Times from many threads are all different, and in order within each."""
    clock, times = Clock(), []

    def take() -> None:
        mine = [clock.now() for _ in range(500)]
        assert mine == sorted(mine)
        times.extend(mine)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(times)) == len(times) == 4000


def test_the_clock_ignores_a_wall_clock_that_is_set_back(monkeypatch):
    """A clock that was made runs on, whatever happens to the wall clock."""
    clock = Clock()
    before = clock.now()
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"):
        monkeypatch.setattr(f"time.{name}", lambda: 0)

    assert before < clock.now() < before + timedelta(seconds=5)


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_times_survive_their_text(time):
    """A time and its text stand for each other."""
    assert parse_time(format_time(time)) == time


def test_times_of_others_are_read():
    """Offsets and missing offsets are understood."""
    assert parse_time("2026-11-23T08:13:32.123456+01:00") == NOW
    assert parse_time("2026-11-23 07:13:32.123456") == NOW


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TestA.test_b[x]", "TestA.test_b[x].yaml"),
        ("test[a/b:c]", "test[a-b-c].yaml"),
        ("name.yaml", "name.yaml"),
        ("name.json", "name.json"),
        ("tab\there", "tab-here.yaml"),
    ],
)
def test_file_names(name, expected):
    """What file systems refuse becomes a dash; a suffix is added where there is none."""
    assert file_name(name) == expected


@given(st.text(min_size=1, max_size=400))
def test_any_name_fits_the_file_system(name):
    """Every name makes a file that the system takes."""
    made = file_name(name)
    assert len(os.fsencode(made.encode("utf-8", "surrogateescape"))) <= 255
    assert "/" not in made
    assert "\0" not in made


def test_long_names_are_told_apart():
    """Two long names with one beginning are two files."""
    assert file_name("é" * 300 + "1") != file_name("é" * 300 + "2")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "link/x"])
def test_a_name_stays_below_its_root(tmp_path, name):
    """Neither dots, an absolute path nor a symlink leads out."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="outside"):
        join_within(root, name)


def test_a_name_may_have_folders(tmp_path):
    """A name with a slash lies in a folder of the root."""
    assert join_within(tmp_path, "api/users") == tmp_path / "api" / "users.yaml"


def test_owners_do_not_name_the_rootdir():
    """A test is named from the folder that holds the cassettes."""
    owner = recorded_by(
        "tests/api/test_a.py::T::test_b[x]", Path("/p/tests/api/test_a.py"), Path("/p/tests/api")
    )
    assert owner == "test_a.py::T::test_b[x]"
    assert is_default_of(Path("/p/T.test_b[x].yaml"), owner)
    assert not is_default_of(Path("/p/shared.yaml"), owner)
    assert is_default_of(Path("/p/any.yaml"), "")


@pytest.mark.parametrize(
    ("mode", "exists", "born", "draft", "expected"),
    [
        ("none", True, False, True, (True, False)),
        ("none", False, False, False, (True, False)),
        ("once", True, False, True, (True, False)),
        ("once", True, True, False, (False, True)),
        ("once", False, False, False, (False, True)),
        ("once", False, False, True, (True, True)),
        ("new_episodes", True, False, False, (True, True)),
        ("new_episodes", True, True, False, (False, True)),
        ("new_episodes", False, False, False, (False, True)),
        ("all", True, False, True, (False, True)),
        ("rewrite", True, False, True, (False, True)),
    ],
)
def test_what_a_mode_may_do(mode, exists, born, draft, expected):
    """The table of record modes, row by row."""
    assert access(mode, exists=exists, is_born=born, has_draft=draft) == expected


def test_notes_are_merged_over_processes():
    """What a worker notes arrives whole, as plain data."""
    worker, controller = Notes(), Notes()
    worker.saved.append(("a.yaml", 2))
    worker.outside["host"] += 3
    controller.outside["host"] += 1

    controller.merge(json.loads(json.dumps(worker.as_plain())))

    assert controller.saved == [("a.yaml", 2)]
    assert controller.outside == {"host": 4}


def test_hosts():
    """Hosts are found in lower case; metadata services and this machine are known."""
    assert host_of("http://API.Example.com:1/x") == ("api.example.com", False, False)
    assert host_of("http://169.254.169.254/latest").is_metadata
    assert host_of("http://[::1]:8000/").is_local
