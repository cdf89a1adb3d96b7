"""Cassettes that a released version wrote are read and played by this one, to the byte."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_reqord import Headers, codec
from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.codec import any_yaml, entries, values
from pytest_reqord.codec.entries import Source
from pytest_reqord.settings.options import MODES

KEPT = sorted(Path(__file__).parents[1].joinpath("data").glob("cassettes-*"))


@pytest.fixture(params=KEPT, ids=lambda path: path.name)
def kept(request):
    return request.param


def sums(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    found = {
        f"./{path.relative_to(folder).as_posix()}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name not in ("SHA256SUMS", "README.md") and path.suffix != ".pyc"
    }
    return dict(sorted(found.items()))


def plain(value):
    """A value as JSON that keeps all of it."""
    if isinstance(value, Headers):
        return list(map(list, value.pairs))
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return {name: plain(one) for name, one in zip(fields, value, strict=True)}
        return list(map(plain, value))
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value.isoformat() if hasattr(value, "isoformat") else value


def no_files(name):
    raise FileNotFoundError(name)


def test_the_files_are_as_they_were_written(kept):
    """An edit here would take from what is kept."""
    lines = kept.joinpath("SHA256SUMS").read_text().splitlines()
    assert sums(kept) == {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


@pytest.mark.parametrize("reader", [codec.load, lambda *file: any_yaml.load_safely(Source(*file))])
@pytest.mark.parametrize("name", ["native", "vcr"])
def test_each_value_is_what_was_written(kept, name, reader):
    """Of the quick reader and of the one for any YAML."""
    path = kept / "values" / f"{name}.yaml"
    expected = json.loads(path.with_suffix(".json").read_text())
    read = reader(path.read_bytes(), str(path), no_files).entries
    found = [plain(entry.interaction()) for entry in read]
    if name == "vcr":  # whose entries have no time
        found, expected = [
            [{**one, "recorded_at": ""} for one in these] for these in (found, expected)
        ]
    assert len(found) > 20
    later = [one.pop("rerecorded_at") for one in found]  # which version 2 has
    assert not any(later)
    assert found == expected


def test_what_stands_beside_the_interactions_is_kept(kept):
    """Keys that nobody knows, and that the file is locked."""
    path = kept / "values" / "with-more.yaml"
    found = codec.load(path.read_bytes(), str(path), no_files)
    assert found.locked
    assert found.extra == {"owner": "Ada", "metadata": {"a": [1, 2]}}
    again = codec.render([entry.text for entry in found.entries], found.head)
    assert again == path.read_bytes()


def test_every_cassette_of_the_suite_is_read(kept):
    """Each entry of each file, in whatever format, with the bodies that lie beside it."""
    paths = [path for path in kept.rglob("cassettes/**/*") if path.suffix in (".yaml", ".json")]
    bodies = [path for path in paths if path.parent.suffix == ".bodies"]
    for path in set(paths) - set(bodies):
        found = read_document(path)
        assert found.torn is None
        assert found.entries
        for entry in found.entries:
            assert entry.interaction().request.uri == entry.uri


def test_the_suite_plays_as_it_did(kept, tmp_path):
    """Its clients see what they saw then, and its cassettes stay as they are."""
    shutil.copytree(kept / "suite", tmp_path / "suite")
    before = sums(tmp_path / "suite")
    names = (
        "PATH",
        "HOME",
        "LANG",
        "SYSTEMROOT",
        "COVERAGE_PROCESS_CONFIG",
        "COVERAGE_PROCESS_START",
    )
    env = {name: os.environ[name] for name in names if name in os.environ}
    env |= {"SEEN": str(kept / "seen.json"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ["-p", "reqord", "-p", "no:cacheprovider", "-q", "--tb=short"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path / "suite",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"{len(json.loads((kept / 'seen.json').read_text()))} passed" in done.stdout
    assert sums(tmp_path / "suite") == before


def test_one_of_each_kind_is_there(kept):
    """What an entry can have is in one of the files, so that none of it is read by luck."""
    texts = [path.read_text() for path in kept.rglob("cassettes/**/*.yaml")]
    texts.append((kept / "values" / "native.yaml").read_text())
    all_of_it = "\n".join(texts)
    for key in (
        "json", "text", "base64", "file", "spaced", "compressed: gzip", "compressed: deflate",
        "compressed: zlib", "chunks", "arrivals", "trailers", "interim", "complete", "error", "details",
        "http_version", "reason", "recorded_by", "locked",
    ):  # fmt: skip
        assert f" {key}" in all_of_it or f"\n{key}" in all_of_it, key
    assert "[REDACTED]" in all_of_it
    assert "YWRhOnNlY3JldC1vZi1hZGE" not in all_of_it


def test_the_keys_of_each_version():
    """Whoever adds one gives files that use it another version, which older readers refuse."""
    assert entries.VERSION == 3  # since 2 with ``rerecorded_at``, since 3 with marks of secrets
    assert {"reqord", "locked", "interactions"} == entries.OUR_KEYS
    assert {what: " ".join(sorted(keys)) for what, keys in values._KEYS.items()} == {
        "request": "body headers method uri",
        "response": (
            "arrivals body chunks complete error headers http_version interim reason status trailers"
        ),
        "body": "base64 compressed file json spaced text",
        "error": "details kind message",
    }


@pytest.mark.parametrize("mode", MODES)
def test_a_later_version_is_refused_by_its_number(suite, cassettes, mode):
    """In every mode and under both marks, and it stays as it is."""
    suite.makepyfile(
        test_it="""
        import os, pytest, requests

        @pytest.mark.cassette
        def test_native():
            requests.get(os.environ["API"] + "/json")

        @pytest.mark.vcr
        def test_vcr():
            requests.get(os.environ["API"] + "/json")
    """
    )
    suite.runpytest("--record-mode=once")
    for path in suite.path.rglob("*.yaml"):
        path.write_bytes(path.read_bytes().replace(b"reqord: 1\n", b"reqord: 4\n"))
    before = cassettes()

    result = suite.runpytest(f"--record-mode={mode}")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = "* line 1, column 1: it has version 4 of the format; this pytest-reqord reads up to 3. *"
    result.stdout.fnmatch_lines([told, told])
    assert cassettes() == before
