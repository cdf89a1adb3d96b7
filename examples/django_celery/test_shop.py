"""Django's live server and a Celery worker are threads that outlive a test, and serve each of them.

What they ask an API while a test's cassette is open is that test's.
"""

import pytest
import requests
import shop

pytestmark = [pytest.mark.cassette, pytest.mark.django_db]


def test_view(client, cassette):
    """Django's test client calls the view in the test's own thread."""
    assert client.get("/profile/1").json() == {"name": "Ada Lovelace"}
    assert len(cassette.interactions) == 1


def test_live_server(live_server, cassette):
    """The view runs in the live server's thread; the request to the server itself is ignored."""
    assert requests.get(f"{live_server.url}/profile/2").json() == {"name": "Grace Hopper"}
    assert [each.request.uri for each in cassette.interactions] == [f"{shop.API}/users/2"]


@pytest.mark.usefixtures("celery_session_worker")
def test_task():
    """The task runs in the worker's thread."""
    assert shop.count_words.delay(1).get(timeout=60) == 720


@pytest.mark.usefixtures("celery_session_worker")
def test_task_of_a_view(live_server):
    """The test asks the live server, which asks the worker, which asks the API."""
    assert requests.get(f"{live_server.url}/words/2").json() == {"words": 480}
