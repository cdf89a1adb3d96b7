import os

import pytest
import requests


@pytest.mark.cassette
def test_it():
    assert requests.get(os.environ["API"]).ok
