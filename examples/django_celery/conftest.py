"""Celery's own fixtures: a worker in a thread, with a broker in memory."""

import pytest
import shop

pytest_plugins = ["celery.contrib.pytest"]


@pytest.fixture(scope="session")
def celery_app():
    """The worker's application is the project's."""
    return shop.app
