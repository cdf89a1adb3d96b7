"""Playing, against a list."""

from __future__ import annotations

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
