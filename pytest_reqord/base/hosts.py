"""Hosts that are not an API: this machine, and the cloud's metadata services."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ["host_of", "is_local", "is_metadata", "without_secrets"]

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 -- compared, not bound

# credentials come from these, so they are never recorded; SDKs ask them on their own account
_METADATA = frozenset(
    {
        "169.254.169.254",  # AWS, Azure, GCP, OpenStack, DigitalOcean
        "fd00:ec2::254",  # AWS over IPv6
        "169.254.170.2",  # AWS ECS
        "169.254.170.23",  # AWS EKS
        "metadata.google.internal",
        "metadata",  # GCP's short name
        "100.100.100.200",  # Alibaba
    }
)


def host_of(uri: str) -> str:
    """The host name or address of a URI, in lower case; empty where there is none."""
    base = _BASE.match(uri)  # most URIs are new, and taking one apart takes 20 us; few hosts are
    return _host(uri if base is None else base[0])


_BASE = re.compile(r"[a-z]+://[^/?#]*")


@lru_cache(maxsize=1024)
def _host(uri: str) -> str:
    return (urlsplit(uri).hostname or "").lower()


def without_secrets(uri: str) -> str:
    """A URI without user info and query, for where nothing that redacts is at hand."""
    scheme, separator, rest = uri.partition("?")[0].partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


def is_local(host: str) -> bool:
    """Whether a host is this machine, as VCR.py's ``ignore_localhost`` has it."""
    return host in _LOCAL


def is_metadata(host: str) -> bool:
    """Whether a host is a cloud's metadata service."""
    return host in _METADATA
