"""What the manual's pages have from the code: the tables of settings and of secrets, types, errors.

``python tests/manual.py`` writes these parts anew.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import public_names

import pytest_reqord
from pytest_reqord import errors
from pytest_reqord.redaction.table import TABLE
from pytest_reqord.settings.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FOLDER", "PARTS", "with_parts"]

FOLDER = Path(pytest_reqord.__file__).parent / "manual"

_VALUES = ("Cassette", "Interaction", "Request", "Response", "Headers", "CassetteWriter")


class Doc(NamedTuple):
    """A docstring in its parts.

    :param text: what comes before the first field, as Markdown.
    :param params: what is said of each parameter.
    :param raises: what is said of each error.
    """

    text: str
    params: dict[str, str]
    raises: dict[str, str]

    @property
    def summary(self) -> str:
        """The first paragraph."""
        return self.text.partition("\n\n")[0]


def _doc(thing: Any) -> Doc:
    text, *fields = re.split(r"^:(?=\w)", inspect.cleandoc(thing.__doc__ or ""), flags=re.MULTILINE)
    params: dict[str, str] = {}
    raises: dict[str, str] = {}
    for field in fields:
        name, _, meaning = field.partition(":")
        kind, _, name = name.partition(" ")
        {"param": params, "raises": raises}.get(kind, {})[name] = _markdown(meaning)
    return Doc(_markdown(text), params, raises)


def _markdown(text: str) -> str:
    paragraphs = (" ".join(each.split()) for each in text.strip().split("\n\n"))
    return "\n\n".join(paragraphs).replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def settings() -> Iterator[str]:
    """The table of settings."""
    yield "| setting | kind | default | meaning |"
    yield "|---|---|---|---|"
    for option in OPTIONS.values():
        kind = _KINDS.get(option.kind) or ", ".join(f"`{choice}`" for choice in option.choices)
        yield f"| `{option.name}` | {kind} | {_default(option.default)} | {option.help} |"


_KINDS = {
    "age": "time",
    "bool": "true or false",
    "float": "number",
    "int": "whole number",
    "match_on": "matchers",
    "patterns": "regular expressions",
    "redactors": "redactors",
    "text": "text",
    "words": "words",
}


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        rest = f" and {len(value) - 1} more"
        return f"`{value[0]}`{rest}" if len(value) > 5 else f"`{' '.join(value)}`" if value else ""
    return f"`{value}`" if value != "" else ""


def run_wide() -> Iterator[str]:
    """The settings that hold for a whole run."""
    yield ", ".join(f"`{option.name}`" for option in OPTIONS.values() if option.is_run_wide) + "."


def api() -> Iterator[str]:
    """The classes, with all that a user may ask of them."""
    for name in _VALUES:
        thing = getattr(pytest_reqord, name)
        yield from _chapter(name, thing)
        for member in public_names.MEMBERS[name]:
            yield _member(thing, member)


def inside() -> Iterator[str]:
    """The values that are met inside others."""
    for name, thing in public_names.INSIDE.items():
        yield from _chapter(name, thing)


def _chapter(name: str, thing: Any) -> Iterator[str]:
    doc = _doc(thing)
    yield from ("", f"### {name}", "", doc.text, "")
    yield "| name | type | meaning |"
    yield "|---|---|---|"
    for field, kind in _fields(thing):
        yield f"| `{field}` | `{_cell(kind)}` | {_cell(doc.params[field])} |"


def _fields(thing: Any) -> Iterator[tuple[str, str]]:
    for name in getattr(thing, "_fields", ()):
        home = next(each for each in thing.__mro__ if name in inspect.get_annotations(each))
        yield name, _type(inspect.get_annotations(home)[name])


def _type(annotation: Any) -> str:
    return str(getattr(annotation, "__forward_arg__", annotation)).strip("'\"")


def _member(thing: Any, name: str) -> str:
    found = inspect.getattr_static(thing, name)
    doc = _doc(found if isinstance(found, property) else getattr(thing, name))
    if isinstance(found, property):
        kind = _type(inspect.get_annotations(found.fget)["return"])  # type: ignore[arg-type]  # it has one
        shown = name
    elif callable(getattr(thing, name)):
        signature = inspect.signature(getattr(thing, name))
        shown = f"{name}({', '.join(_parameters(signature))})"
        kind = _type(signature.return_annotation)
    else:
        kind, shown = _type(inspect.get_annotations(thing)[name]), name
        doc = Doc(_SLOTS[thing.__name__, name], {}, {})
    errors_of = "".join(f" Raises `{error}` {meaning}" for error, meaning in doc.raises.items())
    return f"| `{shown}` | `{_cell(kind)}` | {_cell(doc.summary + errors_of)} |"


_SLOTS = {
    ("Headers", "pairs"): "The lines as they came, a name and a value each: order, case and"
    " repeats stay. Two `Headers` are equal if their pairs are.",
}


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    for name, each in signature.parameters.items():
        if name in ("self", "cls"):
            continue
        star = "**" if each.kind is each.VAR_KEYWORD else ""
        yield f"{star}{name}" + ("" if each.default is each.empty else f"={each.default!r}")


def functions() -> Iterator[str]:
    """`use_cassette` and the hooks, with their arguments."""
    yield from _function("use_cassette", pytest_reqord.use_cassette)


def hooks() -> Iterator[str]:
    """The hooks."""
    for name, hook in public_names.hooks().items():
        yield from _function(name, hook)


def _function(name: str, function: Callable[..., Any]) -> Iterator[str]:
    doc, signature = _doc(function), inspect.signature(function)
    yield from (
        "",
        f"### {name}",
        "",
        f"`{name}({', '.join(_parameters(signature))})`",
        "",
        doc.text,
    )
    if doc.params or doc.raises:
        yield ""
    yield from (f"- `{each}`: {meaning}" for each, meaning in doc.params.items())
    yield from (f"- raises `{each}` {meaning}" for each, meaning in doc.raises.items())


def errors_() -> Iterator[str]:
    """The errors."""
    yield "| error | kind of | fields | meaning |"
    yield "|---|---|---|---|"
    for name in errors.__all__:
        error = getattr(errors, name)
        base = next(each for each in error.__mro__[1:] if not each.__name__.startswith("_"))
        fields = ", ".join(f"`{field}`" for field in inspect.signature(error.__init__).parameters
                           if field not in ("self", "args", "kwargs"))  # fmt: skip
        yield f"| `{name}` | `{base.__name__}` | {fields} | {_cell(_doc(error).summary)} |"


def secrets() -> Iterator[str]:
    """The table of names of secrets."""
    yield "| place | names | source | looked up |"
    yield "|---|---|---|---|"
    for line in TABLE:
        source, _, date = line.source.rpartition(", ")
        names = " ".join(f"`{name}`" for name in line.names)
        yield f"| `{line.place}` | {names} | {source} | {date} |"


PARTS: dict[tuple[str, str], Callable[[], Iterator[str]]] = {
    ("settings", "settings"): settings,
    ("settings", "run-wide"): run_wide,
    ("api", "functions"): functions,
    ("api", "values"): api,
    ("api", "inside"): inside,
    ("api", "hooks"): hooks,
    ("api", "errors"): errors_,
    ("secrets", "names"): secrets,
}
"""The parts by page and name; in a page each stands between two comments of its name."""


def with_parts(topic: str, page: str) -> str:
    """The page with its parts as they have to be."""
    for (of, name), lines in PARTS.items():
        if of == topic:
            before, start, rest = page.partition(f"<!-- {name} -->\n")
            _, end, after = rest.partition(f"\n<!-- /{name} -->")
            assert end, f"{topic}.md has no place for {name}"
            page = before + start + "\n".join(lines()).strip("\n") + end + after
    return page


if __name__ == "__main__":
    for topic in sorted({of for of, _ in PARTS}):
        path = FOLDER / f"{topic}.md"
        path.write_text(with_parts(topic, path.read_text("utf-8")), "utf-8")
