"""Looking for secrets takes time in proportion to what is looked at. Counted, not timed."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections import Counter

import pytest
from regex_steps import Steps, is_bounded, literals

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Headers, Response
from pytest_reqord.redaction import Redactor, bodies, head, known_secrets, text_edits, values
from pytest_reqord.redaction.search import Search

TIMES = 8
SIZE = 200  # above each bound that matters
FILLERS = ("a", "-")

KNOWN = {
    f"{kind}: {hint}": (known_secrets._compiled(pattern).pattern, 0)
    for kind, hint, pattern in known_secrets._PATTERNS
}
SEARCHES = "finditer|findall|search|sub|split"
# those that texts are searched for; a name or a value that is asked about once is short
SEARCHED = {
    f"{module.__name__.rpartition('.')[2]}.{name}": (each.pattern, each._flags)
    for module in (bodies, head, text_edits, values)
    for name, each in vars(module).items()
    if isinstance(each, Pattern)
    and re.search(rf"\b{name}\.(?:{SEARCHES})\(", inspect.getsource(module))
}


def steps(pattern, flags, text):
    return Steps(pattern, text, flags).walk()


def hostile(pattern, flags):
    """What a pattern looks for, again and again, with and without something in between."""
    for literal in sorted(literals(pattern, flags), key=len)[-3:] or [""]:
        for filler in FILLERS:
            yield lambda size, unit=literal + filler: unit * (size // len(unit))
        yield lambda size, unit=literal: unit + "a" * size


def test_the_steps_are_those_of_a_search():
    """A pattern that goes back over all it has passed, at each place, takes their square."""
    short, long = (steps("a+b", 0, "a" * size) for size in (20, 160))
    assert long > short * TIMES * 6
    assert steps("ab", 0, "ab" * 10) == 21


@pytest.mark.parametrize("name", [*KNOWN, *SEARCHED])
def test_eight_times_the_text_takes_eight_times_the_steps(name):
    """Whatever a pattern looks for stands there a hundred times, and never whole."""
    pattern, flags = (KNOWN | SEARCHED)[name]
    if is_bounded(pattern, flags):
        return  # at each place no more than that
    for made in hostile(pattern, flags):
        short, long = made(SIZE), made(SIZE * TIMES)
        assert steps(pattern, flags, long) < steps(pattern, flags, short) * TIMES * 1.5, short[:60]


class Counted(str):
    """A text that counts how much of it is looked at."""

    __slots__ = ("seen",)

    def __contains__(self, text):
        self.seen += len(self)
        return super().__contains__(text)

    def __getitem__(self, key):
        found = super().__getitem__(key)
        self.seen += len(found)
        return found

    def find(self, *args):
        self.seen += len(self)
        return super().find(*args)

    def startswith(self, text, *args):
        self.seen += len(text)
        return super().startswith(text, *args)


@pytest.mark.parametrize(
    "name", ["{:05}-0123456789", "0123456789-{:05}", "-" * 40 + "{:05}" + "-" * 40]
)
def test_thousands_of_texts_are_one_search(name):
    """However alike they begin and end."""
    seen = []
    for count in (260, 260 * TIMES):
        wanted = [name.format(number) for number in range(count)]
        text = Counted(" ".join(reversed(wanted)))
        text.seen = 0
        assert sorted(found for _, found in Search(wanted).places(text)) == wanted
        seen.append(text.seen)

    assert seen[1] < seen[0] * TIMES * 1.1


def test_a_search_finds_what_many_searches_find():
    """Texts in texts, at both ends, one over another."""
    wanted = ["abcdefgh", "abcdefghij", "bcdefghi", "a" * 8, "a" * 9, "b" * 70, "a" + "b" * 70]
    text = f"abcdefghij{'a' * 12}{'b' * 80}xabcdefgh"
    many = [f"unseen-{number:05}" for number in range(300)]

    few = sorted(Search(wanted).places(text))

    assert few == sorted(
        (found.start(), each) for each in wanted for found in re.finditer(f"(?={each})", text)
    )
    assert sorted(Search(wanted + many).places(text)) == few
    assert not Search(many).is_any_in(text)
    assert Search([*many, "a" * 12]).is_any_in(text)


@pytest.mark.parametrize("extra", ["", '/+"é '])
def test_thousands_of_secrets_that_echo_are_all_replaced_in_proportion(extra):
    """Each stands in a field that is secret, and once more in one that isn't."""
    calls = []
    for count in (100, 100 * TIMES):
        secrets = [f"{number * 7919:06}-{extra}-{number:06}-secret" for number in range(count)]
        body = json.dumps([{"access_token": s} for s in secrets] + [{"echo": s} for s in secrets])
        answer = Response(200, "OK", Headers([("Content-Type", "application/json")]), body.encode())
        redacted = []
        calls.append(_calls(lambda a=answer, r=redacted: r.append(Redactor().response(a))))
        assert (
            redacted[0].json()
            == [{"access_token": "[REDACTED]"}] * count + [{"echo": "[REDACTED]"}] * count
        )

    assert calls[1] < calls[0] * TIMES * 1.1


def _calls(function):
    found = Counter()

    def note(_, event, __):
        found[event] += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found.total()
