import os
import time
from pathlib import Path
from unittest import mock

import pytest
import requests
from pyfakefs.fake_filesystem_unittest import Patcher

API = os.environ["API"]
pytestmark = pytest.mark.cassette


def test_fake_file_system(fs):
    fs.create_file("/report.txt", contents="old")
    answer = requests.get(f"{API}/report")
    Path("/report.txt").write_text(answer.text)
    assert '"/report"' in Path("/report.txt").read_text()


def test_patcher():
    with Patcher() as patcher:
        patcher.fs.create_file("/notes.txt")
        assert requests.get(f"{API}/notes").ok


@pytest.mark.parametrize("name", ["builtins.open", "os.replace", "os.open", "pathlib.Path.open"])
def test_files_refuse(name):
    with mock.patch(name, side_effect=OSError("no")):
        assert requests.get(f"{API}/refused/{name}").ok


def test_nothing_exists(monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    assert requests.get(f"{API}/nothing").ok


def test_no_time():
    with mock.patch("time.time", return_value=0.0), mock.patch("time.sleep"):
        assert requests.get(f"{API}/time").ok
        time.sleep(10)
