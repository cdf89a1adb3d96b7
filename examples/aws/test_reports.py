"""One bucket, asked by boto3, aiobotocore and s3fs. Signatures and keys stay out of the cassettes."""

import boto3
import pytest
import s3fs
from aiobotocore.session import get_session
from botocore.config import Config

BUCKET = {
    "endpoint_url": "http://api.example.test",
    "region_name": "eu-west-1",
    "aws_access_key_id": "not needed to replay",
    "aws_secret_access_key": "not needed to replay",
}
CONFIG = {"s3": {"addressing_style": "path"}}

pytestmark = pytest.mark.cassette


def test_boto3(cassette):
    client = boto3.client("s3", config=Config(**CONFIG), **BUCKET)

    listed = client.list_objects_v2(Bucket="reports", Prefix="2026/")
    first = client.get_object(Bucket="reports", Key="2026/q1.csv", Range="bytes=0-8")

    assert [each["Key"] for each in listed["Contents"]] == ["2026/q1.csv", "2026/q2.csv"]
    assert first["Body"].read() == b"city,sold"
    for interaction in cassette.interactions:
        assert interaction.request.headers["Authorization"] == "AWS4-HMAC-SHA256 [REDACTED]"


async def test_aiobotocore():
    async with get_session().create_client("s3", config=None, **BUCKET) as client:
        answer = await client.get_object(Bucket="reports", Key="2026/q2.csv")
        async with answer["Body"] as body:
            assert await body.read() == b"city,sold\nParis,9\n"


def test_s3fs():
    """s3fs has an event loop in a thread of its own, which serves every test."""
    options = {
        "key": BUCKET["aws_access_key_id"],
        "secret": BUCKET["aws_secret_access_key"],
        "endpoint_url": BUCKET["endpoint_url"],
        "config_kwargs": CONFIG,
        "skip_instance_cache": True,  # else its cache of listings outlives the test
    }
    files = s3fs.S3FileSystem(**options)

    assert files.ls("reports/2026") == ["reports/2026/q1.csv", "reports/2026/q2.csv"]
    assert files.cat("reports/2026/q1.csv").splitlines()[1:] == [b"Paris,7", b"Rome,5"]
