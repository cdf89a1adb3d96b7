"""What is settled about an opening of a cassette before it begins."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pytest_reqord.base.clock import expiry_limit, has_expired, parse_time
from pytest_reqord.base.real import Path, os
from pytest_reqord.cassette_file.cache import Head, read_document
from pytest_reqord.errors import ReqordError, UsageError
from pytest_reqord.matching.matchers import Matching
from pytest_reqord.recording import run_info
from pytest_reqord.redaction import Redactor, Rules
from pytest_reqord.settings import options
from pytest_reqord.settings.options import SAVED_AT_END
from pytest_reqord.settings.paths import is_default_of
from pytest_reqord.settings.resolve import pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pytest_reqord.base.clock import Clock
    from pytest_reqord.base.models import Interaction, LeaveOut, Request
    from pytest_reqord.cassette_file.cache import Library
    from pytest_reqord.matching.matchers import Matcher
    from pytest_reqord.recording.drafts import Drafts
    from pytest_reqord.recording.run_info import RunInfo
    from pytest_reqord.recording.staged import Staged
    from pytest_reqord.settings.options import Access
    from pytest_reqord.settings.resolve import Settings
    from pytest_reqord.storage import Recording, StagingArea
    from pytest_reqord.writer import CassetteWriter

__all__ = ["Plan", "Planning", "Services", "Shared", "are_anew", "renewed"]


_MOST_COMMANDS = 3
"""The most tests without a cassette that are each told how to record it."""


class Tested(Protocol):
    """The test that opens a cassette: as its recordings name it, and as pytest does."""

    owner: str
    nodeid: str


class Services(NamedTuple):
    """What the openings of a run share.

    The writer, the staging folder and what is in it are made with the first recording: a run that
    only plays has none of them.
    """

    clock: Clock
    library: Library
    staging: Callable[[], StagingArea]
    staged: Callable[[], Staged]
    writer: Callable[[], CassetteWriter]
    note_refused: Callable[[str, str, str], None]


class Plan(NamedTuple):
    """What was settled about an opening before it began.

    :param file: the cassette's file, as text: a Path takes 6 us more.
    :param settings: what holds for it.
    :param access: what it may do.
    :param matching: what makes a request the recorded one.
    :param redactor: takes the secrets out.
    :param before: plays only what was recorded before this time, as text; None plays all.
    :param drafts: the drafts of earlier runs that are played with the cassette.
    :param hints: what a miss tells the user to run: of the request that was sent, and those that
        the test has not asked for yet.
    """

    file: str
    settings: Settings
    access: Access
    matching: Matching
    redactor: Redactor
    before: str | None = None
    drafts: Sequence[Recording] = ()
    hints: Callable[[Request | None, Sequence[Request]], Sequence[str]] = lambda *_: ()

    @property
    def path(self) -> Path:
        """The cassette's file."""
        return Path(self.file)

    @property
    def is_recording(self) -> bool:
        """Whether something may be recorded, which ``verify`` only compares."""
        settings = self.settings
        may_record = self.access.record or bool(settings.rerecord)
        return may_record and settings.record_mode != "verify"

    @property
    def is_anew(self) -> bool:
        """See `are_anew`."""
        return are_anew(self.drafts)


def are_anew(drafts: Sequence[Recording]) -> bool:
    """Whether drafts are of a run that recorded anew what the cassette has of the test.

    Then they stand for it, and take its place when they are saved.
    """
    return any(draft.mode in SAVED_AT_END for draft in drafts)


class Shared(NamedTuple):
    """What was settled about an opening, as a child process needs it; see `Plan`.

    :param owner: the test as its recordings name it.
    :param nodeid: the test as pytest names it.
    :param rules: what is redacted.
    """

    path: Path
    settings: Settings
    access: Access
    owner: str
    nodeid: str
    rules: Rules
    before: str | None
    drafts: Sequence[Recording]


# Settles what one opening of a cassette may do and works with.


_REDACTION = {
    "headers": "redact_headers",
    "query": "redact_query",
    "fields": "redact_fields",
    "keep": "redact_keep",
    "patterns": "redact_patterns",
}


class Planning:
    """Makes the plans of one run's openings.

    :param info: what all processes of the run agree on.
    :param staging: where recordings wait; only asked where something may be recorded.
    :param drafts: what earlier runs left, likewise.
    :param clock: tells what has expired.
    :param matchers: the user's own matchers by name.
    :param redact: the user's own last word on an interaction before it is kept.
    :param secrets: values to take out by the names of their environment variables.
    :param nodeid_now: the test that runs, as pytest names it; empty between tests, None in a script.
    :param is_gone: see `pytest_reqord.recording.drafts.former_cassette`.
    """

    def __init__(
        self,
        info: RunInfo,
        *,
        staging: Callable[[], StagingArea],
        drafts: Callable[[], Drafts],
        clock: Clock,
        matchers: Mapping[str, Matcher],
        redact: Callable[[Interaction], Interaction | LeaveOut] | None,
        secrets: Mapping[str, str],
        nodeid_now: Callable[[], str | None],
        is_gone: Callable[[Path, str], bool],
    ) -> None:
        self._info = info
        self._is_gone = is_gone
        self._staging = staging
        self._drafts = drafts
        self._clock = clock
        self._matchers = matchers
        self._redact = redact
        self._secrets = secrets
        self._nodeid_now = nodeid_now
        self._matchings: dict[Any, Matching] = {}
        self._missing: set[Path] = set()  # cassettes that tests asked and that aren't there
        self._rules: dict[Any, Rules] = {}
        self._last: tuple[Any, ...] = (None, None, None)

    def plan(self, file: str, settings: Settings, attempt: Tested | None, rules: Rules) -> Plan:
        """Plan an opening.

        :param file: the cassette's file.
        :param settings: what holds for it.
        :param attempt: the test that opens it; None outside of one.
        :param rules: what is redacted before the settings add to it.
        """
        owner = attempt.owner if attempt else ""
        access, before = options.PLAY_ONLY, None
        drafts: Sequence[Recording] = ()
        may_record = settings.record_mode != "none" or bool(settings.rerecord)
        head = Head.of(file) if may_record else None
        if head is not None and (settings.locked or head.is_locked):
            settings, head = settings._replace(rerecord=()), None
        if head is not None:
            path = Path(file)
            if settings.on_expiry == "rerecord" and settings.max_age:
                settings = renewed(settings, path, owner, self._clock.now())
            if settings.record_mode not in options.SAVED_AT_END:
                before = self._info.started_at
            if settings.record_mode not in options.LIVE_ONLY:
                drafts = self._drafts().playable(path, owner)
            access = options.access(
                settings.record_mode,
                exists=head.exists and not are_anew(drafts),
                is_born=self._is_born(path, head),
                has_draft=bool(drafts),
            )
        return Plan(
            file=file,
            settings=settings,
            access=access,
            matching=self._matching(settings),
            redactor=self._redactor(settings, rules),
            before=before,
            drafts=drafts,
            hints=lambda *asked: self._hints(Path(file), settings, attempt, *asked),
        )

    def join(self, shared: Shared, attempt: Tested) -> Plan:
        """Plan a child's opening of what its parent has open.

        :param shared: what the parent has settled about it.
        :param attempt: the parent's test.
        """
        return Plan(
            file=str(shared.path),
            settings=shared.settings,
            access=shared.access,
            matching=self._matching(shared.settings),
            redactor=Redactor(shared.rules, self._secrets),
            before=shared.before,
            drafts=shared.drafts,
            hints=lambda *asked: self._hints(shared.path, shared.settings, attempt, *asked),
        )

    def _is_born(self, path: Path, head: Head) -> bool:
        """Whether the cassette was made since the run began, by it or by one beside it.

        Asked after the head was read: the marker is set before the file appears.
        """
        return head.first_recorded_at > self._info.started_at or self._staging().is_born(path)

    def _hints(
        self,
        path: Path,
        settings: Settings,
        attempt: Tested | None,
        sent: Request | None,
        left: Sequence[Request],
    ) -> Sequence[str]:
        """What a miss tells the user to run; looked up when there is one."""
        nodeid, owner = (attempt.nodeid, attempt.owner) if attempt else (self._nodeid_now(), "")
        test = self._info.test(nodeid)
        lines = run_info.commands(test, path, sent, left)
        if nodeid is not None and not os.path.exists(path):
            self._missing.add(path)
            if len(self._missing) > _MOST_COMMANDS:
                lines = []  # the end of the summary has one for all of them
        if settings.locked or Head.of(path).is_locked:
            lines.insert(0, run_info.LOCKED)
        with suppress(UsageError):  # where there is no place for drafts none is left
            if self._drafts().of(path, owner):
                name = attempt.nodeid if attempt else ""
                lines.append(run_info.keep_command(test, name or owner or str(path)))
        served = run_info.served_here(sent.uri) if sent is not None else ""
        if served:
            lines.insert(0, served)
        if attempt is not None and attempt.nodeid:
            from pytest_reqord.recording import drafts  # late: for a miss

            former = None if os.path.exists(path) else drafts.former_cassette(path, self._is_gone)
            if former is not None:
                lines.append(run_info.move_command(former, path))
            other = drafts.namesake(path, owner)
            if other:
                lines.append(run_info.namesake_line(other))
        return lines

    def _matching(self, settings: Settings) -> Matching:
        key = settings.match_on, settings.match_ignore
        matching = self._matchings.get(key)
        if matching is None:
            matching = Matching(settings.match_on, self._matchers, settings.match_ignore)
            self._matchings[key] = matching
        return matching

    def _redactor(self, settings: Settings, base: Rules) -> Redactor:
        """One for each opening: what one test has seen must not decide what another records."""
        custom = (*settings.redactors, *([self._redact] if self._redact else ()))
        rules = self._rules_of(settings, base)
        return Redactor(rules.with_(custom=custom) if custom else rules, self._secrets)

    def _rules_of(self, settings: Settings, base: Rules) -> Rules:
        """What is redacted, the user's own functions aside: the same object for equal settings."""
        if settings is self._last[0] and base is self._last[1]:  # mostly
            kept: Rules = self._last[2]
            return kept
        added = {kind: getattr(settings, name) for kind, name in _REDACTION.items()}
        key = base, settings.redact, *added.values()
        rules = self._rules.get(key)
        if rules is None:
            rules = self._rules[key] = base.with_(**added)._replace(is_on=settings.redact)
        self._last = settings, base, rules
        return rules


# What of a cassette has to be recorded anew because it has expired (``on_expiry = rerecord``).


_RECORDED_ANYWAY = SAVED_AT_END | {"none", "verify"}


def renewed(settings: Settings, path: Path, owner: str, now: datetime) -> Settings:
    """Have what a test recorded into a cassette, and has expired, recorded anew.

    What was recorded for the same requests is one series, and goes with it.

    :param settings: what holds for the cassette.
    :param path: the cassette.
    :param owner: the test as its recordings name it.
    :param now: the time.
    """
    if settings.record_mode in _RECORDED_ANYWAY:
        return settings
    try:
        entries = read_document(path).entries
    except (OSError, ReqordError):  # nothing yet, or told by the first request
        return settings
    limit = expiry_limit(now, settings.max_age)
    patterns = {
        pattern_of(entry.method, entry.uri): None
        for entry in entries
        if has_expired(parse_time(entry.answered_at), limit)
        and (entry.recorded_by == owner or (not entry.recorded_by and is_default_of(path, owner)))
    }
    return settings._replace(rerecord=(*settings.rerecord, *patterns))
