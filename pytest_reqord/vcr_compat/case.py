"""One cassette of a suite of VCR.py's, before it is opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_reqord.redaction import HEADERS_ONLY, Rules
from pytest_reqord.settings.options import Layer
from pytest_reqord.vcr_compat.cassette import Suite, VcrOpening
from pytest_reqord.vcr_compat.filters import Pipeline
from pytest_reqord.vcr_compat.options import Options
from pytest_reqord.vcr_compat.placing import cassette_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_reqord.recording.opening import Attempt
    from pytest_reqord.recording.plan import Plan, Services
    from pytest_reqord.run.run import Run
    from pytest_reqord.settings.resolve import Settings
    from pytest_reqord.vcr_compat.vcr import VCR

__all__ = ["DEFAULTS", "Case"]

DEFAULTS = Layer(
    "the defaults of VCR.py",
    {
        "on_miss": "raise",
        "on_unplayed": "ignore",
        "on_drift": "ignore",
        "on_failure": "keep",
        "on_leak": "ignore",
    },
)


@dataclass(frozen=True)
class Case:
    """What a suite says about one cassette.

    :param path: the file.
    :param settings: those that are ours.
    :param rules: what is redacted before the settings add to it.
    :param suite: the rest.
    """

    path: Path
    settings: Settings
    rules: Rules
    suite: Suite

    @staticmethod
    def of(
        name: str,
        values: Mapping[str, Any],
        vcr: VCR,
        settle: Callable[[], Settings],
        extra: tuple[Path, ...] = (),
    ) -> Case:
        """Bring together what is said in several places.

        :param name: the cassette's, perhaps with folders.
        :param values: the options that were given for it.
        :param vcr: what holds where these say nothing.
        :param settle: makes the settings that are ours, once VCR.py's options are found right.
        :param extra: cassettes that are played from as well.
        :raises UsageError: if an option can't be honoured, or no file can have that name.
        """
        options = Options.of(values, vcr)
        # who says nothing of it gets the default headers alone, as a suite of VCR.py's expects it
        rules = Rules() if values.get("redact") else HEADERS_ONLY
        return Case(
            path=cassette_path(name, values, vcr),
            settings=settle(),
            # a header that the suite filters has the value that the suite wants
            rules=rules.with_(keep=options.filtered_headers),
            suite=Suite(options, extra),
        )

    def left_alone(self) -> Case:
        """The same where nothing is to be recorded or played: empty, whatever the file has."""
        nothing = Pipeline(requests=(lambda _: None,), may_drop=True, may_reorder=True)
        return replace(
            self,
            settings=self.settings._replace(record_mode="none", rerecord=()),
            suite=Suite(replace(self.suite.options, pipeline=nothing)),
        )

    def open(self, run: Run) -> VcrOpening:
        """Open it in a run.

        :raises UsageError: if no file can have that path.
        """
        made: list[VcrOpening] = []

        def make(plan: Plan, services: Services, attempt: Attempt | None) -> VcrOpening:
            made.append(VcrOpening(plan, services, attempt, self.suite))
            return made[0]

        run.open(self.path, self.settings, rules=self.rules, kind=make)
        return made[0]
