"""Command line, environment, marker, fixture and ini to one frozen `Settings`."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.clock import parse_age
from pytest_reqord.base.printable import meant, see
from pytest_reqord.errors import UsageError
from pytest_reqord.matching.matchers import MATCHERS, Matcher
from pytest_reqord.redaction import REDACTED, REDACTED_IN_URL
from pytest_reqord.redaction.marks import without_marks
from pytest_reqord.redaction.user_rules import check_kept, chosen_redactors, compiled_patterns
from pytest_reqord.settings.options import NOTHING_OWN, OPTIONS, RECORDING_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_reqord.redaction.rules import Custom
    from pytest_reqord.settings.options import Layer, Option, Own

__all__ = ["Settings", "pattern_of", "resolve", "wrong_value"]


class Settings(NamedTuple):  # a dataclass of so many fields takes 3 ms to make
    """What holds for one cassette; each field is the option of its name, see `OPTIONS`.

    :param rerecord: patterns of requests to record anew, ``METHOD glob`` or ``glob`` each.
    """

    record_mode: str = "none"
    match_on: tuple[str | Matcher, ...] = OPTIONS["match_on"].default
    match_ignore: tuple[str, ...] = ()
    cassette_dir: str = ""
    locked: bool = False
    on_miss: str = "fail"
    on_unplayed: str = "warn"
    on_drift: str = "warn"
    max_age: str = ""
    on_expiry: str = "warn"
    on_failure: str = "draft"
    on_leak: str = "draft"
    allow_playback_repeats: bool = False
    strict_order: bool = False
    verify_body: str = "values"
    verify_ignore: tuple[str, ...] = ()
    ignore_hosts: tuple[str, ...] = ()
    ignore_localhost: bool = False
    record_errors: bool = False
    redact: bool = True
    redact_headers: tuple[str, ...] = ()
    redact_query: tuple[str, ...] = ()
    redact_fields: tuple[str, ...] = ()
    redact_keep: tuple[str, ...] = ()
    redact_patterns: tuple[str, ...] = ()
    redactors: tuple[Custom, ...] = ()
    secrets: tuple[str, ...] = ()
    volatile: tuple[str, ...] = OPTIONS["volatile"].default
    volatile_fields: tuple[str, ...] = OPTIONS["volatile_fields"].default
    format: str = "keep"
    inline_limit: int = OPTIONS["inline_limit"].default
    batch_size: int = OPTIONS["batch_size"].default
    batch_timeout: int = OPTIONS["batch_timeout"].default
    queue_entries: int = OPTIONS["queue_entries"].default
    queue_bytes: int = OPTIONS["queue_bytes"].default
    lock_timeout: float = OPTIONS["lock_timeout"].default
    rerecord: tuple[str, ...] = ()

    def for_saving(self) -> dict[str, Any]:
        """What of it a save has to know that comes later, as JSON can hold it."""
        defaults = self._field_defaults
        given = ((name, getattr(self, name)) for name in _FOR_SAVING)
        return {name: value for name, value in given if value != defaults[name]}

    def with_saving(self, saving: Mapping[str, Any]) -> Settings:
        """These, but for a recording that was made with others.

        :param saving: what `for_saving` gave then.
        """
        given = {name: saving.get(name, self._field_defaults[name]) for name in _FOR_SAVING}
        lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return self._replace(**{**given, **lists})

    def rerecord_of(self, method: str, uri: str) -> tuple[str, ...]:
        """The patterns of ``--rerecord`` that name this request."""
        if not self.rerecord:  # nearly always, and asked for every request
            return ()
        request = f"{method} {uri}"
        return tuple(text for text in self.rerecord if _pattern(text).fullmatch(request))

    def is_rerecorded(self, method: str, uri: str) -> bool:
        """Whether ``--rerecord`` names this request."""
        return bool(self.rerecord_of(method, uri))


_FOR_SAVING = ("format", "inline_limit", "max_age", "rerecord", "volatile", "volatile_fields")


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    method, _, glob = text.strip().rpartition(" ")
    return re.compile(fnmatch.translate(f"{method.upper() or '*'} {glob}"))


def pattern_of(method: str, uri: str) -> str:
    """The pattern of ``--rerecord`` that names a request; of a secret in it anything may stand."""
    text = without_marks(uri)
    for marker in (REDACTED, REDACTED_IN_URL):
        text = text.replace(marker, "*")
    return f"{method} {text.replace('[', '[[]')}"


def resolve(layers: Sequence[Layer], *, is_ci: bool = False, own: Own = NOTHING_OWN) -> Settings:
    """Settle what holds where several places say something: the first that speaks is heard.

    :param layers: the places, the strongest first: command line, ``REQORD``, markers from the
        nearest out, ``cassette_config``, ini.
    :param is_ci: whether ``CI`` is set; then only an explicit layer may make a run record.
    :param own: what has a name in this suite.
    :raises UsageError: if a key is unknown or a value is wrong; it names key, value and place.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for name, raw in layer.values.items():
            value = _checked(name, raw, layer, own)
            if name == "record_mode" and is_ci and not layer.is_explicit:
                value = "none" if value in RECORDING_MODES else value
            values.setdefault(name, value)
    return Settings(**values)


def _checked(name: str, raw: Any, layer: Layer, own: Own) -> Any:
    if name == "rerecord" and layer.is_explicit:
        return _patterns(raw, layer.place)
    option = OPTIONS.get(name)
    shown = f"{layer.prefix}{name} = {raw!r} ({layer.place})"
    if option is None:
        raise UsageError(f"{shown} is not a setting: {_known(name, layer)}")
    if option.is_run_wide and not layer.is_run_wide:
        raise UsageError(f"{shown} holds for the whole run: set reqord_{name} in an ini file")
    if option.kind in _NAMED:
        return _NAMED[option.kind](raw, shown, own)
    try:
        value = _KINDS[option.kind](raw)
    except (TypeError, ValueError):
        value = None
    if value is None or not _is_allowed(value, option):
        raise wrong_value(name, raw, layer)
    if name == "redact_keep":
        check_kept(value, shown)
    return value


def wrong_value(name: str, raw: Any, layer: Layer) -> UsageError:
    """The error for a setting that isn't what it may be.

    :param name: the setting.
    :param raw: what it was set to.
    :param layer: where.
    """
    shown = f"{layer.prefix}{name} = {raw!r} ({layer.place})"
    return UsageError(f"{shown}: it has to be {_allowed(OPTIONS[name])}; {see('settings')}")


def _known(name: str, layer: Layer) -> str:
    """What an unknown key may have been meant to be, of those that its place takes."""
    names = [one.name for one in OPTIONS.values() if layer.is_run_wide or not one.is_run_wide]
    if layer.prefix:
        names += ("allowed_hosts", "block_network")  # the network guard's
    return f"{meant(layer.prefix + str(name), [layer.prefix + each for each in names])}{see('settings')}"


def _is_allowed(value: Any, option: Option) -> bool:
    if option.choices:
        return value in option.choices
    return option.kind not in ("int", "float") or value >= option.least


def _allowed(option: Option) -> str:
    if option.choices:
        return "one of " + ", ".join(option.choices)
    allowed = {
        "bool": "true or false",
        "int": f"a whole number, {option.least:g} or more",
        "float": f"a number, {option.least:g} or more",
        "text": "a text",
        "age": "a number, 1 or more, with w, d, h or m behind it, such as 30d",
        "words": "a list of words",
    }
    return allowed[option.kind]


def _patterns(raw: Any, place: str) -> tuple[str, ...]:
    """``METHOD GLOB`` or ``GLOB`` each; a glob of URIs has a ``*`` or a scheme."""
    for text in raw:
        method, _, glob = text.strip().rpartition(" ")
        if not (re.fullmatch(r"[A-Za-z]*", method) and re.search(r"[*/?]", glob)):
            raise UsageError(
                f"--rerecord={text!r} ({place}): it has to be a method and a pattern of URIs,"
                " such as 'POST */chat/completions', or a pattern alone"
            )
    return tuple(raw)


def _bool(raw: Any) -> bool | None:
    if isinstance(raw, bool):
        return raw
    return _TRUTH.get(raw.strip().lower()) if isinstance(raw, str) else None


_TRUTH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _int(raw: Any) -> int | None:
    return None if isinstance(raw, (bool, float)) else int(raw)


def _float(raw: Any) -> float | None:
    return None if isinstance(raw, bool) else float(raw)


def _text(raw: Any) -> str | None:
    if hasattr(raw, "__fspath__"):
        raw = raw.__fspath__()
    return raw if isinstance(raw, str) else None


def _age(raw: Any) -> str | None:
    if not isinstance(raw, str):
        return None
    parse_age(raw)
    return raw


def _words(raw: Any) -> tuple[str, ...] | None:
    if isinstance(raw, str):
        return tuple(raw.split())
    if isinstance(raw, (list, tuple, set, frozenset)) and all(isinstance(w, str) for w in raw):
        return tuple(raw)
    return None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "choice": _text,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "text": _text,
    "age": _age,
    "words": _words,
}


def _match_on(raw: Any, shown: str, own: Own) -> tuple[str | Matcher, ...]:
    names: Any = raw.split() if isinstance(raw, str) else raw
    if not isinstance(names, (list, tuple, set, frozenset)) or not names:
        raise UsageError(f"{shown}: it has to be a list of matchers")
    allowed = MATCHERS | own.matchers.keys()
    for name in names:
        if not callable(name) and not (isinstance(name, str) and name in allowed):
            hint = f"{meant(str(name), allowed)}{see('matching')}"
            raise UsageError(f"{shown}: {name!r} is not a matcher: {hint}")
    return tuple(names)


_NAMED: dict[str, Callable[[Any, str, Own], Any]] = {
    "match_on": _match_on,
    "patterns": lambda raw, shown, _: compiled_patterns(raw, shown),
    "redactors": lambda raw, shown, own: chosen_redactors(raw, shown, own.redactors),
}
