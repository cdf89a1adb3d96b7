"""Celery's own fixtures: a worker in a thread, with a broker in memory."""

import pytest
import shop

pytest_plugins = ["celery.contrib.pytest"]


@pytest.fixture(scope="session")
def celery_app():
    """The worker's application is the project's."""
    return shop.app


@pytest.fixture(scope="session")
def celery_worker_parameters():
    """A busy machine may take long to start and to stop the worker."""
    return {"ping_task_timeout": 60.0, "shutdown_timeout": 60.0}
