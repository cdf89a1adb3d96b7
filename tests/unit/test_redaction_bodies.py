"""Bodies: the value goes, every other byte stays."""

import gzip
import json
import zlib

import brotli
import pytest
import zstandard

from pytest_reqord.base import content_coding
from pytest_reqord.base.models import Arrival, Headers, Request, Response
from pytest_reqord.redaction import Redactor

GONE = "[REDACTED]"


def redacted(body, content_type="application/json"):
    headers = Headers([("Content-Type", content_type)] if content_type else [])
    request = Request("POST", "https://api.example.com/", headers, body.encode())
    return Redactor().request(request).body.decode()


def response(body, *headers, **more):
    return Response(200, "OK", Headers(headers), body, **more)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"password":"x"}', '{"password":"[REDACTED]"}'),
        ('{"a":1.0,"a":1e2 ,\n\t"apiKey" : "x" }', '{"a":1.0,"a":1e2 ,\n\t"apiKey" : "[REDACTED]" }'),
        ('{"db":{"new_password":"x"}}', '{"db":{"new_password":"[REDACTED]"}}'),
        ('{"password":"a\\"b\\\\","b":"c"}', '{"password":"[REDACTED]","b":"c"}'),
        ('{"password":""}', '{"password":""}'),
        ('{"password":null,"secret":1,"api_key":true}', '{"password":null,"secret":1,"api_key":true}'),
        ('{"Authorization":"Bearer abc"}', '{"Authorization":"Bearer [REDACTED]"}'),
        ('{"headers":{"X-Api-Key":["a","b"]}}', '{"headers":{"X-Api-Key":["[REDACTED]","[REDACTED]"]}}'),
        ('{"token":"0123456789abcdef"}', '{"token":"[REDACTED]"}'),
        ('{"token":"short"}', '{"token":"short"}'),
        ('{"token":"two words are no token"}', '{"token":"two words are no token"}'),
        ('{"arguments":"{\\"password\\": \\"a\\\\\\"b\\", \\"c\\":1}"}',
         '{"arguments":"{\\"password\\": \\"[REDACTED]\\", \\"c\\":1}"}'),
        ('{"password":"cut of', '{"password":"[REDACTED]'),
        ('{"query":"mutation { login(name: \\"x\\") { id } }"}', '{"query":"mutation { login(name: \\"x\\") { id } }"}'),
        ('{"password":"no \\q escape"}', '{"password":"[REDACTED]"}'),
        ('{"password":"\\ud800 half a pair"}', '{"password":"[REDACTED]"}'),
        ('{"X-Api-Key":["a",1,"b"]}', '{"X-Api-Key":["[REDACTED]",1,"b"]}'),
        ('{"password":"a","b":1}\n{"password":"c","b":2}\n',
         '{"password":"[REDACTED]","b":1}\n{"password":"[REDACTED]","b":2}\n'),
        ('event: a\ndata: {"access_token":"x","n":1}\n\ndata: [DONE]\n\n',
         'event: a\ndata: {"access_token":"[REDACTED]","n":1}\n\ndata: [DONE]\n\n'),
        ('{"query":"mutation($p: String!) { login(password: $p) }","variables":{"password":"x"}}',
         '{"query":"mutation($p: String!) { login(password: $p) }","variables":{"password":"[REDACTED]"}}'),
        ('{"query":"mutation { login(password: \\"x\\") { id } }"}',
         '{"query":"mutation { login(password: \\"[REDACTED]\\") { id } }"}'),
        ('{"query":"mutation { login(key: 1, password: \\"\\"\\"a \\"quoted\\" one\\"\\"\\") { id } }"}',
         '{"query":"mutation { login(key: 1, password: \\"\\"\\"[REDACTED]\\"\\"\\") { id } }"}'),
        ('{"errors":{"password":["can\'t be blank","is too short (minimum is 8 characters)"]}}',
         '{"errors":{"password":["can\'t be blank","is too short (minimum is 8 characters)"]}}'),
        ('{"headers":{"Authorization":["Bearer abc"]}}', '{"headers":{"Authorization":["Bearer [REDACTED]"]}}'),
        ('{"url":"https://a.example/f?sig=abc&v=1"}', '{"url":"https://a.example/f?sig=%5BREDACTED%5D&v=1"}'),
        ('{"url":"https:\\/\\/a.example\\/f?a=1\\u0026sig=abc\\u0026v=1"}',
         '{"url":"https:\\/\\/a.example\\/f?a=1\\u0026sig=%5BREDACTED%5D\\u0026v=1"}'),
        ('{"clone":"https://u:pw@a.example/r.git"}',
         '{"clone":"https://%5BREDACTED%5D:%5BREDACTED%5D@a.example/r.git"}'),
        ('{"passw\u00f6rd":"\u00e9","password":"\u00e9\\u00e9","x":"\u00e9"}',
         '{"passw\u00f6rd":"\u00e9","password":"[REDACTED]","x":"\u00e9"}'),
    ],
)  # fmt: skip
def test_json_is_edited_in_its_text(body, expected):
    """Only string values under secret names change; layout, numbers and repeats stay."""
    assert redacted(body) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("grant_type=password&username=ada&password=p%40ss", "grant_type=password&username=ada&password=%5BREDACTED%5D"),
        ("client_secret=x&code=4/0AbCdEfGhIjKlMnOp1", "client_secret=%5BREDACTED%5D&code=%5BREDACTED%5D"),
        ("card[number]=4242424242424242&card[cvc]=123", "card[number]=%5BREDACTED%5D&card[cvc]=%5BREDACTED%5D"),
        ("payload=%7B%22token%22%3A%22xoxb-0123456789-abc%22%7D", "payload=%7B%22token%22%3A%22%5BREDACTED%5D%22%7D"),
        ("key=uploads/a.jpg&acl=private", "key=uploads/a.jpg&acl=private"),
        ("idempotency_key=550e8400-e29b-41d4-a716-446655440000", "idempotency_key=550e8400-e29b-41d4-a716-446655440000"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_forms_are_redacted_whatever_they_are_called(body, expected, content_type):
    """Forms are known by their content type or by their look."""
    assert redacted(body, content_type) == expected
    assert redacted(expected, content_type) == expected


def test_multipart_fields_are_redacted():
    """A part with a secret name loses its content; files and their bytes stay."""
    body = (
        '--b1\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n'
        '--b1\r\nContent-Disposition: form-data; name="meta"\r\n\r\n{"api_key":"x"}\r\n'
        '--b1\r\nContent-Disposition: form-data; name="f"; filename="password"\r\n\r\nbytes\r\n--b1--\r\n'
    )
    expected = body.replace("hunter2", GONE).replace('"x"', '"[REDACTED]"')
    for content_type in (
        "multipart/form-data; boundary=b1",
        'multipart/form-data; boundary="b1"',
        "",
    ):
        assert redacted(body, content_type) == expected
    assert redacted(expected, "multipart/form-data; boundary=b1") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a><Password>x</Password><b>y</b></a>", "<a><Password>[REDACTED]</Password><b>y</b></a>"),
        ("<a><w:Password Type='t'>x</w:Password></a>", "<a><w:Password Type='t'>[REDACTED]</w:Password></a>"),
        ("<a><password><![CDATA[a<b]]></password></a>", "<a><password><![CDATA[[REDACTED]]]></password></a>"),
        ("<a><password/><b>y</b></a>", "<a><password/><b>y</b></a>"),
        ('<a password="x" b="y">z</a>', '<a password="[REDACTED]" b="y">z</a>'),
        ('<form><input type="hidden" name="csrf_token" value="x"/></form>',
         '<form><input type="hidden" name="csrf_token" value="[REDACTED]"/></form>'),
        ('<meta name="csrf-token" content="x"/>', '<meta name="csrf-token" content="[REDACTED]"/>'),
        ("<NextToken>0123456789abcdef0123</NextToken>", "<NextToken>0123456789abcdef0123</NextToken>"),
        ("<Contents><Key>a/b/c.jpg</Key></Contents>", "<Contents><Key>a/b/c.jpg</Key></Contents>"),
        ("<password>cut of", "<password>[REDACTED]"),
        ("<a><token>0123456789abcdef</token></a>", "<a><token>[REDACTED]</token></a>"),
        ("<a><token>word</token></a>", "<a><token>word</token></a>"),
        ("<input type=text><input name=b value=c>", "<input type=text><input name=b value=c>"),
        ("<input name=password value=c>", "<input name=password value=[REDACTED]>"),
    ],
)  # fmt: skip
def test_markup_is_redacted(body, expected):
    """Elements, attributes and form inputs with secret names lose their text."""
    assert redacted(body, "text/xml") == expected
    assert redacted(expected, "text/xml") == expected


def test_parts_without_names_or_secrets_stay():
    """Guarded names, empty values and parts that are no form fields."""
    body = (
        '--b\nContent-Disposition: form-data; name="token"\n\nword\n'
        "--b\nContent-Disposition: form-data; name=password\n\n\n--b\nno header\n--b--\n"
    )
    assert redacted(body, "multipart/form-data; boundary=b") == body
    assert redacted("no boundary", "multipart/form-data") == "no boundary"


def test_escaped_markup_is_known_by_what_it_means():
    """The echo of a value that XML had to escape."""
    redactor = Redactor()
    redactor.response(response(b"<a><password>tom&amp;jerry&lt;3 forever</password></a>"))
    assert redactor.response(response(b"tom&jerry<3 forever")).body == b"[REDACTED]"


def test_what_cannot_be_parsed_as_a_jwt_becomes_a_marker():
    """It has the shape, and may have the secret."""
    body = b'{"access_token":"eyJabcdefg.eyJabcdefg.abc","x":"eyJabcdefg.eyJabcdefg.abc"}'
    new = Redactor().response(response(body)).body
    assert new == b'{"access_token":"[REDACTED]","x":"[REDACTED]"}'


def test_a_cut_off_body_in_another_coding_is_searched_as_it_is():
    """Of br there is no first part to be had."""
    body = b'{"password":"x"}'
    new = Redactor().response(response(body, ("Content-Encoding", "br")))
    assert new.body == b'{"password":"[REDACTED]"}'


def test_arrivals_without_chunks_follow():
    """A stream that ends with its connection."""
    body = b'{"password":"x"}{"a":1}'
    new = Redactor().response(response(body, arrivals=(Arrival(16, 0.1),)))
    assert new.arrivals == (Arrival(25, 0.1),)
    assert new.chunks is None


def test_pictures_are_not_searched():
    """What looks like a field in the bytes of a picture is none."""
    body = '\x89PNG {"password":"x"}'
    assert redacted(body, "image/png") == body


def jwt(header, payload):
    import base64

    parts = (json.dumps(part).encode() for part in (header, payload))
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return f"{text}.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


def claims(token):
    import base64

    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def test_a_jwt_in_a_response_stays_a_jwt():
    """What is no secret stays: its header, its times, for whom it is and by whom.

    The file has it in no form that a scan for secrets takes for a token's.
    """
    payload = {"sub": "ada", "exp": 1900000000, "n": 7, "ok": True, "aud": ["x"], "s": "k9" * 9}
    token = jwt({"alg": "RS256", "kid": "k1"}, payload)
    body = json.dumps({"id_token": token, "other": token}).encode()

    kept = Redactor().response(response(body))
    document = json.loads(Redactor().played(kept).body)

    assert json.loads(kept.body)["other"].startswith("[REDACTED jwt hbGci")
    assert b"eyJ" not in kept.body
    assert Redactor().response(kept) is kept
    header, new = claims(document["id_token"])
    assert document["other"] == document["id_token"] != token
    assert header == {"alg": "RS256", "kid": "k1"}
    assert new == {**payload, "s": GONE}


def test_a_jwt_in_a_request_becomes_a_marker():
    """Requests are compared: all tokens, and the dummies that a replay hands out, are one."""
    token = jwt({"alg": "RS256"}, {"exp": 1})
    kept = Redactor().response(response(json.dumps({"t": token}).encode()))
    dummy = json.loads(Redactor().played(kept).body)["t"]
    assert dummy.count(".") == 2
    for sent in (token, dummy):
        assert redacted(json.dumps({"assertion": sent})) == '{"assertion": "[REDACTED]"}'
        assert redacted(json.dumps({"other": sent})) == '{"other": "[REDACTED]"}'


@pytest.mark.parametrize(
    ("coding", "pack", "unpack"),
    [
        ("gzip", gzip.compress, gzip.decompress),
        ("deflate", zlib.compress, zlib.decompress),
        ("br", brotli.compress, brotli.decompress),
        ("zstd", zstandard.compress, zstandard.decompress),
        ("gzip, br", lambda b: brotli.compress(gzip.compress(b)), lambda b: gzip.decompress(brotli.decompress(b))),
    ],
)  # fmt: skip
def test_compressed_bodies_are_unpacked_and_packed_again(coding, pack, unpack):
    """A secret in a compressed body goes; the coding and a right Content-Length stay."""
    body = pack(b'{"password":"hunter2"}')
    headers = (("Content-Encoding", coding), ("Content-Length", str(len(body))))

    new = Redactor().response(response(body, *headers))

    assert unpack(new.body) == b'{"password":"[REDACTED]"}'
    assert new.headers["content-encoding"] == coding
    assert new.headers["content-length"] == str(len(new.body))


def test_a_coding_that_cannot_be_applied_is_dropped(monkeypatch):
    """Where only unpacking works, the body is kept unpacked and the header goes."""
    monkeypatch.setattr(content_coding, "encode", lambda *_: None)
    body = gzip.compress(b'{"password":"hunter2"}')
    new = Redactor().response(response(body, ("Content-Encoding", "gzip"), ("A", "b")))
    assert new.body == b'{"password":"[REDACTED]"}'
    assert new.headers.pairs == (("A", "b"),)


@pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("deflate", 15)])
def test_a_compressed_body_that_was_cut_off_is_redacted(coding, wbits):
    """What came of a compressed stream is searched, and it stays cut off."""
    packer = zlib.compressobj(wbits=wbits)
    body = packer.compress(b'data: {"password":"hunter2"}\n\n') + packer.flush(zlib.Z_SYNC_FLUSH)
    new = Redactor().response(response(body, ("Content-Encoding", coding), complete=False))
    reader = zlib.decompressobj(wbits=wbits)
    assert reader.decompress(new.body) == b'data: {"password":"[REDACTED]"}\n\n'
    assert not reader.eof


def test_what_is_not_the_named_coding_is_searched_as_it_is():
    """A body that can't be unpacked is taken for what it is."""
    new = Redactor().response(response(b'{"password":"x"}', ("Content-Encoding", "gzip")))
    assert new.body == b'{"password":"[REDACTED]"}'


def test_checksums_of_a_changed_body_go():
    """A client that checks the body would refuse it."""
    headers = [
        ("Content-MD5", "x"),
        ("x-amz-checksum-crc32", "x"),
        ("x-amz-crc32", "1"),
        ("A", "b"),
    ]
    assert Redactor().response(response(b'{"password":"x"}', *headers)).headers.pairs == (
        ("A", "b"),
    )
    assert len(Redactor().response(response(b'{"user":"x"}', *headers)).headers.pairs) == 4


def test_chunks_and_arrivals_follow_the_edits():
    """A stream keeps its boundaries: each event still ends where it ended."""
    first, second = b'data: {"n":1}\n\n', b'data: {"password":"hunter2hunter2"}\n\n'
    body = first + second + first
    arrivals = (Arrival(15, 0.1), Arrival(15 + len(second), 0.2), Arrival(len(body), 0.3))
    chunks = (len(first), 20, len(second) - 20, len(first))

    new = Redactor().response(response(body, chunks=chunks, arrivals=arrivals))

    changed = second.replace(b"hunter2hunter2", b"[REDACTED]")
    assert new.body == first + changed + first
    assert sum(new.chunks) == len(new.body)
    assert new.chunks == (15, len(changed) - len(b'"}\n\n'), len(b'"}\n\n'), 15)
    assert [arrival.offset for arrival in new.arrivals] == [15, 15 + len(changed), len(new.body)]
    assert [arrival.time for arrival in new.arrivals] == [0.1, 0.2, 0.3]


def test_chunks_inside_of_a_secret_are_one():
    """Boundaries inside of what is gone fall together; no chunk is left empty."""
    body = b'{"password":"0123.56789"}'
    chunks = (15, 2, 2, 6)
    arrivals = (Arrival(15, 0.1), Arrival(17, 0.2), Arrival(19, 0.3))
    new = Redactor().response(response(body, chunks=chunks, arrivals=arrivals))
    assert new.chunks == (23, 2)
    assert new.arrivals == (Arrival(23, 0.1),)


def test_a_recompressed_body_is_one_chunk():
    """Boundaries in compressed bytes mean nothing once they are packed anew."""
    body = gzip.compress(b'{"password":"x"}')
    headers = (("Content-Encoding", "gzip"),)
    new = Redactor().response(
        response(body, *headers, chunks=(5, len(body) - 5), arrivals=(Arrival(5, 0.1),))
    )
    assert new.chunks == (len(new.body),)
    assert new.arrivals == ()


def test_the_length_of_a_body_that_was_cut_off_stays_too_long():
    """Content-Length changes by as much as the body did: what was missing is missing still."""
    new = Redactor().response(
        response(b'{"password":"x"', ("Content-Length", "100"), complete=False)
    )
    assert new.headers["content-length"] == str(100 + len("[REDACTED]") - 1)


def test_what_has_no_secrets_comes_back_as_it_is():
    """Nothing to do costs no copy."""
    request = Request("POST", "https://a.example/?x=1", Headers([("A", "b")]), b'{"a":"b"}')
    answer = response(b'{"a":"b"}', ("A", "b"), chunks=(9,))
    assert Redactor().request(request) is request
    assert Redactor().response(answer) is answer
