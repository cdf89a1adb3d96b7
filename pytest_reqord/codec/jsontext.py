r"""JSON in many lines, for reading and for diffs, from which the one line can be rebuilt.

Every token stays as it came (``1.0``, ``\u00e9``, duplicate keys); only line breaks and
indentation are added.
"""

from __future__ import annotations

from pytest_reqord.patterns import Pattern
from pytest_reqord.real import json

__all__ = ["pretty", "rebuild"]

# empty brackets, a bracket, a comma, or all up to the next of them: strings, colons and words
_TOKEN = Pattern(r'\{\}|\[\]|[\[{\]}]|, ?|(?:"[^"\\]*(?:\\.[^"\\]*)*"|[^\[{\]},"]+)+')
_MOST_DEPTH = 60  # indentation grows with the square of the depth


def pretty(text: str) -> tuple[str, bool] | None:
    """Break a JSON document of one line into lines.

    :returns: the lines, and whether commas are followed by a blank in the one line; None where
        the text isn't a JSON object or array that can be rebuilt from them.
    """
    if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]") or "\n" in text or "\r" in text:
        return None
    tokens = _TOKEN.findall(text)
    is_spaced = ", " in tokens
    lines = _break(tokens)
    if rebuild(lines, is_spaced=is_spaced) != text or not _is_json(text):
        return None
    return lines, is_spaced


def rebuild(text: str, *, is_spaced: bool) -> str:
    """Join the lines again."""
    lines = map(str.strip, text.split("\n"))
    if is_spaced:
        return "\n".join(lines).replace(",\n", ", ").replace(":\n", ": ").replace("\n", "")
    return "".join(lines)


def _break(tokens: list[str]) -> str:
    """Break before and after what holds members; empty where it is nested too deep."""
    parts: list[str] = []
    depth = 0
    line = "\n"
    for token in tokens:
        if token in (",", ", "):
            parts += (",", line)
        elif token in ("{", "["):
            depth += 1
            line = "\n" + "  " * depth
            parts += (token, line)
        elif token in ("}", "]"):
            depth -= 1
            line = "\n" + "  " * depth
            parts += (line, token)
        else:
            parts.append(token)
        if depth > _MOST_DEPTH:
            return ""
    return "".join(parts)


def _is_json(text: str) -> bool:

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
