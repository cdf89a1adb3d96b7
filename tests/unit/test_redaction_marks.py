"""The marks that tell secrets apart: how much of a secret they say, and of which."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timezone

import pytest

from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.redaction import Redactor
from pytest_reqord.redaction.kinds import MARKED, mark_in, remarked
from pytest_reqord.redaction.marks import Marks, TellingApart, marks_of, unmarked

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
JSON = {"Content-Type": "application/json"}
GUESSED = [
    "hunter2",
    "1234",
    "correct horse battery staple",
    "correct-horse-battery-staple-2024",
    "Password2024",
    "5f4dcc3b5aa765d61d8327deb882cf99",  # of "password"
    base64.b64encode(b"me:hunter2").decode(),
    base64.b64encode(b"hunter2hunter2hunter2").decode(),
]
RANDOM = [
    "sk-proj-a8F3kLmQ9zXc7VbN2wErT5yU",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "6f1c2d3e-4a5b-6c7d-8e9f-0a1b2c3d4e5f",
    base64.b64encode(b"x:a8F3kLmQ9zXc7VbN2wErT5yU").decode(),
]


def token(**claims):
    parts = ({"alg": "none"}, claims)
    packed = (base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts)
    return ".".join([each.rstrip("=") for each in packed] + ["c2lnbmF0dXJl"])


@pytest.mark.parametrize("secret", GUESSED)
def test_8_bits_of_what_can_be_guessed(secret):
    """Two digits, whatever it is packed in."""
    assert re.fullmatch("[0-9a-f]{2}", Marks().of(secret))


@pytest.mark.parametrize("secret", RANDOM)
def test_32_bits_of_what_is_random(secret):
    """Eight digits."""
    assert re.fullmatch("[0-9a-f]{8}", Marks().of(secret))


def test_marks_are_the_same_in_every_recording():
    """And differ within one, as far as there are any."""
    passwords = [f"password{number}" for number in range(256)]
    marks = Marks()
    found = [marks.of(each) for each in passwords]

    assert len(set(found)) == len(passwords)
    assert found == [marks.of(each) for each in passwords]
    assert Marks().of(passwords[0]) == found[0]
    assert not marks.of("one more")


def test_a_new_token_of_one_user_is_the_same():
    """Not so one of another user, or one that says nothing of who has it."""
    marks = Marks()
    assert marks.of(token(sub="a", iat=1, jti="x")) == marks.of(token(sub="a", iat=2, jti="y"))
    assert marks.of(token(sub="a", iat=1)) != marks.of(token(sub="b", iat=1))
    assert marks.of(token(jti="x")) != marks.of(token(jti="y"))
    assert marks.of(token(iat=1)) != marks.of(token(iat=2))


def redacted(*messages):
    redactor = Redactor()
    redactor.tell_apart()
    interactions = [
        redactor.interaction(Interaction(*each, recorded_at=NOW, recorded_by="test"))
        for each in messages
    ]
    return list(TellingApart(interactions))


def posted(body, answer=b"{}", **headers):
    lines = Headers({**JSON, **headers, "Content-Length": str(len(body))})
    length = Headers({**JSON, "Content-Length": str(len(answer))})
    return Request("POST", "https://api/x", lines, body), Response(200, "OK", length, answer)


def test_numbers_that_differ_stay_numbers():
    """A PIN that is a number is one, with a mark; one that meets no other is 0."""
    pins = [redacted(posted(b'{"pin": 4821}'), posted(b'{"pin": 1815}'))]
    pins.append(redacted(posted(b'{"pin": 4821}'), posted(b'{"pin": 4821}')))
    (first, second), same = ([each.request.json()["pin"] for each in pair] for pair in pins)

    assert isinstance(first, int)
    assert first != second
    assert same == [0, 0]


def test_lengths_follow():
    """Of what is told apart, and of what isn't."""
    for interaction in redacted(
        posted(b'{"password": "one"}', b'{"access_token": "abcdefgh1234567890"}'),
        posted(b'{"password": "two"}', b'{"access_token": "abcdefgh1234567890"}'),
    ):
        for message in (interaction.request, interaction.response):
            assert message.headers["Content-Length"] == str(len(message.body))


def test_tokens_of_answers_stay_tokens():
    """Two users' JSON Web Tokens are told apart by their signatures, which say whose they are."""
    answers = [json.dumps({"id_token": token(sub=name, iat=1)}).encode() for name in "ab"]
    first, second = (
        Redactor().played(each.response).json()["id_token"]
        for each in redacted(*(posted(b"{}", each) for each in answers))
    )
    signatures = [base64.urlsafe_b64decode(each.split(".")[2] + "==") for each in (first, second)]

    assert signatures == [b"[REDACTED-r1]", b"[REDACTED-r2]"]
    replayed = Redactor()
    replayed.tell_apart(frozenset({"r1", "r2"}))
    sent = replayed.request(posted(b"{}", Authorization=f"Bearer {second}")[0])
    assert sent.headers["Authorization"] == "Bearer [REDACTED-r2]"


def test_stand_ins_differ_and_are_known():
    """What a client gets in the place of a secret is of its kind, and is the same when it comes back."""
    keys = [base64.b64encode(bytes(range(start, start + 33))).decode() for start in (1, 90)]
    answers = [json.dumps({"api_key": key}).encode() for key in keys]
    interactions = redacted(*(posted(b"{}", each) for each in answers))
    replayed = Redactor()
    replayed.tell_apart(frozenset({"r1", "r2"}))
    given = [replayed.played(each.response).json()["api_key"] for each in interactions]

    assert given[0] != given[1]
    assert all(len(base64.b64decode(each, validate=True)) == 33 for each in given)
    for number, key in enumerate(given, 1):
        sent = replayed.request(posted(b"{}", **{"X-Api-Key": key})[0])
        assert sent.headers["X-Api-Key"] == f"[REDACTED-r{number}]"


@pytest.mark.parametrize("name", ["X-CSRF-Token", "X-Signature", "X-Auth-Nonce"])
def test_what_changes_each_time_has_no_mark(name):
    """It tells nobody apart."""
    first, second = (posted(b"{}", **{name: f"{each}8F3kLmQ9zXc7VbN2w"}) for each in "ab")
    for interaction in redacted(first, second):
        assert not marks_of(interaction.request)


def test_a_cookie_that_is_renewed_is_one_secret():
    """A load balancer's, of which each answer brings another one, tells nobody apart."""
    answers = []
    for number in range(4):
        request, response = posted(b"{}", Cookie=f"AWSALB=a8F3kLmQ9zXc7VbN2wErT5y{number}")
        fresh = f"AWSALB=a8F3kLmQ9zXc7VbN2wErT5y{number + 1}; Path=/"
        headers = Headers([*response.headers.pairs, ("Set-Cookie", fresh)])
        answers.append((request, response._replace(headers=headers)))

    for interaction in redacted(*answers):
        assert b"REDACTED-" not in repr(interaction).encode()


def test_unmarked_is_as_without_marks():
    """And marks of other texts are left alone."""
    request = posted(b'{"password": "one"}', Authorization="Bearer abcdefgh1234567890")[0]
    plain, marked = Redactor(), Redactor()
    marked.tell_apart(frozenset({"00"}))

    assert unmarked(marked.request(request)) == plain.request(request)
    text = "[REDACTED-PII] REDACTED-00 [REDACTED-0]"
    assert MARKED.sub(lambda found: remarked(found, ""), text) == text
    assert [mark_in(each) for each in MARKED.finditer("[REDACTED-0a hex 32]")] == ["0a"]
