"""How much leaks and how much stays, of what today's APIs send and answer (``tests/data/apis``)."""

import pytest
from apis import MESSAGES, innocent_lost, interaction, secrets_left

from pytest_reqord.redaction import Redactor
from pytest_reqord.redaction.table import TABLE

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


def test_a_name_is_in_the_table_once():
    """At one place; what it is there for would be doubtful else."""
    for place in {line.place for line in TABLE}:
        names = [name for line in TABLE if line.place == place for name in line.names]
        assert sorted(set(names)) == sorted(names)
