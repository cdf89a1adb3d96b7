"""Take the secrets out of interactions, in the same way while recording and while replaying.

What was seen as a secret in one place is replaced wherever it shows up afterwards, in each of its
spellings: the first half of this module.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pytest_reqord.base.content_coding import in_archive
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.base.real import json
from pytest_reqord.redaction import bodies, head, kinds, user_rules
from pytest_reqord.redaction.bodies import Unpacked, with_body
from pytest_reqord.redaction.head import URL_HEADERS, HeaderRules
from pytest_reqord.redaction.kinds import with_mark
from pytest_reqord.redaction.marks import Marks
from pytest_reqord.redaction.rules import Rules, Vocabulary
from pytest_reqord.redaction.search import Search
from pytest_reqord.redaction.text_edits import EditedText
from pytest_reqord.redaction.values import (
    MARKERS,
    REDACTED,
    REDACTED_IN_URL,
    from_latin,
    has_marker,
    is_dummy_jwt,
    to_latin,
    unmarked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from pytest_reqord.base.models import Failure
    from pytest_reqord.redaction.head import Pairs
    from pytest_reqord.redaction.known_secrets import Finding
    from pytest_reqord.redaction.text_edits import Edit
    from pytest_reqord.redaction.values import Found

__all__ = ["SHORTEST", "Echo", "Needle", "Redactor", "needles_of"]

SHORTEST = 12
"""The length from which on a value that was redacted in one place is replaced in all."""

_SHORTEST_DECLARED = 4
_REDACTED_HOST = "redacted.invalid"


class Echo:
    """The secrets that are known by now. Safe to be used by several threads at once.

    :param declared: secrets that the user named: replaced from 4 characters on, those shorter
        than 12 where they aren't part of a longer word.
    :param is_on: False where only declared secrets are.
    """

    def __init__(self, declared: Iterable[str] = (), *, is_on: bool = True) -> None:
        self._is_on = is_on
        self._known: set[str] = set()
        # only added to, and a list of a dict is made in one step: no lock is needed. Not so a
        # tuple: the garbage collector may run, and a secret come, after the walk has begun
        self._needles: dict[str, tuple[Needle, ...]] = {}
        self._search = Search()
        self._exact: dict[str, Needle] = {}  # by what is searched for
        self._patterned: dict[Needle, None] = {}
        for secret in declared:
            self._declare(to_latin(secret))

    def _declare(self, secret: str) -> None:
        if len(secret) < _SHORTEST_DECLARED:
            return
        if "://" in secret:
            self._declare_url(secret)
        elif len(secret) < SHORTEST:
            self._known.add(secret)
            self._look_for(secret, Needle(secret, is_word=True))
        else:
            self._remember(secret)

    def _declare_url(self, secret: str) -> None:
        """An address that is secret: what it is replaced by must be an address too."""
        try:
            parts = urlsplit(secret)
            host = parts.hostname or ""
        except ValueError:
            self._remember(secret)
            return
        if len(host) >= _SHORTEST_DECLARED:
            self._look_for(host, Needle(host, is_word=True, new=_REDACTED_HOST))
        rest = secret.partition("://")[2].partition("/")[2].rstrip("/")
        for part in (parts.password or "", rest):
            if len(part) >= SHORTEST:
                self._remember(part)

    def add(self, secret: str) -> None:
        """Remember a value that was redacted.

        :param secret: the value without any escapes, Latin-1 text; too short a one is not.
        """
        if self._is_on and len(secret) >= SHORTEST and secret not in self._known:
            self._remember(secret)

    def _remember(self, secret: str) -> None:
        if has_marker(secret) or is_dummy_jwt(secret):
            return
        if any(secret in marker for marker in MARKERS):
            return
        self._known.add(secret)
        self._look_for(secret, *needles_of(secret))

    def _look_for(self, secret: str, *needles: Needle) -> None:
        for needle in needles:
            if self._has_pattern(needle):
                self._patterned[needle] = None
            else:
                for text in needle.texts:
                    self._exact[text] = needle
                    self._search.add(text)
        self._needles[secret] = needles

    def _has_pattern(self, needle: Needle) -> bool:
        """Whether a needle is searched for on its own, in whatever way it may be spelt.

        Only the first are, for each takes a search: of thousands the usual spellings must do.
        """
        if needle in self._patterned or needle.is_word:
            return True
        return not needle.is_exact and len(self._patterned) < _MOST_PATTERNS

    def __len__(self) -> int:
        return len(self._needles)

    def secrets(self, since: int) -> list[str]:
        """All of them but the first so many."""
        return list(self._needles)[since:]

    def may_be_in(self, data: bytes, since: int) -> bool:
        """Whether one of the secrets may be in the data; the first so many aren't looked for."""
        new = [each for needles in list(self._needles.values())[since:] for each in needles]
        exact = [text for each in new if each not in self._patterned for text in each.texts]
        text = data.decode("latin-1")
        return any(each.anchor in text for each in new if each in self._patterned) or (
            Search(exact).is_any_in(text)
        )

    def is_in(self, text: str) -> bool:
        """Whether one of the secrets may be in the text."""
        return self._search.is_any_in(text) or any(
            needle.anchor in text for needle in list(self._patterned)
        )

    def edits(
        self, text: str, marker: str = REDACTED, mark_of: Callable[[str], str | None] | None = None
    ) -> Iterator[Edit]:
        """Replace each of the secrets in a text; where two overlap, all that either covers.

        :param mark_of: gives their marks.
        """
        edits: list[tuple[int, int, Needle]] = []
        for start, end, needle in self._places(text):
            if edits and end <= edits[-1][1]:
                continue
            if needle.is_base64:
                in_url = marker == REDACTED_IN_URL
                start, end = _base64_around(text, start, end, in_url=in_url)  # noqa: PLW2901 - wider
            while edits and start < edits[-1][1]:
                first, last, needle = edits.pop()  # noqa: PLW2901 - the longer one, or the first
                start, end = min(first, start), max(last, end)  # noqa: PLW2901 - both
            edits.append((start, end, needle))
        for start, end, needle in edits:
            new = needle.new or _in_number(text, start, end)
            mark = mark_of(needle.of) if mark_of and not new else None
            yield start, end, new or with_mark(marker, mark)

    def _places(self, text: str) -> list[tuple[int, int, Needle]]:
        """Where the secrets are, in order, of those that begin at one place the longest first."""
        found = [(at, at + len(each), self._exact[each]) for at, each in self._search.places(text)]
        for needle in list(self._patterned):
            if needle.anchor in text:
                found += ((*place, needle) for place in needle.places(text))
        return sorted(found, key=lambda place: (place[0], -place[1]))


# How a secret may be spelt where it shows up again, and what comes in its place there.


_PLAIN = Pattern(r"[A-Za-z0-9_.~-]+")
_BASE64 = Pattern(r"[A-Za-z0-9+/_-]*")
_BASE64_IN_URL = Pattern(r"[A-Za-z0-9+_-]*")
_PADDING = Pattern(r"(?:=|%3[Dd]){0,2}")
_LONGEST_BASE64 = 4096
_LONGEST_PATTERN = 8192
_MOST_PATTERNS = 200
_ESCAPE = r"(?:\\|%(?:25)?5[Cc])+"  # JSON's, which may stand in a URL or a form
_NUMBER_BEFORE = Pattern(r"[:,\[\s]\Z")
_NUMBER_AFTER = Pattern(r"\s*[,\]}]|\s*\Z")


class Needle:
    """One spelling of a secret, and all its escaped forms.

    :param secret: the spelling without any escapes, Latin-1 text.
    :param is_base64: whether it is the inside of base64 text, all of which is to go.
    :param is_word: whether it must not be part of a longer word.
    :param new: what comes in its place; None for the marker.
    :param of: the secret, if that isn't its spelling.
    """

    __slots__ = ("_pattern", "_secret", "anchor", "is_base64", "is_exact", "is_word", "new", "of")

    def __init__(
        self,
        secret: str,
        *,
        is_base64: bool = False,
        is_word: bool = False,
        new: str | None = None,
        of: str = "",
    ) -> None:
        self._secret = secret
        self.of = of or secret
        self._pattern: re.Pattern[str] | None = None
        self.is_base64 = is_base64
        self.is_word = is_word
        self.new = new
        # what no escape changes: a secret isn't where this isn't
        self.anchor = max(_PLAIN.findall(secret), key=len, default="")
        # a pattern of many kilobytes would take seconds to compile
        self.is_exact = len(self.anchor) == len(secret) or len(secret) > _LONGEST_PATTERN

    @property
    def texts(self) -> Iterable[str]:
        """It in its usual spellings."""
        return (self._secret,) if self.anchor == self._secret else _usual(self._secret)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is in a text, in whatever way it is spelt."""
        if self._pattern is None:  # most secrets never show up again
            self._pattern = re.compile(_pattern(self._secret, is_word=self.is_word))
        return (match.span() for match in self._pattern.finditer(text))


def _usual(secret: str) -> set[str]:
    import html  # late: few secrets need it
    from urllib.parse import quote, quote_plus

    plain = from_latin(secret)
    data = plain.encode("utf-8", "surrogateescape")
    spellings = {plain, quote(data), quote(data, safe=""), quote_plus(data), html.escape(plain)}
    spellings |= {json.dumps(plain, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    spellings |= {spelling.replace("/", r"\/") for spelling in spellings}  # as PHP does
    return {to_latin(spelling) for spelling in spellings}


def _pattern(secret: str, *, is_word: bool) -> str:
    # a run of backslashes is one: escaping makes it longer, however often it is done
    pattern = "".join(map(_spellings, re.sub(r"\\+", r"\\", from_latin(secret))))
    return rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])" if is_word else pattern


def _spellings(character: str) -> str:
    """A pattern for a character of a secret as it may stand in a URL, in JSON, in XML."""
    if _PLAIN.fullmatch(character):
        return re.escape(character)
    if character == "\\":
        return rf"(?:(?:{_ESCAPE}u005[Cc])+|{_ESCAPE})"
    latin = to_latin(character)
    forms = [
        re.escape(latin),
        "".join(f"%(?:25)?(?i:{ord(byte):02x})" for byte in latin),
        "".join(rf"{_ESCAPE}u(?i:{unit:04x})" for unit in _utf16(character)),
        rf"&#(?:0*{ord(character)}|[xX]0*(?i:{ord(character):x}));",
        *_SHORT_FORMS.get(character, ()),
    ]
    return f"(?:{'|'.join(forms)})"


def _utf16(character: str) -> Iterator[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


_SHORT_FORMS = {
    " ": (r"\+",),
    '"': (rf'{_ESCAPE}(?:"|%(?:25)?22)', "&quot;"),
    "/": (rf"{_ESCAPE}(?:/|%(?:25)?2[Ff])",),
    "\n": (rf"{_ESCAPE}n",),
    "\r": (rf"{_ESCAPE}r",),
    "\t": (rf"{_ESCAPE}t",),
    "&": ("&amp;",),
    "<": ("&lt;",),
    ">": ("&gt;",),
    "'": ("&apos;",),
}


def _base64_around(text: str, start: int, end: int, *, in_url: bool) -> tuple[int, int]:
    """The base64 text around its inside; in a URL a slash is a path's, not base64's."""
    letters = _BASE64_IN_URL if in_url else _BASE64
    before = letters.match(text[max(0, start - _LONGEST_BASE64) : start][::-1])
    after = letters.match(text, end, min(len(text), end + _LONGEST_BASE64))
    start -= before.end() if before else 0
    end = after.end() if after else end
    padding = _PADDING.match(text, end)
    return start, padding.end() if padding else end


def _in_number(text: str, start: int, end: int) -> str | None:
    """A number in JSON must be followed by a number."""
    if (
        text[start:end].isdigit()
        and _NUMBER_BEFORE.search(text, max(0, start - 1), start)
        and _NUMBER_AFTER.match(text, end)
        and text[:1] in "{["
    ):
        return "0"
    return None


@lru_cache(maxsize=1024)  # the same keys are seen in every test
def needles_of(secret: str) -> tuple[Needle, ...]:
    """The secret itself, and what is found of it inside of base64 text."""
    inside = (Needle(text, is_base64=True, of=secret) for text in _insides(secret))
    return (Needle(secret), *inside)


def _insides(secret: str) -> Iterator[str]:
    """What of base64 text stays the same whatever stands before and after the secret in it."""
    import base64  # late: only once a secret was seen

    data = from_latin(secret).encode("utf-8", "surrogateescape")
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + data).decode()
        inside = text[(0, 2, 3)[offset] : (offset + len(data)) * 8 // 6]
        yield inside
        if "+" in inside or "/" in inside:
            yield inside.replace("+", "-").replace("/", "_")


# Secrets too short to be replaced wherever they are: only where a client sends one back on its own.


_ALONE = Pattern(
    r"""(?:(?<=[/=:,"'>\s\[])|\A)[^\s/=:,"'<>&?#;\[\]{}()]{2,33}(?=["'<\s/&?#;,\]}]|\Z)"""
)
_SHORTEST_SENT = 2


class SentBack:
    """Short secrets that came in answers, for the requests that follow.

    A number becomes the number that a client gets in its place, which nobody could tell from others.
    Safe to be used by several threads at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, secret: str) -> None:
        """Remember one, if it is short and no word."""
        if _SHORTEST_SENT <= len(secret) < SHORTEST and not secret.isalpha():
            self._known[secret] = None

    def edits(self, text: str, marker: str, found: Found, start: int = 0) -> Iterator[Edit]:
        """Replace them where they are a whole value: in a path, a parameter, a string, a header."""
        for match in _ALONE.finditer(text, start):
            raw = match[0]
            secret = to_latin(unquote(raw)) if "%" in raw else raw
            if secret in self._known:
                digits = kinds.digits(len(secret)) if secret.isdigit() else ""
                yield match.start(), match.end(), digits or with_mark(marker, found(secret))


# Takes the secrets out of interactions, the same way while recording and while replaying.


_PACKED = frozenset({b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"})  # gzip, UTF-16
_NO_RESPONSE = Response(0, "", Headers(), b"")
_NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Redactor:
    """Replaces what the rules say is secret, and what it has replaced before.

    One for each recording: what it has seen in one test must not decide what another one records.
    Safe to be used by several threads at once.

    :param rules: what is secret.
    :param secrets: values that are secret wherever they stand; of a mapping, its values.
    """

    def __init__(
        self, rules: Rules | None = None, secrets: Mapping[str, str] | Iterable[str] = ()
    ) -> None:
        self.rules = Rules() if rules is None else rules
        # functions are no part of the vocabulary, and mappings can't be looked up
        named = self.rules._replace(custom=()) if self.rules.custom else self.rules
        self._vocabulary, self._headers = _prepared(named)
        values = getattr(secrets, "values", None)
        self._echo = Echo(
            values() if callable(values) else secrets, is_on=self._vocabulary.has("echo")
        )
        self._sent_back = SentBack()
        self._marks = Marks()
        self._records_marks = False
        self._recorded_marks: Collection[str] = ()

    def tell_apart(self, recorded: Collection[str] | None = None) -> None:
        """Give secrets marks from now on.

        :param recorded: the marks of a recording that is played; None for what is recorded now.
        """
        if recorded is None:
            self._records_marks = True
        else:
            self._recorded_marks = recorded

    def _found(self, *, has_marks: bool) -> Found:
        return self._found_marked if has_marks else self._echo.add

    def _found_marked(self, secret: str) -> str:
        self._echo.add(secret)
        return self._marks.of(secret, self._recorded_marks)

    def request(self, request: Request) -> Request:
        """The request as it is recorded, and as it is matched with recordings.

        :returns: the same object if nothing was secret.
        """
        if not self.rules.is_on:
            return request
        has_marks = bool(self._recorded_marks)
        redacted = self._sent(self._request(request, has_marks=has_marks), has_marks=has_marks)
        if not self.rules.custom:
            return redacted
        custom = self._customised(Interaction(redacted, _NO_RESPONSE, _NEVER))
        return custom.request if custom else redacted  # by what it is answered with it stays out

    def response(self, response: Response) -> Response:
        """The response as it is recorded: what depends on the body's length follows it.

        :returns: the same object if nothing was secret.
        """
        return self._response(response, has_marks=False) if self.rules.is_on else response

    def played(self, response: Response) -> Response:
        """The response as a client gets it: with stand-ins of the kinds of its secrets.

        :returns: the same object if it has no markers with kinds.
        """
        pairs = tuple((name, self._stood_in(value)) for name, value in response.headers.pairs)
        if pairs != response.headers.pairs:
            response = response._replace(headers=Headers(pairs))
        coding = response.headers.get("content-encoding")
        packed = coding or response.body[:2] in _PACKED
        if not packed and b"[REDACTED " not in response.body and b"[REDACTED-" not in response.body:
            return response
        body = Unpacked.of(response.body, coding)
        text = body.text.text
        if kinds.has_kind(text):
            body.text.replace(kinds.stand_in_edits(text, self._made))
        return with_body(response, body) if body.text.is_changed else response

    def _stood_in(self, text: str) -> str:
        if not kinds.has_kind(text):
            return text
        edited = EditedText(text)
        edited.replace(kinds.stand_in_edits(text, self._made))
        return edited.text

    def _made(self, stand_in: str, mark: str) -> None:
        self._echo.add(stand_in)
        if not stand_in.isdigit():
            self._sent_back.add(stand_in)
        self._marks.learn(stand_in, mark)

    def interaction(self, interaction: Interaction) -> Interaction | None:
        """An interaction as it is recorded; None where one of the user's redactors leaves it out.

        :raises RedactorError: if one of those returns what is no interaction.
        """
        if not self.rules.is_on:
            return interaction
        has_marks = self._records_marks or bool(self._recorded_marks)
        sent = self._sent(interaction.request, has_marks=has_marks)
        if sent is not interaction.request:
            interaction = interaction._replace(request=sent)
        told: list[str] = []
        redacted = self._redacted(interaction, told.append)
        for secret in told if self._vocabulary.has("echo") else ():
            self._sent_back.add(secret)  # from now on: its own request was sent without it
        return self._customised(redacted)

    def swept(self, interaction: Interaction) -> Interaction:
        """All of an interaction, which is kept.

        Done again with one that was redacted before, it takes out what became known since then,
        and changes nothing else.

        :returns: the same object if nothing was secret.
        :raises RedactorError: if one of the user's redactors returns what is no interaction.
        """
        if not self.rules.is_on:
            return interaction
        redacted = self._redacted(interaction)
        return self._customised(redacted) or redacted

    def _redacted(
        self, interaction: Interaction, told: Callable[[str], None] | None = None
    ) -> Interaction:
        """An interaction by the rules.

        :param told: told each secret of the answer.
        """
        has_marks = self._records_marks or bool(self._recorded_marks)
        request = self._request(interaction.request, has_marks=has_marks)
        response, failure = interaction.response, interaction.failure
        response = response and self._response(response, told, has_marks=has_marks)
        failure = failure and self._failure(failure)
        if response is not interaction.response:  # what came back may name what was sent
            request = self._request(request, has_marks=has_marks)
        if (
            request is not interaction.request
            or response is not interaction.response
            or failure is not interaction.failure
        ):
            interaction = interaction._replace(request=request, response=response, failure=failure)
        return interaction

    def left_in(self, interaction: Interaction) -> Finding | None:
        """A known secret where it can't be replaced: in an archive."""
        if not self.rules.is_on or not self._echo:
            return None
        from pytest_reqord.redaction.known_secrets import Finding  # late: for what is recorded

        response = interaction.response
        bodies_of = [("request body", interaction.request.content)]
        if response is not None:
            bodies_of.append(("response body", response.content))
        for place, body in bodies_of:
            if any(map(self._echo.is_in, in_archive(body))):
                return Finding("secret within a zip archive, where it can't be replaced,", place)
        return None

    def text(self, text: str) -> str:
        """Text that is shown to somebody: an error message, a section of a report."""
        if not self.rules.is_on:
            return text
        edited = EditedText(to_latin(text))
        bodies.redact_body(edited, "", self._vocabulary, self._echo.add, parseable=False)
        edited.replace(self._echo.edits(edited.text))
        return from_latin(edited.text) if edited.is_changed else text

    @property
    def known(self) -> int:
        """How many secrets are known by now; it only grows."""
        return len(self._echo)

    def secrets(self, since: int) -> list[str]:
        """The secrets that became known last.

        :param since: what `known` was before.
        """
        return self._echo.secrets(since)

    def learn(self, secrets: Iterable[str]) -> None:
        """Know what another process has found to be secret."""
        for secret in secrets:
            self._echo.add(secret)

    def may_be_in(self, data: bytes, since: int) -> bool:
        """Whether an encoded cassette may hold one of the secrets that became known last.

        Then decode, redact and encode it again, so that lengths stay right.

        :param since: what `known` was before.
        """
        return self.rules.is_on and self._echo.may_be_in(data, since)

    def _sent(self, request: Request, *, has_marks: bool) -> Request:
        """A request without the short secrets that earlier answers gave."""
        if not self._sent_back:
            return request
        found = self._found(has_marks=has_marks)
        uri, path = EditedText(request.uri), request.uri.find("/", request.uri.find("://") + 3)
        if path > 0:
            uri.replace(self._sent_back.edits(uri.text, REDACTED_IN_URL, found, path))
        pairs = []
        for name, text in request.headers.pairs:
            value = EditedText(text)
            if not text.isdigit():  # a length
                value.replace(self._sent_back.edits(text, _marker_in(name), found))
            pairs.append((name, value.text))
        headers = Headers(pairs) if tuple(pairs) != request.headers.pairs else request.headers
        if uri.is_changed or headers is not request.headers:
            request = Request(request.method, uri.text, headers, request.body)
        if not request.body:
            return request
        body = Unpacked.of(request.body, headers.get("content-encoding"))
        if not body.text.is_fixed:
            is_form = "x-www-form-urlencoded" in headers.get("content-type", "").lower()
            marker = REDACTED_IN_URL if is_form else REDACTED
            body.text.replace(self._sent_back.edits(body.text.text, marker, found))
        return with_body(request, body) if body.text.is_changed else request

    def _request(self, request: Request, *, has_marks: bool) -> Request:
        found = self._found(has_marks=has_marks)
        uri = head.redact_uri(request.uri, self._vocabulary, found)
        pairs = self._headers.redact(
            request.headers.pairs, found, parseable=False, has_marks=has_marks
        )
        body = self._body(request, found, parseable=False)
        uri, pairs = self._finish(uri, pairs, body, found)
        if uri is not request.uri or pairs is not request.headers.pairs:
            headers = request.headers if pairs is request.headers.pairs else Headers(pairs)
            request = Request(request.method, uri, headers, request.body)
        return with_body(request, body) if body and body.text.is_changed else request

    def _response(
        self,
        response: Response,
        told: Callable[[str], None] | None = None,
        *,
        has_marks: bool,
    ) -> Response:
        found = self._found(has_marks=has_marks)
        if told is not None:
            found = _telling(told, found)
        pairs, trailers = (
            self._headers.redact(each.pairs, found, parseable=True, has_marks=has_marks)
            for each in (response.headers, response.trailers)
        )
        body = self._body(response, found, parseable=True)
        reason, pairs = self._finish(response.reason, pairs, body, found, REDACTED)
        if reason != response.reason:
            response = response._replace(reason=reason)
        if trailers:
            _, trailers = self._finish("", trailers, None, found)
            if trailers is not response.trailers.pairs:
                response = response._replace(trailers=Headers(trailers))
        if pairs is not response.headers.pairs:
            response = response._replace(headers=Headers(pairs))
        if response.broken is not None:
            broken = self._failure(response.broken)
            if broken is not response.broken:
                response = response._replace(broken=broken)
        return with_body(response, body) if body and body.text.is_changed else response

    def _body(
        self, message: Request | Response, found: Found, *, parseable: bool
    ) -> Unpacked | None:
        if not message.body:
            return None
        headers = message.headers
        body = Unpacked.of(message.body, headers.get("content-encoding"))
        if body.is_archive:
            return None
        kind = headers.get("content-type", "")
        if body.text.is_fixed:
            found = unmarked(found)  # there may be no room for marks
        body.marker = bodies.redact_body(
            body.text, kind, self._vocabulary, found, parseable=parseable
        )
        return body

    def _finish(
        self,
        line: str,
        pairs: Pairs,
        body: Unpacked | None,
        found: Found,
        marker: str = REDACTED_IN_URL,
    ) -> tuple[str, Pairs]:
        """Replace what names didn't show: the user's patterns, and echoes in any of the parts.

        :param line: what the first line of the message says: the URI, or the reason.
        :param marker: what comes in the place of a secret there.
        """
        may_echo = False
        if self._echo:
            texts = [line, *[value for _, value in pairs]]
            if body is not None:
                texts.append(body.text.text)
            may_echo = self._echo.is_in("\n".join(texts))
        if not may_echo and not self.rules.patterns:
            return line, pairs
        if body is not None:
            told = unmarked(found) if body.text.is_fixed else found
            self._replace(body.text, body.marker, told, may_echo=may_echo)
        new = tuple(
            (name, self._replaced(value, _marker_in(name), found, may_echo=may_echo))
            for name, value in pairs
        )
        line = self._replaced(line, marker, found, may_echo=may_echo)
        return line, pairs if new == pairs else new

    def _replaced(self, text: str, marker: str, found: Found, *, may_echo: bool) -> str:
        edited = EditedText(text)
        self._replace(edited, marker, found, may_echo=may_echo)
        return edited.text

    def _replace(self, text: EditedText, marker: str, found: Found, *, may_echo: bool) -> None:
        for pattern in self.rules.patterns:
            text.replace(self._pattern_edits(pattern, text.text, marker, found))
        if may_echo:
            text.replace(self._echo.edits(text.text, marker, found))

    @staticmethod
    def _pattern_edits(
        pattern: re.Pattern[str], text: str, marker: str, found: Found
    ) -> Iterator[Edit]:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups and match[1] is not None else 0
            if match[group] and not has_marker(match[group]):
                yield match.start(group), match.end(group), with_mark(marker, found(match[group]))

    def _failure(self, failure: Failure) -> Failure:
        message = self.text(failure.message)
        details = {name: self.text(value) for name, value in failure.details.items()}
        if message == failure.message and details == dict(failure.details):
            return failure
        return failure._replace(message=message, details=details)

    def _customised(self, interaction: Interaction) -> Interaction | None:
        """What the user's own redactors make of it; None where one leaves it out."""
        for redactor in self.rules.custom:
            found = user_rules.apply(redactor, interaction)
            if found is None:
                return None
            interaction = found
        return interaction


def _telling(told: Callable[[str], None], found: Found) -> Found:
    def both(secret: str) -> str | None:
        told(secret)
        return found(secret)

    return both


def _marker_in(header: str) -> str:
    return REDACTED_IN_URL if header.lower() in URL_HEADERS else REDACTED


@lru_cache(maxsize=64)
def _prepared(rules: Rules) -> tuple[Vocabulary, HeaderRules]:
    """What can be shared by all with equal rules: answers about names are kept."""
    vocabulary = Vocabulary(rules)
    return vocabulary, HeaderRules(vocabulary)
