"""Secrets that are told apart, against a dictionary: whoever has a secret gets the answer that it got."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlencode

from hypothesis import assume, given, strategies as st
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching
from pytest_reqord.playback.replay import Index, Replay
from pytest_reqord.redaction import Redactor
from pytest_reqord.redaction.marks import Marks, TellingApart

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
URI = "https://api.example.com/who"


def in_header(secret):
    return Request("GET", URI, Headers({"Authorization": f"Bearer {secret}"}), b"")


def in_basic(secret):
    user_info = base64.b64encode(f"me:{secret}".encode()).decode()
    return Request("GET", f"{URI}/basic", Headers({"Authorization": f"Basic {user_info}"}), b"")


def in_cookie(secret):
    return Request("GET", f"{URI}/cookie", Headers({"Cookie": f"a=b; session={secret}"}), b"")


def in_query(secret):
    return Request("GET", f"{URI}?access_token={quote(secret, '')}&page=1", Headers(), b"")


def in_json(secret):
    body = json.dumps({"user": "me", "password": secret, "n": 1}).encode()
    return Request("POST", f"{URI}/json", Headers({"Content-Type": "application/json"}), body)


def in_list(secret):
    body = json.dumps({"logins": [{"password": "same one"}, {"password": secret}]}).encode()
    return Request("POST", f"{URI}/list", Headers({"Content-Type": "application/json"}), body)


def in_form(secret):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"grant": "x", "client_secret": secret}).encode()
    return Request("POST", f"{URI}/form", Headers(kind), body)


PLACES = (in_header, in_basic, in_cookie, in_query, in_json, in_list, in_form)
passwords = st.text("abcdefgh12345-_", min_size=3, max_size=12)
tokens = st.text("aB3dE6gH9jK2mN5pQ8sT1vW4yZ", min_size=24, max_size=40)
places = st.sampled_from(PLACES)


def recorded(requests):
    """What a cassette holds of requests, each of which was answered by its secret."""
    redactor = Redactor()
    redactor.tell_apart()
    kept = []
    for number, (place, secret, answer) in enumerate(requests):
        response = Response(200, "OK", Headers(), answer)
        at = START + timedelta(seconds=number)
        kept.append(redactor.interaction(Interaction(place(secret), response, at, "test")))
    text = codec.render([codec.encode(each).text for each in TellingApart(kept)])
    return codec.load(text, "c.yaml", {}.__getitem__).entries


def playing(entries):
    """Ask what was recorded; gives the answers, None for a miss."""
    index = Index(entries, Matching(DEFAULT_MATCH_ON))
    replay = Replay(index, "test", "c.yaml", repeats=False, strict_order=False)
    redactor = Redactor()
    redactor.tell_apart(frozenset().union(*index.marks.values()))

    def ask(place, secret):
        claimed = replay.claim(redactor.request(place(secret)))
        return None if claimed is None else claimed.interaction.response.body

    return ask


def number_of(secrets, secret):
    return b"%d" % secrets.index(secret)


@tries(60)
@given(
    st.lists(passwords | tokens, min_size=2, max_size=6, unique=True),
    st.data(),
)
def test_whoever_asks_gets_its_own_answer(secrets, data):
    """In any order, of any part of what was recorded, wherever the secrets stand."""
    marks = [Marks().of(secret) for secret in secrets]
    assume(len(set(marks)) == len(marks))  # of two passwords in 256 it can't be told
    asked = data.draw(
        st.lists(st.tuples(places, st.sampled_from(secrets)), min_size=1, max_size=10)
    )
    entries = recorded([(place, each, number_of(secrets, each)) for place, each in asked])
    ask = playing(entries)

    for place, secret in data.draw(st.permutations(asked)):
        assert ask(place, secret) == number_of(secrets, secret)


@tries(60)
@given(
    st.lists(passwords | tokens, min_size=2, max_size=6, unique=True),
    st.lists(tokens, min_size=6, max_size=6, unique=True),
    st.data(),
)
def test_other_secrets_stand_for_the_same_ones_throughout(secrets, others, data):
    """None for two, and no two for one; what isn't asked in the order of the recording, too."""
    assume(not set(secrets) & set(others))
    place = data.draw(places)
    asked = data.draw(st.lists(st.sampled_from(secrets), min_size=2, max_size=8))
    assume(len(set(asked)) > 1)
    ask = playing(recorded([(place, each, number_of(secrets, each)) for each in asked]))
    stands_for = {}

    for secret in data.draw(st.permutations(asked)):
        other = others[secrets.index(secret)]
        answer = ask(place, other)
        if answer is not None:  # there were fewer of that one
            assert stands_for.setdefault(other, answer) == answer
    assert len(set(stands_for.values())) == len(stands_for)


@tries(60)
@given(st.lists(passwords, min_size=2, max_size=40, unique=True), places)
def test_two_stay_two(secrets, place):
    """However many passwords there are, and in the order of the recording each gets its answer."""
    entries = recorded([(place, each, number_of(secrets, each)) for each in secrets])
    requests = [entry.interaction().request for entry in entries]
    ask = playing(entries)

    assert len({(each.uri, each.headers, each.body) for each in requests}) == len(secrets)
    assert [ask(place, each) for each in secrets] == [number_of(secrets, each) for each in secrets]


@tries(60)
@given(st.lists(st.tuples(places, passwords | tokens), max_size=8))
def test_a_mark_is_only_where_two_meet(asked):
    """And what was told apart once is the same when it is recorded again."""
    entries = recorded([(place, secret, b"") for place, secret in asked])
    meet = {
        secret for place, secret in asked if len({other for at, other in asked if at is place}) > 1
    }
    for entry, (_, secret) in zip(entries, asked, strict=True):
        if secret not in meet:
            assert b"REDACTED-" not in entry.text
    again = recorded([(place, secret, b"") for place, secret in asked])
    assert [entry.text for entry in entries] == [entry.text for entry in again]
