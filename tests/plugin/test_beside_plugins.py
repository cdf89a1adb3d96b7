"""Suites that use other plugins, and kinds of tests that pytest itself brings."""

from __future__ import annotations

import re

import pytest


def owners(cassettes) -> dict[str, set[str]]:
    """The tests that recorded into each cassette."""
    return {
        name: set(re.findall(r"recorded_by: (.*)", text.decode()))
        for name, text in cassettes().items()
    }


def test_django(suite, api, cassettes, monkeypatch):
    """pytest-django: its TestCase and its fixtures record and play, transactions and all."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p xdist -p django")
    suite.makeini("[pytest]\nDJANGO_SETTINGS_MODULE = settings")
    suite.makepyfile(
        settings="""
            SECRET_KEY = "a secret for tests"
            INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
            USE_TZ = True
            ROOT_URLCONF = "urls"
        """,
        urls="""
            import os, requests
            from django.http import HttpResponse
            from django.urls import path

            def view(request):
                return HttpResponse(requests.get(os.environ["API"] + "/json?view").text)

            urlpatterns = [path("", view)]
        """,
        test_it="""
            import os, pytest, requests
            from django.contrib.auth.models import User
            from django.test import TestCase

            API = os.environ["API"]

            @pytest.mark.cassette
            class TestUsers(TestCase):
                @classmethod
                def setUpTestData(cls):
                    cls.user = User.objects.create(username="ada")

                def setUp(self):
                    assert requests.get(API + "/json?setup").ok

                def test_view(self):
                    assert self.client.get("/").status_code == 200
                    assert User.objects.get() == self.user

            @pytest.mark.cassette
            @pytest.mark.django_db
            def test_db(client):
                User.objects.create(username=requests.get(API + "/json?db").json()["name"])
                assert client.get("/").status_code == 200
        """,
    )

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)
    asked = len(api.seen)
    suite.runpytest_subprocess().assert_outcomes(passed=2)

    assert asked == len(api.seen) == 4
    assert owners(cassettes) == {
        "TestUsers.test_view.yaml": {"test_it.py::TestUsers::test_view"},
        "test_db.yaml": {"test_it.py::test_db"},
    }


def test_randomly(suite, api, cassettes, monkeypatch):
    """pytest-randomly: a shared cassette plays in whatever order the tests of a run come."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p xdist -p randomly")
    suite.makepyfile("""
        import os, random, requests, pytest

        pytestmark = pytest.mark.cassette("shared", match_on=["method", "uri", "body"])

        @pytest.mark.parametrize("n", range(8))
        def test_it(n):
            body = {"n": n, "value": random.randrange(10**9)}
            assert requests.post(os.environ["API"] + "/echo", json=body).json()["body"]
    """)

    runs = [
        suite.runpytest_subprocess("-v", "--randomly-seed=1", *arguments)
        for arguments in (["--record-mode=once"], ["--randomly-dont-reorganize"])
    ]

    orders = [re.findall(r"test_it\[\d\]", run.stdout.str()) for run in runs]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert [run.parseoutcomes() for run in runs] == [{"passed": 8}] * 2
    assert len(api.seen) == 8
    assert list(cassettes()) == ["shared.yaml"]


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest has subtests since 9")
def test_subtests(suite, api, cassettes):
    """Subtests, pytest's and unittest's, share their test's cassette, and its fate."""
    suite.makepyfile("""
        import os, requests, unittest, pytest

        def get(name):
            return requests.get(os.environ["API"] + "/json?" + name).json()

        def test_good(cassette, subtests):
            for name in "ab":
                with subtests.test(name):
                    assert get(name)

        def test_bad(cassette, subtests):
            for name in "cd":
                with subtests.test(name):
                    assert get(name) and name != "c"

        @pytest.mark.cassette
        class TestIt(unittest.TestCase):
            def test_bad(self):
                for name in "ef":
                    with self.subTest(name):
                        assert get(name) and name != "e"
    """)

    recorded = suite.runpytest("--record-mode=once")
    suite.runpytest("-k", "good").assert_outcomes(passed=1)

    assert recorded.parseoutcomes()["failed"] == 3
    assert len(api.seen) == 6
    assert set(owners(cassettes)) == {"test_good.yaml"}
    recorded.stdout.fnmatch_lines_random(["draft *::test_bad *", "draft *::TestIt::test_bad *"])


def test_doctests(suite, api, cassettes):
    """A doctest gets a cassette from a fixture of the conftest, in modules and in text files."""
    suite.makeconftest("""
        import pytest

        @pytest.fixture(autouse=True)
        def recorded(request, doctest_namespace):
            if type(request.node).__name__ == "DoctestItem":
                doctest_namespace["cassette"] = request.getfixturevalue("cassette")
    """)
    code = """
        >>> import os, urllib.request
        >>> with urllib.request.urlopen(os.environ["API"] + "/json?{}") as answer:
        ...     answer.status
        200
    """
    suite.makepyfile(blog=f"def post():\n    '''Post.\n{code.format('post')}\n    '''\n")
    suite.maketxtfile(test_guide=code.format("guide"))

    suite.runpytest("--doctest-modules", "--record-mode=once").assert_outcomes(passed=2)
    suite.runpytest("--doctest-modules").assert_outcomes(passed=2)

    assert len(api.seen) == 2
    assert owners(cassettes) == {
        "blog.post.yaml": {"blog.py::blog.post"},
        "test_guide.txt.yaml": {"test_guide.txt::test_guide.txt"},
    }
