"""Any YAML, read safely: nothing is made of it but text, bytes, lists and mappings.

The data is built here from the parser's events, not by PyYAML's composer: that one recurses in C,
so that deep nesting ends the interpreter. Nesting is bounded, and what aliases would grow to.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Loaded", "Place", "Plain", "SafeError", "load", "typed"]

_MOST_DEPTH = 100
_TOO_DEEP = f"it is nested more than {_MOST_DEPTH} deep"
_MOST_ALIASED = 1_000_000  # values, and so many times the characters below
_ALIASED_TEXT = 128
_MOST_VALUES = 250_000  # and one more for each so many characters of the file
_DENSITY = 4
_MOST_DIGITS = 600  # what every Python reads, however it is set up
_TAG = "tag:yaml.org,2002:"
_NULLS = ("", "~", "null", "Null", "NULL")
_TEXT_TAGS = frozenset(
    f"{_TAG}{name}" for name in ("str", "python/str", "python/unicode", "timestamp")
)
_PLAIN_TAGS = frozenset(f"{_TAG}{name}" for name in ("int", "float", "bool", "null"))
_LIST_TAGS = frozenset(f"{_TAG}{name}" for name in ("seq", "python/tuple", "python/list"))
# a body that was a file or an iterator when VCR.py wrote it: read as the plain data that it held
_STREAM_TAGS = frozenset(
    f"{_TAG}python/object/{name}"
    for name in ("new:_io.BytesIO", "apply:builtins.iter", "apply:__builtin__.iter")
)
_HALF = re.compile("[\ud800-\udfff]")
_COMMENT = re.compile("#[^\n]*")
_BLOCK = re.compile(
    r"(?P<before>(?:!<[^>]*>|[^|>])*)[|>](?P<indicators>[-+0-9]*)(?P<rest>[^\n]*)(?P<blanks>\s*)"
)
_IN_TWO_WAYS = re.compile(r"\t|[|>][-+0-9]*#")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:$|[Tt\s])")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?")


class SafeError(Exception):
    """Text that is no YAML, or none that is read.

    :param line: where, counted from 0.
    :param column: where, counted from 0.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


class Plain(str):
    """A scalar without quotes, whose type is for its reader to say."""

    __slots__ = ()


class Place(NamedTuple):
    """Where a value starts, line and column counted from 0."""

    line: int
    column: int


@dataclass(frozen=True)
class Loaded:
    """A document.

    :param value: its data.
    :param items: where the items of a block list start that is a value of the outermost mapping,
        and at last where the list ends; by the list's key.
    :param duplicate: a key that a mapping has twice, and where; None where there is none.
    :param has_aliases: whether a value stands in two places.
    """

    value: Any
    items: Mapping[str, Sequence[Place]]
    duplicate: tuple[str, Place] | None
    has_aliases: bool

    def unambiguous(self) -> Loaded:
        """The document itself.

        :raises SafeError: if a mapping has a key twice.
        """
        if self.duplicate is not None:
            key, place = self.duplicate
            raise SafeError(f"the key {key} stands here twice", *place)
        return self


def load(text: str) -> Loaded:
    """Read one document. Where a mapping has a key twice, the last one counts.

    :raises SafeError: if it can't be read.
    """
    import yaml  # late: what we wrote ourselves is read without it

    make = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = None
    try:
        loader = make(text)
        most = _MOST_VALUES + len(text) // _DENSITY
        events = _InOneWay(loader, text) if _IN_TWO_WAYS.search(text) else loader
        return _Builder(events, yaml.events, most).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise SafeError(_reason(error), line, column) from error
    except yaml.reader.ReaderError as error:
        line, column = _position(text, error.position)
        raise SafeError(f"not YAML: {error.reason}", line, column) from error
    except (ValueError, OverflowError) as error:  # without libyaml, for the escape of no character
        raise SafeError(f"not YAML: {error}", getattr(loader, "line", 0), 0) from error
    finally:
        if loader is not None:
            loader.dispose()


def _reason(error: Any) -> str:
    problem = error.problem or error.context
    # libyaml looks ahead, and since 0.2.6 has a bound of its own that it may meet before ours
    return _TOO_DEEP if "nesting depth" in problem else f"not YAML: {problem}"


def _position(text: str, at: int | None) -> Place:
    before = text[: at or 0]
    return Place(before.count("\n"), len(before) - before.rfind("\n") - 1)


class _InOneWay:
    """A parser that refuses what libyaml and PyYAML's own parser read in two ways.

    These are tabs that are part of no quoted text, block or comment, and a comment that follows a
    block's head without a blank.

    :param loader: the parser.
    :param text: what it parses.
    """

    def __init__(self, loader: Any, text: str) -> None:
        self._loader = loader
        self._text = text
        self._end = 0

    def get_event(self) -> Any:
        """The next event.

        :raises SafeError: if something is before it or in it that is read in two ways.
        """
        event = self._loader.get_event()
        start, end = event.start_mark.index, event.end_mark.index
        style = getattr(event, "style", None)
        if style in ("'", '"'):
            inside = self._text[start : self._text.index(style, start)]
        elif style in ("|", ">"):
            inside = self._head_of_block(event, start)
        else:
            inside = self._text[start:end]
        if "\t" in _COMMENT.sub("", self._text[self._end : start]) + inside:
            raise _error("there is a tab outside of a text", event)
        self._end = max(end, self._end)
        return event

    def _head_of_block(self, event: Any, start: int) -> str:
        """What stands before the text of a block: to its first character that tells how deep it is."""
        head = _BLOCK.match(self._text, start)
        if head is None:
            return ""
        indicators, rest, blanks = head.group("indicators", "rest", "blanks")
        if rest.startswith("#"):
            raise _error("a comment follows without a blank", event)
        is_told = any(map(str.isdecimal, indicators))
        return head["before"] + _COMMENT.sub("", rest) + ("" if is_told else blanks)


@dataclass
class _Builder:
    loader: Any
    events: Any
    most: int
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    items: dict[str, Sequence[Place]] = field(default_factory=dict)
    duplicate: tuple[str, Place] | None = None
    count: int = 0
    characters: int = 0
    aliased: int = 0

    def document(self) -> Loaded:
        self.loader.get_event()  # the stream's start
        event = self.loader.get_event()
        if isinstance(event, self.events.StreamEndEvent):
            raise SafeError("the file is empty", 0, 0)
        value = self._value(self.loader.get_event(), 0)
        self.loader.get_event()  # the document's end
        event = self.loader.get_event()
        if not isinstance(event, self.events.StreamEndEvent):
            raise _error("there is a second document", event)
        return Loaded(value, self.items, self.duplicate, self.aliased > 0)

    def _value(self, event: Any, depth: int, key: str = "") -> Any:
        if isinstance(event, self.events.AliasEvent):
            return self._alias(event)
        if depth > _MOST_DEPTH:
            raise _error(_TOO_DEEP, event)
        before, text_before = self.count + self.aliased, self.characters
        self.count += 1
        if self.count > self.most:
            raise _error("it has more values than any cassette of its size", event)
        if isinstance(event, self.events.ScalarEvent):
            self.characters += len(event.value)
            value = _scalar(event)
        elif isinstance(event, self.events.SequenceStartEvent):
            value = self._list(event, depth, key)
        else:
            value = self._mapping(event, depth)
        if event.anchor is not None:
            size = self.count + self.aliased - before
            size += (self.characters - text_before) // _ALIASED_TEXT
            self.anchors[event.anchor] = value, size
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise _error(f"there is nothing that *{event.anchor} could stand for", event)
        value, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > _MOST_ALIASED:
            raise _error("its aliases multiply to more than any cassette holds", event)
        return value

    def _list(self, start: Any, depth: int, key: str) -> list[Any]:
        if start.tag is not None and start.tag not in _LIST_TAGS | _STREAM_TAGS:
            raise _refused(start)
        values: list[Any] = []
        places: list[Place] = []
        is_indexed = depth == 1 and not start.flow_style
        event = self.loader.get_event()
        while not isinstance(event, self.events.SequenceEndEvent):
            if is_indexed:
                places.append(_place(event))
            values.append(self._value(event, depth + 1))
            event = self.loader.get_event()
        if is_indexed:
            self.items[key] = [*places, _place(event)]
        return [_stream(values)] if start.tag in _STREAM_TAGS else values

    def _mapping(self, start: Any, depth: int) -> Any:
        if start.tag is not None and start.tag != f"{_TAG}map" and start.tag not in _STREAM_TAGS:
            raise _refused(start)
        values: dict[str, Any] = {}
        event = self.loader.get_event()
        while not isinstance(event, self.events.MappingEndEvent):
            key = self._value(event, depth + 1)
            if key is not None and not isinstance(key, str):
                raise _error("a key is no text", event)
            key = str(key or "")
            if key in values and self.duplicate is None:
                self.duplicate = key, _place(event)
            values[key] = self._value(self.loader.get_event(), depth + 1, key)
            event = self.loader.get_event()
        return _stream(values) if start.tag in _STREAM_TAGS else values


def _scalar(event: Any) -> Any:
    tag, text = event.tag, event.value
    if not text.isascii() and _HALF.search(text):  # which libyaml refuses, and PyYAML doesn't
        raise _error("an escape stands for half a character", event)
    if tag == f"{_TAG}binary":
        try:
            return binascii.a2b_base64(text.encode("ascii"))
        except (binascii.Error, UnicodeEncodeError) as error:
            raise _error("!!binary is not base64", event) from error
    if tag is not None and tag not in _PLAIN_TAGS | _TEXT_TAGS and tag != "!":
        raise _refused(event)
    if tag in _PLAIN_TAGS or (tag is None and event.implicit[0]):
        return None if text in _NULLS else Plain(text)
    return text


def _stream(value: Any) -> bytes:
    """The bytes in the state of a file or an iterator, wherever they stand in it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return b"" if isinstance(value, Plain) else value.encode()  # a position, or text
    if isinstance(value, Mapping):
        value = [value[key] for key in ("args", "state") if key in value]
    return b"".join(map(_stream, value)) if isinstance(value, list) else b""


def typed(value: Any) -> Any:
    """Give plain scalars the type that YAML's JSON schema gives them."""
    if isinstance(value, Mapping):
        return {str(key): typed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [typed(one) for one in value]
    return _typed_scalar(value) if isinstance(value, Plain) else value


def _typed_scalar(value: str) -> Any:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _INT.fullmatch(value):
        return int(value) if len(value) <= _MOST_DIGITS else str(value)
    if _DATE.match(value):
        return _date(value)
    return float(value) if _FLOAT.fullmatch(value) else str(value)


def _date(text: str) -> Any:
    """What YAML takes for a date, with or without a time; other text stays what it is."""
    import yaml  # late: few cassettes have one

    try:
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return str(text)


def _place(event: Any) -> Place:
    return Place(event.start_mark.line, event.start_mark.column)


def _error(reason: str, event: Any) -> SafeError:
    return SafeError(reason, event.start_mark.line, event.start_mark.column)


def _refused(event: Any) -> SafeError:
    tag = event.tag.replace(_TAG, "!!")
    return _error(f"the tag {tag} is not read, for it could run code", event)
