"""Cassettes as VCR.py writes them, for suites under test."""

from __future__ import annotations

ENTRY = """\
- request:
    body: {body}
    headers:
      Authorization:
      - {token}
    method: {method}
    uri: http://api.invalid/{path}
  response:
    body:
      string: '{text}'
    headers:
      Content-Type:
      - text/plain
    status:
      code: 200
      message: OK
"""


def entry(
    path: str,
    text: str = "",
    method: str = "GET",
    body: str = "null",
    token: str = "token-of-the-recording",
) -> str:
    """An interaction with api.invalid."""
    return ENTRY.format(path=path, text=text, method=method, body=body, token=token)


def cassette(*entries: str) -> str:
    """A whole file."""
    return "".join(["interactions:\n", *entries, "version: 1\n"])
