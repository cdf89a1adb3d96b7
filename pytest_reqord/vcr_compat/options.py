"""VCR.py's options: what a suite says, checked, in the form that the rest of this part uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import UsageError
from pytest_reqord.settings.options import OPTIONS
from pytest_reqord.vcr_compat import filters
from pytest_reqord.vcr_compat.errors import NotHonoured
from pytest_reqord.vcr_compat.filters import Pipeline
from pytest_reqord.vcr_compat.matchers import VcrMatching, chosen

if TYPE_CHECKING:
    from pytest_reqord.vcr_compat.vcr import VCR

__all__ = ["Options", "mode_name", "settings_of"]

_NOT_HONOURED = {
    "custom_patches": "clients are taken at seams of their own here, so there is nothing to patch",
    "skip_patchers": "let the requests through with ignore_hosts or before_record_request",
}

# keys of its `vcr_config`: unseen they would leave secrets in, or match what they shouldn't
_NOT_HONOURED_OF_CASSETTER = {
    "body_scrub_patterns": "use reqord_redact_patterns, or before_record_response",
    "filter_replacement": 'give filter_headers and the like pairs: ("authorization", "[FILTERED]")',
    "ignore_json_paths": "match_ignore names what doesn't count, such as data[*].id",
    "uri_normalizer": "change the URI in before_record_request",
    "compare": "--record-mode=verify has reqord_verify_body and reqord_verify_ignore",
    "before_compare_response": "see reqord_verify_ignore",
    "cassette_dir": "override the fixture vcr_cassette_dir",
    "intercept": "let the requests through with ignore_hosts",
}

_THEIRS = ("record_mode", "match_on", "allow_playback_repeats", "ignore_hosts", "ignore_localhost")
_OURS = tuple(name for name in OPTIONS if name not in _THEIRS)
"""Our settings that VCR.py has no option for; three of them are cassetter's, too."""

_LOCAL = ("localhost", "0.0.0.0", "127.0.0.1", "::1")  # noqa: S104 -- compared, not bound


def mode_name(mode: Any) -> str:
    """A record mode by our name for it: ``vcr.mode``'s members, and ``any``, which isn't ours."""
    name = str(getattr(mode, "value", mode))
    return "new_episodes" if name == "any" else name


@dataclass(frozen=True)
class Options:
    """What holds for one cassette, besides what are settings of ours too.

    :param pipeline: its filters and hooks.
    :param matching: what makes a request the recorded one.
    :param filtered_headers: the names of headers that ``filter_headers`` sees to.
    :param serializer: the object that writes and reads it, where it isn't VCR.py's YAML.
    :param persister: the object that keeps it, where it isn't a file.
    :param drops_unused: whether what a passed test didn't play goes.
    """

    pipeline: Pipeline
    matching: VcrMatching
    filtered_headers: tuple[str, ...]
    serializer: Any
    persister: Any
    drops_unused: bool

    @staticmethod
    def of(values: Mapping[str, Any], vcr: VCR) -> Options:
        """Read the options.

        :param values: what markers and ``vcr_config`` say, by name; unknown names are none of
            our business, as they are none of VCR.py's.
        :param vcr: what holds where they say nothing.
        :raises UsageError: if one can't be honoured, or names what isn't registered.
        """
        for name, remedy in _NOT_HONOURED.items():
            if values.get(name, getattr(vcr, name)):
                raise NotHonoured(f"{name} of VCR.py has no counterpart in pytest-reqord: {remedy}")

        for name, remedy in _NOT_HONOURED_OF_CASSETTER.items():
            if values.get(name):
                raise NotHonoured(f"{name} of cassetter has no counterpart of that name: {remedy}")

        def value(name: str) -> Any:
            return values.get(name, getattr(vcr, name))

        return Options(
            pipeline=_pipeline(value, values),
            matching=_matching(value, vcr),
            filtered_headers=tuple(filters.by_name(value("filter_headers"))),
            serializer=_serializer(value("serializer"), vcr),
            persister=value("persister"),
            drops_unused=bool(value("drop_unused_requests")),
        )


def _matching(value: Any, vcr: VCR) -> VcrMatching:
    names = [*value("match_on"), *value("additional_matchers")]
    try:
        return VcrMatching(chosen(names, vcr.matchers))
    except (KeyError, TypeError) as error:
        known = ", ".join(sorted(vcr.matchers))
        raise UsageError(
            f"match_on = {names!r}: there is no matcher {error}; there are {known},"
            " and what vcr.register_matcher adds in pytest_recording_configure"
        ) from error


def _serializer(name: str, vcr: VCR) -> Any:
    if name not in vcr.serializers:
        known = ", ".join(sorted(vcr.serializers))
        raise UsageError(
            f"serializer = {name!r}: there is no such serializer; there are {known},"
            " and what vcr.register_serializer adds in pytest_recording_configure"
        )
    return vcr.serializers[name]


def _many(functions: Any) -> tuple[Any, ...]:
    if functions is None:
        return ()
    return tuple(functions) if isinstance(functions, Iterable) else (functions,)


def _pipeline(value: Any, values: Mapping[str, Any]) -> Pipeline:
    hosts = [*value("ignore_hosts"), *(_LOCAL if value("ignore_localhost") else ())]
    own = _own_hooks(value, values)
    responses = _many(value("before_record_response"))
    hide, restore = _sensitive(value("filter_sensitive_data"))
    on_load = (*restore, *_many(value("after_load_interaction")))
    changes_uri, of_bodies = value("filter_query_parameters"), value("filter_post_data_parameters")
    is_unpacked = bool(value("decode_compressed_response"))
    return Pipeline(
        requests=(*_request_filters(value), *([filters.host_filter(hosts)] if hosts else ()), *own),
        responses=(*((filters.unpack,) if is_unpacked else ()), *responses),
        on_save=(*_many(value("before_save_interaction")), *hide),
        on_load=on_load,
        # requests to hosts by name are let through before they come here
        may_drop=bool(own) or any(isinstance(host, re.Pattern) for host in hosts),
        may_reorder=bool(own or responses or on_load or hosts or changes_uri),
        reads_all=bool(own or responses or on_load or is_unpacked or of_bodies),
    )


def _own_hooks(value: Any, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """``before_record_request``, or what the older name ``before_record`` says."""
    for name in ("before_record_request", "before_record"):
        if name in values:
            return _many(values[name])
    return _many(value("before_record_request") or value("before_record"))


def _request_filters(value: Any) -> list[Any]:
    made = []
    if value("filter_headers"):
        made.append(filters.header_filter(value("filter_headers")))
    if value("filter_query_parameters"):
        made.append(filters.query_filter(value("filter_query_parameters")))
    if value("filter_post_data_parameters"):
        nested = bool(value("filter_nested_post_data_parameters"))
        items = value("filter_post_data_parameters")
        made.append(filters.body_filter(items, is_nested=nested))
    return made


def _sensitive(items: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not items:
        return (), ()
    hide, restore = filters.sensitive_data_hooks(items)
    return (hide,), (restore,)


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are settings of ours, or have one as their counterpart, by our names."""
    settings: dict[str, Any] = {}
    if values.get("record_mode") is not None:
        settings["record_mode"] = mode_name(values["record_mode"])
    if "allow_playback_repeats" in values:
        settings["allow_playback_repeats"] = bool(values["allow_playback_repeats"])
    if "ignore_localhost" in values:
        settings["ignore_localhost"] = bool(values["ignore_localhost"])
    if "ignore_hosts" in values:
        names = [host for host in values["ignore_hosts"] if isinstance(host, str)]
        settings["ignore_hosts"] = tuple(names)
    if "record_on_exception" in values:
        settings["on_failure"] = "keep" if values["record_on_exception"] else "discard"
    settings.update({name: values[name] for name in _OURS if values.get(name) is not None})
    return settings
