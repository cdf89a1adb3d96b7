"""Content codings, undone within bounds."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest

from pytest_reqord.base import content_coding

BODY = b"hello " * 100


@pytest.mark.parametrize(
    "coding", ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br", "identity"]
)
def test_what_was_packed_is_unpacked(coding):
    """Each coding, and several one after another."""
    packed = content_coding.encode(BODY, coding)

    assert packed is not None
    assert content_coding.decode(packed, coding) == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_cut_off_is_not_unpacked(coding):
    """Nor one that is something else."""
    packed = content_coding.encode(BODY, coding)

    assert packed is not None
    assert content_coding.decode(packed[:-3], coding) is None
    assert content_coding.decode(b"something else", coding) is None


def test_a_raw_deflate_stream_is_unpacked():
    """Many servers leave the zlib header out."""
    encoder = zlib.compressobj(wbits=-15)

    assert content_coding.decode(encoder.compress(BODY) + encoder.flush(), "deflate") == BODY


def test_many_members_of_gzip_are_one_body():
    """However small they are, and wherever they end."""
    member = gzip.compress(b"a", mtime=0)

    assert content_coding.decode(member * 5000, "gzip") == b"a" * 5000
    assert content_coding.decode(member * 5000 + member[:-1], "gzip") is None


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_of_a_stranger_does_not_take_all_memory(monkeypatch, coding):
    """What would become larger than the bound is left packed."""
    packed = content_coding.encode(bytes(300_000), coding)
    monkeypatch.setattr(content_coding, "MOST_UNPACKED", 200_000)

    assert packed is not None
    assert content_coding.decode(packed, coding) is None
    assert (
        content_coding.decode(packed, f"{coding}, identity, identity, identity, identity") is None
    )


def test_brotli_without_bounds_is_used_where_it_is_old(monkeypatch):
    """Releases before 1.2 know no limit."""

    class Old:
        def process(self, data):
            raise AssertionError

    packed = brotli.compress(BODY)
    monkeypatch.setattr(brotli, "Decompressor", Old)

    assert content_coding.decode(packed, "br") == BODY
