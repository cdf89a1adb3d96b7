"""Recording again and again, against a list: a replay is given what the last run was given."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count

from hypothesis import given, strategies as st
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.base.clock import format_time
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.cassette_file.edit import Vcrs
from pytest_reqord.cassette_file.revision import Ours, revise
from pytest_reqord.cassette_file.volatile import Volatile
from pytest_reqord.matching.matchers import Matching
from pytest_reqord.playback.replay import Index, Replay

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
OWNER = "test_it.py::test_it"

match_ons = st.sampled_from(
    [("method", "uri"), ("method", "path"), ("method", "host"), ("method", "path", "body")]
)
requests = st.builds(
    lambda method, query, body: Request(method, f"http://api/poll?{query}", Headers(), body),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["step=0", "step=1", "step=2"]),
    st.sampled_from([b"", b'{"n":1}', b'{"n":2}']),
)
runs = st.lists(requests, min_size=1, max_size=6)


VOLATILE = Volatile(frozenset({"date"}))


class Suite:
    """One test, its cassette, an API whose answers change and a clock that runs."""

    def __init__(self, layout: str, match_on) -> None:
        self.is_vcr = layout == "vcr"
        self.data = b""
        self.matching = Matching(match_on)
        self.owner = "" if self.is_vcr else OWNER
        self._clock = (START + timedelta(seconds=number) for number in count())

    def entries(self):
        return codec.load(self.data, "", dict).entries if self.data else ()

    def save(self, new, **options):
        options["volatile"] = VOLATILE
        if self.is_vcr:
            made = [codec.as_vcr(one) for one in new]
            revised = revise(self.entries(), made, form=Vcrs(), **options).entries
            self.data = codec.render_vcr(revised)
            return
        made = codec.load(codec.render([codec.encode(one).text for one in new]), "", dict).entries
        form = Ours(lambda one: codec.encode(one).text)
        revised = revise(self.entries(), made, form=form, **options).entries
        self.data = codec.render([entry.text for entry in revised])

    def replay(self, entries, *, strict=False):
        index = Index(list(entries), self.matching)
        return Replay(index, self.owner, "c.yaml", repeats=False, strict_order=strict)

    def run(self, asked, answers, is_anew):
        """Play what stays, record the rest, and save it; returns what was answered."""
        replay = self.replay(entry for entry in self.entries() if not is_anew(entry.uri))
        given, new, played = [], [], {}
        for request, answer in zip(asked, answers, strict=False):
            now = next(self._clock)
            claimed = None if is_anew(request.uri) else replay.claim(request)
            if claimed is not None:
                key = self.owner, format_time(claimed.interaction.recorded_at)
                played[key] = format_time(now)
                given.append(claimed.interaction.response.body)
                continue
            response = Response(200, "OK", Headers({"Date": str(now)}), answer)
            new.append(Interaction(request, response, now, OWNER))
            given.append(answer)
        if new:
            self.save(new, keep=lambda entry: not is_anew(entry.uri), played=played)
        return given


answers = st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=20, max_size=20)


def check(suite, asked, given):
    for strict in (False, True):
        replay = suite.replay(suite.entries(), strict=strict)
        assert [replay.claim(one).interaction.response.body for one in asked] == given
    stored = [entry.recorded_at for entry in suite.entries()]
    assert stored == sorted(stored)


@tries(60)
@given(
    st.sampled_from(["reqord", "vcr"]),
    match_ons,
    st.lists(st.tuples(runs, answers), min_size=1, max_size=4),
)
def test_all(layout, match_on, recordings):
    """Whatever is recorded with `all`, however often: the last recording is played, in its order."""
    suite = Suite(layout, match_on)
    for asked, answered in recordings:
        given = suite.run(asked, answered, lambda _: True)
        check(suite, asked, given)


# without bodies: by an equal one, what is recorded anew can come before what was played in its absence
gets = requests.map(lambda request: request._replace(body=b""))
insertions = st.lists(st.tuples(st.integers(0, 20), gets), max_size=3)


@tries(60)
@given(
    st.sampled_from(["reqord", "vcr"]),
    match_ons,
    st.lists(gets, min_size=1, max_size=6),
    st.sampled_from(["", "step=0", "step=1"]),
    st.lists(st.tuples(insertions, answers), min_size=2, max_size=4),
)
def test_some(layout, match_on, asked, pattern, recordings):
    """What is recorded anew, or is new, is played where it came among what was played."""
    suite = Suite(layout, match_on)
    for inserted, answered in recordings:
        asked = list(asked)
        for at, request in inserted:
            asked.insert(at % (len(asked) + 1), request)
        given = suite.run(asked, answered, lambda uri: bool(pattern) and pattern in uri)
        check(suite, asked, given)
