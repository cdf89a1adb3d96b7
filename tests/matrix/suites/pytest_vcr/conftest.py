import pytest


@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": [("authorization", "DUMMY")], "filter_query_parameters": ["key"]}


@pytest.fixture(scope="module", autouse=True)
def matchers(vcr):
    vcr.register_matcher("anything", lambda first, second: True)
    return vcr
