"""Redaction, whatever the secret and wherever it is planted."""

import base64
import gzip
import json
from datetime import datetime, timezone
from urllib.parse import quote, quote_plus, urlsplit

from hypothesis import assume, given, strategies as st
from strategies import tries

from pytest_reqord.base.models import Arrival, Headers, Interaction, Request, Response
from pytest_reqord.redaction import Redactor, matches
from pytest_reqord.redaction.text_edits import EditedText

WHEN = datetime(2026, 11, 23, tzinfo=timezone.utc)
MODEST = tries(60)

ASCII = st.characters(min_codepoint=33, max_codepoint=126)
TOKENS = st.text(
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-._~"),
    min_size=16,
    max_size=40,
)
SECRETS = st.text(ASCII, min_size=16, max_size=40).filter(lambda text: "%" not in text)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=16, max_size=40)


def basic(secret):
    return "Basic " + base64.b64encode(f"ada:{secret}".encode()).decode()


IN_HEADERS = {
    "bearer": lambda s: [("Authorization", f"Bearer {s}")],
    "basic": lambda s: [("Authorization", basic(s))],
    "key": lambda s: [("X-Api-Key", s)],
    "digest": lambda s: [("Authorization", f'Digest username="a", response="{s}"')],
    "cookie": lambda s: [("Cookie", f"theme=dark; id={s}; n=1")],
}
IN_URLS = {
    "query": lambda s: f"https://a.example/?a=b&api_key={quote(s, safe='')}&c=d",
    "plus": lambda s: f"https://a.example/?password={quote_plus(s)}",
    "user": lambda s: f"https://ada:{quote(s, safe='')}@a.example/",
    "fragment": lambda s: f"https://a.example/#access_token={quote(s, safe='')}",
    "nested": lambda s: (
        f"https://a.example/?next={quote('https://b.example/?token=' + quote(s, safe=''), safe='')}"
    ),
    "in a user": lambda s: f"https://a.example/?to=https://ada:{quote(s, safe='')}@b.example/",
    "variables": lambda s: f"https://a.example/?v={quote(json.dumps({'password': s}), safe='')}",
}
IN_BODIES = {
    "json": lambda s: json.dumps({"a": [{"password": s, "n": 1}]}),
    "utf8 json": lambda s: json.dumps({"secret": s}, ensure_ascii=False),
    "string of json": lambda s: json.dumps({"arguments": json.dumps({"api_key": s, "b": 1})}),
    "string of string": lambda s: json.dumps({"a": json.dumps({"b": json.dumps({"api_key": s})})}),
    "list": lambda s: json.dumps({"X-Api-Key": ["[REDACTED]", s, s]}, indent=2),
    "sse": lambda s: f"event: a\ndata: {json.dumps({'access_token': s})}\n\n",
    "graphql": lambda s: json.dumps({"query": f"mutation {{ f(password: {json.dumps(s)}) }}"}),
    "form": lambda s: f"a=b&password={quote_plus(s)}&c=d",
    "url": lambda s: json.dumps({"url": f"https://a.example/?sig={quote(s, safe='')}&c=d"}),
    "cut off": lambda s: json.dumps({"password": s})[:-2],
}


def survives(secret, message):
    """Whether any eight characters of the secret are left anywhere in the message."""
    text = repr((getattr(message, "uri", ""), message.headers.pairs)) + message.text
    pieces = {secret[at : at + 8] for at in range(len(secret) - 7)}
    return any(piece in text for piece in pieces)


def plant(secret, **place):
    """A request with the secret in it, of which no part would be there without it."""
    assume(not survives(secret, sent("\x00", **place)))
    return sent(secret, **place)


def sent(secret, header=None, url=None, body=None):
    return Request(
        "POST",
        IN_URLS[url](secret) if url else "https://a.example/",
        Headers(IN_HEADERS[header](secret) if header else ()),
        IN_BODIES[body](secret).encode() if body else b"",
    )


@MODEST
@given(SECRETS, st.sampled_from(sorted(IN_URLS)))
def test_no_part_of_a_secret_survives_in_a_url(secret, place):
    """Whatever its characters; what is left is a URL."""
    if place == "nested":  # a bare "token" is one only where it looks so
        secret = "a1" + "".join(filter(str.isalnum, secret)).ljust(16, "x")
    new = Redactor().request(plant(secret, url=place))
    assert not survives(quote(secret, safe=""), new)
    assert "REDACTED" in new.uri
    assert urlsplit(new.uri).hostname == "a.example"


@MODEST
@given(TOKENS, st.sampled_from(sorted(IN_HEADERS)))
def test_no_part_of_a_secret_survives_in_a_header(secret, place):
    """The lines keep their names and their number."""
    request = plant(secret, header=place)
    new = Redactor().request(request)
    assert not survives(secret, new)
    assert [name for name, _ in new.headers.pairs] == [name for name, _ in request.headers.pairs]


@MODEST
@given(TEXTS, st.sampled_from(sorted(IN_BODIES)))
def test_no_part_of_a_secret_survives_in_a_body(secret, place):
    """Any text at all; what was JSON still is, and is the same but for the secret."""
    new = Redactor().request(plant(secret, body=place))
    assert not survives(secret, new)
    assert b"REDACTED" in new.body
    if place in ("json", "utf8 json", "string of json", "string of string", "list"):
        assert json.loads(new.body) == json.loads(IN_BODIES[place]("[REDACTED]"))


@MODEST
@given(
    SECRETS,
    st.sampled_from(sorted(IN_BODIES)),
    st.sampled_from([str, json.dumps, lambda s: quote(s, safe=""), quote_plus, basic]),
)
def test_no_echo_of_a_secret_survives(secret, body, spell):
    """Once seen in a body it is gone from an answer, however that spells it."""
    redactor = Redactor()
    redactor.request(plant(secret, body=body))
    answer = Response(200, "OK", Headers([("X-A", "b")]), f"before {spell(secret)} after".encode())
    new = redactor.response(answer)
    assert not survives(spell(secret), new)
    assert new.text.startswith("before ")
    assert new.text.endswith(" after")


@MODEST
@given(
    st.one_of(SECRETS, TEXTS, TOKENS),
    st.sampled_from([None, *sorted(IN_URLS)]),
    st.sampled_from(sorted(IN_BODIES)),
    st.sampled_from(sorted(IN_BODIES)),
    st.booleans(),
)
def test_redacting_again_changes_nothing(secret, url, body, answer, is_packed):
    """By the same redactor or by a new one."""
    data = IN_BODIES[answer](secret).encode()
    data = gzip.compress(data) if is_packed else data
    headers = [("Content-Length", str(len(data)))] + [("Content-Encoding", "gzip")] * is_packed
    interaction = Interaction(
        sent(secret, url=url, body=body), Response(200, "OK", Headers(headers), data), WHEN
    )
    redactor = Redactor()
    once = redactor.interaction(interaction)
    assert redactor.interaction(once) is once
    assert Redactor().interaction(once) is once
    assert once.response.headers["content-length"] == str(len(once.response.body))


@MODEST
@given(TEXTS, SECRETS, st.sampled_from(sorted(IN_BODIES)), st.sampled_from(sorted(IN_URLS)))
def test_a_request_with_another_secret_matches(one, other, body, url):
    """What is compared is the same whatever the secret, so a dummy replays what a key recorded."""
    assume(url != "nested")
    redacted = [Redactor().request(sent(secret, url=url, body=body)) for secret in (one, other)]
    assert redacted[0] == redacted[1]
    assert matches(redacted[0].uri, sent(other, url=url).uri)


WITHOUT_WORDS = st.text(st.characters(exclude_categories=["Cs", "Lu", "Ll"]))  # so no names


@MODEST
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WITHOUT_WORDS,
        lambda inner: st.lists(inner) | st.dictionaries(WITHOUT_WORDS, inner),
    )
)
def test_documents_without_secret_names_stay(document):
    """Random JSON comes back as the very same object."""
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        answer = Response(200, "OK", Headers(), text.encode())
        assert Redactor().response(answer) is answer


@MODEST
@given(st.binary(max_size=200), st.text(max_size=50))
def test_any_bytes_and_any_url_are_taken(body, path):
    """Redaction never fails: what is no text and no URL is let through."""
    request = Request(
        "POST",
        f"https://a.example/{path}",
        Headers([("Cookie", path.encode().decode("latin-1"))]),
        body,
    )
    redactor = Redactor()
    once = redactor.request(request)
    assert redactor.request(once) is once


@MODEST
@given(st.data())
def test_chunks_and_arrivals_stay_whole(data):
    """Sizes add up to the body, none is empty, and arrivals stay in order within it."""
    events = data.draw(
        st.lists(
            st.sampled_from(
                [
                    b'data: {"n":1}\n\n',
                    b'data: {"password":"hunter2hunter2"}\n\n',
                    b'{"api_key":"x"}',
                ]
            ),
            min_size=1,
            max_size=6,
        )
    )
    body = b"".join(events)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=6)))
    sizes = tuple(end - start for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True))
    arrivals = tuple(Arrival(cut, cut / 10) for cut in cuts)
    new = Redactor().response(Response(200, "OK", Headers(), body, chunks=sizes, arrivals=arrivals))
    offsets = [arrival.offset for arrival in new.arrivals]
    assert sum(new.chunks) == len(new.body)
    assert all(new.chunks)
    assert offsets == sorted(set(offsets))
    assert all(offset <= len(new.body) for offset in offsets)
    if body == new.body:
        assert (new.chunks, new.arrivals) == (sizes, arrivals)


@MODEST
@given(st.text(max_size=40), st.data())
def test_edited_text_says_where_everything_went(text, data):
    """What wasn't replaced is found at its moved offset."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    edits = [
        (start, end, data.draw(st.text(max_size=5)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    edited = EditedText(text)
    edited.replace(edits)
    changed = {at for start, end, _ in edits for at in range(start, end)}
    moved = edited.moved(range(len(text)))
    kept = [at for at in range(len(text)) if at not in changed]
    assert [edited.text[moved[at]] for at in kept] == [text[at] for at in kept]
