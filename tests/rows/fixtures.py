"""The fixtures: what they give, and that a suite may override them."""

import os

import pytest
import requests

API = os.environ["API"]


def ask(name):
    return requests.get(f"{API}/json?{name}", timeout=5)


@pytest.fixture(scope="session")
def vcr_config():
    return {"match_on": ["path"], "allowed_hosts": "127.0.0.1"}


@pytest.fixture(scope="module")
def vcr_cassette_dir(request):
    return os.path.join(os.path.dirname(str(request.path)), "elsewhere")  # noqa: PTH118, PTH120 -- as suites write it


@pytest.fixture
def default_cassette_name(request):
    return f"mine-{request.node.name}"


@pytest.fixture(autouse=True)
def early():
    if "MORE" not in os.environ:
        ask("early")


@pytest.mark.vcr
def test_overridden(vcr):
    ask("a")
    assert vcr._path.endswith("elsewhere/mine-test_overridden.yaml")


def test_unmarked(vcr, vcr_markers, disable_recording, record_mode):
    assert vcr is None
    assert vcr_markers == []
    assert disable_recording in (True, False)


@pytest.mark.vcr
def test_the_cassette(vcr):
    response = ask("a")
    assert str(vcr) == f"<Cassette containing {len(vcr)} recorded response(s)>"
    request = vcr.requests[-1]
    assert (request.method, request.path, request.scheme) == ("GET", "/json", "http")
    assert (request.host, request.protocol, request.url) == ("127.0.0.1", "http", request.uri)
    assert request.port == int(API.rpartition(":")[2])
    assert vcr.responses_of(request)[-1]["status"] == {"code": 200, "message": "OK"}
    assert vcr.find_requests_with_most_matches(request)[0][0].path == "/json"
    assert vcr.play_count == sum(vcr.play_counts.values())
    assert vcr.dirty == (vcr.play_count < len(vcr) or vcr.record_mode == "all" or not vcr.rewound)
    assert vcr.data[-1] == (request, vcr.responses[-1])
    assert vcr.responses[-1]["body"]["string"] == response.content
    assert bool(vcr.all_played) == (len(vcr.play_counts) == len(vcr))
    with pytest.raises(KeyError):
        vcr.responses_of(type(request)("GET", "http://other.invalid/x", None, {}))


@pytest.mark.vcr
def test_metadata(vcr):
    ask("a")


class TestUnit:
    @pytest.fixture(autouse=True)
    def cassette(self, vcr):
        self.vcr = vcr

    @pytest.mark.vcr
    def test_it(self):
        ask("unit")
        assert self.vcr is not None
