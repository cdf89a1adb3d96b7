"""What the hook ``pytest_recording_configure`` gets in the place of a ``vcr.VCR``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.base.real import os
from pytest_reqord.vcr_compat.matchers import DEFAULT_MATCH_ON, MATCHERS
from pytest_reqord.vcr_compat.serializers import JSON, YAML

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["VCR"]


class VCR:
    """VCR.py's options as attributes, each of which may be set, and its three registries.

    :param path_transformer: makes a cassette's file name of its name.
    :param cassette_library_dir: the folder of the cassettes.
    :param record_mode: the record mode where neither a mark nor ``vcr_config`` has one.
    """

    def __init__(
        self,
        path_transformer: Callable[[str], str] | None = None,
        cassette_library_dir: str | None = None,
        record_mode: Any = None,
    ) -> None:
        self.path_transformer = path_transformer
        self.cassette_library_dir = cassette_library_dir
        self.record_mode = record_mode
        self.before_record_request: Any = None
        self.before_record: Any = None
        self.before_record_response: Any = None
        self.before_save_interaction: Any = None
        self.after_load_interaction: Any = None
        self.filter_headers: Any = ()
        self.filter_query_parameters: Any = ()
        self.filter_post_data_parameters: Any = ()
        self.filter_nested_post_data_parameters: Any = False
        self.filter_sensitive_data: Any = ()
        self.ignore_hosts: Any = ()
        self.ignore_localhost: Any = False
        self.match_on: Any = DEFAULT_MATCH_ON
        self.additional_matchers: Any = ()
        self.allow_playback_repeats: Any = False
        self.decode_compressed_response: Any = False
        self.record_on_exception: Any = True
        self.drop_unused_requests: Any = False
        self.inject_cassette: Any = False  # of decorators, which a mark isn't
        self.func_path_generator: Any = None  # as above: a mark's cassette has a name
        self.custom_patches: Any = ()
        self.skip_patchers: Any = ()
        self.serializer: Any = "yaml"
        self.serializers: dict[str, Any] = {"yaml": YAML, "json": JSON}
        self.matchers: dict[str, Any] = dict(MATCHERS)
        self.persister: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """What is set, by VCR.py's names."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def register_serializer(self, name: str, serializer: Any) -> None:
        """Add a file format: an object with ``serialize`` and ``deserialize``."""
        self.serializers[name] = serializer

    def register_matcher(self, name: str, matcher: Callable[[Any, Any], Any]) -> None:
        """Add a matcher, for use in ``match_on``."""
        self.matchers[name] = matcher

    def register_persister(self, persister: Any) -> None:
        """Keep cassettes elsewhere: an object with ``load_cassette`` and ``save_cassette``."""
        self.persister = persister

    @staticmethod
    def ensure_suffix(suffix: str) -> Callable[[str], str]:
        """A path transformer that appends a suffix where it is missing."""

        def ensure(path: str | os.PathLike[str]) -> str:
            name = os.fspath(path)
            return name if name.endswith(suffix) else name + suffix

        return ensure
