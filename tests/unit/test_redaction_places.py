"""A redacted place in a recording matches any value there."""

import pytest

from pytest_reqord.redaction import is_redacted, matches

DUMMY = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.W1JFREFDVEVEXQ"


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ("same", "same"),
        ("Bearer [REDACTED]", "Bearer abc"),
        ("Bearer [REDACTED]", "Bearer [REDACTED]"),
        ("https://a.example/?api_key=%5BREDACTED%5D&a=b", "https://a.example/?api_key=x%26y&a=b"),
        ("https://a.example/?api_key=%5bredacted%5d", "https://a.example/?api_key="),
        ('{"password":"[REDACTED]","a":"[REDACTED]"}', '{"password":"x\\"y","a":"z"}'),
        (b"a=[REDACTED]\x00", b"a=\xff\x00"),
        (f"assertion={DUMMY}&a=b", "assertion=eyJabc.eyJdef.ghi&a=b"),
        ("[REDACTED]", ""),
    ],
)
def test_places_match_any_value(recorded, live):
    """Whatever the secret is today, it is the request that was recorded."""
    assert matches(recorded, live)


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ("a", "b"),
        ("Bearer [REDACTED]", "Basic abc"),
        ('{"password":"[REDACTED]","a":1}', '{"password":"x","b":2,"a":1}'),
        ("?api_key=%5BREDACTED%5D&a=b", "?api_key=x&c=d&a=b"),
        ('"[REDACTED]" "[REDACTED]"', '"x"'),
        ("ab[REDACTED]ba", "aba"),
        ("x", "[REDACTED]"),
    ],
)
def test_a_place_is_one_value(recorded, live):
    """It doesn't reach beyond its string, parameter or line; all around it is compared."""
    assert not matches(recorded, live)


def test_matching_many_places_takes_no_time():
    """Hundreds of places against a text that nearly matches: no search among all the ways."""
    assert not matches("[REDACTED]a" * 300 + "b", "a" * 3000)


def test_is_redacted():
    """Says whether there is such a place."""
    assert is_redacted(b"a [REDACTED]")
    assert is_redacted("a %5BREDACTED%5D")
    assert is_redacted(DUMMY)
    assert not is_redacted("a")
