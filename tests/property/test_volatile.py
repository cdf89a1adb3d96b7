"""Conversations recorded again and again: a replay gives what the last run was given, renamed."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from itertools import count

from hypothesis import example, given, strategies as st
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.cassette_file.edit import Vcrs
from pytest_reqord.cassette_file.revision import Ours, revise
from pytest_reqord.cassette_file.volatile import Volatile

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
VOLATILE = Volatile(fields=("stream-defaults",))
HEADERS = Headers({"Content-Type": "text/event-stream"})

ids = st.integers(0, 9).map("id_{}".format)
# one event of an answer: its id, another id that it speaks of or none, a text
events = st.tuples(ids, st.none() | st.none() | st.none() | ids, st.sampled_from("ab"))
# one exchange: an id that the request sends or none, the answer
exchanges = st.tuples(st.none() | st.none() | ids, st.lists(events, max_size=3))
runs = st.lists(st.lists(exchanges, min_size=1, max_size=4), min_size=2, max_size=4)


def body(answer, now):
    return "".join(
        f"data: {json.dumps({'id': own, 'created': now, 'ref': other, 'text': text})}\n\n"
        for own, other, text in answer
    ).encode()


def said(interactions):
    """All of a recording that counts, as one text."""
    parts = [f"{one.request.body!r} {one.response.body!r}" for one in interactions]
    return re.sub(r'"created": \d+', "", "\n".join(parts))


def names(text):
    return re.findall(r"id_\d", text)


def run(*own):
    return [(None, [(each, None, "a") for each in own])]


@example("reqord", [run("id_1", "id_2"), run("id_3", "id_3")])
@example("reqord", [run("id_1", "id_1"), run("id_2", "id_3")])
@tries(300)
@given(st.sampled_from(["reqord", "vcr"]), runs)
def test_conversations(layout, recordings):
    """Ids have one new name each, all else is as the last run was given it."""
    owner = "" if layout == "vcr" else "test_it.py::test_it"
    clock = count()
    data = b""
    for recording in recordings:
        live = [
            Interaction(
                Request("POST", "http://api/chat", Headers(), json.dumps(sent).encode()),
                Response(200, "OK", HEADERS, body(answer, next(clock))),
                START + timedelta(seconds=next(clock)),
                owner,
            )
            for sent, answer in recording
        ]
        old = codec.load(data, "", dict).entries if data else ()
        if layout == "vcr":
            made = [codec.as_vcr(one) for one in live]
            revision = revise(old, made, keep=lambda _: False, form=Vcrs(), volatile=VOLATILE)
            data = codec.render_vcr(revision.entries)
        else:
            texts = [codec.encode(one).text for one in live]
            made = codec.load(codec.render(texts), "", dict).entries
            form = Ours(lambda one: codec.encode(one).text)
            revision = revise(old, made, keep=lambda _: False, form=form, volatile=VOLATILE)
            data = codec.render([entry.text for entry in revision.entries])
        stored = said(entry.interaction() for entry in codec.load(data, "", dict).entries)
        was = said(live)

        assert re.sub(r"id_\d", "", stored) == re.sub(r"id_\d", "", was)
        pairs = set(zip(names(was), names(stored), strict=True))
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
        for sent, _ in recording:
            assert sent is None or (sent, sent) in pairs
