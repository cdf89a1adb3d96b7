"""Ids, times and paddings of answers: found in any body, and given back where nothing needs them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from entries import interaction

import pytest_reqord
from pytest_reqord import codec
from pytest_reqord.base.documents import documents, values
from pytest_reqord.base.models import Arrival, Headers, Request, Response
from pytest_reqord.cassette_file.revision import is_equal, like
from pytest_reqord.cassette_file.volatile import Volatile, grafted, needed_elsewhere
from pytest_reqord.matching.difference import STREAM_DEFAULTS, STREAM_FIELDS, changes
from pytest_reqord.matching.matchers import Matching
from pytest_reqord.redaction.user_rules import apply

STREAMS = Volatile(fields=(STREAM_DEFAULTS,))
NAMED = Volatile(fields=("id", "data[*].id", "usage"))
SSE = Headers({"Content-Type": "text/event-stream"})
JSON = Headers({"Content-Type": "application/json"})


def answer(body, headers=SSE, **parts):
    return Response(200, "OK", headers, body, **parts)


class TestDocuments:
    @pytest.mark.parametrize(
        ("body", "kind", "found"),
        [
            ('{"a": 1}', "", ['{"a": 1}']),
            ("[\n1\n]\n", "application/json", ["[\n1\n]\n"]),
            ('{"a": 1}\n', "application/x-ndjson", ['{"a": 1}']),
            ('{"a": 1}\r\n\r\n[2]\r\n', "", ['{"a": 1}', "[2]"]),
            ('{"a": 1}\n{"b', "", []),
            ('{"a": 1}\n{"b": 2}\n{"c', "", ['{"a": 1}', '{"b": 2}']),
            ('data: {"a": 1}\n\ndata: [DONE]\n\n', "", ['{"a": 1}']),
            ('event: x\r\nid: 7\r\ndata:{"a": 1}\r\n\r\n', "", ['{"a": 1}']),
            (': hello\n\ndata: {"a":\ndata: 1}\n\n', "", ['{"a":\n1}']),
            ('data: {"a": 1}\ndata: {"b": 2}\n\n', "", ['{"a": 1}', '{"b": 2}']),
            ("data: 1\n\n", "text/event-stream", []),
            ("", "text/event-stream", []),
            ("dates: {}", "", []),
            ("[" * 100_000, "", []),
            ('"a"', "", []),
        ],
    )
    def test_found(self, body, kind, found):
        """JSON, the events of a stream, lines; what is no document is passed by."""
        assert [each.text for each in documents(body, kind).all] == found

    def test_edited(self):
        """Each value can be replaced where it stands, lines of an event included."""
        body = 'event: x\r\ndata: {"a": "b",\r\ndata: "c": {"d":\r\ndata: [1, {}]}}\r\n\r\ndata: [2]\r\n'
        for document in documents(body).all:
            for value in values(document.text):
                text = document.text[value.start : value.end]
                start, end, new = document.edit(value.start, value.end, text)
                assert body[start:end] == new

    @pytest.mark.parametrize(
        ("text", "places"),
        [
            ("[]", [""]),
            ('{"a": {"b": [1, "x,]}"]}, "c": {}}', ["", "a", "a.b", "a.b[0]", "a.b[1]", "c"]),
            ('[{"a": null}, -1.5e3]', ["", "[0]", "[0].a", "[1]"]),
            (r'{"\"": "\"", "a": "\\"}', ["", '"', "a"]),
            ('{"größe": 1}'.encode().decode("latin-1"), ["", "größe"]),
        ],
    )
    def test_places(self, text, places):
        """Places are written as a report of `verify` writes them."""
        assert [value.place for value in values(text)] == places


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_comments(end):
    """What keeps a stream alive is no change; a line that only looks like it is."""
    old = b": ping 1" + 2 * end + b"data: a" + 2 * end + b"data: b" + end + b": odd" + 2 * end
    new = b"data: a" + 2 * end + b": ping 2" + end + b":" + 2 * end + old.split(2 * end, 2)[2]
    other = old.replace(b"data: a", b"data: c")
    one, two, three = (interaction(1, body=body, headers=SSE) for body in (old, new, other))

    assert is_equal(one, two, STREAMS)
    assert is_equal(two, one, STREAMS)
    assert not is_equal(one, three, STREAMS)
    assert like(two, one._replace(recorded_by="x"), STREAMS).response.body == new


def event(**fields):
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


class TestGrafted:
    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    def test_stream(self, end):
        """Each line has its old value again, whatever its length."""
        old = b"".join(event(id="a", created=n, obfuscation="x" * n, n=n) for n in range(9))
        new = b"".join(event(id="bc", created=n * 7, obfuscation="", n=n) for n in range(9))
        old, new = (body.replace(b"\n", end) + b"data: [DONE]" + 2 * end for body in (old, new))

        assert grafted(answer(old), answer(new), STREAMS).body == old

    def test_pretty_events(self):
        """A document that goes over several lines of data keeps them."""
        old, new = (
            b"data: {\ndata:   " + first + b',\ndata:   "n": 1\ndata: }\n\n'
            for first in (b'"id": "one"', b'"id": "two"')
        )
        assert grafted(answer(old), answer(new), STREAMS).body == old

    def test_another_document(self):
        """What is new has the old id, too: an answer has but one."""
        old = event(id="a", n=1) + event(id="a", n=2)
        new = event(id="b", n=1) + event(id="b", n=7) + event(id="b", n=8) + event(id="b", n=2)

        assert grafted(answer(old), answer(new), STREAMS).body == new.replace(b'"b"', b'"a"')

    def test_plain(self):
        """In plain JSON it is what the user names, with all below it."""
        old, new = (
            json.dumps({"id": n, "data": [{"id": n}], "usage": {"n": [n]}, "text": "a"}).encode()
            for n in (1, 20)
        )
        assert grafted(answer(old, JSON), answer(new, JSON), NAMED).body == old
        assert grafted(answer(old, JSON), answer(new, JSON), STREAMS).body == new

    def test_kinds(self):
        """A value of another kind is a change."""
        old, new = event(id="a", created=None), event(id="b", created=1)
        assert grafted(answer(old), answer(new), STREAMS).body == event(id="a", created=1)

    @pytest.mark.parametrize("field", ["identity", "ids", "valid", "text.idle"])
    def test_names(self, field):
        """A name that only looks alike is another."""
        old, new = event(**{field: "a"}), event(**{field: "b"})
        assert grafted(answer(old), answer(new), STREAMS).body == new

    def test_length(self):
        """Content-Length follows."""
        headers = [Headers({**JSON, "Content-Length": str(length)}) for length in (11, 12)]
        found = grafted(
            answer(b'{"id": "ab"}'[:10] + b'"}', headers[0]),
            answer(b'{"id": "cde"}', headers[1]),
            NAMED,
        )
        assert found.headers["content-length"] == "11"

    def test_packed(self):
        """A gzip body is packed again; one whose coding isn't known stays."""
        old, new = (event(id=one) for one in "ab")
        headers = Headers({**SSE, "Content-Encoding": "gzip"})
        found = grafted(
            answer(gzip.compress(old), headers), answer(gzip.compress(new), headers), STREAMS
        )
        assert gzip.decompress(found.body) == old
        headers = Headers({**SSE, "Content-Encoding": "odd"})
        assert (
            grafted(answer(b"\1" + old, headers), answer(b"\1" + new, headers), STREAMS).body[1:]
            == new
        )

    def test_binary(self):
        """AWS's event streams are left alone."""
        old, new = (b"\0\0\0\x7e\0" + event(id=one) for one in "ab")
        headers = Headers({"Content-Type": "application/vnd.amazon.eventstream"})
        assert grafted(answer(old, headers), answer(new, headers), STREAMS).body == new


def entries(*bodies, requests=(), headers=SSE):
    texts = []
    for number, body in enumerate(bodies):
        one = interaction(number, body=body, headers=headers)
        if number < len(requests):
            one = one._replace(request=requests[number])
        texts.append(codec.encode(one).text)
    return codec.load(codec.render(texts), "", dict).entries


def post(body=b"", uri="https://api/"):
    return Request("POST", uri, Headers(), body)


class TestNeededElsewhere:
    def needed(self, old, new, *requests, volatile=STREAMS):
        before, now = entries(*old), entries(*new, requests=requests)
        return needed_elsewhere(list(zip(before, now, strict=True)), volatile)

    def test_nothing(self):
        """Of an id that nobody asks for nothing is needed."""
        assert not self.needed([event(id="a1")], [event(id="b1")], post())

    @pytest.mark.parametrize(
        "request_",
        [
            post(b'{"previous_response_id": "resp_b"}'),
            post(uri="https://api/responses/resp_b/cancel"),
            post(uri="https://api/?after=resp%5Fb"),
            Request("GET", "https://api/", Headers({"Last-Event-ID": "resp_b"}), b""),
        ],
    )
    def test_sent(self, request_):
        """An id that a request sends is needed, wherever it does."""
        new = [event(id="resp_b"), b"{}"]
        assert self.needed([event(id="resp_a"), b"{}"], new, post(), request_) == {"resp_b"}

    def test_part_of_another(self):
        """A longer word isn't it."""
        new = [event(id="resp_1"), b"{}"]
        assert not self.needed([event(id="resp_0"), b"{}"], new, post(b"resp_12 xresp_1"))

    def test_number(self):
        """A number is needed where a request sends it, not where an answer has such a one."""
        old, new = event(created=17, n=5), event(created=18, n=18)
        assert not self.needed([old], [new])
        assert self.needed([old], [new], post(b'{"since": 18}')) == {"18"}

    def test_other_field(self):
        """So is one that an answer says in another field."""
        old = [event(id="item_a"), event(ref="item_a")]
        assert self.needed(old, [event(id="item_b"), event(ref="item_b")]) == {"item_b"}

    def test_one_becomes_two(self):
        """The old values of one that is new must not be two, nor the other way round."""
        assert self.needed([event(id="x1") + event(id="x2")], [event(id="y") + event(id="y")])
        assert self.needed([event(id="x") + event(id="x")], [event(id="y1") + event(id="y2")])

    def test_taken(self):
        """An old value that is a new one somewhere else is taken."""
        old = [event(id="n1") + event(id="n2")]
        new = [event(id="n2") + event(id="n3")]
        assert not self.needed(old, new)
        assert self.needed(old, new, post(b'"n2"')) == {"n2", "n3"}
        assert self.needed(old, new, post(b'"n3"')) == {"n3"}

    def test_written(self):
        """What is needed makes an answer another one, and stands in it."""
        old, new = (interaction(1, body=event(id=one), headers=SSE) for one in ("a", "b"))
        written = STREAMS._replace(written=frozenset({"b"}))

        assert is_equal(old, new, STREAMS)
        assert not is_equal(old, new, written)
        assert like(old, new, written).response.body == event(id="b")


def test_pieces():
    """A stream that changed is cut as before; one with another number of lines as it came."""
    arrivals = (Arrival(20, 0.1), Arrival(40, 0.2))
    old = interaction(1, body=b"a" * 19 + b"\n" + b"b" * 20, chunks=(20, 20), arrivals=arrivals)
    longer = b"a" * 19 + b"a\n" + b"b" * 20
    response = like(
        old,
        interaction(1, body=longer, chunks=(1, 40), arrivals=(Arrival(1, 7.0),)),
        Volatile(),
    ).response
    assert response.chunks == (21, 20)
    assert response.arrivals == (Arrival(21, 0.1), Arrival(41, 0.2))

    other = interaction(1, body=b"c" * 9, chunks=(4, 5), arrivals=(Arrival(4, 7.0),))
    response = like(old, other, Volatile()).response
    assert (response.chunks, response.arrivals) == ((4, 5), (Arrival(4, 7.0),))


class TestVerify:
    def found(self, old, new, *, by_shape=False, ignored=(), fields=(STREAM_DEFAULTS,)):
        one, other = (interaction(1, body=body, headers=SSE) for body in (old, new))
        return changes(one, other, by_shape=by_shape, volatile=(), ignored=ignored, fields=fields)

    def test_stream(self):
        """A stream is compared document by document; volatile and ignored places may differ."""
        old, new = (event(id=n) + event(id=n, text=n, more=[n]) for n in "ab")
        assert self.found(old, new, ignored=("more",)) == [
            "body text: recorded 'a', now 'b' (document 1)"
        ]
        assert self.found(old, new, ignored=("more", "text")) == []

    def test_number(self):
        """That there are more of them is told, but for shapes."""
        old, new = event(n=1), event(n=1) + event(n=2)
        assert self.found(old, new) == ["body: recorded 1 documents, now 2"]
        assert self.found(old, new, by_shape=True) == []

    def test_shape(self):
        """A document of a shape that none had is told, with the one in its place."""
        old = event(d={"role": "a"}) + event(d={"text": "a"})
        assert self.found(old, event(d={"text": "b"}) + event(d={"role": "b"}), by_shape=True) == []
        assert self.found(old, event(d={"call": "b"}), by_shape=True) == [
            "body d.role: recorded 'a', now missing (document 0)",
            "body d.call: not recorded, now 'b' (document 0)",
        ]


class TestPlaces:
    """Other rules that name places in JSON reach into streams, too."""

    def test_redactor(self):
        """A redactor of JSON is given each document, and the pieces stay."""
        body = event(id="a", n=1) + b"data: [DONE]\n\n" + event(id="b", n=2)
        arrivals = (Arrival(len(event(id="a", n=1)), 0.1),)
        one = interaction(1, body=body, headers=SSE, arrivals=arrivals)
        found = apply({"response_body_json": {"id": "same"}}, one)

        assert found.response.body == (
            event(id="same", n=1) + b"data: [DONE]\n\n" + event(id="same", n=2)
        )
        assert found.response.arrivals == (Arrival(len(event(id="same", n=1)), 0.1),)

    def test_match_ignore(self):
        """`match_ignore` leaves out places of each line of a request."""
        matching = Matching(("body",), ignored=("at",))
        one, other, third = (
            post(b'{"at": %d, "n": 1}\n{"n": %d}\n' % pair) for pair in ((1, 1), (2, 1), (2, 2))
        )
        assert matching.matches(*matching.pair(one, other))
        assert not matching.matches(*matching.pair(one, third))


def test_manual():
    """The manual has all the fields of streams."""
    page = (Path(pytest_reqord.__file__).parent / "manual" / "recording.md").read_text()
    assert ", ".join(f"`{name}`" for name in STREAM_FIELDS) in page
