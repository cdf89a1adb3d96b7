"""Tell the secrets of one recording apart that a cassette would else call the same.

While a test records, each secret has a mark, which is part of a fingerprint. In the cassette only
those keep theirs that meet another one at one place of the same question: two users' tokens, a wrong
and a right password. They keep it wherever they stand.

A fingerprint lets nobody find a secret out. Of one that can be guessed there are 8 bits, the same in
every cassette: with other ones in each of ten, who has a list of passwords would have 80. Of a random
one there are 32. A secret that came in an answer has a number instead.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.redaction.bodies import Unpacked, with_body
from pytest_reqord.redaction.kinds import MARKED, is_issued, mark_in, remarked
from pytest_reqord.redaction.values import lasting_claims

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.redaction.text_edits import Edit

__all__ = [
    "MARK_STARTS",
    "Marks",
    "Place",
    "TellingApart",
    "marks_of",
    "unmarked",
    "unmarked_interaction",
    "without_marks",
]

MARK_STARTS = b"REDACTED-", b"W1JFREFDVEVEL", b"8269686567846968"
"""What stands wherever there is a mark; the first of them where one is in a request."""

_SALT = b"pytest-reqord: tell apart"
_RANDOM_LENGTH = 20
_SWITCH = Pattern(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_SWITCHES = 3.5  # characters to each change between lower case, upper case and digits
_PLACEHOLDERS = frozenset(
    [
        "none",
        "null",
        "nil",
        "undefined",
        "fake",
        "dummy",
        "test",
        "mock",
        "example",
        "sample",
        "placeholder",
        "changeme",
        "change",
        "me",
        "my",
        "your",
        "invalid",
        "sk",
        "pk",
        "api",
        "apikey",
        "access",
        "auth",
        "key",
        "token",
        "secret",
        "password",
    ]
)
_BETWEEN = Pattern(r"[-_ .]")
_LONGEST_PLACEHOLDER = 64


class Marks:
    """The marks of the secrets of one recording. Safe to be used by several threads at once."""

    def __init__(self) -> None:
        self._by_secret: dict[str, str] = {}
        self._secrets: dict[str, str] = {}  # by mark; of equal fingerprints the second gets another

    def of(self, secret: str, recorded: Collection[str] = ()) -> str:
        """The mark of a secret, always the same; empty where all have been given away.

        :param recorded: the marks of a recording that is played. What stands for no key at all and
            isn't in it gets none: two that are missing are the same.
        """
        known = self._by_secret.get(secret)
        if known is not None:
            return known
        if secret.startswith("eyJ"):
            secret = lasting_claims(secret) or secret  # a new token of one user's is no other one
        mark = _fingerprint(secret)
        if recorded and mark not in recorded and _is_placeholder(secret):
            return ""
        size = len(mark)
        for step in range(1 << 8):
            tried = f"{(int(mark, 16) + step) % (1 << 4 * size):0{size}x}"
            if self._secrets.setdefault(tried, secret) == secret:  # in one step
                return self._by_secret.setdefault(secret, tried)
        return ""

    def learn(self, secret: str, mark: str) -> None:
        """Know what stands in for a secret that has a mark."""
        if mark:
            self._by_secret.setdefault(secret, mark)


def _fingerprint(secret: str) -> str:
    """Part of a hash, of 2 or 8 digits."""
    told = _told_by_base64(secret) or secret
    user, colon, password = told.partition(":")
    if told is secret or not colon:
        return _hashed(told, 4 if _is_random(told) else 1)
    size = 4 if _is_random(password) else 1
    # two users may have one password, of which this tells no more than the password alone does
    total = int(_hashed(password, size), 16) + int(_hashed(user, size), 16)
    return f"{total % (1 << 8 * size):0{2 * size}x}"


def _is_placeholder(secret: str) -> bool:
    """Whether a value is none that anybody would take for a key: ``None``, ``test-token``."""
    words = _BETWEEN.split(secret.lower()) if len(secret) <= _LONGEST_PLACEHOLDER else [""]
    return all(word in _PLACEHOLDERS or (word and not word.strip("x")) for word in words)


def _hashed(text: str, size: int) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, key=_SALT, digest_size=size).hexdigest()


def _is_random(secret: str) -> bool:
    """Whether a value is one that nobody can guess: long, no words, and no hash of some."""
    if len(secret) < _RANDOM_LENGTH or any(map(str.isspace, secret)) or _DIGEST.fullmatch(secret):
        return False
    return len(_SWITCH.findall(secret)) * _SWITCHES >= len(secret)


_DIGEST = Pattern(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")  # of a password, as far as anybody knows


def _told_by_base64(secret: str) -> str:
    """The text that a value is base64 of; empty where it is of none."""
    try:
        data = base64.b64decode(secret + "=" * (-len(secret) % 4), b"-_", validate=True)
        text = data.decode("ascii")
    except ValueError:
        return ""
    return text if text.isprintable() else ""


# Where marks are, and how they are changed.


class Place(NamedTuple):
    """Where a secret stands in a request or an answer.

    :param part: the URI, a header's name in lower case, or the body.
    :param name: the word before it.
    :param number: which of those after this word it is.
    """

    part: str
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.part}, {self.name}" if self.name else self.part


_Message = TypeVar("_Message", Request, Response)
_WORD_BEFORE = Pattern(r"([A-Za-z0-9_.$-]+)[^A-Za-z0-9_]{0,8}\Z")
_WIDEST = 80
_MARKER = Pattern(r"(?:\[|%5[Bb])REDACTED[] %-]|\.W1JFREFDVEVE|(?<![0-9])8269686567846968")
"""Whatever stands for a secret, with a mark or without."""
_WHOLE_MARKER = Pattern(r"(?:\[|%5[Bb])REDACTED[^]%\[]*(?:\]|%5[Dd])")


def marks_of(message: Request | Response) -> dict[Place, str]:
    """The marks in a message, by place; mostly there are none."""
    marks: dict[Place, str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for part, text in _texts(message):
        for at in _MARKER.finditer(text):
            found = MARKED.match(text, at.start())
            start = at.start()
            if text[start] == ".":  # a token of ours, of which this is the end
                start = text.rfind("eyJ", 0, text.rfind(".", 0, start))
            before = _WHOLE_MARKER.sub("", text[max(0, start - _WIDEST) : start])
            word = _WORD_BEFORE.search(before)
            name = word[1] if word else ""
            if found and (mark := mark_in(found)):
                marks[Place(part, name, counts[part, name])] = mark
            counts[part, name] += 1
    return marks


def _texts(message: Request | Response) -> Iterator[tuple[str, str]]:
    """The parts of a message that may have marks."""
    for part, text in _all_texts(message):
        if _may_have(text):
            yield part, text


def _all_texts(message: Request | Response) -> Iterator[tuple[str, str]]:
    yield ("uri", message.uri) if isinstance(message, Request) else ("reason", message.reason)
    yield from ((name.lower(), value) for name, value in message.headers.pairs)
    if isinstance(message, Response):
        yield from (("trailer", value) for _, value in message.trailers.pairs)
    if message.body:
        yield "body", Unpacked.of(message.body, message.headers.get("content-encoding")).text.text


def _may_have(text: str) -> bool:
    """Whether a text may have a mark; quick, mostly no."""
    return any(start in text for start in _STARTS)


_STARTS = tuple(start.decode() for start in MARK_STARTS)


def _edits(text: str, name: Callable[[str], str]) -> Iterator[Edit]:
    for found in MARKED.finditer(text):
        mark = mark_in(found)
        if mark and (new := name(mark)) != mark:
            yield found.start(), found.end(), remarked(found, new)


def _renamed(text: str, name: Callable[[str], str]) -> str:
    if not _may_have(text):
        return text

    def new(found: re.Match[str]) -> str:
        mark = mark_in(found)
        return remarked(found, name(mark)) if mark else found[0]

    return MARKED.sub(new, text)


def _message(message: _Message, name: Callable[[str], str]) -> _Message:
    """A message with other marks; the same object if there were none to change."""
    pairs = tuple((key, _renamed(value, name)) for key, value in message.headers.pairs)
    if pairs != message.headers.pairs:
        headers = Headers(pairs).with_sent(message.headers.sent)
        message = message._replace(headers=headers)
    if message.body:
        body = Unpacked.of(message.body, message.headers.get("content-encoding"))
        if _may_have(body.text.text):
            body.text.replace(list(_edits(body.text.text, name)))
            if body.text.is_changed:
                message = with_body(message, body)
    return message


def _request(request: Request, name: Callable[[str], str]) -> Request:
    uri = _renamed(request.uri, name)
    return _message(request if uri == request.uri else request._replace(uri=uri), name)


def _response(response: Response, name: Callable[[str], str]) -> Response:
    response = _message(response, name)
    reason = _renamed(response.reason, name)
    trailers = Headers((key, _renamed(value, name)) for key, value in response.trailers.pairs)
    if reason != response.reason or trailers.pairs != response.trailers.pairs:
        response = response._replace(reason=reason, trailers=trailers)
    return response


def _interaction(interaction: Interaction, name: Callable[[str], str]) -> Interaction:
    request = _request(interaction.request, name)
    response = interaction.response and _response(interaction.response, name)
    failure = interaction.failure
    if failure is not None:
        message = _renamed(failure.message, name)
        details = {key: _renamed(value, name) for key, value in failure.details.items()}
        if message != failure.message or details != dict(failure.details):
            failure = failure._replace(message=message, details=details)
    if (request, response, failure) == (
        interaction.request,
        interaction.response,
        interaction.failure,
    ):
        return interaction
    return interaction._replace(request=request, response=response, failure=failure)


def _no_mark(mark: str) -> str:  # noqa: ARG001 -- gives each a name: none
    return ""


def unmarked(request: Request) -> Request:
    """A request without marks: the same object if there were none."""
    return _request(request, _no_mark)


def unmarked_interaction(interaction: Interaction) -> Interaction:
    """An interaction without marks: the same object if there were none."""
    return _interaction(interaction, _no_mark)


def without_marks(text: str) -> str:
    """A text without marks."""
    return _renamed(text, _no_mark)


# What keeps its mark in a cassette.


class TellingApart(Collection["Interaction"]):
    """Interactions of a recording, with no marks but those that tell two secrets apart.

    They are read as often as somebody asks, and let go: they may be larger than the memory.

    :param recorded: what was recorded, in order of time.
    :param suspects: those of them that may have marks.
    :param kept: gives what stays of the cassette beside it.
    """

    def __init__(
        self,
        recorded: Collection[Interaction],
        suspects: Iterable[Interaction] | None = None,
        kept: Callable[[], Iterable[Interaction]] | None = None,
    ) -> None:
        self._recorded = recorded
        self._names: dict[str, Mapping[str, str]] = {}
        seen: defaultdict[str, _Seen] = defaultdict(_Seen)
        for interaction in recorded if suspects is None else suspects:
            seen[interaction.recorded_by].see(interaction)
        seen = defaultdict(_Seen, {owner: each for owner, each in seen.items() if each.marks})
        if not seen:
            return
        for interaction in kept() if kept is not None else ():
            # in VCR.py's format nobody knows whose it is
            owners = [interaction.recorded_by] if interaction.recorded_by else list(seen)
            for owner in owners:
                seen[owner].keep(interaction)
        self._names = {owner: each.names() for owner, each in seen.items()}

    @property
    def is_as_recorded(self) -> bool:
        """Whether there is nothing to change."""
        return all(mark == name for names in self._names.values() for mark, name in names.items())

    def __len__(self) -> int:
        return len(self._recorded)

    def __iter__(self) -> Iterator[Interaction]:
        for interaction in self._recorded:
            names = self._names.get(interaction.recorded_by)
            yield _interaction(interaction, _Names(names)) if names else interaction

    def __contains__(self, interaction: object) -> bool:
        return any(interaction == one for one in self)


class _Names:
    """Gives marks their names; those that it doesn't know keep theirs."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def __call__(self, mark: str) -> str:
        return self._names.get(mark, mark)


class _Seen:
    """The marks of one test's part of a cassette."""

    def __init__(self) -> None:
        self.marks: dict[str, bool] = {}  # in the order in which they came; whether in an answer
        self._kept: set[str] = set()
        self._at: defaultdict[tuple[str, Place], set[str]] = defaultdict(set)
        self._before: dict[str, str] = {}  # by a cookie's value the one that it took the place of

    def see(self, interaction: Interaction) -> None:
        """Look at what was recorded."""
        for mark in self._look_at(interaction):
            self.marks.setdefault(mark[0], mark[1])

    def keep(self, interaction: Interaction) -> None:
        """Look at what stays."""
        self._kept.update(mark for mark, _ in self._look_at(interaction))

    def _look_at(self, interaction: Interaction) -> Iterator[tuple[str, bool]]:
        request, response = interaction.request, interaction.response
        sent = marks_of(request)
        address = f"{request.method} {without_marks(request.uri.partition('?')[0])}"
        for place, mark in sent.items():
            self._at[address, place].add(mark)
            yield mark, False
        if response is None:
            return
        for place, mark in marks_of(response).items():
            if place.part == "set-cookie":
                # a cookie that is sent anew with each answer is the same session's
                before = next((sent[at] for at in sent if at[:2] == ("cookie", place.name)), mark)
                if before != mark and mark not in self.marks:
                    self._before[mark] = before
            elif place.part == "body":
                self._at[f"answer {address}", place].add(mark)
            yield mark, True

    def _first(self, mark: str) -> str:
        seen = {mark}
        while (before := self._before.get(mark, mark)) not in seen:
            seen.add(before)
            mark = before
        return mark

    def names(self) -> Mapping[str, str]:
        """What each mark is to be; empty for those that tell nothing apart."""
        apart = set(self._kept)
        for marks in self._at.values():
            firsts = {self._first(mark) for mark in marks}
            if len(firsts) > 1:
                apart |= firsts
        number = max((int(mark[1:]) for mark in self._kept if is_issued(mark)), default=0)
        names: dict[str, str] = {}
        for mark, came_in_answer in self.marks.items():
            first = self._first(mark)
            if first != mark and first in names:
                names[mark] = names[first]
            elif first not in apart:
                names[mark] = ""
            elif came_in_answer and not is_issued(mark) and mark not in self._kept:
                number += 1
                names[mark] = f"r{number}"
            else:
                names[mark] = mark
        return names
