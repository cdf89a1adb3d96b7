"""VCR.py's filters, each on requests and responses in VCR.py's shapes."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from pytest_reqord.vcr_compat import filters
from pytest_reqord.vcr_compat.messages import VcrRequest


def post(body, kind="application/x-www-form-urlencoded"):
    return VcrRequest("POST", "http://a.invalid/", body, {"Content-Type": kind})


def times_two(key, value, request):
    assert request.method == "POST"
    return value * 2


RULES = ["gone", ("set", "new"), ("call", times_two), ("none", lambda **_: None)]


def test_form_fields():
    """Names are compared as they are and decoded; parts without a value stay."""
    body = b"gone=1&set=2&call=ab&none=3&flag&api%3Akey=4"
    change = filters.body_filter([*RULES, ("api:key", "K")], is_nested=False)

    assert change(post(body)).body == b"set=new&call=abab&flag&api%3Akey=K"


def test_bytes_that_are_no_form_stay():
    """A binary upload passes as it is."""
    body = b"\xff\xfe=\x00&gone=1"

    assert filters.body_filter(RULES, is_nested=False)(post(body)).body == body


def test_json_fields():
    """Only the outermost fields are looked at, unless nested ones are wanted."""
    document = {"gone": 1, "set": 2, "in": [{"gone": 1, "call": "ab", "kept": None}]}
    body = json.dumps(document).encode()

    flat = filters.body_filter(RULES, is_nested=False)(post(body, "application/json"))
    nested = filters.body_filter(RULES, is_nested=True)(post(body, "application/json"))

    assert json.loads(flat.body) == {"set": "new", "in": document["in"]}
    assert json.loads(nested.body) == {"set": "new", "in": [{"call": "abab", "kept": None}]}


def test_a_replaced_json_field_moves_to_the_end():
    """As in the bodies that VCR.py stored, so that they compare equal byte for byte."""
    change = filters.body_filter([("a", "1")], is_nested=False)

    assert change(post(b'{"a": 0, "b": 2}', "application/json")).body == b'{"b": 2, "a": "1"}'


def test_multipart_fields():
    """A field's content is replaced, or the field left out; files stay."""

    def part(name, value):
        return f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'

    fields = {"gone": "1", "set": "2", "call": "ab", "file": "data"}
    body = "".join(part(*item) for item in fields.items()) + "--X--\r\n"
    request = post(body.encode(), 'multipart/form-data; boundary="X"')

    changed = filters.body_filter(RULES, is_nested=False)(request)

    expected = part("set", "new") + part("call", "abab") + part("file", "data") + "--X--\r\n"
    assert changed.body == expected.encode()


def test_a_mapping_body_is_filtered_as_a_document():
    """A body that a hook made a mapping of has fields too."""
    assert filters.body_filter(["gone"], is_nested=False)(post({"gone": 1, "a": 2})).body == {
        "a": 2
    }


def test_headers():
    """A header is taken away, replaced, or given to a function by keywords."""
    request = post(b"")
    request.headers.update({"X-Gone": "1", "X-Set": "1", "X-Call": "ab"})
    rules = ["x-gone", ("x-set", "new"), ("X-CALL", times_two), ("X-Missing", "never")]

    headers = filters.header_filter(rules)(request).headers

    assert headers == {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Set": "new",
        "X-Call": "abab",
    }


def test_parameters():
    """The same for parameters; those that are left are sorted."""
    request = VcrRequest("POST", "http://a.invalid/p?z=1&gone=1&set=2&call=ab#part", None, {})

    changed = filters.query_filter(RULES)(request)

    assert changed.uri == "http://a.invalid/p?call=abab&set=new&z=1#part"


@pytest.mark.parametrize(
    ("host", "passes"), [("a.invalid", True), ("b.invalid", True), ("a.invalid.org", False)]
)
def test_hosts(host, passes):
    """Names are compared whole, and patterns have to match all of a name."""
    change = filters.host_filter(["b.invalid", re.compile(r"a\.\w+")])

    assert (change(VcrRequest("GET", f"http://{host}/", None, {})) is None) == passes


def answer(body, **headers):
    return {
        "status": {"code": 200, "message": "OK"},
        "headers": {name.replace("_", "-"): [value] for name, value in headers.items()},
        "body": {"string": body},
    }


def test_unpack():
    """The body is unpacked, the header goes and the length follows, whatever the case."""
    packed = gzip.compress(b"text")

    unpacked = filters.unpack(answer(packed, Content_encoding="gzip", Content_Length="99"))

    assert unpacked["body"]["string"] == b"text"
    assert unpacked["headers"] == {"Content-Length": ["4"]}


def test_unpack_what_is_plain_or_unknown():
    """A body that is plain already loses the header only; an unknown coding is left alone."""
    plain = filters.unpack(answer(b"text", content_encoding="gzip"))
    unknown = answer(b"text", content_encoding="secret")

    assert plain["body"]["string"] == b"text"
    assert "content-encoding" not in plain["headers"]
    assert filters.unpack(unknown) is unknown
    assert filters.unpack(answer(b"text"))["headers"] == {}


def test_sensitive_data():
    """Values become placeholders everywhere, and come back."""
    hide, restore = filters.sensitive_data_hooks(
        {"<KEY>": "secret", "<PORT>": 8080, "<NONE>": None, "<HOST>": lambda q, _: q.host}
    )
    request = VcrRequest("GET", "http://a.invalid:8080/", b"secret", {"X": "is secret"})

    hidden, response = hide(request, answer(b"a secret", X_Key="secret"))

    assert hidden.uri == "http://<HOST>:<PORT>/"
    assert (hidden.body, hidden.headers["x"]) == (b"<KEY>", "is <KEY>")
    assert response["body"]["string"] == b"a <KEY>"
    assert response["headers"] == {"X-Key": ["<KEY>"]}
    _, restored = restore(hidden, response)
    assert restored["body"]["string"] == b"a secret"
