"""The user's own rules add to the defaults, and switch them off by name."""

import json
import re
from datetime import datetime, timezone
from urllib.parse import quote

import pytest

from pytest_reqord.base.models import LEAVE_OUT, Failure, Headers, Interaction, Request, Response
from pytest_reqord.errors import RedactorError
from pytest_reqord.redaction import HEADERS_ONLY, REDACTED, Redactor, Rules

WHEN = datetime(2026, 11, 23, tzinfo=timezone.utc)


def request(headers=(), body=b"", uri="https://api.example.com/"):
    return Request("POST", uri, Headers(headers), body)


def interaction(body=b"", headers=(), sent=None):
    response = Response(200, "OK", Headers(headers), body)
    return Interaction(sent or request(), response, WHEN)


def test_names_can_be_added():
    """Headers, parameters and fields of one's own, with wildcards."""
    rules = Rules().with_(headers=["X-Team-*"], query=["badge"], fields=["mother*name"])
    new = Redactor(rules).request(
        request(
            [("x-team-id", "7")],
            b'{"mothersMaidenName":"x","badge":"1"}',
            "https://a.example/?BADGE=1&a=b",
        )
    )
    assert new.headers["x-team-id"] == REDACTED
    assert new.uri == "https://a.example/?BADGE=%5BREDACTED%5D&a=b"
    assert new.body == b'{"mothersMaidenName":"[REDACTED]","badge":"1"}'


@pytest.mark.parametrize("text", ["3 May", "pending", "She likes tea.", "/home/ada", "7"])
def test_what_the_user_names_is_secret_whatever_it_is(text):
    """A date, a word, a sentence, a path: in answers, too, where the defaults would keep it."""
    rules = Rules().with_(headers=["X-Who"], query=["who"], fields=["birthday", "client_token"])
    body = json.dumps({"birthday": text, "client_token": [text], "url": f"/a?who={quote(text)}"})
    given = Response(200, "OK", Headers([("X-Who", text)]), body.encode())
    new = Redactor(rules).response(given)

    assert new.headers["X-Who"] == REDACTED
    assert json.loads(new.body) == {
        "birthday": REDACTED,
        "client_token": [REDACTED],
        "url": "/a?who=%5BREDACTED%5D",
    }


@pytest.mark.parametrize("name", ["X-Api-Key", "x-api-key", "x_api_key"])
def test_a_default_header_can_be_kept(name):
    """Whatever the spelling of its name."""
    new = Redactor(Rules().with_(keep=[name])).request(request([("X-Api-Key", "abc")]))
    assert new.headers["x-api-key"] == "abc"


def test_default_names_can_be_kept():
    """A name that is kept is no secret, in no place."""
    rules = Rules().with_(keep=["password", "*_key", "user_info", "jwt", "paths"])
    sent = request(
        body=b'{"password":"x","api_key":"y","u":"https://u:p@hooks.slack.com/services/T/B/c","a":"eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln"}',
        uri="https://u:p@a.example/?api_key=1",
    )
    assert Redactor(rules).request(sent) is sent
    assert (
        Redactor(rules).request(request(body=b'{"secret":"x"}')).body == b'{"secret":"[REDACTED]"}'
    )


def test_a_name_that_is_added_beats_the_innocent_ones():
    """Page tokens stay by default, and go where the user says so."""
    body = b'{"next_token":"abc"}'
    assert Redactor().request(request(body=body)).body == body
    rules = Rules().with_(fields=["*next_token"])
    assert Redactor(rules).request(request(body=body)).body == b'{"next_token":"[REDACTED]"}'


def test_patterns_replace_what_they_find():
    """Everywhere; of a pattern with a group, the group."""
    rules = Rules().with_(patterns=[r"\bcus_\w+", re.compile(r"order=(\d+)")])
    new = Redactor(rules).request(
        request([("X-A", "cus_1")], b"cus_2 order=17", "https://a.example/cus_3?order=17")
    )
    assert new.headers["x-a"] == REDACTED
    assert new.body == b"[REDACTED] order=[REDACTED]"
    assert new.uri == "https://a.example/%5BREDACTED%5D?order=%5BREDACTED%5D"


def test_a_pattern_may_find_a_marker():
    """What was replaced stays replaced once."""
    rules = Rules().with_(patterns=[r"key=(\S+)"])
    new = Redactor(rules).request(request(body=b"key=[REDACTED] key=abc"))
    assert new.body == b"key=[REDACTED] key=[REDACTED]"


def test_a_mapping_leaves_what_is_empty_alone():
    """A request without a body, an interaction without a response."""
    custom = {"request_body_json": lambda _: 1 / 0, "response_body_json": lambda _: 1 / 0}
    redactor = Redactor(Rules().with_(custom=[custom]))
    failed = Interaction(request(), None, WHEN, failure=Failure("E", "m"))
    assert redactor.interaction(failed) == failed


def test_a_pattern_must_be_one():
    """The error names it."""
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        Rules().with_(patterns=["("])


def test_all_of_it_can_be_switched_off():
    """With is_on=False whatever is given comes back."""
    redactor = Redactor(Rules()._replace(is_on=False), secrets=["0123456789ab"])
    one = interaction(b'{"password":"x"}')
    assert redactor.interaction(one) is one
    assert redactor.request(one.request) is one.request
    assert redactor.response(one.response) is one.response
    assert redactor.text("0123456789ab") == "0123456789ab"
    assert not redactor.may_be_in(b"0123456789ab", 0)


def test_headers_only():
    """For suites with rules of their own: the default headers, nothing in URLs and bodies."""
    sent = request([("X-Api-Key", "abc")], b'{"password":"x"}', "https://u:p@a.example/?api_key=1")
    new = Redactor(HEADERS_ONLY).request(sent)
    assert new == sent._replace(headers=Headers([("X-Api-Key", REDACTED)]))


def test_a_function_has_the_last_word():
    """It gets the redacted interaction, and what it gives is kept."""
    seen = []

    def custom(one):
        seen.append(one.response.body)
        return one._replace(response=one.response._replace(body=b"mine"))

    rules = Rules().with_(custom=[custom])
    new = Redactor(rules).interaction(interaction(b'{"password":"x"}'))
    assert seen == [b'{"password":"[REDACTED]"}']
    assert new.response.body == b"mine"


def test_left_out():
    """What a redactor leaves out isn't kept; a request alone, and what was kept before, stay."""
    redactor = Redactor(Rules().with_(custom=[lambda _: LEAVE_OUT]))
    one = interaction(b"x")

    assert redactor.interaction(one) is None
    assert redactor.swept(one) == one
    assert redactor.request(one.request) == one.request


def test_none_takes_away():
    """In a mapping it removes the header, the field at any depth, the parameter, the piece of text."""
    custom = {
        "request_headers": {"accept": None},
        "response_headers": {"Date": lambda _: None},
        "url": {"day": None, "api": "host"},
        "request_body_raw": {"secret ": None},
        "response_body_json": {"id": None},
    }
    sent = request(uri="https://api.example/?day=1&a=day&d%61y=2#x", body=b"a secret word")
    sent = sent._replace(headers=Headers([("Accept", "*/*"), ("X-A", "1")]))
    one = interaction(b'{"id":1,"a":[{"id":2,"b":null}]}')._replace(request=sent)
    one = one._replace(response=one.response._replace(headers={"Date": "x", "X-B": "1"}))

    new = Redactor(Rules().with_(custom=[custom])).interaction(one)

    assert new.request.uri == "https://host.example/?a=day#x"
    assert new.request.headers.pairs == (("X-A", "1"),)
    assert new.request.body == b"a word"
    assert new.response.headers.pairs == (("X-B", "1"),)
    assert new.response.body == b'{"a":[{"b":null}]}'


@pytest.mark.parametrize(
    ("custom", "said"),
    [
        (lambda _: None, "<lambda> returned None: .*LEAVE_OUT"),
        ({"response_headers": lambda _: None}, "<lambda> returned NoneType for response_headers"),
        ({"response_headers": {"X-A": ["1"]}}, "of response_headers is wrong: the header 'X-A'"),
        ({"url": lambda _: None}, "<lambda> returned NoneType for url: it has to return str"),
        ({"url": {"a": 1}}, "of url gives a int"),
        ({"response_body_raw": str}, "str returned str for response_body_raw"),
        ({"response_body_json": lambda _: None}, "returned NoneType for response_body_json"),
    ],
)
def test_what_is_no_part(custom, said):
    """A redactor that returns what can't stand there is refused by its name."""
    one = interaction(b'{"a":1}')
    one = one._replace(response=one.response._replace(headers={"X-A": "0"}))
    with pytest.raises(RedactorError, match=said):
        Redactor(Rules().with_(custom=[custom])).interaction(one)


def test_a_function_is_asked_about_live_requests():
    """What it does to requests holds for matching too; there is no response then."""

    def custom(one):
        path = re.sub(r"/t/\w+", "/t/x", one.request.uri)
        return one._replace(request=one.request._replace(uri=path))

    redactor = Redactor(Rules().with_(custom=[custom]))
    assert redactor.request(request(uri="https://a.example/t/abc")).uri == "https://a.example/t/x"


def test_reqords_shapes():
    """A mapping from parts to functions, as in Reqord."""
    custom = {
        "request_headers": lambda headers: {**headers, "X-A": "1"},
        "response_headers": lambda headers: {k: v for k, v in headers.items() if k != "X-B"},
        "url": lambda url: url.replace("ada", "x"),
        "request_body_raw": lambda body: body.replace(b"ada", b"x"),
        "response_body_json": lambda document: {**document, "name": "x"},
        "response_body_raw": {"1": "2"},
    }
    one = interaction(
        b'{"name": "ada", "n": 1}',
        [
            ("X-B", "2"),
            ("Set-Cookie", "theme=a"),
            ("Set-Cookie", "theme=b"),
            ("Content-Length", "23"),
        ],
        request(body=b"ada", uri="https://a.example/ada"),
    )

    new = Redactor(Rules().with_(custom=[custom])).interaction(one)

    assert new.request.headers.pairs == (("X-A", "1"),)
    assert new.request.uri == "https://a.example/x"
    assert new.request.body == b"x"
    assert new.response.body == b'{"name": "x", "n": 2}'
    expected = (("Set-Cookie", "theme=a"), ("Set-Cookie", "theme=b"), ("Content-Length", "21"))
    assert new.response.headers.pairs == expected


def test_mappings_in_place_of_functions():
    """From names of headers and fields, and from texts, to values or functions of the value."""
    custom = {
        "request_headers": {"x-a": "1", "x-none": "2"},
        "response_headers": {"Set-Cookie": lambda value: value.upper()},
        "url": {"ada": "x", "bob": lambda text: text[::-1]},
        "request_body_json": {"id": 0},
        "response_body_json": {"name": "x", "n": lambda n: n + 1},
    }
    one = Interaction(
        request([("X-A", "0")], b"no json", "https://a.example/ada/bop/bob"),
        Response(
            200,
            "OK",
            Headers([("Set-Cookie", "theme=a"), ("Set-Cookie", "theme=b")]),
            '{"a":[{"name":"ada"}],"n":1,"é":"é"}'.encode(),
        ),
        WHEN,
    )

    new = Redactor(Rules().with_(custom=[custom])).interaction(one)

    assert new.request.headers.pairs == (("X-A", "1"),)
    assert new.request.uri == "https://a.example/x/bop/bob"
    assert new.request.body == b"no json"
    assert new.response.headers.pairs == (("Set-Cookie", "THEME=A, THEME=B"),)
    assert new.response.body == '{"a":[{"name":"x"}],"n":2,"é":"é"}'.encode()


def test_json_that_a_rule_did_not_change_keeps_its_bytes():
    """Numbers, repeats and blanks survive a rule that has nothing to do."""
    body = b'{"a": 1.0, "a":1e2 }'
    rules = Rules().with_(custom=[{"response_body_json": lambda document: document}])
    assert Redactor(rules).interaction(interaction(body)).response.body == body


def test_rules_are_values():
    """Equal rules are equal, and may hold mappings."""
    assert Rules().with_(fields=["a"]) == Rules().with_(fields=["a"])
    given = Rules().with_(custom=[{"url": str}])
    assert Redactor(given).rules == given
    assert json.dumps(Rules().with_(headers=["A"]).headers[-1]) == '"A"'


def test_names_without_end_are_not_remembered_without_end():
    """Names come from data: the answers about them are forgotten at some point."""
    redactor = Redactor(Rules().with_(fields=["zzz"]))
    body = json.dumps({f"name{number}": "x" for number in range(5000)}).encode()
    assert redactor.request(request([(f"h{n}", "") for n in range(5000)], body)).body == body
    assert redactor.request(request(body=b'{"zzz":"x"}')).body == b'{"zzz":"[REDACTED]"}'
