"""Playing, against a list."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from hypothesis import given, strategies as st
from strategies import tries

from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching
from pytest_reqord.playback.replay import Index, Replay

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
OK = Response(200, "OK", Headers(), b"")


@dataclass
class Stored:
    """An entry as the codec gives it."""

    number: int
    method: str
    uri: str
    body: bytes
    recorded_by: str
    recorded_at: str = ""
    _interaction: Interaction | None = field(default=None)

    def interaction(self) -> Interaction:
        if self._interaction is None:
            request = Request(self.method, self.uri, Headers(), self.body)
            at = START + timedelta(seconds=self.number)
            self._interaction = Interaction(request, OK, at, self.recorded_by)
        return self._interaction


requests = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["http://api/a", "http://api/b?x=1&y=2", "http://api/b?y=2&x=1"]),
    st.sampled_from([b"", b'{"n": 1}', b'{"n":1}', b'{"n": 2}']),
)
entries = st.lists(st.tuples(requests, st.sampled_from(["me", "other", ""])), max_size=12)


def key(one: tuple[str, str, bytes]) -> tuple[str, str]:
    method, uri, _ = one
    return method, "&".join(sorted(uri.replace("?", "&").split("&")))


def same_body(one: bytes, other: bytes) -> bool:
    return one.replace(b" ", b"") == other.replace(b" ", b"")


def best(recorded, taken, live):
    """The rule as the documentation says it: own first, then equal body, then the oldest."""
    found = [
        at for at, (one, _) in enumerate(recorded) if at not in taken and key(one) == key(live)
    ]
    found.sort(
        key=lambda at: (
            recorded[at][1] != "me",
            recorded[at][0][2] != live[2],
            not same_body(recorded[at][0][2], live[2]),
            at,
        )
    )
    return found[0] if found else None


@tries(300)
@given(entries, st.lists(requests, max_size=14))
def test_claims_follow_the_rule(recorded, lives):
    """Whatever is recorded and asked, each claim is the one that the rule names, or none."""
    stored = [Stored(at, *one, owner) for at, (one, owner) in enumerate(recorded)]
    index = Index(stored, Matching(DEFAULT_MATCH_ON))
    replay = Replay(index, "me", "c.yaml", repeats=False, strict_order=False)
    taken: set[int] = set()

    for live in lives:
        claimed = replay.claim(Request(live[0], live[1], Headers(), live[2]))
        expected = best(recorded, taken, live)

        if expected is None:
            assert claimed is None
            continue
        taken.add(expected)
        assert claimed is not None
        assert claimed.interaction is stored[expected].interaction()
        assert claimed.has_drifted == (not same_body(live[2], recorded[expected][0][2]))
    assert replay.play_count == len(taken)


FIELDS = ("model", "prompt", "seed", "messages")
questions = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["", "bytes=0-3", "bytes=4-7"]),
    st.sampled_from(["", "text/html", "application/json"]),
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.sampled_from([1, 2, True, "a", None, [], [1], [1, 2], {"a": 1}]),
        max_size=4,
    ),
    st.sampled_from(["json", "form"]),
)


def sent(question) -> Request:
    method, part, accepted, fields, kind = question
    headers = {"Range": part, "Accept": accepted}
    if kind == "json":
        headers["Content-Type"], body = "application/json", json.dumps(fields)
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = "&".join(f"{name}={json.dumps(value)}" for name, value in fields.items())
    lines = Headers({name: value for name, value in headers.items() if value})
    return Request(method, "http://api/a", lines, body.encode() if fields else b"")


def leaves(value, kind):
    """Give what a body says field by field."""
    if kind == "form":
        return {(name, json.dumps(each)) for name, each in value.items()}
    found = set()
    for name, each in value.items():
        inner = (
            each.items()
            if isinstance(each, dict)
            else enumerate(each)
            if each and isinstance(each, list)
            else [("", each)]
        )
        found |= {(name, key, json.dumps(one)) for key, one in inner}
    return found


def most_similar(recorded, taken, live, match_on):
    """Name the question to give the answer of, as the documentation has the rule."""
    method, part, accepted, fields, kind = live

    def unlikeness(at):
        (_, its_part, its_accepted, its_fields, its_kind), owner = recorded[at]
        is_equal = json.dumps(fields, sort_keys=True) == json.dumps(its_fields, sort_keys=True)
        is_equal = is_equal and (kind == its_kind or not fields)
        shared = leaves(fields, kind) & leaves(its_fields, its_kind) if kind == its_kind else ()
        return owner != "me", part != its_part, not is_equal, -len(shared), accepted != its_accepted

    found = [
        at
        for at, (one, _) in enumerate(recorded)
        if at not in taken and one[0] == method and ("range" not in match_on or one[1] == part)
    ]
    return min(found, key=unlikeness, default=None)


@tries(200)
@given(
    st.lists(st.tuples(questions, st.sampled_from(["me", "other"])), max_size=10),
    st.lists(questions, max_size=10),
    st.sampled_from([DEFAULT_MATCH_ON, ("method", "uri")]),
    st.randoms(use_true_random=False),
)
def test_the_answer_is_that_of_the_most_similar_question(recorded, others, match_on, chance):
    """In any order, whether the questions are those that were recorded or others."""
    lives = [one for one, _ in recorded] + others
    chance.shuffle(lives)
    stored = []
    for at, (one, owner) in enumerate(recorded):
        when = START + timedelta(seconds=at)
        interaction = Interaction(sent(one), OK, when, owner)
        stored.append(Stored(at, one[0], "http://api/a", b"", owner, "", interaction))
    replay = Replay(Index(stored, Matching(match_on)), "me", "c", repeats=False, strict_order=False)
    taken: set[int] = set()

    for live in lives:
        claimed = replay.claim(sent(live))
        expected = most_similar(recorded, taken, live, match_on)

        assert (claimed and claimed.interaction) == (
            None if expected is None else stored[expected].interaction()
        )
        taken.add(expected)


def test_a_question_that_is_asked_again_gets_its_own_answer_again():
    """And not the one that was given last, to another question."""
    entries = [
        Stored(at, "POST", "http://api/a", body, "me")
        for at, body in enumerate([b'{"n": 1}', b'{"n": 2}', b'{"n": 1}'])
    ]
    index = Index(entries, Matching(DEFAULT_MATCH_ON))
    replay = Replay(index, "me", "c.yaml", repeats=True, strict_order=False)

    def ask(body):
        claimed = replay.claim(Request("POST", "http://api/a", Headers(), body))
        return entries.index(next(e for e in entries if e.interaction() is claimed.interaction))

    asked = [b'{"n": 1}', b'{"n": 2}', b'{"n": 1}', b'{"n": 2}', b'{"n": 1}', b'{"n": 3}']
    assert [ask(body) for body in asked] == [0, 1, 2, 1, 2, 2]
