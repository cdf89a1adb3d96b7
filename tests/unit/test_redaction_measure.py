"""How much leaks and how much stays, of what today's APIs send and answer (``tests/data/apis``)."""

import string
from random import Random

import pytest
from apis import MESSAGES, innocent_lost, interaction, secrets_left

from pytest_reqord.cli.docs import pages
from pytest_reqord.redaction import Redactor
from pytest_reqord.redaction.table import TABLE
from pytest_reqord.redaction.values import is_innocent

SECRETS = sum(len(message.secrets) for message in MESSAGES)
INNOCENT = sum(len(message.innocent) for message in MESSAGES)


def test_no_secret_is_left_and_no_innocent_value_lost(record_property):
    """Of hundreds of both: the figures are reported, and held."""
    left, lost = [], []
    for message in MESSAGES:
        redacted = Redactor().interaction(interaction(message))
        left += [(message.kind, secret) for secret in secrets_left(message, redacted)]
        lost += [(message.kind, value) for value in innocent_lost(message, redacted)]
    record_property("leaks", f"{len(left)} of {SECRETS} secrets leak")
    record_property("losses", f"{len(lost)} of {INNOCENT} innocent values are lost")
    assert left == []
    assert lost == []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_done_again_it_changes_nothing(message):
    """Replay redacts what a recording has redacted."""
    redacted = Redactor().interaction(interaction(message))
    assert Redactor().interaction(redacted) == redacted


def test_each_line_of_the_table_has_a_source_and_a_date():
    """So that anyone can look it up again."""
    for line in TABLE:
        assert line.names
        source, _, date = line.source.rpartition(", ")
        assert source
        year, month = map(int, date.split("-"))
        assert year >= 2026
        assert 1 <= month <= 12


def test_the_manual_explains_each_place():
    """The page that has the table says what it means."""
    (page,) = (page for page in pages() if page.topic == "secrets")
    explained = page.text.partition("<!-- names -->")[0]
    assert [line.place for line in TABLE if line.place.partition(":")[0] not in explained] == []


def test_a_name_is_in_the_table_once():
    """At one place; what it is there for would be doubtful else."""
    for place in {line.place for line in TABLE}:
        names = [name for line in TABLE if line.place == place for name in line.names]
        assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("/var/run/secrets/token", True),
        ("config/keys/prod.pem", True),
        ("v1beta1/projects/p1", True),
        ("l7hbifrmb0tw2/3xbtwpzqb6", False),
        ("rk/lj15udkdg1ml4pbsktu83", False),
    ],
)
def test_a_random_token_with_a_slash_is_no_path(text, is_path):
    """A path stays under a secret name; a token in which letters and digits take turns goes."""
    assert is_innocent(text, "access_token") is is_path


def test_random_tokens_go():
    """Of twenty thousand tokens in base64 none is taken for a path, a word or a sentence."""
    random = Random(3)
    alphabet = string.ascii_letters + string.digits + "+/"
    tokens = ("".join(random.choices(alphabet, k=24)) for _ in range(20_000))
    assert [token for token in tokens if is_innocent(token, "access_token")] == []
