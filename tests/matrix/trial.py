"""One suite in one environment: its steps are taken, and what comes of each is compared."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api import Api

if TYPE_CHECKING:
    from declared import Step, Suite

__all__ = ["SUITES", "WAYS", "Trial", "load"]

SUITES = Path(__file__).parent / "suites"
PATIENCE = 120
"""Seconds after which a step counts as hanging; the slowest takes a tenth of that."""

IN_ORDER, AT_RANDOM = "in order", "at random"
WAYS = (IN_ORDER, AT_RANDOM)
"""How the first step runs its tests; each step after it does it the other way."""

_KEPT = ("HOME", "LANG", "PATH", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_ENTRY = re.compile(rb"^- (recorded_at|request):", re.MULTILINE)


def load(name: str) -> Suite:
    """The suite of that name, with what it declares."""
    suite: Suite = runpy.run_path(str(SUITES / name / "suite.py"))["SUITE"]
    return suite


@dataclass(frozen=True)
class Trial:
    """A suite to be tried.

    :param row: the name of the environment, for people.
    :param commands: the folder with the environment's ``pytest``, ``python`` and ``reqord``.
    :param way: how the first step orders and spreads the tests.
    :param seed: of pytest-randomly.
    """

    row: str
    commands: Path
    name: str
    suite: Suite
    way: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}, {self.way}, {self.row}"

    def run(self, folder: Path) -> str:
        """Take all steps in a copy of the suite; return what is wrong, or nothing."""
        ignored = shutil.ignore_patterns("suite.py", "__pycache__", ".pytest_cache")
        shutil.copytree(SUITES / self.name, folder, ignore=ignored)
        api = Api()
        try:
            for number, step in enumerate(self.suite.steps):
                (api.start if step.api else api.stop)()
                wrong = self._take(step, number, folder, api)
                if wrong:
                    return wrong
        finally:
            api.close()
        return ""

    def _take(self, step: Step, number: int, folder: Path, api: Api) -> str:
        for name, (old, new) in step.change.items():
            text = (folder / name).read_text(encoding="utf-8")
            assert old in text, f"{name} has no {old!r}"
            (folder / name).write_text(text.replace(old, new), encoding="utf-8")
        command = self._command(step, number)
        asked, cassettes = api.asked, _cassettes(folder)
        status, output = _run(command, folder, self._environment(step, api))
        wrong = _differences(step, status, output, api)
        if step.asks is not None and api.asked - asked != step.asks:
            wrong.append(f"{api.asked - asked} requests reached the API, not {step.asks}")
        if not step.touches and _cassettes(folder) != cassettes:
            wrong.append("cassettes were changed")
        held = sum(len(_ENTRY.findall(text)) for text in _cassettes(folder).values())
        if step.holds is not None and held != step.holds:
            wrong.append(f"the cassettes hold {held} interactions, not {step.holds}")
        return self._report(command, wrong, output) if wrong else ""

    def _command(self, step: Step, number: int) -> list[str]:
        if step.command:
            name, *arguments = shlex.split(step.command)
            own = self.commands / name
            return [str(own) if own.exists() else name, *arguments]
        is_at_random = (WAYS.index(self.way) + number) % 2
        order, spread = ["-p", "no:randomly"], []
        if is_at_random and self.suite.random:
            order = [f"--randomly-seed={self.seed}"]
        if is_at_random and self.suite.spread:
            spread = ["-n", "2"]
        return [str(self.commands / "pytest"), *order, *spread, *shlex.split(step.options)]

    def _environment(self, step: Step, api: Api) -> dict[str, str]:
        env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        env["PATH"] = f"{self.commands}:{env['PATH']}"
        return env | {"API": api.url, "COLUMNS": "100"} | step.env

    def _report(self, command: list[str], wrong: list[str], output: str) -> str:
        shown = shlex.join([Path(command[0]).name, *command[1:]])
        lines = output.splitlines()[-80:]
        return "\n".join([f"$ {shown}", *wrong, *(f"    {line}" for line in lines)])


def _run(command: list[str], folder: Path, env: dict[str, str]) -> tuple[int | None, str]:
    """The exit status and the output of a command; without a status if it had to be killed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,  # to be killed with its workers, which have its output open
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0]
    return process.returncode, output


def _differences(step: Step, status: int | None, output: str, api: Api) -> list[str]:
    """What of the step's exit status and output isn't as declared."""
    if status is None:
        return [f"not over after {PATIENCE} seconds"]
    wrong = []
    if status != step.exit_status:
        wrong.append(f"exit status {status}, not {step.exit_status}")
    last = output.strip().rpartition("\n")[2]
    counts = re.findall(r"(\d+) (passed|failed|error|skipped|xfailed|xpassed)", last)
    outcomes = {"errors" if name == "error" else name: int(count) for count, name in counts}
    if not step.command and outcomes != step.outcomes:
        wrong.append(f"outcomes {outcomes}, not {step.outcomes}")
    wanted = [text.format(api=api.url) for text in step.says]
    wrong += [f"the output lacks {text!r}" for text in wanted if text not in output]
    wrong += [f"the output has {text!r}" for text in step.never_says if text in output]
    if step.silent and (lines := _ours(output)):
        wrong.append(f"the plugin printed {lines}")
    return wrong


def _ours(output: str) -> list[str]:
    """The lines of the plugin's; pytest's own list of plugins names it, too."""
    lines = output.splitlines()
    return [
        line
        for line in lines
        if not line.startswith("plugins: ")
        and ("reqord" in line or re.fullmatch(r"=+ cassettes =+|.*warnings summary.*", line))
    ]


def _cassettes(folder: Path) -> dict[str, bytes]:
    found = [path for kind in ("yaml", "yml") for path in folder.rglob(f"cassettes/**/*.{kind}")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
