"""Plain data to YAML, for what isn't in our layout."""

from __future__ import annotations

from typing import Any

__all__ = ["dump"]


def dump(value: Any) -> bytes:
    """Write lists, mappings, text, bytes and numbers as VCR.py's emitter does.

    Unlike there, keys stay in their order: those of headers tell something.
    """
    import yaml  # late: only for files in another layout than ours

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, default_flow_style=False, sort_keys=False)
    return text.encode()
