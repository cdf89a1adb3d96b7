"""What a run loads: nothing that it doesn't use."""

from __future__ import annotations


def test_a_replay_loads_nothing_that_writes_or_that_reads_other_files(suite):
    """No writer, no emitter, no YAML, no lock: a cassette of ours is read without them."""
    suite.makepyfile(
        """
        import os, sys
        import pytest, urllib.request
        from pathlib import Path
        import pytest_reqord

        ROOT = Path(pytest_reqord.__file__).parent

        @pytest.mark.cassette
        def test_it():
            assert urllib.request.urlopen(os.environ["API"] + "/json").status == 200

        def test_what_is_loaded():
            for name in ("writer", "recording.outcome", "codec.emit", "codec.any_yaml",
                         "codec.safe_yaml", "codec.vcr_write", "codec.vcr_read",
                         "matching.difference"):
                room, _, module = name.partition(".")
                assert (ROOT / room / (module or "__init__")).with_suffix(".py").exists(), name
                assert f"pytest_reqord.{name}" not in sys.modules, name
            for name in ("yaml", "filelock", "requests", "httpx"):
                assert name not in sys.modules, name
        """
    )
    suite.runpytest_subprocess("--record-mode=once", "-k", "test_it").assert_outcomes(
        passed=1, deselected=1
    )

    suite.runpytest_subprocess().assert_outcomes(passed=2)


def test_our_modules_are_loaded_past_the_rewriting_of_asserts(suite):
    """They have none; it would cost a quarter of a millisecond a module. After the run it's gone."""
    suite.makeconftest(
        """
        import sys

        def pytest_unconfigure(config):
            config.add_cleanup(
                lambda: print("left:", any("pytest_reqord" in str(one) for one in sys.meta_path))
            )
        """
    )
    suite.makepyfile(
        """
        import sys
        from importlib.machinery import SourceFileLoader

        def test_it(cassette):
            module = sys.modules[type(cassette).__module__]
            assert type(module.__spec__.loader) is SourceFileLoader
        """
    )

    result = suite.runpytest_subprocess()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["left: False"])
