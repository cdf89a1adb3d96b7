"""A cassette of a suite of VCR.py's: where it is read from, how it plays, how it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_reqord import modes, storage
from pytest_reqord.compat.cassette import VcrCassette
from pytest_reqord.compat.errors import not_recorded
from pytest_reqord.compat.files import NOTHING, Held, Persisted, Serialized
from pytest_reqord.compat.messages import VcrRequest
from pytest_reqord.compat.pairs import pair_of, stored_pair
from pytest_reqord.compat.pipeline import FilteredEntry, Redacting
from pytest_reqord.compat.replay import VcrReplay
from pytest_reqord.compat.serializers import JSON, YAML
from pytest_reqord.errors import CassetteFormatError, CassetteMiss
from pytest_reqord.index import Index
from pytest_reqord.library import is_ours, read_document
from pytest_reqord.matching import Matching
from pytest_reqord.once import once
from pytest_reqord.opening import Opening, save_into
from pytest_reqord.real import os

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_reqord.codec import Entry
    from pytest_reqord.compat.options import Options
    from pytest_reqord.index import Stored
    from pytest_reqord.models import Client, Interaction, Sent
    from pytest_reqord.opening import Attempt
    from pytest_reqord.plan import Plan, Services
    from pytest_reqord.source import Filter

__all__ = ["Suite", "VcrOpening"]

_ANY = Matching(("method", "uri"))  # one for all: the library keeps what it read by it


@dataclass(frozen=True)
class Suite:
    """What a suite says of one cassette.

    :param options: VCR.py's options.
    :param extra_paths: cassettes that are played from too, after its own.
    """

    options: Options
    extra_paths: tuple[Path, ...] = ()


class VcrOpening(Opening):
    """A cassette of a suite of VCR.py's that is or was open.

    :param plan: what was settled about it.
    :param services: what the openings of the run share.
    :param attempt: the test whose fate its recording shares; None outside of one.
    :param suite: what the suite says of it.
    """

    def __init__(
        self, plan: Plan, services: Services, attempt: Attempt | None, suite: Suite
    ) -> None:
        options = suite.options
        self._suite = suite
        self._own_count = 0
        self._sent: dict[datetime, Sent | None] = {}
        self._persisted: Held | None = None
        self._own: Persisted | Serialized | None = None
        if options.persister is not None:
            self._own = Persisted(options.persister, str(plan.path), options.serializer)
            self._persisted = self._own.load()
        elif self._is_serialized(plan.path, is_new_ours=plan.settings.format == "reqord"):
            self._own = Serialized(plan.path, options.serializer)
        super().__init__(
            plan._replace(matching=options.matching, access=self._access(plan)), services, attempt
        )
        self.lets_through = options.pipeline.may_drop
        self.view = VcrCassette(self)

    @property
    def suite(self) -> Suite:
        """What the suite says of it."""
        return self._suite

    def _is_serialized(self, path: Path, *, is_new_ours: bool = False) -> bool:
        """Whether only the suite's own serializer knows the format of a cassette."""
        if self._suite.options.serializer in (YAML, JSON) or is_ours(path):
            return False
        return _has_content(path) or not is_new_ours

    def _access(self, plan: Plan) -> modes.Access:
        """Extra cassettes, and what a persister has, count as what ``once`` finds.

        They are played in ``rewrite`` too, which starts over with the test's own alone.
        """
        mode, access = plan.settings.record_mode, plan.access
        has_more = self._persisted is not None or any(map(_has_content, self._suite.extra_paths))
        if not (access.record and has_more) or mode in modes.LIVE_ONLY - {"rewrite"}:
            return access
        return modes.PLAY_ONLY if mode == "once" else modes.Access(play=True, record=True)

    def filter_of(self, plan: Plan) -> Filter:
        """The suite's filters before our redaction."""
        self._redacting = Redacting(self._suite.options.pipeline, plan.redactor)
        return self._redacting

    is_as_called = True

    def as_kept(self, interaction: Interaction, client: Client | None) -> Interaction:
        """See `pytest_reqord.source.Source`; what sent it stays known as long as it is open."""
        kept = super().as_kept(interaction, client)
        self._sent[kept.recorded_at] = kept.request.headers.sent
        return kept

    @once
    def is_vcrs(self) -> bool:
        """What a serializer or a persister of the suite's own keeps is in VCR.py's shape, too."""
        plan = self.plan
        if self._own is not None or plan.settings.format != "keep":
            return self._own is not None or plan.settings.format == "vcr"
        is_there = _has_content(plan.path) and not is_ours(plan.path)
        return is_there or self._suite.options.serializer is JSON

    def swept(self, interaction: Interaction) -> Interaction:
        """See `Opening.swept`; what a hook wrote stands."""
        return self._redacting.swept(interaction)

    # playing

    def index(self) -> Index:
        """What is played, after the suite's filters."""
        return self._filtered

    @cached_property
    def _filtered(self) -> Index:
        own, *extra = (self._through_filters(part) for part in self._parts())
        entries = [*own, *(entry for part in extra for entry in part)]
        self._own_count = len(own)
        return Index(entries, self.plan.matching)

    def _through_filters(self, stored: Sequence[Stored]) -> Sequence[Stored]:
        pipeline = self._suite.options.pipeline
        if pipeline.is_empty:
            return stored
        if not pipeline.may_reorder:
            return [FilteredEntry(entry, pipeline) for entry in stored]
        kept = [pipeline.loaded(entry) for entry in stored]
        return [
            FilteredEntry(entry, pipeline, pair)
            for entry, pair in zip(stored, kept, strict=True)
            if pair is not None
        ]

    def _parts(self) -> list[Sequence[Stored]]:
        """The entries of its own file and of the extra ones."""
        if self._suite.options.persister is not None:
            return [(self._persisted or NOTHING).entries]
        before = self.plan.before
        own = [
            entry
            for entry in (() if self._starts_over else self._read(self.plan.path))
            if before is None or entry.recorded_at < before
        ]
        extra = [path for path in self._suite.extra_paths if path != self.plan.path]
        return [own, *(self._read(path) for path in dict.fromkeys(extra))]

    def _read(self, path: Path) -> Sequence[Stored]:
        if not _has_content(path):
            return ()
        if self._is_serialized(path):
            return (Serialized(path, self._suite.options.serializer).load() or NOTHING).entries
        return self._services.library.index(path, _ANY).entries

    def replay(self) -> VcrReplay:
        """What plays the recording, made once."""
        return self._replay

    @cached_property
    def _replay(self) -> VcrReplay:
        return VcrReplay(
            self.index().entries,
            self.plan.matching,
            self._redacting.stored,
            self.owner,
            self.plan.file,
            repeats=self.plan.settings.allow_playback_repeats,
            strict_order=self.plan.settings.strict_order,
        )

    @property
    def was_found(self) -> bool:
        """Whether there was a cassette when it was opened."""
        is_kept = not self._starts_over and _has_content(self.plan.path)
        return bool(self.index().entries) or is_kept

    @property
    def _starts_over(self) -> bool:
        """Whether what its own file has is as good as gone."""
        return self.plan.settings.record_mode == "rewrite"

    def translate(self, miss: BaseException) -> BaseException:
        """The miss as VCR.py's suites know it."""
        if not isinstance(miss, CassetteMiss):
            return miss
        return not_recorded(miss, self.view, VcrRequest.of(miss.request))

    # saving

    @property
    def needs_its_suite(self) -> bool:  # type: ignore[override]
        """What isn't YAML is written by what the suite says; metadata is known to its test."""
        is_yaml = self._own is None and self._suite.options.serializer is not JSON
        return not is_yaml or bool(self.view.new_metadata)

    @property
    def is_saved_at_end(self) -> bool:
        """What only the suite can save is, at the end of its test: the run's end doesn't know how."""
        return not self.needs_its_suite and super().is_saved_at_end

    def save(self, new: Collection[Interaction], keep: Callable[[Entry], bool] | None) -> bool:
        """Make what was recorded part of the cassette, in the format that it has."""
        settings, unused = self.plan.settings, self._unused()

        def keep_used(entry: Entry) -> bool:
            return entry.recorded_at not in unused and (keep is None or keep(entry))

        if isinstance(self._own, Serialized) and settings.format == "reqord":
            with storage.lock(self.plan.path, settings.lock_timeout):
                self._own.convert()
        elif self._own is not None:
            self._save_in_own_format(self._own, new, keep_used)
            return True
        if self._suite.options.serializer is JSON and settings.format == "keep":
            settings = settings._replace(format="vcr")
        if settings.record_mode in modes.SAVED_AT_END:  # or it would wait for the end
            stays: Callable[[Entry], bool] | None = self._outlasting(new)
        else:
            stays = keep_used if unused else keep
        return save_into(self.plan.path, new, settings, stays, self.view.with_metadata({})).changed

    def _save_in_own_format(
        self,
        own: Persisted | Serialized,
        new: Collection[Interaction],
        keep: Callable[[Entry], bool],
    ) -> None:
        """Only the suite can write it: with its own serializer or persister."""
        plan = self.plan
        if plan.settings.record_mode in modes.SAVED_AT_END:
            keep = self._outlasting(new)
        with storage.lock(plan.path, plan.settings.lock_timeout):
            old = own.load() or NOTHING
            pairs = [stored_pair(one) for one in old.entries if keep(one)]
            pairs += [pair_of(one) for one in new if one.response is not None]
            own.save(pairs, self.view.with_metadata(old.extra))

    def _outlasting(self, new: Collection[Interaction]) -> Callable[[Entry], bool]:
        """What stays in ``all``, where nothing is dropped: what wasn't recorded anew."""
        options, matching = self._suite.options, self.plan.matching
        is_replaced = self.plan.settings.record_mode == "rewrite" or options.drops_unused

        def keep(entry: Entry) -> bool:
            stored = entry.interaction().request
            return not is_replaced and not any(
                matching.key(stored.method, stored.uri)
                == matching.key(one.request.method, one.request.uri)
                and matching.agrees(one.request, stored)
                for one in new
            )

        return keep

    def tidy(self) -> None:
        """Save what the test stored, and drop what it didn't play, where the suite wants that."""
        settings, path = self.plan.settings, self.plan.path
        if settings.record_mode == "none" or settings.locked:
            return
        if self.view.new_metadata or self._unused():
            if not os.path.exists(path):
                self._services.staging().mark_born(path)
            self.save((), None)

    def _unused(self) -> set[str]:
        """When what ``drop_unused_requests`` drops was recorded: what a passed test didn't play."""
        has_failed = self.attempt is not None and bool(self.attempt.failure)
        if not self._suite.options.drops_unused or has_failed or not self.plan.access.play:
            return set()
        replay = self._replay
        return {
            entry.recorded_at
            for at, entry in enumerate(replay.entries[: self._own_count])
            if not replay.play_counts[at]
        }

    # what tests read

    def recorded_now(self) -> Sequence[Interaction]:
        """What was recorded so far, as it will be when it is loaded."""
        shown = self._suite.options.pipeline.shown
        recorded = (_with_sent(one, self._sent.get(one.recorded_at)) for one in self.recorded())
        return [kept for one in recorded if (kept := shown(one)) is not None]

    def metadata(self) -> dict[str, Any]:
        """What lies in the cassette beside the interactions, under VCR.py's key."""
        if self._starts_over:
            return {}
        if self._own is None:
            try:
                extra = read_document(self.plan.path).extra
            except (FileNotFoundError, CassetteFormatError):
                return {}
        else:
            extra = (self._persisted or self._own.load() or NOTHING).extra
        return dict(extra.get("metadata") or {})


def _with_sent(interaction: Interaction, sent: Sent | None) -> Interaction:
    request = interaction.request
    return interaction._replace(request=request._replace(headers=request.headers.with_sent(sent)))


def _has_content(path: Path) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
