"""Count the steps that a regular expression takes, by walking it as `re` does: no clock decides.

What `re` skips with a quicker search (a literal that each match begins with) is counted here, so
the count is an upper bound.
"""

from __future__ import annotations

import re

try:
    from re import _parser as parser  # type: ignore[attr-defined]  # since Python 3.11
except ImportError:
    import sre_parse as parser

MAXREPEAT = parser.MAXREPEAT


def is_bounded(pattern, flags=0):
    """Whether no match is longer than a fixed number of characters."""
    return parser.parse(pattern, flags).getwidth()[1] < 10_000


def literals(pattern, flags=0):
    """The texts that stand in a pattern as they are."""
    found = set()

    def walk(nodes):
        text = ""
        for op, argument in [*nodes, (None, None)]:
            if str(op) == "LITERAL":
                text += chr(argument)
                continue
            found.add(text)
            text = ""
            for part in argument if isinstance(argument, tuple | list) else ():
                for each in part if isinstance(part, list) else [part]:
                    if isinstance(each, parser.SubPattern):
                        walk(each)

    walk(parser.parse(pattern, flags))
    return sorted(found - {""})


class Steps:
    """The steps of one search after another, as of `re.finditer`."""

    def __init__(self, pattern, text, flags=0):
        parsed = parser.parse(pattern, flags)
        self.nodes = list(parsed)
        self.flags = parsed.state.flags
        self.text = text
        self.count = 0
        self.groups = {}

    def walk(self):
        """Search all of the text."""
        at = 0
        while at <= len(self.text):
            end = next(self._sequence(self.nodes, 0, at), None)
            at = at + 1 if end is None or end == at else end
        return self.count

    def _sequence(self, nodes, first, at):
        if first == len(nodes):
            yield at
            return
        for end in self._node(*nodes[first], at):
            yield from self._sequence(nodes, first + 1, end)

    def _node(self, op, argument, at):
        name = str(op)
        return getattr(self, f"_{name.lower()}", self._characters)(name, argument, at)

    def _characters(self, name, argument, at):
        if self._is_character(name, argument, at):
            yield at + 1

    def _branch(self, _, argument, at):
        for branch in argument[1]:
            yield from self._sequence(list(branch), 0, at)

    def _subpattern(self, _, argument, at):
        group, added, removed, inner = argument
        flags, self.flags = self.flags, (self.flags | added) & ~removed
        for end in self._sequence(list(inner), 0, at):
            self.groups[group] = self.text[at:end]
            yield end
        self.flags = flags

    def _max_repeat(self, _, argument, at):
        return self._repeat(*argument, at, is_lazy=False)

    def _min_repeat(self, _, argument, at):
        return self._repeat(*argument, at, is_lazy=True)

    def _assert(self, name, argument, at):
        direction, inner = argument
        start = at + direction * inner.getwidth()[0] if direction < 0 else at
        found = start >= 0 and next(self._sequence(list(inner), 0, start), None) is not None
        if found == (name == "ASSERT"):
            yield at

    _assert_not = _assert

    def _groupref(self, _, argument, at):
        wanted = self.groups.get(argument, "")
        self.count += len(wanted)
        if self.text.startswith(wanted, at):
            yield at + len(wanted)

    def _at(self, _, argument, at):
        self.count += 1
        if self._is_at(str(argument), at):
            yield at

    def _repeat(self, least, most, inner, start, *, is_lazy):
        inner = list(inner)
        stack = [(start, self._sequence(inner, 0, start))]
        if is_lazy and not least:
            yield start
        while stack:
            at, ends = stack[-1]
            end = None
            if most is MAXREPEAT or len(stack) <= most:
                end = next((end for end in ends if end != at), None)
            if end is not None:
                stack.append((end, self._sequence(inner, 0, end)))
                if is_lazy and len(stack) > least:
                    yield end
                continue
            stack.pop()
            if not is_lazy and len(stack) >= least:
                yield at

    def _is_at(self, where, at):
        if where in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return at == 0
        if where == "AT_END_STRING":
            return at == len(self.text)
        if where == "AT_END":
            return at >= len(self.text) - 1
        is_edge = self._is_word(at - 1) != self._is_word(at)
        return is_edge == (where == "AT_BOUNDARY")

    def _is_word(self, at):
        return 0 <= at < len(self.text) and re.match(r"\w", self.text[at]) is not None

    def _is_character(self, name, argument, at):
        assert name in ("LITERAL", "NOT_LITERAL", "ANY", "IN"), name
        self.count += 1
        if at >= len(self.text):
            return False
        character = self.text[at]
        if name == "ANY":
            return bool(self.flags & re.DOTALL) or character != "\n"
        forms = {character}
        if self.flags & re.IGNORECASE:
            forms |= {character.lower(), character.upper()}
        codes = {ord(form) for form in forms if len(form) == 1}
        if name == "IN":
            return any(_is_in(argument, code) for code in codes)
        return (argument in codes) == (name == "LITERAL")


_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def _is_in(items, code):
    is_negated = str(items[0][0]) == "NEGATE"
    for op, argument in items[is_negated:]:
        name = str(op)
        if name == "LITERAL":
            found = argument == code
        elif name == "RANGE":
            found = argument[0] <= code <= argument[1]
        else:
            kind = str(argument).removeprefix("CATEGORY_")
            is_other = kind.startswith("NOT_")
            escape = _CATEGORIES[kind.removeprefix("NOT_")]
            found = (re.match(escape, chr(code)) is None) == is_other
        if found:
            return not is_negated
    return is_negated
