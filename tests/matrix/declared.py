"""The words in which a suite says what is to happen: its file ``suite.py`` has a ``SUITE``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Step", "Suite", "record", "replay"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command in the suite's folder, and what must come of it.

    :param options: those of pytest; how the tests are ordered and spread comes from the driver.
    :param command: another command in its place: ``reqord show cassettes``.
    :param api: whether the API is up; when it isn't, its port refuses connections.
    :param env: environment variables for this step.
    :param change: what the user edits before it: file -> (old text, new text).
    :param failed: how many tests fail; so for the other outcomes. What isn't named is none.
    :param status: the exit status, if not 0 where all is well and 1 where something failed.
    :param asks: how many requests reach the API; None where that is a matter of timing.
    :param holds: how many interactions all cassettes hold afterwards; None to leave it open.
    :param says: texts that the output must have; ``{api}`` in one is the API's address.
    :param never_says: texts that it must not have.
    :param silent: whether the plugin must print nothing at all.
    :param touches: whether cassettes may change; those of a step that says no are compared.
    """

    options: str = ""
    command: str = ""
    api: bool = True
    env: dict[str, str] = field(default_factory=dict)
    change: dict[str, tuple[str, str]] = field(default_factory=dict)
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    xfailed: int = 0
    xpassed: int = 0
    status: int | None = None
    asks: int | None = None
    holds: int | None = None
    says: tuple[str, ...] = ()
    never_says: tuple[str, ...] = ()
    silent: bool = False
    touches: bool = True

    @property
    def outcomes(self) -> dict[str, int]:
        """The counts that pytest's last line must have."""
        names = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    @property
    def exit_status(self) -> int:
        return int(bool(self.failed or self.errors)) if self.status is None else self.status


def record(mode: str = "once", **expected: Any) -> Step:
    """Record with the API up: ``asks`` requests reach it, and as many interactions are kept."""
    options = f"--record-mode={mode} {expected.pop('options', '')}".strip()
    expected.setdefault("holds", expected.get("asks"))
    return Step(options=options, **expected)


def replay(**expected: Any) -> Step:
    """Replay with the API gone, in silence where no test fails; no cassette changes."""
    well = not expected.get("failed") and not expected.get("errors")
    return Step(**{"api": False, "silent": well, "touches": False, **expected})


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite of a user, and what is done with it, step by step.

    :param steps: as a user would take them.
    :param needs: what it installs, as pip is told; pytest and this package are there.
    :param apart: whether it needs an environment of its own, for what it installs gets in the
        way of other suites (a plugin that does the same, a client that replaces another).
    :param spread: whether its tests may run in any order and on several workers; where not, say
        why in a comment.
    :param random: whether its tests may run in any order.
    :param oldest: the oldest Python on which what it needs works.
    """

    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ("requests",)
    apart: bool = False
    spread: bool = True
    random: bool = True
    oldest: tuple[int, int] = (3, 10)
