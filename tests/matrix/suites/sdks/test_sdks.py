import os
from functools import partial

import boto3
import openai
import pytest
from botocore.config import Config

API = os.environ["API"]


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA" + "X" * 16)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-the-cassette")
    config = Config(retries={"max_attempts": 1})
    return partial(boto3.client, endpoint_url=API, region_name="eu-west-1", config=config)


@pytest.mark.cassette
def test_object(aws):
    answer = aws("s3").get_object(Bucket="books", Key="one.txt")
    assert b"/books/one.txt" in answer["Body"].read()


@pytest.mark.cassette
def test_table(aws):
    table = aws("dynamodb")
    table.put_item(TableName="books", Item={"title": {"S": "Notes"}})
    assert table.list_tables()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.cassette
def test_model():
    client = openai.OpenAI(base_url=f"{API}/v1", api_key="sk-not-for-the-cassette", max_retries=0)
    answer = client.models.with_raw_response.retrieve("small")
    assert answer.http_response.json()["path"] == "/v1/models/small"
