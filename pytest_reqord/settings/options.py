"""Every setting, once: its name, kind, default and meaning; and what each record mode allows.

One table serves the command line, the ini keys, the markers and the manual. pytest loads it in
every run, so it does no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FOLDER",
    "LIVE_ONLY",
    "MODES",
    "NOTHING_OWN",
    "OPTIONS",
    "PLAY_ONLY",
    "RECORDING_MODES",
    "SAVED_AT_END",
    "Access",
    "Layer",
    "Option",
    "Own",
    "access",
]

FOLDER = "cassettes"
"""The folder for cassettes, beside a test file."""

MODES = ("none", "once", "new_episodes", "all", "rewrite", "verify")
RECORDING_MODES = frozenset(MODES) - {"none"}
"""The modes that reach the network."""
SAVED_AT_END = frozenset({"all", "rewrite"})
"""The modes in which a cassette is replaced when the run is over."""


class Option(NamedTuple):
    """One setting.

    :param name: the marker's argument; the ini key is ``reqord_`` and this.
    :param kind: ``choice``, ``bool``, ``int``, ``float``, ``text``, ``age``, ``words``,
        ``match_on``, ``patterns`` or ``redactors``.
    :param default: the value where nobody set one.
    :param help: what it does, in a line.
    :param choices: what a ``choice`` may be.
    :param is_run_wide: whether one value holds for the whole run, so that no marker may set it.
    :param least: the least a number may be.
    """

    name: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    is_run_wide: bool = False
    least: float = 0


_FAILING = ("ignore", "warn", "fail")

_VOLATILE = (
    "age",
    "alt-svc",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "cf-cache-status",
    "cf-ray",
    "date",
    "etag",
    "expires",
    "last-modified",
    "nel",
    "openai-processing-ms",
    "report-to",
    "request-id",
    "server-timing",
    "x-amz-cf-id",
    "x-amz-date",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-envoy-upstream-service-time",
    "x-github-request-id",
    "x-ratelimit-remaining",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-used",
    "x-request-id",
    "x-runtime",
    "x-served-by",
    "x-timer",
)

OPTIONS = {
    option.name: option
    for option in (
        Option("record_mode", "choice", "none", "whether a run plays, records or compares", MODES),
        Option(
            "match_on",
            "match_on",
            ("method", "uri", "operation", "range"),
            "the parts in which a request has to equal the recorded one",
        ),
        Option(
            "match_ignore",
            "words",
            (),
            "places in JSON and forms, parameters and headers that matching and drift ignore",
        ),
        Option(
            "cassette_dir",
            "text",
            "",
            "folder for cassettes instead of the one beside each test file",
            is_run_wide=True,
        ),
        Option("locked", "bool", False, "protect the cassette from every mode"),
        Option(
            "on_miss",
            "choice",
            "fail",
            "a request without a recorded answer fails the test, or raises an Exception",
            ("fail", "raise"),
        ),
        Option(
            "on_unplayed",
            "choice",
            "warn",
            "reaction to interactions that a passed test left over",
            _FAILING,
        ),
        Option(
            "on_drift",
            "choice",
            "warn",
            "reaction to an answer that was recorded for another body",
            _FAILING,
        ),
        Option(
            "max_age",
            "age",
            "",
            "age at which an interaction expires, such as 30d; empty for never",
        ),
        Option(
            "on_expiry",
            "choice",
            "warn",
            "reaction to a played interaction that has expired; rerecord has once and new_episodes record it anew",
            ("warn", "fail", "rerecord"),
        ),
        Option(
            "on_failure",
            "choice",
            "draft",
            "fate of a failed test's recording",
            ("draft", "keep", "discard"),
        ),
        Option(
            "on_leak",
            "choice",
            "draft",
            "fate of a recording in which a known kind of secret is left",
            ("draft", "ignore"),
        ),
        Option("allow_playback_repeats", "bool", False, "play an interaction more than once"),
        Option("strict_order", "bool", False, "play by position, and refuse any other order"),
        Option(
            "verify_body",
            "choice",
            "values",
            "the part of JSON that the record mode verify compares",
            ("values", "shape"),
        ),
        Option(
            "verify_ignore", "words", (), "places in JSON that the record mode verify leaves out"
        ),
        Option(
            "ignore_hosts",
            "words",
            (),
            "hosts, or HOST:PORT, that reqord neither records nor plays",
        ),
        Option("ignore_localhost", "bool", False, "let requests to this machine through"),
        Option(
            "record_errors",
            "bool",
            False,
            "record network errors and cancelled requests, and play them",
        ),
        Option("redact", "bool", True, "replace secrets before keeping anything"),
        Option(
            "redact_headers", "words", (), "names of headers to redact besides the default ones"
        ),
        Option("redact_query", "words", (), "query parameters to redact besides the default ones"),
        Option("redact_fields", "words", (), "body fields to redact besides the default ones"),
        Option("redact_keep", "words", (), "names of the defaults that reqord leaves alone"),
        Option(
            "redact_patterns",
            "patterns",
            (),
            "regular expressions of secrets in any place: the whole match, or its first group",
        ),
        Option(
            "redactors",
            "redactors",
            (),
            "redactors of yours: names, functions of an interaction, mappings by part",
        ),
        Option(
            "secrets",
            "words",
            (),
            "environment variables whose values are secret",
            is_run_wide=True,
        ),
        Option(
            "volatile",
            "words",
            _VOLATILE,
            "headers whose change alone doesn't rewrite an interaction; they replace the default ones",
        ),
        Option(
            "volatile_fields",
            "words",
            ("stream-defaults",),
            "places in JSON answers that count so, too; stream-defaults: the usual ones of streams",
        ),
        Option(
            "format",
            "choice",
            "keep",
            "format of a saved cassette; keep leaves it as it is",
            ("keep", "reqord", "vcr"),
        ),
        Option(
            "inline_limit",
            "int",
            1 << 20,
            "size in bytes from which reqord keeps a body beside the file",
        ),
        Option(
            "batch_size",
            "int",
            10,
            "interactions that the writer writes together",
            is_run_wide=True,
            least=1,
        ),
        Option(
            "batch_timeout",
            "int",
            100,
            "milliseconds after which the writer writes a batch that isn't full",
            is_run_wide=True,
        ),
        Option(
            "queue_entries",
            "int",
            1000,
            "interactions that may wait to be written before a request has to",
            is_run_wide=True,
            least=1,
        ),
        Option(
            "queue_bytes",
            "int",
            64 << 20,
            "bytes that may wait to be written before a request has to",
            is_run_wide=True,
            least=1,
        ),
        Option(
            "lock_timeout",
            "float",
            30.0,
            "seconds to wait for a cassette that another process writes",
            is_run_wide=True,
        ),
    )
}


class Layer(NamedTuple):
    """The settings that were made in one place.

    :param place: the place as a user knows it, for error messages.
    :param values: what was set there, by option name.
    :param is_run_wide: whether it holds for the whole run, as a marker doesn't.
    :param prefix: what names start with in that place, for error messages.
    :param is_explicit: whether a person set it for this very run (the command line, ``REQORD``),
        which is what lets it record under ``CI``.
    """

    place: str
    values: Mapping[str, Any]
    is_explicit: bool = False
    is_run_wide: bool = False
    prefix: str = ""


class Own(NamedTuple):
    """What the suite's hooks give, by name.

    :param matchers: for ``match_on``; see `pytest_reqord.matching.matchers.Matcher`.
    :param redactors: for ``redactors``; see `pytest_reqord.redaction.user_rules`.
    """

    matchers: Mapping[str, Any] = {}
    redactors: Mapping[str, Any] = {}


NOTHING_OWN = Own()
"""Of a suite without such hooks."""


# What each record mode means: what may happen to a request, and what a save replaces.


LIVE_ONLY = SAVED_AT_END | {"verify"}
"""The modes in which nothing is played."""


class Access(NamedTuple):
    """What one opening of a cassette may do.

    :param play: whether requests may be answered from the recording.
    :param record: whether requests may go live and be recorded.
    """

    play: bool
    record: bool


PLAY_ONLY = Access(play=True, record=False)


def access(mode: str, *, exists: bool, is_born: bool, has_draft: bool) -> Access:
    """What a record mode allows.

    :param mode: the record mode.
    :param exists: whether the cassette is on the disk.
    :param is_born: whether it was made in this run; then it is recorded into and never played
        from, for what it holds already depends on timing.
    :param has_draft: whether an earlier run left a draft that may be played.
    """
    if mode == "none":
        return PLAY_ONLY
    if mode in LIVE_ONLY:
        return Access(play=False, record=True)
    is_old = exists and not is_born
    if mode == "once" and is_old:
        return PLAY_ONLY
    return Access(play=is_old or has_draft, record=True)
