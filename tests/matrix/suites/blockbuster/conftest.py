import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop():
    with blockbuster_ctx():
        yield
