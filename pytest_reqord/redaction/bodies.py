"""A body taken out of its message, and put back with all that depends on its length."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, TypeVar

from pytest_reqord.base import content_coding
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.redaction import head, text_edits, values
from pytest_reqord.redaction.rules import Secrecy
from pytest_reqord.redaction.text_edits import EditedText, jwt_edits
from pytest_reqord.redaction.values import REDACTED, REDACTED_IN_URL, from_latin, to_latin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_reqord.redaction.rules import Names, Vocabulary
    from pytest_reqord.redaction.text_edits import Edit
    from pytest_reqord.redaction.values import Found

__all__ = [
    "Unpacked",
    "attribute_edits",
    "element_edits",
    "input_edits",
    "part_edits",
    "redact_body",
    "with_body",
]

CHECKSUMS = Pattern(
    r"content-md5|(?:content-|repr-)?digest|x-amz-crc32|x-amz-checksum-(?!mode|type|algorithm).*"
    r"|x-goog-hash",
    re.IGNORECASE,
)
_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_Message = TypeVar("_Message", Request, Response)


class Unpacked:
    """A body with its content coding undone, to be edited.

    :param coding: the coding to be applied again; empty where there is none.
    :param is_cut_off: whether the packed bytes ended too early.
    :param marker: what comes in the place of a secret.
    """

    __slots__ = ("charset", "coding", "is_cut_off", "marker", "text")

    @property
    def is_archive(self) -> bool:
        """Whether nothing can be replaced in it: checksums and lengths are all through it."""
        return self.text.text.startswith("PK\x03\x04")

    def __init__(self, text: EditedText, coding: str = "", *, is_cut_off: bool = False) -> None:
        self.charset, text.text = _unwrapped(text.text)
        text.is_fixed = not self.charset and _is_binary(text.text)
        self.text = text
        self.coding = coding
        self.is_cut_off = is_cut_off
        self.marker = REDACTED

    @staticmethod
    def of(body: bytes, coding: str | None) -> Unpacked:
        """Take a body out; one that can't be unpacked is edited as it is."""
        if not coding and body[:3] == _GZIP and content_coding.decode(body, "gzip") is not None:
            coding = "gzip"  # a file of it, or a server that doesn't say so
        if not coding or not body:
            return Unpacked(EditedText(body.decode("latin-1")))
        unpacked = content_coding.decode(body, coding)
        if unpacked is not None:
            return Unpacked(EditedText(unpacked.decode("latin-1")), coding)
        part = _first_part(body, coding.strip().lower())
        if part is not None:
            return Unpacked(EditedText(part.decode("latin-1")), coding, is_cut_off=True)
        return Unpacked(EditedText(body.decode("latin-1")))

    def packed(self) -> tuple[bytes, bool]:
        """The edited body, and whether its coding could be applied again."""
        body = self.text.text.encode("latin-1")
        if self.charset:
            body = from_latin(self.text.text).encode(self.charset, "surrogatepass")
        if self.is_cut_off:
            encoder = zlib.compressobj(wbits=_WBITS[self.coding.strip().lower()])
            return encoder.compress(body) + encoder.flush(zlib.Z_SYNC_FLUSH), True
        packed = content_coding.encode(body, self.coding) if self.coding else body
        return (body, False) if packed is None else (packed, True)


_GZIP = b"\x1f\x8b\x08"
_MARK = "\ufeff"


def _unwrapped(text: str) -> tuple[str, str]:
    """The charset and the text of UTF-16; no charset for any other."""
    charset = {"\xff\xfe": "utf-16-le", "\xfe\xff": "utf-16-be"}.get(text[:2], "")
    if not charset and len(text) >= 8:  # noqa: PLR2004 -- four characters tell
        zeros = text[:32]
        if set(zeros[1::2]) == {"\0"} and "\0" not in zeros[::2]:
            charset = "utf-16-le"
        elif set(zeros[::2]) == {"\0"} and "\0" not in zeros[1::2]:
            charset = "utf-16-be"
    if not charset:
        return "", text
    try:
        return charset, to_latin(text.encode("latin-1").decode(charset))
    except ValueError:
        return "", text


def _is_binary(text: str) -> bool:
    """Whether lengths are part of the format: of msgpack, protobuf, an archive."""
    return _CONTROL.search(text, 0, 4096) is not None


_CONTROL = Pattern(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _first_part(body: bytes, coding: str) -> bytes | None:
    """As much as can be unpacked of a body that was cut off."""
    if coding not in _WBITS:
        return None
    try:
        return (
            zlib.decompressobj(wbits=_WBITS[coding]).decompress(body, content_coding.MOST_UNPACKED)
            or None
        )
    except zlib.error:
        return None


def with_body(message: _Message, unpacked: Unpacked) -> _Message:
    """The message with the edited body in it."""
    body, is_packed = unpacked.packed()
    message = _with_length(message, body)
    if not is_packed:
        message = message._replace(headers=_without(message.headers, Pattern("content-encoding")))
    if isinstance(message, Response) and (message.chunks is not None or message.arrivals):
        edits = None if unpacked.coding or unpacked.charset else unpacked.text
        return with_boundaries(message, len(body), edits)
    return message


def _with_length(message: _Message, body: bytes) -> _Message:
    """What depends on the body's bytes follows it; what is a checksum of them goes."""
    growth = len(body) - len(message.body)
    pairs = tuple(
        (name, str(int(value) + growth))
        if name.lower() == "content-length" and value.strip().isdigit()
        else (name, value)
        for name, value in message.headers.pairs
    )
    return message._replace(headers=_without(Headers(pairs), CHECKSUMS), body=body)


def _without(headers: Headers, names: Pattern[str]) -> Headers:
    return Headers(pair for pair in headers.pairs if not names.fullmatch(pair[0].lower()))


def with_boundaries(response: Response, length: int, edits: EditedText | None) -> Response:
    """Chunks and arrivals of the new body; packed anew it has but one chunk."""
    if edits is None:
        whole = None if response.chunks is None else (length,)
        return response._replace(chunks=whole, arrivals=())
    chunks = response.chunks
    if chunks is not None:
        chunks = _differences(edits.moved(_sums(chunks)))
    offsets = edits.moved([arrival.offset for arrival in response.arrivals])
    arrivals = {
        offset: arrival._replace(offset=offset)
        for offset, arrival in reversed(tuple(zip(offsets, response.arrivals, strict=True)))
    }
    return response._replace(chunks=chunks, arrivals=tuple(reversed(arrivals.values())))


def _sums(sizes: Sequence[int]) -> list[int]:
    total = 0
    return [total := total + size for size in sizes]


def _differences(ends: Sequence[int]) -> tuple[int, ...]:
    starts = (0, *ends)
    sizes = (end - start for start, end in zip(starts, ends))  # noqa: B905 -- one start more
    return tuple(size for size in sizes if size)  # a chunk without bytes would end the body


# Secrets in XML and HTML, and in the parts of a multipart form.


_ELEMENT = Pattern(
    r"<([A-Za-z_][\w.:-]{1,63})(?:\s[^<>]*)?(?<!/)>\s*"
    r"(?:<!\[CDATA\[(.*?)(?:\]\]>|\Z)|([^<]+))",
    re.ASCII | re.DOTALL,
)
_ATTRIBUTE = Pattern(r"""\s([A-Za-z_][\w.:-]{1,63})=("[^"<]*"|'[^'<]*')""", re.ASCII)
_INPUT = Pattern(r"<(?:input|meta)\b[^<>]*>", re.IGNORECASE)
_INPUT_NAME = Pattern(r"""\s(?:name|id)=["']?([^\s"'>]+)""", re.IGNORECASE)
_INPUT_VALUE = Pattern(r"""\s(?:value|content)=("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_BOUNDARY = Pattern(r'boundary="?([^";,\s]+)', re.IGNORECASE)
_PART_NAME = Pattern(r'\bname="((?:[^"\\]|\\.)*)"|\bname=([^\s;"]+)', re.IGNORECASE)


def element_edits(text: str, names: Names, found: Found, parseable: bool) -> Iterator[Edit]:
    """Replace the text of elements with secret names, namespace or not."""
    is_json = text[:1] in "{["
    for match in _ELEMENT.finditer(text):
        group = 2 if match[2] is not None else 3
        if is_json and not text.startswith("</", match.end(group)):
            continue  # ``<ACCESS_TOKEN>`` in a text
        new = _redacted(names, match[1].rpartition(":")[2], match[group].rstrip(), found, parseable)
        if new is not None:
            yield match.start(group), match.start(group) + len(match[group].rstrip()), new


def attribute_edits(text: str, names: Names, found: Found, parseable: bool) -> Iterator[Edit]:
    """Replace the values of attributes with secret names."""
    for match in _ATTRIBUTE.finditer(text):
        new = _redacted(names, match[1].rpartition(":")[2], match[2][1:-1], found, parseable)
        if new is not None:
            yield match.start(2) + 1, match.end(2) - 1, new


def input_edits(text: str, names: Names, found: Found, parseable: bool) -> Iterator[Edit]:
    """Replace the values of HTML's ``<input name=...>`` and ``<meta name=...>``."""
    for tag in _INPUT.finditer(text):
        name = _INPUT_NAME.search(tag[0])
        content = _INPUT_VALUE.search(tag[0])
        if name is None or content is None:
            continue
        raw = content[1]
        quotes = 1 if raw[0] in "\"'" else 0
        new = _redacted(names, name[1], raw.strip("\"'"), found, parseable)
        if new is not None:
            start = tag.start() + content.start(1) + quotes
            yield start, start + len(raw) - 2 * quotes, new


def _redacted(names: Names, name: str, raw: str, found: Found, parseable: bool) -> str | None:
    """What comes in the place of a value; None where it isn't secret."""
    secrecy = names[name]
    if secrecy is Secrecy.NO or not raw:
        return None
    text = raw
    if "&" in raw:
        import html  # late: only escaped values need its tables

        text = to_latin(html.unescape(from_latin(raw)))
    if not values.is_secret(secrecy, name, text, parseable=parseable):
        return None
    if values.changes_each_time(name):
        found = values.unmarked(found)
    return values.value(text, found, parseable=parseable)


_NAMED = Pattern(
    r"<(?:name|key)>\s*([^<>\s]{1,128})\s*</(?:name|key)>\s*(?:<type>[^<>]*</type>\s*)?<(?:value|string|data)>\s*"
    r"(?:<(?:string|int|i4|base64)>)?([^<>]+)",
    re.ASCII | re.IGNORECASE,
)
_NAMED_TAG = Pattern(r"<[A-Za-z][\w.:-]{0,63}\s[^<>]{3,2000}>([^<>]*)", re.ASCII)
_TAG_NAME = Pattern(r"""\s(?:name|key)=["']([^"'<>]{1,128})["']""", re.IGNORECASE)
_TAG_VALUE = Pattern(r"""\svalue=["']([^"'<>]*)["']""", re.IGNORECASE)


def named_edits(text: str, names: Names, found: Found, parseable: bool) -> Iterator[Edit]:
    """Replace the values beside names in XML: of XML-RPC, of property lists."""
    for match in _NAMED.finditer(text):
        raw = match[2].rstrip()
        new = _redacted(names, match[1], raw, found, parseable)
        if new is not None:
            yield match.start(2), match.start(2) + len(raw), new


def tag_edits(text: str, names: Names, found: Found, parseable: bool) -> Iterator[Edit]:
    """Replace the values of tags with a name: ``<add key="..." value="..."/>``, ``<entry key=...>``."""
    for tag in _NAMED_TAG.finditer(text):
        name = _TAG_NAME.search(tag[0])
        if name is None or not names[name[1]]:
            continue
        content = _TAG_VALUE.search(tag[0])
        start = tag.start() + content.start(1) if content else tag.start(1)
        raw = content[1] if content else tag[1].rstrip()
        new = _redacted(names, name[1], raw, found, parseable)
        if new is not None:
            yield start, start + len(raw), new


def part_edits(text: str, content_type: str, names: Names, found: Found) -> Iterator[Edit]:
    """Replace the parts of a multipart form that have secret names."""
    match = _BOUNDARY.search(content_type)
    boundary = f"--{match[1]}" if match else text.partition("\n")[0].rstrip("\r")
    if not boundary.startswith("--"):
        return
    at = 0
    for part in text.split(boundary):
        edit = _part_edit(part, names, found)
        if edit is not None:
            start, end, new = edit
            yield at + start, at + end, new
        at += len(part) + len(boundary)


def _part_edit(part: str, names: Names, found: Found) -> Edit | None:
    line_end = "\r\n" if "\r\n" in part[:4096] else "\n"
    start = part.find(line_end * 2)
    name = _PART_NAME.search(part, 0, start) if start >= 0 else None
    if name is None:
        return None
    start += 2 * len(line_end)
    end = len(part) - len(line_end) if part.endswith(line_end) else len(part)
    raw = part[start:end]
    called = name[1] or name[2] or ""
    if not raw or not values.is_secret(names[called], called, raw, parseable=False):
        return None
    return start, end, values.value(raw, found, parseable=False)


# Bodies without their secrets: which parts of it to look for in which kind of body.


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
    if marker == REDACTED and content_type[:10].lower() != "multipart/":
        _redact_assignments(body, vocabulary, found, parseable=parseable)
    text = body.text
    if "://" in text:
        if "@" in text and vocabulary.has("user_info"):
            body.replace(head.user_info_edits(text, found))
        if vocabulary.has("paths"):
            body.replace(head.path_edits(body.text, found))
    if "eyJ" in text and vocabulary.has("jwt"):
        body.replace(jwt_edits(body.text, found, marker, parseable=parseable))
    return marker


def _redact_fields(
    body: EditedText, content_type: str, vocabulary: Vocabulary, found: Found, *, parseable: bool
) -> None:
    """Look for each syntax only where a sign of it is: most bodies cost one pass."""
    text = body.text
    if parseable and '"kty"' in text and vocabulary.has_fields:
        body.replace(text_edits.jwk_edits(text, found))
        text = body.text
    names, _ = vocabulary.beside(text)
    holders = vocabulary.holders(text)
    if text_edits.has_secret_fields(text, names, holders):
        edits = text_edits.field_edits(text, names, found, parseable=parseable, holders=holders)
        body.replace(edits)
    if _MAY_BE_PAIRS.search(text):
        body.replace(text_edits.pair_edits(body.text, names, found, parseable=parseable))
    if "mutation" in text or "query" in text:
        body.replace(text_edits.argument_edits(body.text, names, found))
    if "<" in text:
        _redact_markup(body, names, found, parseable)
    if content_type[:10].lower() == "multipart/" or text[:2] == "--":
        body.replace(part_edits(body.text, content_type, names, found))


_MAY_BE_PAIRS = Pattern(r'"(?:[\w.]*value|v|val|text|content|secret|data)\\*"\s*:', re.IGNORECASE)


def _redact_assignments(
    body: EditedText, vocabulary: Vocabulary, found: Found, *, parseable: bool
) -> None:
    """What settings files, logs and code have: in JSON only where a string may hold some."""
    text = body.text
    if "-----BEGIN" in text and vocabulary.has_fields:
        body.replace(text_edits.private_key_edits(text, found, parseable=parseable))
    names, _ = vocabulary.beside(text)
    may_assign = ":" in text or "=" in text
    if may_assign and text[:1] not in "{[":
        holders = vocabulary.holders(text)
        body.replace(text_edits.assignment_edits(body.text, names, found, parseable=parseable))
        body.replace(text_edits.block_edits(body.text, names, holders, found, parseable=parseable))
        body.replace(text_edits.inline_edits(body.text, names, found, parseable=parseable))
    elif may_assign and ("=" in text or "\\n" in text or "'" in text):
        body.replace(text_edits.inline_edits(body.text, names, found, parseable=parseable))
    if not vocabulary.has_fields:
        return
    # a word is found in lower-case text a hundred times as quickly as by a pattern without case
    lowered = text.lower()
    may_command = any(sign in text for sign in _FLAG_SIGNS) or "password" in lowered
    if not body.is_fixed and (may_command or "identified" in lowered):
        body.replace(text_edits.command_edits(body.text, names, found, parseable=parseable))
    if any(word in lowered for word in _SENT_SIGNS):
        body.replace(text_edits.credentials_edits(body.text, found, parseable=parseable))


_FLAG_SIGNS = (" -", '"-', "'-", "\t-", "\n-")
_SENT_SIGNS = ("bearer", "basic", "authorization")


def _redact_markup(body: EditedText, names: Names, found: Found, parseable: bool) -> None:
    for edits in (element_edits, attribute_edits, input_edits, named_edits, tag_edits):
        body.replace(edits(body.text, names, found, parseable))


def _redact_parameters(
    body: EditedText, content_type: str, vocabulary: Vocabulary, found: Found
) -> str:
    text = body.text
    is_form = "x-www-form-urlencoded" in content_type.lower() or (
        len(text) <= _FORM_LENGTH and _FORM.fullmatch(text) is not None
    )
    if not is_form:
        if "?" in text or "&" in text or "#" in text:
            body.replace(head.url_edits(text, vocabulary, found))
        return REDACTED
    body.replace(head.form_edits(text.rstrip("\r\n"), vocabulary, found))
    body.replace(head.form_pair_edits(body.text.rstrip("\r\n"), vocabulary, found))
    if "[REDACTED" in body.text:  # as a client may send it back, or may not
        body.replace(head.url_marker_edits(body.text))
    return REDACTED_IN_URL
