"""Take the secrets out of interactions, in the same way while recording and while replaying.

What was seen as a secret in one place is replaced wherever it shows up afterwards, in each of its
spellings: the first half of this module.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.base.real import json
from pytest_reqord.redaction import bodies, head, user_rules
from pytest_reqord.redaction.bodies import Unpacked, with_body
from pytest_reqord.redaction.head import URL_HEADERS, HeaderRules
from pytest_reqord.redaction.rules import Rules, Vocabulary
from pytest_reqord.redaction.values import (
    MARKERS,
    REDACTED,
    REDACTED_IN_URL,
    EditedText,
    from_latin,
    is_dummy_jwt,
    to_latin,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_reqord.base.models import Failure
    from pytest_reqord.redaction.head import Pairs
    from pytest_reqord.redaction.values import Edit

__all__ = ["SHORTEST", "Echo", "Needle", "Redactor", "needles_of", "sweep"]

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
        # needles are only added, and a list of a dict is made in one step: no lock is needed. Not so
        # a tuple: the garbage collector may run, and a secret come, after the walk has begun
        self._needles: dict[str, tuple[Needle, ...]] = {}
        for secret in declared:
            self._declare(to_latin(secret))

    def _declare(self, secret: str) -> None:
        if len(secret) < _SHORTEST_DECLARED:
            return
        if "://" in secret:
            self._declare_url(secret)
        elif len(secret) < SHORTEST:
            self._known.add(secret)
            self._needles[secret] = (Needle(secret, is_word=True),)
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
            self._needles[host] = (Needle(host, is_word=True, new=_REDACTED_HOST),)
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
        if any(marker in secret for marker in MARKERS) or is_dummy_jwt(secret):
            return
        if any(secret in marker for marker in MARKERS):
            return
        self._known.add(secret)
        self._needles[secret] = needles_of(secret)

    def __len__(self) -> int:
        return len(self._needles)

    def secrets(self, since: int) -> list[str]:
        """All of them but the first so many."""
        return list(self._needles)[since:]

    def may_be_in(self, data: bytes, since: int) -> bool:
        """Whether one of the secrets may be in the data; the first so many aren't looked for."""
        return any(
            needle.anchor.encode() in data
            for needles in list(self._needles.values())[since:]
            for needle in needles
        )

    def seen_in(self, text: str) -> list[Needle]:
        """What may be in the text, the longest first: a secret may be part of another."""
        found = [
            needle
            for needles in list(self._needles.values())
            for needle in needles
            if needle.anchor in text
        ]
        found.sort(key=len, reverse=True)
        return found


def sweep(text: EditedText, needles: Iterable[Needle], marker: str = REDACTED) -> None:
    """Replace what `Echo.seen_in` found."""
    for needle in needles:
        text.replace(needle.edits(text.text, marker))


# How a secret may be spelt where it shows up again, and what comes in its place there.


_PLAIN = Pattern(r"[A-Za-z0-9_.~-]+")
_BASE64 = Pattern(r"[A-Za-z0-9+/_-]*")
_BASE64_IN_URL = Pattern(r"[A-Za-z0-9+_-]*")
_PADDING = Pattern(r"(?:=|%3[Dd]){0,2}")
_LONGEST_BASE64 = 4096
_LONGEST_PATTERN = 8192
_ESCAPE = r"(?:\\|%(?:25)?5[Cc])+"  # JSON's, which may stand in a URL or a form
_NUMBER_BEFORE = Pattern(r"[:,\[\s]\Z")
_NUMBER_AFTER = Pattern(r"\s*[,\]}]|\s*\Z")


class Needle:
    """One spelling of a secret, and all its escaped forms.

    :param secret: the spelling without any escapes, Latin-1 text.
    :param is_base64: whether it is the inside of base64 text, all of which is to go.
    :param is_word: whether it must not be part of a longer word.
    :param new: what comes in its place; None for the marker.
    """

    __slots__ = ("_is_base64", "_is_word", "_new", "_pattern", "_secret", "anchor")

    def __init__(
        self, secret: str, *, is_base64: bool = False, is_word: bool = False, new: str | None = None
    ) -> None:
        self._secret = secret
        self._is_base64 = is_base64
        self._is_word = is_word
        self._new = new
        self._pattern: re.Pattern[str] | None = None
        # what no escape changes: a secret isn't where this isn't
        self.anchor = max(_PLAIN.findall(secret), key=len, default="")

    def __len__(self) -> int:
        return len(self._secret)

    def edits(self, text: str, marker: str) -> Iterator[Edit]:
        """Replace it."""
        last = 0
        in_url = marker == REDACTED_IN_URL
        for place in self._places(text):
            is_part = self._is_base64
            start, end = _base64_around(text, *place, in_url=in_url) if is_part else place
            if start >= last:
                last = end
                yield start, end, self._new or _in_number(text, start, end) or marker

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        if len(self._secret) > _LONGEST_PATTERN:
            return iter(sorted(_whole(self._secret, text)))
        if self._pattern is None:  # most secrets never show up again
            self._pattern = re.compile(_pattern(self._secret, is_word=self._is_word))
        return (match.span() for match in self._pattern.finditer(text))


def _whole(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a secret of many kilobytes is, in its usual spellings: a pattern would take seconds."""
    import html  # late: few secrets are so long
    from urllib.parse import quote, quote_plus

    plain = from_latin(secret)
    data = plain.encode("utf-8", "surrogateescape")
    spellings = {plain, quote(data, safe=""), quote_plus(data), html.escape(plain)}
    spellings |= {json.dumps(plain, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    for spelling in map(to_latin, spellings):
        at = text.find(spelling)
        while at >= 0:
            yield at, at + len(spelling)
            at = text.find(spelling, at + len(spelling))


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
    inside = (Needle(text, is_base64=True) for text in _insides(secret))
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


# Takes the secrets out of interactions, the same way while recording and while replaying.


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

    def request(self, request: Request) -> Request:
        """The request as it is recorded, and as it is matched with recordings.

        :returns: the same object if nothing was secret.
        """
        if not self.rules.is_on:
            return request
        redacted = self._request(request)
        if not self.rules.custom:
            return redacted
        return self._customised(Interaction(redacted, _NO_RESPONSE, _NEVER)).request

    def response(self, response: Response) -> Response:
        """The response as it is recorded: what depends on the body's length follows it.

        :returns: the same object if nothing was secret.
        """
        return self._response(response) if self.rules.is_on else response

    def interaction(self, interaction: Interaction) -> Interaction:
        """All of an interaction.

        Done again with one that was redacted before, it takes out what became known since then,
        and changes nothing else.

        :returns: the same object if nothing was secret.
        """
        if not self.rules.is_on:
            return interaction
        request = self._request(interaction.request)
        response, failure = interaction.response, interaction.failure
        response = response and self._response(response)
        failure = failure and self._failure(failure)
        if response is not interaction.response:  # what came back may name what was sent
            request = self._request(request)
        if (
            request is not interaction.request
            or response is not interaction.response
            or failure is not interaction.failure
        ):
            interaction = interaction._replace(request=request, response=response, failure=failure)
        return self._customised(interaction)

    def text(self, text: str) -> str:
        """Text that is shown to somebody: an error message, a section of a report."""
        if not self.rules.is_on:
            return text
        edited = EditedText(to_latin(text))
        bodies.redact_body(edited, "", self._vocabulary, self._echo.add, parseable=False)
        sweep(edited, self._echo.seen_in(edited.text))
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

    def _request(self, request: Request) -> Request:
        found = self._echo.add
        uri = head.redact_uri(request.uri, self._vocabulary, found)
        pairs = self._headers.redact(request.headers.pairs, found, parseable=False)
        body = self._body(request, parseable=False)
        uri, pairs = self._finish(uri, pairs, body)
        if uri is not request.uri or pairs is not request.headers.pairs:
            headers = request.headers if pairs is request.headers.pairs else Headers(pairs)
            request = Request(request.method, uri, headers, request.body)
        return with_body(request, body) if body and body.text.is_changed else request

    def _response(self, response: Response) -> Response:
        found = self._echo.add
        pairs = self._headers.redact(response.headers.pairs, found, parseable=True)
        trailers = self._headers.redact(response.trailers.pairs, found, parseable=True)
        body = self._body(response, parseable=True)
        reason, pairs = self._finish(response.reason, pairs, body, REDACTED)
        if reason != response.reason:
            response = response._replace(reason=reason)
        if trailers:
            _, trailers = self._finish("", trailers, None)
            if trailers is not response.trailers.pairs:
                response = response._replace(trailers=Headers(trailers))
        if pairs is not response.headers.pairs:
            response = response._replace(headers=Headers(pairs))
        if response.broken is not None:
            broken = self._failure(response.broken)
            if broken is not response.broken:
                response = response._replace(broken=broken)
        return with_body(response, body) if body and body.text.is_changed else response

    def _body(self, message: Request | Response, *, parseable: bool) -> Unpacked | None:
        if not message.body:
            return None
        headers = message.headers
        body = Unpacked.of(message.body, headers.get("content-encoding"))
        kind = headers.get("content-type", "")
        body.marker = bodies.redact_body(
            body.text, kind, self._vocabulary, self._echo.add, parseable=parseable
        )
        return body

    def _finish(
        self, line: str, pairs: Pairs, body: Unpacked | None, marker: str = REDACTED_IN_URL
    ) -> tuple[str, Pairs]:
        """Replace what names didn't show: the user's patterns, and echoes in any of the parts.

        :param line: what the first line of the message says: the URI, or the reason.
        :param marker: what comes in the place of a secret there.
        """
        needles: list[Needle] = []
        if self._echo:
            texts = [line, *[value for _, value in pairs]]
            if body is not None:
                texts.append(body.text.text)
            needles = self._echo.seen_in("\n".join(texts))
        if not needles and not self.rules.patterns:
            return line, pairs
        if body is not None:
            self._replace(body.text, needles, body.marker)
        new = tuple(
            (name, self._replaced(value, needles, _marker_in(name))) for name, value in pairs
        )
        return self._replaced(line, needles, marker), pairs if new == pairs else new

    def _replaced(self, text: str, needles: list[Needle], marker: str) -> str:
        edited = EditedText(text)
        self._replace(edited, needles, marker)
        return edited.text

    def _replace(self, text: EditedText, needles: list[Needle], marker: str) -> None:
        for pattern in self.rules.patterns:
            text.replace(self._pattern_edits(pattern, text.text, marker))
        sweep(text, needles, marker)

    def _pattern_edits(self, pattern: re.Pattern[str], text: str, marker: str) -> Iterator[Edit]:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups and match[1] is not None else 0
            if match[group] and match[group] not in MARKERS:
                self._echo.add(match[group])
                yield match.start(group), match.end(group), marker

    def _failure(self, failure: Failure) -> Failure:
        message = self.text(failure.message)
        details = {name: self.text(value) for name, value in failure.details.items()}
        if message == failure.message and details == dict(failure.details):
            return failure
        return failure._replace(message=message, details=details)

    def _customised(self, interaction: Interaction) -> Interaction:
        for redactor in self.rules.custom:
            interaction = user_rules.apply(redactor, interaction)
        return interaction


def _marker_in(header: str) -> str:
    return REDACTED_IN_URL if header.lower() in URL_HEADERS else REDACTED


@lru_cache(maxsize=64)
def _prepared(rules: Rules) -> tuple[Vocabulary, HeaderRules]:
    """What can be shared by all with equal rules: answers about names are kept."""
    vocabulary = Vocabulary(rules)
    return vocabulary, HeaderRules(vocabulary)
