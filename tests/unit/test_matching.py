from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pytest_reqord.base.models import Headers, Request
from pytest_reqord.matching.difference import differences, nearest
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching, body_key, normalise_uri

DEFAULT = Matching(DEFAULT_MATCH_ON)


def request(
    uri: str = "http://api/", method: str = "GET", body: bytes = b"", **headers: str
) -> Request:
    lines = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Request(method, uri, lines, body)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP://Api.Example.com/A", "http://api.example.com/A"),
        ("http://api:80/x", "http://api/x"),
        ("https://api:443/x", "https://api/x"),
        ("http://api/x?b=2&a=1", "http://api/x?a=1&b=2"),
        ("http://api/x#part", "http://api/x"),
        ("http://api", "http://api/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://user:pass@api/", "http://api/"),
    ],
)
def test_uris_that_mean_the_same(one, other):
    """Case of the host, default ports, the query's order and the fragment don't count."""
    assert normalise_uri(one) == normalise_uri(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://api/x", "https://api/x"),
        ("http://api/x", "http://api/X"),
        ("http://api:8080/x", "http://api/x"),
        ("http://api/x?a=1&a=2", "http://api/x?a=2&a=1"),
        ("http://api/x?a", "http://api/x?a="),
        ("http://api/x/", "http://api/x"),
    ],
)
def test_uris_that_differ(one, other):
    """What a server may tell apart is kept apart."""
    assert normalise_uri(one) != normalise_uri(other)


@given(st.text(max_size=40))
def test_normalising_is_idempotent_and_takes_anything(text):
    """Any text can be normalised, and a second time changes nothing."""
    try:
        once = normalise_uri("http://api/" + text)
    except ValueError:  # what urlsplit itself refuses
        return
    assert normalise_uri(once) == once


@pytest.mark.parametrize(
    ("content_type", "one", "other"),
    [
        ("application/json", b'{"a": 1, "b": [2]}', b'{"b":[2],"a":1}'),
        ("application/x-www-form-urlencoded", b"a=1&b=2", b"b=2&a=1"),
        ("application/x-www-form-urlencoded", b"a=%C3%A9&b=\xe9", b"b=%E9&a=\xc3\xa9"),
        ("text/plain", b"same", b"same"),
    ],
)
def test_bodies_that_say_the_same(content_type, one, other):
    """JSON is compared as JSON, forms as fields."""
    first = request(body=one, content_type=content_type)
    second = request(body=other, content_type=content_type)

    assert body_key(first) == body_key(second)


def test_multipart_boundaries_do_not_count():
    """A multipart body is the same with another random boundary."""

    def upload(boundary: str) -> Request:
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--'
        )
        return request(body=body.encode(), content_type=f"multipart/form-data; boundary={boundary}")

    assert body_key(upload("abc123")) == body_key(upload("xyz789"))


def test_operations_at_one_uri_differ():
    """AWS and SOAP tell operations apart by a header; so does the default."""
    matching = Matching(DEFAULT_MATCH_ON)
    put = request(method="POST", X_Amz_Target="DynamoDB.PutItem")
    get = request(method="POST", X_Amz_Target="DynamoDB.GetItem")

    assert matching.key(put.method, put.uri) == matching.key(get.method, get.uri)
    assert matching.detail(put) != matching.detail(get)


@pytest.mark.parametrize(
    ("matcher", "other"),
    [
        ("method", request(method="PUT")),
        ("scheme", request("https://api:80/")),
        ("host", request("http://other/")),
        ("port", request("http://api:81/")),
        ("path", request("http://api/x")),
        ("query", request("http://api/?a=1")),
        ("headers", request(x="1")),
        ("body", request(body=b"x")),
        ("json_body", request(body=b'{"a":1}')),
        ("form_body", request(body=b"a=1")),
    ],
)
def test_each_matcher_minds_its_part_only(matcher, other):
    """A matcher tells requests apart that differ in its part, and no others."""

    def keys(matching: Matching, one: Request) -> tuple:
        return matching.key(one.method, one.uri), matching.detail(one)

    alone = Matching([matcher])
    rest = Matching([m for m in ("method", "scheme", "host", "port", "path") if m != matcher])

    assert keys(alone, request()) != keys(alone, other)
    assert keys(rest, request()) == keys(rest, other)


@pytest.mark.parametrize(
    ("answer", "agrees"), [(True, True), (None, True), (False, False), (AssertionError(), False)]
)
def test_own_matchers_answer_or_assert(answer, agrees):
    """A matcher says no with False or an AssertionError, yes with anything else."""

    def matcher(live: Request, recorded: Request) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert Matching(["mine"], {"mine": matcher}).agrees(request(), request()) is agrees
    assert Matching([matcher]).agrees(request(), request()) is agrees


def test_differences_are_told_field_by_field():
    """Each field that differs has a line; what is equal has none."""
    sent = request("http://api/a?page=2&q=x", "POST", b'{"model": "b", "n": [1, 2], "new": 1}')
    recorded = request("http://api/b?q=x", "POST", b'{"model": "a", "n": [1, 3], "old": 1}')

    assert differences(sent, recorded) == [
        "path: sent /a, recorded /b",
        "query page: sent ['2'], recorded None",
        "body.model: sent 'b', recorded 'a'",
        "body.n[1]: sent 2, recorded 3",
        "body.old: not sent, recorded 1",
        "body.new: sent 1, not recorded",
    ]
    assert differences(sent, sent) == []


def test_the_nearest_come_first():
    """A recording of the same host and path is nearer than one of another host."""
    far, near = request("http://other/x"), request("http://api/x?a=1")

    assert (
        nearest(request("http://api/x"), [far, near], DEFAULT)[0] == "nearest: GET http://api/x?a=1"
    )


def test_what_is_nearest_is_named_once():
    """Equal requests of a shared cassette take one line, so that others have room."""
    same = [request("http://api/y", body=b"1")] * 4
    others = [request("http://api/z"), request("http://other/y")]

    lines = nearest(request("http://api/y", body=b"1"), [*others, *same], DEFAULT)

    assert lines[0] == "nearest: GET http://api/y (4 times)"
    assert lines[1] == (
        "  recorded 4 times, all played: this was request 5 (allow_playback_repeats repeats it)"
    )
    assert [line.split()[2] for line in lines if line.startswith("nearest")] == [
        "http://api/y",
        "http://api/z",
        "http://other/y",
    ]


@pytest.mark.parametrize(
    ("match_on", "sent", "line"),
    [
        ("headers", request(X_Lang="de"), "header x-lang: sent 'de', recorded 'en'"),
        ("headers", request(), "header x-lang: not sent, recorded 'en'"),
        ("raw_body", request(body=b"{} "), "bytes of the body: sent b'{} ', recorded b'{}'"),
        ("range", request(Range="bytes=0-3"), "header range: sent 'bytes=0-3', not recorded"),
        ("operation", request(SOAPAction="a"), "header soapaction: sent 'a', not recorded"),
    ],
)
def test_a_miss_names_what_had_to_be_equal(match_on, sent, line):
    """Whatever it is."""
    recorded = request(X_Lang="en", body=b"{}", Content_Type="application/json")

    lines = nearest(sent, [recorded], Matching(["method", "uri", match_on]))

    assert f"  {line}" in lines


def test_a_miss_names_the_matcher_that_refused():
    """By its name, with the reason that it gave."""

    def same_tenant(live: Request, recorded: Request) -> None:
        raise AssertionError("tenants differ\nassert 'a' == 'b'")  # as pytest has it

    lines = nearest(request(), [request()], Matching(["method", same_tenant]))

    assert lines[1:] == ["  matcher same_tenant: it says no, tenants differ"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "recorded once, and played: this was request 2"),
        (2, "recorded 2 times, both played: this was request 3"),
        (3, "recorded 3 times, all played: this was request 4"),
    ],
)
def test_a_miss_says_how_often_it_was_recorded(count, text):
    """Where nothing differs, it has been played, whatever its body."""
    recorded = [request(method="POST", body=b"%d" % at) for at in range(count)]

    lines = nearest(request(method="POST", body=b"9"), recorded, DEFAULT)

    assert lines[1:] == [f"  {text} (allow_playback_repeats repeats it)"]


def test_a_miss_among_many_compares_each_once():
    """Ten times the recordings take ten times the steps, were they played or not."""
    asked: list[Request] = []

    def same_body(live: Request, recorded: Request) -> bool:
        asked.append(recorded)
        return live.body == recorded.body

    recorded = [request(body=b"%d" % (at % 2)) for at in range(1000)]
    lines = nearest(request(body=b"1"), recorded, Matching(["uri", same_body]))

    assert lines[1].strip().startswith("recorded 500 times, all played: this was request 501 ")
    assert len(asked) <= 2 * len(recorded)


SIGNED = [
    (
        "http://s3/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F202611{0}%2Feu%2Fs3%2F"
        "aws4_request&X-Amz-Date=202611{0}T00Z&X-Amz-Expires=36{0}&X-Amz-SignedHeaders=host&"
        "X-Amz-Signature=a{0}"
    ),
    (
        "http://s3/b/k?X-Amz-Credential=AK/202611{0}/eu/s3/aws4_request&X-Amz-Signature=a{0}&"
        "X-Amz-Date={0}"
    ),
    "http://s3/b/k?AWSAccessKeyId=AK&Expires=17{0}&Signature=a{0}",
    "http://blob/c/b?sv=2026-01-01&st={0}&se={0}&sr=b&sp=r&sig=a{0}",
    "http://api/x?oauth_consumer_key=k&oauth_nonce=n{0}&oauth_timestamp={0}&oauth_signature=a{0}",
    (
        "http://gcs/b/o?X-Goog-Credential=a%40b%2F202611{0}%2Fauto%2Fstorage%2Fgoog4_request&"
        "X-Goog-Date=202611{0}T00Z&X-Goog-Expires=6{0}&X-Goog-Signature=a{0}"
    ),
    "http://gcs/b/o?GoogleAccessId=a&Expires={0}&Signature=a{0}",
    "http://cf/x?Expires={0}&Signature=a{0}&Key-Pair-Id=K",
    "http://cf/x?Policy=p{0}&Signature=a{0}&Key-Pair-Id=K",
]


@pytest.mark.parametrize("uri", SIGNED)
def test_requests_signed_at_another_time_are_the_same(uri):
    """Dates, nonces and expiry beside a signature don't count; what is asked for does."""
    uris = Matching(["uri"]), Matching(["host", "path", "query"])
    for matching in uris:
        first, second = (matching.key("GET", uri.format(day)) for day in (23, 24))
        assert first == second
        assert matching.key("GET", uri.format(23) + "&versionId=1") != first
        assert matching.key("GET", uri.format(23).replace("?", "1?")) != first


def test_forms_signed_at_another_time_are_the_same():
    """OAuth 1 signs forms, too."""
    kind = "application/x-www-form-urlencoded"
    form = "status=hi&oauth_nonce={0}&oauth_timestamp={0}&oauth_signature={0}%3D"
    first, second, other = (
        request(body=text.format(at).encode(), content_type=kind)
        for at, text in ((1, form), (2, form), (3, form.replace("hi", "ho")))
    )

    assert body_key(first) == body_key(second) != body_key(other)


def test_headers_signed_at_another_time_are_the_same():
    """OAuth 1 mostly signs in the header."""
    header = (
        'OAuth oauth_nonce="{0}", oauth_timestamp="{0}", oauth_version="1.0",'
        ' oauth_consumer_key="{1}", oauth_signature="{0}"'
    )
    first, second, other = (
        request(Authorization=header.format(at, key)) for at, key in ((1, "a"), (2, "a"), (1, "b"))
    )
    matching = Matching(["headers"])

    assert matching.matches(first, second)
    assert not matching.matches(first, other)
    assert differences(first, second, matching) == []


AWS = (
    "AWS4-HMAC-SHA256 Credential=[REDACTED]/2026010{0}/eu-west-1/s3/aws4_request,"
    " SignedHeaders=host;x-amz-date, Signature={0}"
)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": AWS, "X-Amz-Date": "2026010{0}T000000Z", "amz-sdk-invocation-id": "{0}"},
        {"Authorization": "SharedKey [REDACTED]", "x-ms-date": "{0}", "Date": "{0}"},
    ],
)
def test_headers_that_change_with_a_signature(headers):
    """Dates and ids of the call don't count beside one; the others do, and they all do without."""
    matching = Matching(["headers"])
    first, second, other = (
        request(**{name: value.format(at) for name, value in headers.items()}, X_Kind=kind)
        for at, kind in ((1, "a"), (2, "a"), (2, "b"))
    )
    bare, unsigned = (
        request(**{name: value.format(at) for name, value in headers.items() if name[0] != "A"})
        for at in (1, 2)
    )

    assert matching.matches(first, second)
    assert not matching.matches(first, other)
    assert differences(first, other, matching) == ["header x-kind: sent 'a', recorded 'b'"]
    assert not matching.matches(bare, unsigned)


@pytest.mark.parametrize("uri", ["http://api/x?expires={0}", "http://api/verify?signature={0}"])
def test_what_stands_alone_counts(uri):
    """A date without a signature, and a signature without a date, are what is asked about."""
    assert normalise_uri(uri.format(1)) != normalise_uri(uri.format(2))


FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def multipart(**fields: str) -> bytes:
    parts = (
        f'--b1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return "".join([*parts, "--b1--"]).encode()


@pytest.mark.parametrize("match_on", [["body"], ["raw_body"], ["body", "headers"], ["json_body"]])
@pytest.mark.parametrize(
    ("kind", "one", "same", "other"),
    [
        (JSON, b'{"id": 1, "a": 1}', b'{"id": 22, "a": 1}', b'{"id": 1, "a": 2}'),
        (JSON, b'{"a": 1}', b'{"id": {"b": 1}, "a": 1}', b'{"a": 2}'),
        (JSON, b'[{"at": 1, "b": 1}]', b'[{"at": 2, "b": 1}]', b'[{"at": 1, "b": 2}]'),
        (FORM, b"id=1&a=1", b"id=22&a=1", b"id=1&a=2"),
        ("multipart/form-data; boundary=b1", multipart(id="1", a="1"), multipart(id="2", a="1"),
         multipart(id="1", a="2")),
    ],
)  # fmt: skip
def test_what_is_ignored_counts_for_no_matcher(match_on, kind, one, same, other):
    """Fields of bodies, with what follows from them; and it is no drift."""
    matching = Matching(match_on, ignored=["id", "[*].at"])
    first, second, third = (
        request(body=body, content_type=kind, content_length=str(len(body)))
        for body in (one, same, other)
    )

    assert matching.matches(matching.view(first), matching.view(second))
    assert not matching.has_drifted(matching.view(first), second)
    if match_on != ["json_body"] or kind == JSON:
        assert not matching.matches(matching.view(first), matching.view(third))


def test_parameters_and_headers_are_ignored_by_name():
    """A pattern names several; a header is named without case."""
    matching = Matching(["uri", "headers", lambda live, recorded: live == recorded],
                        ignored=["nonce", "x-trace-*"])  # fmt: skip
    first = matching.view(request("http://api/?nonce=1&a=1", X_Trace_Id="1", X_Lang="en"))
    second = matching.view(request("http://api/?a=1", X_Lang="en"))
    third = matching.view(request("http://api/?a=1&nonce=1", X_Lang="de"))

    assert matching.matches(first, second)
    assert not matching.matches(first, third)
    assert differences(first, third, matching)[0] == "header x-lang: sent 'en', recorded 'de'"


@pytest.mark.parametrize("match_on", ["headers", "body", "raw_body"])
def test_a_boundary_counts_for_no_matcher(match_on):
    """In the header neither."""
    matching = Matching([match_on])
    first, second = (
        matching.view(
            request(
                body=multipart(a="1").replace(b"b1", boundary),
                content_type=f'multipart/form-data; boundary="{boundary.decode()}"',
            )
        )
        for boundary in (b"b2", b"c3")
    )

    assert matching.matches(first, second)
