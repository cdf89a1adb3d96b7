"""aiobotocore: calls of two services, to the test server instead of theirs."""

from __future__ import annotations

import asyncio
import functools
import io
import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from contract.face import Face, Place, attributes, visible
from contract.faces.botocore_client import MASKS, SELECT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def attempt(action: Callable[[], Awaitable[Any]]) -> object:
    try:
        return visible(await action())
    except ClientError as error:
        return [visible(error), attributes(error)]


async def put_and_get(s3: Any) -> object:
    seen = [await attempt(functools.partial(s3.put_object, **put)) for put in PUTS]
    got = await s3.get_object(Bucket="lines", Key="30")
    body = got["Body"]
    first = await body.read(10)
    return [*seen, visible(got["ResponseMetadata"]), first, await body.read()]


PUTS = (
    {"Bucket": "empty", "Key": "200", "Body": b"bytes"},
    {"Bucket": "echo", "Key": "refused", "Body": b"unwanted" * 10},
)


async def checksums(s3: Any) -> object:
    """Puts over TLS, whose bodies are chunked twice, and end in a checksum."""
    put = {"Bucket": "empty", "Key": "200", "ChecksumAlgorithm": "SHA256"}
    bodies = (b"bytes", io.BytesIO(b"f" * 300000))
    return [await attempt(functools.partial(s3.put_object, **put, Body=body)) for body in bodies]


async def list_tables(dynamodb: Any) -> object:
    return [await attempt(dynamodb.list_tables), await attempt(dynamodb.describe_limits)]


async def retried(s3: Any) -> object:
    """503, 503, 200."""
    got = await s3.get_object(Bucket="flaky", Key="s3/503,503,200")
    async with got["Body"] as body:  # in older releases that is the response below it
        return [await body.read(), got["ResponseMetadata"]["RetryAttempts"]]


async def events(s3: Any) -> object:
    """An event stream read to its end, one with an error in it, and one that is left early."""
    seen = []
    for key in ("table.csv", "broken"):
        answer = await s3.select_object_content(**{**SELECT, "Key": key})
        with closing(answer["Payload"]) as payload:
            whole = await attempt(functools.partial(collected, payload))
        seen.append([answer["ResponseMetadata"], whole])
    with closing((await s3.select_object_content(**SELECT))["Payload"]) as payload:
        return [*seen, await anext(aiter(payload))]


async def collected(payload: Any) -> list[Any]:
    return [event async for event in payload]


def scenario(service: str, use: Callable[[Any], Awaitable[object]]) -> Callable[[Place], object]:
    async def run(place: Place) -> object:
        client = get_session().create_client(
            service,
            region_name="eu-west-1",
            endpoint_url=place.url,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="secret",
            verify=place.ca,
            config=AioConfig(
                retries={"total_max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
            ),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own use of datetime
            async with client as opened:
                return visible(await use(opened))

    return lambda place: asyncio.run(run(place))


FACES = (
    Face(
        "aiobotocore",
        "aiohttp",
        None,
        own={
            "s3": scenario("s3", put_and_get),
            "checksums": scenario("s3", checksums),
            "dynamodb": scenario("dynamodb", list_tables),
            "retries": scenario("s3", retried),
            "events": scenario("s3", events),
        },
        own_places={"checksums": "tls"},
        masks=MASKS,
    ),
)
