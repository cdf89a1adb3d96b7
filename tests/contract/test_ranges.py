"""Downloads in ranges, by the SDKs that make them: each range gets its own bytes, in any order."""

from __future__ import annotations

import asyncio
import random
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import aiohttp
import fsspec
import httpx
import pytest
import requests
from contract.crowd import a_run
from server import head, reply, reply_json, route

from pytest_reqord.errors import CassetteMiss
from pytest_reqord.run.use_cassette import use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from server import Piece, Seen, Server

PART = 1 << 14
DATA = b"".join(struct.pack(">I", number) for number in range(1 << 16))
STARTS = range(0, len(DATA), PART)


@route("stored")
@route("download")
@route("account")
def stored(_: Server, seen: Seen) -> Iterator[Piece]:
    """Serve a file as S3, Azure's storage, Google's and plain servers do: whole, or a range of it."""
    wanted = re.match(r"bytes=(\d+)-(\d*)", seen.header("x-ms-range") or seen.header("range"))
    start, end = 0, len(DATA)
    about = [("ETag", '"0x1"'), ("Last-Modified", "Mon, 23 Nov 2026 07:13:32 GMT")]
    about += [("Accept-Ranges", "bytes"), ("x-ms-blob-type", "BlockBlob")]
    if wanted:
        start, end = int(wanted[1]), min(int(wanted[2] or len(DATA)) + 1, len(DATA))
        about.append(("Content-Range", f"bytes {start}-{end - 1}/{len(DATA)}"))
    if seen.method == "HEAD":
        yield head(200, "OK", *about, ("Content-Length", str(len(DATA))))
    else:
        status, reason = (206, "Partial Content") if wanted else (200, "OK")
        yield reply(DATA[start:end], *about, status=status, reason=reason)


@route("storage")
def described(_: Server, seen: Seen) -> Iterator[Piece]:
    """Say of an object of Google's storage what it is."""
    yield reply_json({"name": "data", "bucket": seen.arguments[2], "size": str(len(DATA))})


def header_of(start: int) -> dict[str, str]:
    return {"Range": f"bytes={start}-{start + PART - 1}"}


def starts(seed: int) -> list[int]:
    return random.Random(seed).sample(STARTS, len(STARTS))


def joined(parts: dict[int, bytes]) -> bytes:
    return b"".join(parts[start] for start in sorted(parts))


def by_requests(url: str, seed: int, _: Path) -> bytes:
    def part(start: int) -> tuple[int, bytes]:
        return start, requests.get(f"{url}/stored", headers=header_of(start), timeout=5).content

    with ThreadPoolExecutor(4) as pool:
        return joined(dict(pool.map(part, starts(seed))))


def by_httpx(url: str, seed: int, _: Path) -> bytes:
    async def all_of_it() -> bytes:
        async with httpx.AsyncClient() as client:

            async def part(start: int) -> tuple[int, bytes]:
                return start, (await client.get(f"{url}/stored", headers=header_of(start))).content

            return joined(dict(await asyncio.gather(*map(part, starts(seed)))))

    return asyncio.run(all_of_it())


def by_aiohttp(url: str, seed: int, _: Path) -> bytes:
    async def all_of_it() -> bytes:
        async with aiohttp.ClientSession() as session:

            async def part(start: int) -> tuple[int, bytes]:
                async with session.get(f"{url}/stored", headers=header_of(start)) as response:
                    return start, await response.read()

            return joined(dict(await asyncio.gather(*map(part, starts(seed)))))

    return asyncio.run(all_of_it())


def by_fsspec(url: str, seed: int, _: Path) -> bytes:
    files = fsspec.filesystem("http", skip_instance_cache=True)
    order = starts(seed)
    ends = [start + PART for start in order]
    found = files.cat_ranges([f"{url}/stored"] * len(order), order, ends, max_gap=None)
    return joined(dict(zip(order, found, strict=True)))


S3 = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "region_name": "eu-central-1",
}


def by_boto3(url: str, _: int, folder: Path) -> bytes:
    boto3 = pytest.importorskip("boto3")
    from boto3.s3.transfer import TransferConfig

    many = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
    client = boto3.client("s3", endpoint_url=url, **S3)
    client.download_file("stored", "data", str(folder / "data"), Config=many)
    return (folder / "data").read_bytes()


def by_aiobotocore(url: str, seed: int, _: Path) -> bytes:
    session = pytest.importorskip("aiobotocore.session").get_session()

    async def all_of_it() -> bytes:
        async with session.create_client("s3", endpoint_url=url, **S3) as client:

            async def part(start: int) -> tuple[int, bytes]:
                wanted = header_of(start)["Range"]
                found = await client.get_object(Bucket="stored", Key="data", Range=wanted)
                async with found["Body"] as body:
                    return start, await body.read()

            return joined(dict(await asyncio.gather(*map(part, starts(seed)))))

    return asyncio.run(all_of_it())


def by_azure(url: str, _: int, __: Path) -> bytes:
    blob = pytest.importorskip("azure.storage.blob").BlobClient
    sizes = {"max_single_get_size": PART, "max_chunk_get_size": PART}
    with blob(f"{url}/account", "stored", "data", **sizes) as client:
        return client.download_blob(max_concurrency=4).readall()


def by_azure_async(url: str, _: int, __: Path) -> bytes:
    blob = pytest.importorskip("azure.storage.blob.aio").BlobClient
    sizes = {"max_single_get_size": PART, "max_chunk_get_size": PART}

    async def all_of_it() -> bytes:
        async with blob(f"{url}/account", "stored", "data", **sizes) as client:
            stream = await client.download_blob(max_concurrency=4)
            return await stream.readall()

    return asyncio.run(all_of_it())


def by_google(url: str, _: int, folder: Path) -> bytes:
    storage = pytest.importorskip("google.cloud.storage")
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import transfer_manager

    client = storage.Client("p", AnonymousCredentials(), client_options={"api_endpoint": url})
    transfer_manager.download_chunks_concurrently(
        client.bucket("stored").blob("data"),
        str(folder / "data"),
        chunk_size=PART,
        worker_type=transfer_manager.THREAD,
        max_workers=4,
        crc32c_checksum=False,
    )
    return (folder / "data").read_bytes()


DOWNLOADS = [
    by_requests,
    by_httpx,
    by_aiohttp,
    by_fsspec,
    by_boto3,
    by_aiobotocore,
    by_azure,
    by_azure_async,
    by_google,
]


@pytest.mark.parametrize("download", DOWNLOADS, ids=lambda one: one.__name__)
def test_a_download_in_ranges_is_put_together_from_its_own(
    tmp_path: Path, servers: dict[str, Server], download: Callable[[str, int, Path], bytes]
) -> None:
    """At once, and on replay in another order."""
    server = servers["plain"]
    with a_run(tmp_path, "once"), use_cassette("data.yaml"):
        assert download(server.url, 1, tmp_path) == DATA
    with server.refusing():
        for seed in (2, 3):
            with a_run(tmp_path, "none"), use_cassette("data.yaml") as cassette:
                assert download(server.url, seed, tmp_path) == DATA
                assert cassette.all_played


def test_a_range_that_was_not_recorded_is_a_miss(
    tmp_path: Path, servers: dict[str, Server]
) -> None:
    """Even where another one is left; the miss names both."""
    url = f"{servers['plain'].url}/stored"
    with a_run(tmp_path, "once"), use_cassette("data.yaml"):
        requests.get(url, headers={"Range": "bytes=0-3"}, timeout=5)

    with a_run(tmp_path, "none"), use_cassette("data.yaml", on_miss="raise"):
        with pytest.raises(
            CassetteMiss, match="header range: sent 'bytes=4-7', recorded 'bytes=0-3'"
        ):
            requests.get(url, headers={"Range": "bytes=4-7"}, timeout=5)
        with pytest.raises(CassetteMiss, match="header range: not sent, recorded 'bytes=0-3'"):
            requests.get(url, timeout=5)


def test_what_a_client_accepts_chooses_and_refuses_nothing(
    tmp_path: Path, servers: dict[str, Server]
) -> None:
    """Two forms of one page get back to those who asked for them; a third form gets the oldest."""
    url = f"{servers['plain'].url}/echo"
    german, english = {"Accept-Language": "de"}, {"Accept-Language": "en"}
    with a_run(tmp_path, "once"), use_cassette("page.yaml"):
        answers = [requests.get(url, headers=each, timeout=5).content for each in (german, english)]

    for order in ([english, german], [{"Accept-Language": "fr"}, english]):
        with a_run(tmp_path, "none"), use_cassette("page.yaml"):
            found = [requests.get(url, headers=each, timeout=5).content for each in order]
        assert found in ([answers[1], answers[0]], answers)


def test_uploads_in_pieces_are_told_apart(tmp_path: Path, servers: dict[str, Server]) -> None:
    """By ``Content-Range``, where the pieces are equal."""
    url = f"{servers['plain'].url}/echo"

    def put(number: int) -> bytes:
        wanted = f"bytes {number}-{number}/2"
        return requests.put(url, b"x", headers={"Content-Range": wanted}, timeout=5).content

    with a_run(tmp_path, "once"), use_cassette("put.yaml"):
        answers = [put(0), put(1)]
    with a_run(tmp_path, "none"), use_cassette("put.yaml"):
        assert [put(1), put(0)] == answers[::-1]
    assert answers[0] != answers[1]
