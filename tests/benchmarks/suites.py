"""The suites that are replayed: made and recorded once, kept under ``.cache/benchmarks``."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from contestants import CACHE, Contestant
from measuring import run, running_server

__all__ = ["Suite", "recorded"]

_CALLS = {
    "requests": (
        "import requests\nCLIENT = requests.Session()\n",
        "def call(path):\n    return CLIENT.get(BASE + path)\n",
    ),
    "httpx": (
        "import httpx\nCLIENT = httpx.Client()\n",
        "def call(path):\n    return CLIENT.get(BASE + path)\n",
    ),
    "aiohttp": (
        (
            "import asyncio\nimport aiohttp\n"
            "LOOP = asyncio.new_event_loop()\n"
            "async def _client():\n    return aiohttp.ClientSession()\n"
            "CLIENT = LOOP.run_until_complete(_client())\n"
            "class Answer:\n"
            "    def __init__(self, text):\n        self.text = text\n"
            "async def _get(path):\n"
            "    async with CLIENT.get(BASE + path) as response:\n"
            "        return Answer(await response.text())\n"
        ),
        (
            "def call(path):\n    return LOOP.run_until_complete(_get(path))\n"
            "def teardown_module():\n    LOOP.run_until_complete(CLIENT.close())\n    LOOP.close()\n"
        ),
    ),
}
_FILES = 5


@dataclass(frozen=True)
class Suite:
    """A suite of equal tests.

    :param requests: how many requests each makes.
    :param path: the path of a request without its id.
    """

    client: str
    tests: int
    requests: int
    path: str = "/items/"

    @property
    def name(self) -> str:
        kind = self.path.strip("/").replace("/", "-")
        return f"{kind}-{self.client}-{self.tests}x{self.requests}"

    def write(self, folder: Path, marker: str, base: str) -> None:
        """Write its files."""
        folder.mkdir(parents=True)
        (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    floor: answered by a stub\n")
        imports, call = _CALLS[self.client]
        files = min(_FILES, self.tests)
        for number in range(files):
            tests = [self._test(test) for test in range(number, self.tests, files)]
            text = f"import pytest\n{imports}\nBASE = {base!r}\n"
            text += f"pytestmark = pytest.mark.{marker}\n{call}"
            (folder / f"test_part{number}.py").write_text(text + "".join(tests))

    def _test(self, number: int) -> str:
        return (
            f"def test_{number}():\n    for number in range({self.requests}):\n"
            f"        name = f'item-{number:06}-{{number:06}}'\n"
            f"        assert name in call({self.path!r} + name).text\n"
        )


def recorded(suite: Suite, contestant: Contestant) -> Path:
    """The folder of a suite with a contestant's cassettes; made when it isn't there."""
    version = contestant.name if contestant.floor else contestant.version()
    folder = CACHE / "suites" / suite.name / version.replace(", ", "-").replace(" ", "-")
    if (folder / "complete").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    if contestant.floor:
        suite.write(folder, contestant.marker, "http://127.0.0.1:1")
    else:
        print(f"recording {suite.name} with {contestant.name} ...", flush=True)
        with running_server() as base:
            suite.write(folder, contestant.marker, base)
            run(contestant, folder, "--record-mode=once", plays=False)
    (folder / "complete").touch()
    return folder
