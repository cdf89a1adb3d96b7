import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

API = os.environ["API"]
TOOL = Path(__file__).with_name("fetch.py")


@pytest.mark.cassette
@pytest.mark.parametrize("name", ["one", "two"])
def test_command(name):
    done = subprocess.run([sys.executable, TOOL, name], capture_output=True, text=True, check=True)
    assert done.stdout == f"/{name}\n"


def fetch(name):
    return requests.get(f"{API}/{name}").json()["path"]


@pytest.mark.cassette
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(fetch, ["a", "b", "c"]) == ["/a", "/b", "/c"]
