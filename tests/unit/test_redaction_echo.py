"""What was secret in one place is secret everywhere."""

import base64
import html
import json
import threading
from datetime import datetime, timezone
from urllib.parse import quote, quote_plus

import pytest

from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response
from pytest_reqord.redaction import REDACTED, REDACTED_IN_URL, Redactor, Rules

SECRET = 'S3cr3t-value/with+odd&chars="<é>'  # fmt: skip
WHEN = datetime(2026, 11, 23, tzinfo=timezone.utc)


def request(headers=(), body=b"", uri="https://api.example.com/"):
    return Request("POST", uri, Headers(headers), body)


def response(body, headers=()):
    return Response(200, "OK", Headers(headers), body)


def after_login(password=SECRET):
    """A redactor that has seen a password in a JSON body."""
    redactor = Redactor()
    redactor.request(request(body=json.dumps({"password": password}).encode()))
    return redactor


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text,
        lambda text: quote(text, safe=""),
        quote,
        lambda text: quote(text, safe="").lower().replace("s3cr3t", "S3cr3t"),
        quote_plus,
        lambda text: quote(quote(text, safe=""), safe=""),
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(json.dumps(text)),
        lambda text: json.dumps(text).replace("/", "\\/").replace("&", "\\u0026"),
        lambda text: json.dumps(text).replace("<", "\\u003C").replace(">", "\\u003E"),
        html.escape,
        lambda text: "".join(f"&#x{ord(c):02X};" if c in "/+&=<>" else c for c in text),
        lambda text: base64.b64encode(f"ada:{text}".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"ada:{text}".encode()).decode(),
        lambda text: quote(base64.b64encode(f"user:{text}".encode()).decode(), safe="+"),
        lambda text: base64.b64encode(f"a:{text}:b".encode()).decode(),
        lambda text: base64.b64encode(text.encode()).decode(),
    ],
)
def test_a_secret_is_replaced_in_every_spelling(spell):
    """Plain, percent-encoded, in JSON, in HTML, in base64 of user:password."""
    text = f"before {spell(SECRET)} after"
    new = after_login().response(response(text.encode())).body.decode()
    assert new.strip('"').replace('"', "").replace("\\", "") == f"before {REDACTED} after"


def test_an_echo_is_replaced_wherever_it_stands():
    """Headers, URL, body, and a message of an error."""
    redactor = after_login("longpassword99")
    new = redactor.request(
        request(
            [("X-Note", "was longpassword99")],
            b"a longpassword99",
            "https://a.example/longpassword99",
        )
    )
    assert new.headers["x-note"] == f"was {REDACTED}"
    assert new.body == f"a {REDACTED}".encode()
    assert new.uri == f"https://a.example/{REDACTED_IN_URL}"
    assert redactor.text("is longpassword99") == f"is {REDACTED}"
    redirect = redactor.response(response(b"", [("Location", "/longpassword99")]))
    assert redirect.headers["location"] == f"/{REDACTED_IN_URL}"


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer 0123456789ab")],
        [("Authorization", "Basic " + base64.b64encode(b"ada:0123456789ab").decode())],
        [("Cookie", "sid=0123456789ab")],
        [("X-Api-Key", "0123456789ab")],
    ],
)
def test_secrets_of_headers_are_remembered(headers):
    """A token that was sent in a header is replaced in the answer."""
    redactor = Redactor()
    redactor.request(request(headers))
    assert redactor.response(response(b'"0123456789ab"')).body == b'"[REDACTED]"'


@pytest.mark.parametrize(
    "uri",
    [
        "https://ada:0123456789%61b@a.example/",
        "https://a.example/?api_key=0123456789%61b",
        "https://a.example/#access_token=0123456789%61b",
    ],
)
def test_secrets_of_urls_are_remembered_decoded(uri):
    """A percent-encoded secret is known by what it means."""
    redactor = Redactor()
    redactor.request(request(uri=uri))
    assert redactor.response(response(b"0123456789ab")).body == b"[REDACTED]"


def test_a_form_is_the_same_however_a_client_encodes_the_marker():
    """What a recording has of an echo is what the replay's client sends in its place."""
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    recorded = after_login("longpassword99").request(request(headers, b"x=longpassword99&y=a"))
    assert recorded.body == b"x=%5BREDACTED%5D&y=a"
    for body in (b"x=%5BREDACTED%5D&y=a", b"x=[REDACTED]&y=a"):
        assert Redactor().request(request(headers, body)).body == recorded.body


def test_short_values_are_not_replaced_elsewhere():
    """Eleven characters may be a word of an answer."""
    assert after_login("elevenchars").response(response(b"elevenchars")).body == b"elevenchars"
    assert after_login("twelve chars").response(response(b"twelve chars")).body == b"[REDACTED]"


def test_a_secret_in_a_longer_one_leaves_nothing_of_it():
    """The longest is replaced first."""
    redactor = after_login("0123456789ab")
    redactor.request(request(body=b'{"password":"start-0123456789ab-end"}'))
    assert redactor.response(response(b"start-0123456789ab-end")).body == b"[REDACTED]"


def test_a_number_that_echoes_leaves_a_number():
    """JSON stays JSON where the secret stands as a bare number."""
    redactor = after_login("4242424242424242")
    body = b'{"n": 4242424242424242, "s": "4242424242424242"}'
    assert redactor.response(response(body)).body == b'{"n": 0, "s": "[REDACTED]"}'


def test_markers_are_no_secrets():
    """What stands in the place of a secret is never taken for one."""
    redactor = after_login("[REDACTED]")
    redactor.request(
        request(uri="https://a.example/?password=%5BREDACTED%5D&api_key=%255BREDACTED%255D")
    )
    body = b"[REDACTED] %5BREDACTED%5D"
    assert redactor.response(response(body)).body == body


def test_an_interaction_is_swept_for_what_its_response_told():
    """A token that the answer declares secret goes from the request, too."""
    sent = request([("X-Note", "0123456789ab")])
    answer = response(b'{"access_token":"0123456789ab"}')
    new = Redactor().interaction(Interaction(sent, answer, WHEN))
    assert new.request.headers["x-note"] == REDACTED
    assert new.response.body == b'{"access_token":"[REDACTED]"}'


def test_an_interaction_without_secrets_comes_back_as_it_is():
    """Nothing to do costs no copy."""
    interaction = Interaction(request(), response(b"{}"), WHEN)
    assert Redactor().interaction(interaction) is interaction
    failed = Interaction(request(), None, WHEN, failure=Failure("E", "m", {"errno": "1"}))
    assert Redactor().interaction(failed) is failed


def test_a_failure_is_redacted():
    """The text of an exception has the URL in it."""
    failure = Failure(
        "E", "no answer from https://a.example/?api_key=abc", {"url": "/?api_key=abc"}
    )
    new = Redactor().interaction(Interaction(request(), None, WHEN, failure=failure))
    assert new.failure.message == "no answer from https://a.example/?api_key=%5BREDACTED%5D"
    assert new.failure.details == {"url": "/?api_key=%5BREDACTED%5D"}


@pytest.mark.parametrize("spell", [str, json.dumps, lambda s: json.dumps(json.dumps(s)), quote])
def test_backslashes_are_known_however_often_they_are_escaped(spell):
    """Each round of escaping doubles them."""
    secret = "domain\\user\\\\password"
    text = Redactor(secrets=[secret]).text(f"a {spell(secret)} b")
    assert text.replace('"', "").replace("\\", "") == "a [REDACTED] b"


@pytest.mark.parametrize("spell", [str, json.dumps, html.escape, quote_plus])
def test_a_secret_of_many_kilobytes_is_replaced(spell):
    """Such as a key or an assertion; in its usual spellings, and in no time."""
    secret = 'a+/é<"&\\n' * 40_000
    new = after_login(secret).response(response(f"a {spell(secret)} b".encode()))
    assert new.body.decode().replace('"', "") == f"a {REDACTED} b"


def test_the_reason_is_swept():
    """A server may say in it which key it refused."""
    answer = response(b"")._replace(reason="bad key 0123456789ab")
    assert after_login("0123456789ab").response(answer).reason == f"bad key {REDACTED}"


def test_trailers_are_swept():
    """An echo there is one, too."""
    answer = Response(200, "OK", Headers(), b"", trailers=Headers([("X-A", "0123456789ab")]))
    assert after_login("0123456789ab").response(answer).trailers["x-a"] == REDACTED
    assert after_login().response(answer) is answer


def test_two_echoes_in_one_base64_text_are_one():
    """All of the text goes, once."""
    text = base64.b64encode(b"0123456789ab 0123456789ab").decode()
    assert after_login("0123456789ab").text(f"a {text} b") == "a [REDACTED] b"


def test_encoded_entries_are_searched_for_what_became_known_last():
    """In whatever form it may stand there; what was known before isn't looked for again."""
    redactor = Redactor(secrets=["0123456789ab"])
    before = redactor.known
    redactor.request(request([("X-Api-Key", 'zyx"wvu/tsrqponm')]))

    assert redactor.known == before + 1
    assert redactor.may_be_in(b"0123456789ab", 0)
    assert not redactor.may_be_in(b"0123456789ab", before)
    for spelt in (
        rb"zyx\"wvu\/tsrqponm",
        b"zyx%22wvu%2Ftsrqponm",
        base64.b64encode(b'zyx"wvu/tsrqponm'),
    ):
        assert redactor.may_be_in(b"body: " + spelt, before)
        assert not redactor.may_be_in(b"body: " + spelt, redactor.known)


def test_declared_secrets_are_replaced_everywhere():
    """The values of reqord_secrets need not stand in a secret place first."""
    redactor = Redactor(secrets={"A_KEY": "0123456789ab", "B": "pin-7"})
    new = redactor.request(request(body=b"x0123456789aby pin-7 pin-70"))
    assert new.body == b"x[REDACTED]y [REDACTED] pin-70"


def test_declared_secrets_that_are_too_short_are_left():
    """Three characters are in every text."""
    assert Redactor(secrets=["abc", ""]).request(request(body=b"abc")).body == b"abc"


def test_a_declared_address_becomes_an_address():
    """A URL that is secret is replaced by one that can still be taken apart."""
    redactor = Redactor(secrets=["https://tenant-7.example.com/v1/abcdefghijkl/", "https://[bad"])
    new = redactor.request(
        request(
            [("Host", "tenant-7.example.com")], uri="https://tenant-7.example.com/v1/abcdefghijkl/x"
        )
    )
    assert new.uri == "https://redacted.invalid/%5BREDACTED%5D/x"
    assert new.headers["host"] == "redacted.invalid"


def test_declared_dummies_and_markers_are_no_secrets():
    """They would replace what stands in the place of secrets."""
    dummy = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.W1JFREFDVEVEXQ"
    redactor = Redactor(secrets=[dummy, "%5BREDACTED%5D", "5BREDACTED%5", "https://a/"])
    body = f"{dummy} %5BREDACTED%5D https://a/".encode()
    assert redactor.response(response(body)).body == body


def test_the_echo_rule_can_be_switched_off():
    """Under the name echo."""
    redactor = Redactor(Rules().with_(keep=["echo"]))
    redactor.request(request(body=b'{"password":"0123456789ab"}'))
    assert redactor.response(response(b"0123456789ab")).body == b"0123456789ab"


def test_threads_share_what_was_seen():
    """A secret that any thread has seen is replaced for all."""
    redactor = Redactor()
    secrets = [f"secret-number-{number:04}" for number in range(200)]

    def login(some):
        for secret in some:
            redactor.request(request(body=json.dumps({"password": secret}).encode()))

    threads = [threading.Thread(target=login, args=(secrets[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        redactor.response(response(" ".join(secrets).encode())).body.split()
        == [b"[REDACTED]"] * 200
    )


def answer(**fields):
    headers = Headers([("Content-Type", "application/json")])
    return Response(200, "OK", headers, json.dumps(fields).encode())


def asked(got):
    """What a client asks that has got an answer: its values go into every part of a request."""
    token, session, pin = got["access_token"], got["session_token"], got["pin"]
    body = json.dumps({"code": got["code"], "pin": pin, "page": 2})
    uri = f"https://a.example.com/t/{quote(token)}/x?q={quote(session)}&n={pin}&size=20"
    headers = Headers(
        [("X-Given", session), ("X-Sent", "20"), ("Content-Type", "application/json")]
    )
    return Request("POST", uri, headers, body.encode())


SHORT = {"access_token": "tok_1", "session_token": "s1", "pin": 4821, "code": "739104"}


def test_a_short_secret_that_is_sent_back():
    """It is in no request of the recording, and what a client gets in its place finds the answer."""
    get = Request("GET", "https://a.example.com/short", Headers(), b"")
    recorder, player = (Redactor(Rules().with_(fields=["code"])) for _ in range(2))
    first = recorder.interaction(Interaction(get, answer(**SHORT), WHEN))
    second = recorder.interaction(Interaction(asked(SHORT), answer(ok=1), WHEN))
    shown = f"{second.request.uri} {second.request.headers} {second.request.text}"
    assert [each for each in map(str, SHORT.values()) if each in shown] == []
    assert "size=20" in shown
    assert "'20'" in shown

    got = player.played(first.response).json()
    assert player.request(asked(got)) == second.request


def test_a_short_secret_stays_in_what_came_before_it():
    """In its own request, and in what is redacted again: there a replay doesn't know it yet."""
    get = Request("GET", "https://a.example.com/t/tok_1", Headers(), b"")
    recorder = Redactor()
    recorded = recorder.interaction(Interaction(get, answer(**SHORT), WHEN))
    assert recorded.request == get
    assert recorder.swept(recorded) == recorded
