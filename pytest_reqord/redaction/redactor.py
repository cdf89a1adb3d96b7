"""Takes the secrets out of interactions, the same way while recording and while replaying."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.redaction import bodies, urls, user_rules
from pytest_reqord.redaction.bodies import Unpacked, with_body
from pytest_reqord.redaction.echo import Echo, sweep
from pytest_reqord.redaction.headers import URL_HEADERS, HeaderRules
from pytest_reqord.redaction.rules import Rules, Vocabulary
from pytest_reqord.redaction.values import (
    MARKERS,
    REDACTED,
    REDACTED_IN_URL,
    EditedText,
    from_latin,
    to_latin,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_reqord.base.models import Failure
    from pytest_reqord.redaction.echo import Needle
    from pytest_reqord.redaction.headers import Pairs
    from pytest_reqord.redaction.values import Edit

__all__ = ["Redactor"]

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
        uri = urls.redact_uri(request.uri, self._vocabulary, found)
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
