"""botocore and boto3: the calls of three services, to the test server instead of theirs."""

from __future__ import annotations

import functools
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from contract.face import Face, Place, attributes, outcome, visible
from contract.faces.urllib3_pool import gated
from server import Close, chunk, head, route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.scenarios import Call, Scenario
    from server import Piece, Seen, Server

MASKS = (
    (r"\d{8}T\d{6}Z", "TIME"),
    (r"\d{8}/eu-west-1", "DAY/eu-west-1"),
    (r"Signature=\w+", "Signature"),
    (r"amz-sdk-invocation-id: [\w-]+", "INVOCATION"),
    (r"\b[0-9a-f]{8}-[0-9a-f-]{27}", "UUID"),
)

SELECT = {
    "Bucket": "select",
    "Key": "table.csv",
    "ExpressionType": "SQL",
    "Expression": "SELECT * FROM s3object",
    "InputSerialization": {"CSV": {}},
    "OutputSerialization": {"CSV": {}},
}


@route("select")
def select(_: Server, seen: Seen) -> Iterator[Piece]:
    """A query of S3's, answered in events; ``/select/broken``: with an error among them, at which a
    client stops, so that the connection had better end, too."""
    is_broken = seen.arguments == ["broken"]
    last = [("Connection", "close")] if is_broken else []
    yield head(200, "OK", ("x-amz-request-id", "R1"), ("Transfer-Encoding", "chunked"), *last)
    for name in ("ada", "grace"):
        yield chunk(event(f"{name},1\n".encode(), "event", "Records"))
        yield 0.03
    if is_broken:
        yield chunk(event(b"", "error", "InternalError"))
    else:
        stats = b"<Stats><BytesReturned>14</BytesReturned></Stats>"
        yield chunk(event(stats, "event", "Stats") + event(b"", "event", "End"))
    yield b"0\r\n\r\n"
    if is_broken:
        yield Close.NOW


def event(payload: bytes, kind: str, name: str) -> bytes:
    """A message of an event stream: lengths, headers and payload, and the checksums of both."""
    names = {"event": (":event-type",), "error": (":error-code", ":error-message")}[kind]
    headers = b"".join(
        struct.pack(">B", len(key))
        + key.encode()
        + struct.pack(">BH", 7, len(text))
        + text.encode()
        for key, text in ((":message-type", kind), *((key, name) for key in names))
    )
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = start + struct.pack(">I", zlib.crc32(start)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def run(scenario: Scenario, place: Place) -> object:
    """The HTTP session of botocore, below its services."""
    session = URLLib3Session(
        verify=place.ca if scenario.verify else False,
        proxies={"http": place.proxy, "https": place.proxy} if place.proxy else None,
        timeout=scenario.calls[0].timeout,
        max_pool_connections=50,
    )
    one = functools.partial(call, session, place)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if scenario.is_parallel:
                with ThreadPoolExecutor(len(scenario.calls)) as pool:
                    return list(pool.map(one, scenario.calls))
            return [one(given) for given in scenario.calls]
    finally:
        session.close()


def call(session: URLLib3Session, place: Place, given: Call) -> object:
    def send() -> object:
        request = AWSRequest(
            given.method, place.to(given), dict(given.headers), given.body, stream_output=True
        )
        request.stream_output = given.read != "whole"
        response = session.send(request.prepare())
        return {
            "status": response.status_code,
            "headers": list(response.headers.items()),
            "url": response.url,
            "body": outcome(lambda: read(response, given, place)),
            "raw": attributes(response.raw),
        }

    return outcome(send)


def read(response: object, given: Call, place: Place) -> object:
    return {
        "whole": lambda: [response.content, outcome(lambda: response.text)],
        "pieces": lambda: list(response.raw.stream()),
        "gated": lambda: gated(response.raw, place),
        "raw": response.raw.read,
        "partial": lambda: [response.raw.read(5), response.raw.close()],
        "none": response.raw.close,
    }[given.read]()


def client(place: Place, service: str, **config: object) -> Any:
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=place.url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        verify=place.ca,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config),
    )


def own_s3(place: Place) -> object:
    """Puts with Expect, and gets that stream."""
    with closing(client(place, "s3")) as s3:
        puts = (
            {"Bucket": "empty", "Key": "200", "Body": b"bytes"},
            {"Bucket": "empty", "Key": "200", "Body": io.BytesIO(b"f" * 300000)},
        )
        seen = [outcome(functools.partial(s3.put_object, **put)) for put in puts]
        got = s3.get_object(Bucket="lines", Key="30")
        seen.append([visible(got["ResponseMetadata"]), got["Body"].read(10)])
        seen.append([list(got["Body"].iter_lines()), got["ContentType"], attributes(got["Body"])])
        # the last one: the server may close the connection then, before another request or after
        refused = functools.partial(s3.put_object, Bucket="echo", Key="refused")
        seen.append(outcome(functools.partial(refused, Body=b"unwanted" * 10)))
        return visible(seen)


def own_checksums(place: Place) -> object:
    """Puts over TLS, whose bodies are chunked twice, and end in a checksum."""
    with closing(client(place, "s3")) as s3:
        put = functools.partial(
            s3.put_object, Bucket="empty", Key="200", ChecksumAlgorithm="SHA256"
        )
        bodies = (b"bytes", io.BytesIO(b"f" * 300000))
        return visible([outcome(functools.partial(put, Body=body)) for body in bodies])


def own_dynamodb(place: Place) -> object:
    """A service of one URL, where the operation is a header; the answer isn't what it wants."""
    with closing(client(place, "dynamodb")) as dynamodb:
        return visible([outcome(dynamodb.list_tables), outcome(dynamodb.describe_limits)])


def own_events(place: Place) -> object:
    """An event stream read to its end, one with an error in it, and one that is left early."""
    with closing(client(place, "s3")) as s3:
        seen = []
        for key in ("table.csv", "broken"):
            answer = s3.select_object_content(**{**SELECT, "Key": key})
            with closing(answer["Payload"]) as payload:
                seen.append([answer["ResponseMetadata"], outcome(functools.partial(list, payload))])
        with closing(s3.select_object_content(**SELECT)["Payload"]) as payload:
            seen.append(next(iter(payload)))
        return visible(seen)


def own_error(place: Place) -> object:
    """An error of the service, as the client raises it."""
    with closing(client(place, "sts")) as sts:
        try:
            return sts.get_caller_identity()
        except ClientError as error:
            return [visible(error), attributes(error)]


FACES = (
    Face(
        "botocore",
        "http_client",
        run,
        lacks=frozenset(
            {"retries", "multipart", "cookies", "generator", "redirects", "form", "basic"}
            | {"digest", "read:lines", "read:sized", "read:twice"}
        ),
        own={
            "s3": own_s3,
            "checksums": own_checksums,
            "dynamodb": own_dynamodb,
            "error": own_error,
            "events": own_events,
        },
        own_places={"checksums": "tls"},
        masks=MASKS,
    ),
)
