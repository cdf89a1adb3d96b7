import os
from pathlib import Path

import pytest
import requests

API = os.environ["API"]


@pytest.mark.cassette
@pytest.mark.flaky(reruns=2)
def test_flaky():
    assert requests.get(f"{API}/flaky").ok
    done = Path("done-once")
    if not done.exists():
        done.touch()
        pytest.fail("once")


@pytest.mark.cassette
@pytest.mark.flaky(reruns=1)
def test_steady():
    assert requests.get(f"{API}/steady").ok
