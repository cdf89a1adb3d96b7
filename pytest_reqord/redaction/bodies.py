"""Bodies without their secrets: which parts of it to look for in which kind of body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_reqord.patterns import Pattern
from pytest_reqord.redaction import fields, markup, urls
from pytest_reqord.redaction.jwt import jwt_edits
from pytest_reqord.redaction.text import REDACTED, REDACTED_IN_URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.redaction.names import Names, Vocabulary
    from pytest_reqord.redaction.text import Edit, EditedText, Found

__all__ = ["redact_body"]

_BINARY = Pattern(r"(?:image|audio|video|font)/(?!svg)", re.IGNORECASE)
_FORM = Pattern(r"[A-Za-z0-9_.%\[\]+-]{1,64}=[^\s<>\"{}]*\s*")
_FORM_LENGTH = 1 << 16  # what has no content type and is longer is no form


def redact_body(
    body: EditedText, content_type: str, vocabulary: Vocabulary, found: Found, *, parseable: bool
) -> str:
    """Replace what is secret by its name or by its shape.

    :param body: the unpacked body; edited in place.
    :param content_type: the header's value, empty where there is none.
    :param parseable: whether a JSON Web Token stays one, as in a response.
    :returns: the marker for this kind of body.
    """
    if content_type and _BINARY.match(content_type):
        return REDACTED
    _redact_fields(body, content_type, vocabulary, found, parseable=parseable)
    marker = REDACTED
    if "=" in body.text:
        marker = _redact_parameters(body, content_type, vocabulary, found)
    text = body.text
    if "://" in text:
        if "@" in text and vocabulary.has("user_info"):
            body.replace(urls.user_info_edits(text, found))
        if vocabulary.has("paths"):
            body.replace(urls.path_edits(body.text, found))
    if "eyJ" in text and vocabulary.has("jwt"):
        body.replace(jwt_edits(body.text, found, marker, parseable=parseable))
    return marker


def _redact_fields(
    body: EditedText, content_type: str, vocabulary: Vocabulary, found: Found, *, parseable: bool
) -> None:
    """Look for each syntax only where a sign of it is: most bodies cost one pass."""
    text = body.text
    names = vocabulary.fields
    if fields.has_secret_fields(text, names):
        body.replace(fields.field_edits(text, names, found, parseable=parseable))
    if "mutation" in text or "query" in text:
        body.replace(fields.argument_edits(body.text, names, found))
    if "<" in text:
        _redact_markup(body, names, found)
    if content_type[:10].lower() == "multipart/" or text[:2] == "--":
        body.replace(markup.part_edits(body.text, content_type, names, found))


def _redact_markup(body: EditedText, names: Names, found: Found) -> None:
    for edits in (markup.element_edits, markup.attribute_edits, markup.input_edits):
        body.replace(edits(body.text, names, found))


def _redact_parameters(
    body: EditedText, content_type: str, vocabulary: Vocabulary, found: Found
) -> str:
    text = body.text
    is_form = "x-www-form-urlencoded" in content_type.lower() or (
        len(text) <= _FORM_LENGTH and _FORM.fullmatch(text) is not None
    )
    if not is_form:
        if "?" in text or "&" in text or "#" in text:
            body.replace(urls.url_edits(text, vocabulary, found))
        return REDACTED
    body.replace(urls.form_edits(text.rstrip("\r\n"), vocabulary, found))
    if REDACTED in body.text:  # as a client may send it back, or may not
        body.replace(_occurrences(body.text, REDACTED, REDACTED_IN_URL))
    return REDACTED_IN_URL


def _occurrences(text: str, old: str, new: str) -> Iterator[Edit]:
    at = text.find(old)
    while at >= 0:
        yield at, at + len(old), new
        at = text.find(old, at + len(old))
