"""Fields of answers that differ each time and tell nothing: ids, times, paddings.

An answer that is recorded anew gets the values that it had before, so that a diff shows what the API
changed. A value that the recording needs elsewhere has to be the new one: a conversation whose
second request names the first answer's id would fall apart. Knows no file.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from pytest_reqord.base.documents import documents, values
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json
from pytest_reqord.matching.difference import volatile_place
from pytest_reqord.redaction.bodies import Unpacked, with_body

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_reqord.base.documents import Document, Value
    from pytest_reqord.base.models import Headers, Interaction, Request, Response
    from pytest_reqord.codec import Entry

__all__ = ["Volatile", "grafted", "is_same_content", "needed_elsewhere"]


class Volatile(NamedTuple):
    """What differs each time and tells nothing.

    :param headers: names of headers, in lower case.
    :param fields: places in JSON, see `pytest_reqord.matching.difference.volatile_place`.
    :param written: values of such fields that are written all the same.
    """

    headers: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()


def grafted(old: Response, new: Response, volatile: Volatile) -> Response:
    """Return an answer with the values of an older one in its volatile fields.

    Of a body that can't be packed again nothing is replaced.

    :param old: the answer that it takes the place of.
    :param new: the answer.
    :param volatile: what is volatile.
    """
    if not volatile.fields or old.body == new.body or not (old.body and new.body):
        return new
    unpacked = _unpacked(new)
    swaps = _swaps(_marked(_unpacked(old), old, volatile), _marked(unpacked, new, volatile))
    unpacked.text.replace(swap.edit() for swap in swaps if swap.is_free(volatile.written))
    if not unpacked.text.is_changed or not unpacked.packed()[1]:
        return new
    return with_body(new, unpacked)


def is_same_content(old: Response, new: Response) -> bool:
    """Return whether two bodies are equal once they are unpacked, as far as they came.

    Comments between events, by which a server keeps a slow stream alive, are time too.
    """
    if old.body == new.body:
        return True
    one, other = _unpacked(old).text.text, _unpacked(new).text.text
    is_stream = "event-stream" in old.headers.get("content-type", "").lower()
    return one == other or (is_stream and _COMMENTS.sub("", one) == _COMMENTS.sub("", other))


_COMMENTS = Pattern(r"(?:\A|(?<=\n\n)|(?<=\n\r\n))(?::[^\n]*\n)+(?:\r?\n)?")


def needed_elsewhere(
    pairs: Sequence[tuple[Entry | None, Entry]], volatile: Volatile
) -> frozenset[str]:
    """Return the values of volatile fields that a recording needs, so that they are written.

    Those are the ones that a request sends; and of names (texts that are no times) those that an
    answer has in another field, and those that would become the same, or two, if the old values
    stood in their place.

    :param pairs: each entry of the recording, with the one that it takes the place of. They are
        decoded one after another: all may be more than memory.
    """
    if not volatile.fields:
        return frozenset()
    given: set[str] = set()
    olds, news = _Names(), _Names()
    for old, new in _decoded(pair for pair in pairs if pair[0]):
        for swap in _swaps_between(old, new, volatile):
            given.update(swap.names)
            if swap.is_name:
                olds[swap.names[0]].update(_names(swap.old))
                news.update({name: {*news[name], *swap.names} for name in _names(swap.old)})
    if not given:
        return frozenset()
    search = _Search(chain(given, news))
    found: set[str] = set()
    for old, new in _decoded(pairs):
        found |= search.found_in(_text_of(new.request, volatile.headers))
        found |= search.found_in(_rest_of(old, new, volatile)) & (olds.keys() | news.keys())
    written = found & given
    written.update(name for name, others in olds.items() if len(others) > 1)
    written.update(name for names in news.values() if len(names) > 1 for name in names)
    size = -1
    while len(written) > size:  # a value that is written may be the old one of another
        size = len(written)
        written.update(
            name for name, others in olds.items() if not others.isdisjoint(written | found)
        )
    return frozenset(written)


def _decoded(
    pairs: Iterable[tuple[Entry | None, Entry]],
) -> Iterator[tuple[Interaction | None, Interaction]]:
    return ((old.interaction() if old else None, new.interaction()) for old, new in pairs)


class _Names(defaultdict[str, "set[str]"]):
    """Names by name."""

    def __init__(self) -> None:
        super().__init__(set)


# A body, what is volatile in it, and what takes whose place.


class _Marked(NamedTuple):
    """A document and its volatile values.

    :param document: the document.
    :param values: those values, in order; none is inside another.
    :param rest: all the rest of it, and of what kind each of those values is.
    """

    document: Document
    values: Sequence[Value]
    rest: Sequence[str]


class _Swap(NamedTuple):
    """A volatile value of a new answer, and the one that was there.

    :param document: where it stands.
    :param value: its place there.
    :param new: it, as JSON.
    :param old: the other one, as JSON.
    """

    document: Document
    value: Value
    new: str
    old: str

    @property
    def names(self) -> Sequence[str]:
        """What another request or answer may know it by."""
        is_padding = self.value.place.rpartition(".")[2] in _PADDINGS
        return () if is_padding else _names(self.new)

    @property
    def is_name(self) -> bool:
        """Whether it may name something: two that differ have to stay two, and one has to stay one."""
        return self.new[0] == '"' and bool(self.names) and not _TIME.match(self.new)

    def is_free(self, written: Collection[str]) -> bool:
        """Return whether nothing needs the new value."""
        return not any(name in written for name in self.names)

    def edit(self) -> tuple[int, int, str]:
        """Return the edit of the body that puts the old value there."""
        return self.document.edit(self.value.start, self.value.end, self.old)


_PADDINGS = ("obfuscation",)  # of random length, so that nobody can tell the words by the packets
_TIME = Pattern(r'"(?:\d{4}-\d\d-\d\d|\d\d:\d\d|[A-Z][a-z]{2}, \d)')
_NUMBER = Pattern(r"-?\d")


def _names(raw: str) -> Sequence[str]:
    """The texts in a JSON value that may stand elsewhere: itself; of a container, those with digits."""
    if raw[0] == '"':
        text = json.loads(raw) if "\\" in raw else raw[1:-1]
        return (text,) if text else ()
    if _NUMBER.match(raw):
        return (raw,)
    if raw[0] in "{[":
        return [text for text in _TEXT.findall(raw) if any(one.isdigit() for one in text)]
    return ()


_TEXT = Pattern(r'"([^"\\]{8,})"(?!\s*:)')


def _unpacked(response: Response) -> Unpacked:
    return Unpacked.of(response.body, response.headers.get("content-encoding"))


def _marked(unpacked: Unpacked, response: Response, volatile: Volatile) -> list[_Marked]:
    """The documents of a body with their volatile values; none of a body of a binary format."""
    if unpacked.text.is_fixed:
        return []
    found = documents(unpacked.text.text, response.headers.get("content-type", ""))
    is_volatile = volatile_place(volatile.fields, is_stream=found.is_stream)
    if is_volatile is None:
        return []
    marked = []
    for document in found.all:
        chosen: list[Value] = []
        for value in values(document.text):
            is_outside = not chosen or value.start >= chosen[-1].end
            if is_outside and value.place and is_volatile(value.place):
                chosen.append(value)
        marked.append(_Marked(document, chosen, _rest(document.text, chosen)))
    return marked


def _rest(text: str, chosen: Sequence[Value]) -> list[str]:
    rest: list[str] = []
    at = 0
    for value in chosen:
        rest += (text[at : value.start], _kind(text[value.start]))
        at = value.end
    return [*rest, text[at:]]


def _kind(first: str) -> str:
    """The kind of a value by its first character: numbers are of one, true and false, too."""
    return "0" if first in "-123456789" else "t" if first == "f" else first


def _swaps(old: Sequence[_Marked], new: Sequence[_Marked]) -> Iterator[_Swap]:
    """Find for the volatile values of an answer those that were there.

    Documents that differ in nothing else belong together from both ends, the others in order. A
    value that an older one was found for has that one wherever it stands.
    """
    start, end = _ends(old, new)
    between = zip_longest(old[start : len(old) - end], new[start : len(new) - end])
    pairs = chain(
        zip(old[:start], new[:start], strict=True),
        between,
        zip(old[len(old) - end :], new[len(new) - end :], strict=True),
    )
    known: dict[str, str] = {}
    swaps = []
    for before, after in pairs:
        if after is None:
            continue
        by_place = {} if before is None else _by_place(before)
        for value in after.values:
            raw = after.document.text[value.start : value.end]
            swap = _Swap(after.document, value, raw, by_place.get(value.place, ""))
            if swap.old and swap.is_name:
                known.setdefault(raw, swap.old)
            swaps.append(swap)
    for swap in swaps:
        found = swap.old or known.get(swap.new, "")
        fits = found != swap.new and ("\n" not in found or swap.document.gap)
        if found and fits and _kind(found[0]) == _kind(swap.new[0]):
            yield swap._replace(old=found)


def _by_place(marked: _Marked) -> Mapping[str, str]:
    text = marked.document.text
    return {value.place: text[value.start : value.end] for value in marked.values}


def _ends(old: Sequence[_Marked], new: Sequence[_Marked]) -> tuple[int, int]:
    """How many documents tell the same at the start, and behind the rest at the end."""
    most = min(len(old), len(new))
    start = end = 0
    while start < most and old[start].rest == new[start].rest:
        start += 1
    while end < most - start and old[-1 - end].rest == new[-1 - end].rest:
        end += 1
    return start, end


def _swaps_between(
    old: Interaction | None, new: Interaction, volatile: Volatile
) -> Sequence[_Swap]:
    if old is None or old.response is None or new.response is None:
        return ()
    one, other = old.response, new.response
    if not volatile.fields or one.body == other.body or not (one.body and other.body):
        return ()
    unpacked = _unpacked(other)
    return list(_swaps(_marked(_unpacked(one), one, volatile), _marked(unpacked, other, volatile)))


# Where else a value stands.


class _Search:
    """Looks for many texts at once, each as a whole word or words.

    :param texts: what to look for.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_word: defaultdict[str, list[str]] = defaultdict(list)
        for text in texts:
            self._by_word[max(_WORD.findall(text), key=len, default="")].append(text)

    def found_in(self, text: str) -> set[str]:
        """Return those that are in a text."""
        words = self._by_word.keys() & {"", *_WORD.findall(text)}
        return {each for word in words for each in self._by_word[word] if each in text}


_WORD = Pattern(r"[A-Za-z0-9_]+")


def _text_of(request: Request, volatile: Collection[str]) -> str:
    """All that a request sends, encoded as it is and decoded."""
    body = request.content.decode("latin-1")
    parts = [request.uri, _text_of_headers(request.headers, volatile), body]
    parts += [unquote_plus(part) for part in (request.uri, body) if "%" in part or "+" in part]
    return "\n".join(parts)


def _text_of_headers(headers: Headers, volatile: Collection[str]) -> str:
    return "\n".join(value for name, value in headers.pairs if name.lower() not in volatile)


def _rest_of(old: Interaction | None, new: Interaction, volatile: Volatile) -> str:
    """All that an answer says, without the values that have an older one."""
    if new.response is None:
        return ""
    unpacked = _unpacked(new.response)
    swaps = _swaps_between(old, new, volatile)
    unpacked.text.replace(swap._replace(old="").edit() for swap in swaps)
    return f"{_text_of_headers(new.response.headers, volatile.headers)}\n{unpacked.text.text}"
