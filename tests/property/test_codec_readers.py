"""Every escape and every style of YAML's texts, in each place: all readers read the same, or none does.

The readers are the quick one for files as we write them, which leaves to the others what it isn't
sure about, and PyYAML's two parsers: libyaml's, and its own, where libyaml isn't installed.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest
import yaml

from pytest_reqord.codec import index, safe_yaml, values

ENTRY = """\
- recorded_at: '2026-11-23T07:13:32.123456Z'
  recorded_by: {by}
  request:
    method: {method}
    uri: {uri}
    headers: {headers}
    body:
      text: {text}
  response:
    status: 200
    reason: {reason}
    trailers: {trailers}
  elapsed: 0.5
"""
USUAL = {
    "by": "a", "method": "GET", "uri": "http://h/", "headers": '"A: b\\n"', "text": '"a"', "reason": "OK",
    "trailers": '"A: b\\n"',
}  # fmt: skip
PLACES = list(USUAL)
IN_LINES = ["headers", "text", "trailers", "uri"]
INDENT = " " * 8
REFUSED = "refused"

SHORT = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
    "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028",
    "P": "\u2029",
}  # fmt: skip
AFTER_A_BACKSLASH = [
    *map(chr, range(0x20, 0x7F)), "\t", "\x85", "\xa0", "é", "\u2028", "\ufeff", "日", "💥",
]  # fmt: skip
NO_NUMBERS = [
    "x", "x4", "xg0", "x0g", "x 1", "x+1", "x-1", "x_1", "x٣٣", "u", "u123", "u_123", "u+123", "uD83D", "U",
    "U1234567", "U0000_000", "U00110000", "U7FFFFFFF", "UFFFFFFFF", "ud83d\\ude00", "U0000D800", "U0000DFFF",
]  # fmt: skip
CHARACTERS = [
    *map(chr, range(1, 0x100)), "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff", "\ufffd", "💥", "\U0001fffe",
    "\ue000", "\ud7ff",
]  # fmt: skip
AROUND_A_CHARACTER = ["a{}b", "{}ab", "ab{}", "a {}b", "a{} b"]
WORDS = [
    "~", "null", "Null", "NULL", "yes", "No", "true", "off", "y", "1", "01", "1_000", "0x1F", "1:30", "1e3", "1.",
    ".5", "0o7", ".inf", ".nan", "=", "<<", "2026-11-23", "@a", "`a", "%a", "*a", "&a", "!a", "!", "&", "*", "?a",
    "? a", "?", "-a", "-", "- ", "--", "---", "--- a", "...", "... a", ":a", ": a", ":", ",a", ",", "[a", "[a]",
    "{a", "{a: b}", "a,b", "a]b", "a}b", "a[b", "a{b", "a#b", "a #b", "#", "#a", "|a", ">a", "''", "'", "'a",
    "'a''b'", '""', '"', '"a', '"a""b"', "a: b", "a:", "a:b", "a::b", "\\", "a\\nb", "[]", "{}", "[a, b", "[a,]",
    "[,]", "{a}", "{a,}", "[a: b]", "[? a]", "{? a}", "%YAML 1.1", "é", "日本", "\xa0a", "a\xa0", "a ", "a\t",
]  # fmt: skip
BLOCKS = [
    "a\n", f"a\n{INDENT}b\n", f"  a\n{INDENT}b\n", f"\n{INDENT}a\n", "a\n\n\n", f"a  \n{INDENT}b\t\n", "\n\n",
    "\ta\n", f"a\n{INDENT}\tb\n", f"a\n{INDENT}  b\n{INDENT}c\n", "# a\n", "- a\n", "---\n", f"   \n{INDENT}a\n",
    f"\n{INDENT}    \n{INDENT}a\n", f"a\n\n{INDENT}b\n{INDENT} c\n{INDENT}d\n", f"a\n\t\n{INDENT}b\n",
    f"a\n{INDENT}\t\n{INDENT}b\n", "a\n   b\n", "\t\n", f" \t\n{INDENT}a\n",
]  # fmt: skip
HEADS = [
    style + head
    for style in "|>"
    for number, chomping in product(["", "1", "2", "3", "4", "9", "0", "10"], ["", "-", "+", "--"])
    for head in dict.fromkeys((number + chomping, chomping + number))
]
AFTER_A_HEAD = ["", " ", " # c", "#c", "\t", "\t# c", " #\tc", " x"]
PROPERTIES = [
    "", "&x ", "!!str ", "! ", "!!binary ", "!!int ", "&x !!str ", "!!str &x ", "!x ", "!!null ",
    "!<tag:yaml.org,2002:str> ", "!%41 ", "&é ", "&a-b ", "&x\t", "!!str\t", "&x\n",
]  # fmt: skip
AFTER_A_TEXT = [
    "",
    " ",
    "  # c",
    "#c",
    "\t",
    "\t# c",
    " #\tc",
    " b",
    "'",
    '"',
    ":",
    ": b",
    ",",
    "]",
    " &y",
]


class Parsers:
    """PyYAML's two, each as if there were no other."""

    def __init__(self, monkeypatch):
        self._patch = monkeypatch
        self._libyaml = yaml.CSafeLoader

    def read(self, text):
        """What both give for it.

        :raises AssertionError: if they give something else each.
        """
        by_libyaml = self._load(text)
        self._patch.delattr(yaml, "CSafeLoader")
        by_pyyaml = self._load(text)
        self._patch.setattr(yaml, "CSafeLoader", self._libyaml, raising=False)
        assert by_libyaml == by_pyyaml, text
        return by_libyaml

    def _load(self, text):
        try:
            return safe_yaml.load(text).unambiguous().value
        except safe_yaml.SafeError:
            return REFUSED

    def read_in_entry(self, place, text):
        """What they and the quick reader give for an entry that has it in some place."""
        entry = ENTRY.format(**{**USUAL, place: text})
        items = self.read(entry)
        found = REFUSED
        if isinstance(items, list) and len(items) == 1:
            with suppress(ValueError):
                found = values.interaction(items[0], no_files)
        try:
            quickly = index.read_entry(entry.encode(), no_files)
        except (index.OtherLayout, ValueError):
            quickly = found  # it leaves it to the others
        assert quickly == found, entry
        return found


def no_files(name):
    raise FileNotFoundError(name)


@pytest.fixture
def parsers(monkeypatch):
    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML is installed without libyaml, so that there is nothing to compare")
    return Parsers(monkeypatch)


def scalar(parsers, text):
    """What they give for a text in a document of its own."""
    found = parsers.read(f"a: {text}\n")
    return found if found == REFUSED else found["a"]


def test_escapes_of_one_character(parsers):
    """All that YAML has, line ends included, and after a backslash no other character."""
    known = {**SHORT, "\n": "", "\x85": "", "\u2028": ""}
    for character in {*AFTER_A_BACKSLASH, *known} - set("xuU"):
        expected = f"x{known[character]}y" if character in known else REFUSED
        assert scalar(parsers, f'"x\\{character}y"') == expected, character


def test_escapes_of_each_number(parsers):
    """Of two digits, of four and of eight; half a character is none."""
    halves = range(0xD800, 0xE000)
    whole = [number for number in range(0x10000) if number not in halves]
    for digits in ("x{:02x}", "u{:04x}", "u{:04X}", "U{:08x}"):
        numbers = whole[:256] if digits[0] == "x" else whole
        text = "".join([f"\\{digits.format(number)}" for number in numbers])
        assert scalar(parsers, f'"{text}"') == "".join(map(chr, numbers))
    for number in (0x10000, 0x1F4A5, 0x1FFFE, 0xFFFFF, 0x10FFFF):
        assert scalar(parsers, f'"\\U{number:08x}"') == chr(number)
    for number in halves:
        assert scalar(parsers, f'"\\u{number:04x}"') == REFUSED
    for text in NO_NUMBERS:
        assert scalar(parsers, f'"\\{text}"') == REFUSED, text


@pytest.mark.parametrize("place", PLACES)
def test_escapes_in_an_entry(parsers, place):
    """The quick reader knows each of them, or leaves it to the others."""
    for character in AFTER_A_BACKSLASH:
        parsers.read_in_entry(place, f'"x\\{character}y"')
    for number in (0, 1, 9, 10, 13, 0x1B, 0x20, 0x22, 0x5C, 0x7F, 0x80, 0x85, 0x9F, 0xA0, 0xFF):
        parsers.read_in_entry(place, f'"x\\x{number:02x}y"')
    for number in (
        0,
        10,
        0x85,
        0x2028,
        0xD7FF,
        0xD800,
        0xDBFF,
        0xDC00,
        0xDFFF,
        0xE000,
        0xFEFF,
        0xFFFE,
    ):
        parsers.read_in_entry(place, f'"x\\u{number:04x}y"')
        parsers.read_in_entry(place, f'"x\\U{number:08x}y"')
    for text in NO_NUMBERS:
        parsers.read_in_entry(place, f'"x\\{text}y"')


@pytest.mark.parametrize("around", AROUND_A_CHARACTER)
def test_each_character_in_each_style(parsers, around):
    """As it is, in quotes of both kinds, and in blocks of both."""
    for character in CHARACTERS:
        text = around.format(character)
        for written in (
            text,
            "'{}'".format(text.replace("'", "''")),
            f'"{text}"',
            *(f"{head}\n   {text}\n   x" for head in ("|", "|-", "|+", "|2", ">", ">-")),
        ):
            scalar(parsers, written)


@pytest.mark.parametrize("place", PLACES)
def test_each_character_in_an_entry(parsers, place):
    """As it is, in quotes, and in a block."""
    for character, around in product(CHARACTERS, ("a{}b", "{}ab")):
        text = around.format(character)
        parsers.read_in_entry(place, text)
        parsers.read_in_entry(place, f'"{text}"')
        if place in IN_LINES:
            parsers.read_in_entry(place, f"|\n{INDENT}{text}\n{INDENT}x")


@pytest.mark.parametrize("place", PLACES)
def test_words_and_signs(parsers, place):
    """What YAML takes for something else than text, or for the start of something."""
    for word in WORDS:
        scalar(parsers, word)
        parsers.read_in_entry(place, word)


@pytest.mark.parametrize("content", BLOCKS)
def test_blocks(parsers, content):
    """Each head of a block, with each kind of lines below it."""
    for head, after in product(HEADS, AFTER_A_HEAD):
        written = f"{head}{after}\n{INDENT}{content}".removesuffix("\n")
        scalar(parsers, written)
        if not after:
            parsers.read_in_entry("text", written)
            parsers.read_in_entry("trailers", written)


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_texts_of_many_lines(parsers, quote):
    """How lines are joined, with blanks, tabs and escapes before and after the line's end."""
    escapes = ["a\\", "a \\"] if quote == '"' else ["a#"]
    starts = ["a", "a ", "a\t", "", " #a", "a:", "- a", *escapes]
    breaks = ["\n", "\n\n", "\n \n", "\n\t\n", " \n", "\t\n", "\r\n"]
    indents = [INDENT, "  ", "      ", "", f"{INDENT}\t", "\t"]
    ends = ["b", " b", "\tb", "", "# b", "- b", "b: c", "--- b", "...", *["\\ b"][: len(quote)]]
    for parts in product(starts, breaks, indents, ends):
        written = f"{quote}{''.join(parts)}{quote}"
        scalar(parsers, written)
        if len(parts[0] + parts[3]) < 5:
            parsers.read_in_entry("text", written)


@pytest.mark.parametrize("text", ["'a'", '"a"', "a", f"|\n{INDENT}a"])
def test_what_stands_around_a_text(parsers, text):
    """Anchors and tags before it, comments and signs behind it."""
    for before, after in product(PROPERTIES, AFTER_A_TEXT):
        scalar(parsers, before + text + after)
        parsers.read_in_entry("text", before + text + after)
