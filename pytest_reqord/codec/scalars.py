"""Text in YAML: three styles that every YAML 1.1 and 1.2 loader reads as the same text."""

from __future__ import annotations

import re

from pytest_reqord.base.lazy import Pattern

__all__ = ["block", "dedent", "inline", "is_literal", "is_plain", "scalar", "unquote"]

# What can't stand in a literal block besides the line break: not printable in YAML 1.1 or 1.2, or
# taken for a line break (U+0085, U+2028, U+2029) or a byte order mark (U+FEFF) by one of them.
_ODD_CLASS = "\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff\ufffe\uffff"
_ODD = Pattern(f"[{_ODD_CLASS}]")
_TO_ESCAPE = Pattern(f'[\t\n"\\\\{_ODD_CLASS}]')
_HALVES = range(0xD800, 0xE000)
_LINE_START = Pattern("^(?=.)", re.MULTILINE)

# Begins with a letter, so it is no number; no " #", no blank at the end
_PLAIN = re.compile(r"[A-Za-z_][!-~]*(?: (?!#)[!-~]+)*")
_RESERVED = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_LONGEST_WORD = 20  # quick: what is longer and begins with one of these is taken by any reader

_ESCAPES = {
    "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "\0": "\\0", "\x1b": "\\e",
}  # fmt: skip
_UNESCAPES = {escape[1]: character for character, escape in _ESCAPES.items()} | {" ": " "}
# a tab as it is may be part of the indentation
_QUOTED = Pattern(r'"([^"\\\n\t]*(?:\\(?:[^\n]|\n *)[^"\\\n\t]*)*)"')
_ESCAPE = Pattern(
    r"\\(?:\n *|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)


def is_plain(text: str) -> bool:
    """Whether text may stand in YAML as it is, in one line, and is read as text."""
    return (
        _PLAIN.fullmatch(text) is not None
        and ": " not in text
        and text[-1] != ":"
        and (len(text) > _LONGEST_WORD or text.partition(" ")[0].lower() not in _RESERVED)
    )


def is_literal(text: str) -> bool:
    """Whether text may stand in a literal block.

    No line may end in a blank or a tab: hooks that trim whitespace would change it unseen.
    """
    if not text or text.isspace() or text[-1] in " \t" or " \n" in text or "\t\n" in text:
        return False
    return text.replace("\n", "").isprintable() or not _ODD.search(text)


def scalar(text: str, indent: str) -> str:
    """Text as what follows a key's colon, line end included.

    :param indent: the blanks before the key.
    """
    return block(text, indent) if is_literal(text) else f" {_quote(text, indent)}\n"


def block(text: str, indent: str) -> str:
    """A literal block, for text that `is_literal`."""
    indent += "  "
    bare = text.rstrip("\n")
    ends = len(text) - len(bare)
    chomping = ("-", "", "+")[min(ends, 2)]
    hint = "2" if text[0] in " \t\n" else ""
    if "\n\n" in bare or hint:
        lines = _LINE_START.sub(indent, bare)  # an empty line has no blanks
    else:
        lines = indent + bare.replace("\n", "\n" + indent)
    return f" |{hint}{chomping}\n{lines}{text[len(bare) :] or chr(10)}"


def inline(text: str) -> str:
    """Text in one line."""
    return text if is_plain(text) else f'"{_TO_ESCAPE.sub(_escape, text)}"'


def _quote(text: str, indent: str) -> str:
    lines = _TO_ESCAPE.sub(_escape_line, text).split("\n")
    if not lines[-1]:
        lines.pop()
    first, *others = lines or [""]
    # a blank at the start of a line would be taken for indentation
    others = [f"\\{line}" if line[0] == " " else line for line in others]
    return '"' + f"\\\n{indent}  ".join([first, *others]) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    escape = _ESCAPES.get(character)
    if escape is None:
        code = ord(character)
        if code in _HALVES:  # neither YAML nor HTTP can carry half a character
            code = 0xFFFD
        escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 -- two digits
    return escape


def _escape_line(match: re.Match[str]) -> str:
    return "\\n\n" if match[0] == "\n" else _escape(match)


def unquote(text: str) -> str | None:
    """The text of a double-quoted scalar as we write them; None for any other."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        return None
    text = match[1]
    if "\\" not in text:
        return text
    try:
        return _ESCAPE.sub(_unescape, text)
    except (KeyError, ValueError, OverflowError):
        return None


def _unescape(match: re.Match[str]) -> str:
    x, u, long, one = match.groups()
    if one is not None:
        return _UNESCAPES[one]
    code = x or u or long
    if code is None:
        return ""
    character = int(code, 16)
    if character in _HALVES:
        raise ValueError("half a character")
    return chr(character)


def dedent(text: str, indent: str) -> str | None:
    """The lines of a literal block without their indentation; None where one has less.

    :param text: the lines, each with its line end.
    :param indent: the blanks that each line that isn't empty must start with.
    """
    lines = text.replace("\n" + indent, "\n")
    count = text.count("\n") - 1
    if text.startswith(indent) and len(text) - len(lines) == len(indent) * count:
        return lines[len(indent) :]
    found = text.split("\n")
    if any(line and not line.startswith(indent) for line in found):
        return None
    return "\n".join([line[len(indent) :] for line in found])
