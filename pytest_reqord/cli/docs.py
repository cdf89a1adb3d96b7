"""``reqord docs``: the manual, which is in the package: printed, searched or written as a site."""

from __future__ import annotations

import html
import pydoc
import re
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.real import Path, io, os
from pytest_reqord.errors import ReqordError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

__all__ = ["EXAMPLES", "HELP", "Page", "add_arguments", "pages", "run", "slug"]

HELP = "show the manual"
EXAMPLES = (
    "reqord docs                                    list the pages",
    "reqord docs matching                           print one",
    "reqord docs drift                              print a section",
    "reqord docs --search ignore_hosts",
)
_ORDER = (
    *("recording", "matching", "redaction", "secrets", "network-guard", "places", "threads"),
    *("settings", "command-line", "clients", "file", "api", "vcr", "troubleshooting", "faq"),
    *("faults", "writer", "limits", "how-it-works", "glossary"),
)
"""The pages in the order in which they are read; each is a file of that name."""

_HOME = "pytest-reqord"


class Page(NamedTuple):
    """A page of the manual.

    :param topic: its name on the command line.
    :param title: its heading.
    :param text: all of it, as Markdown.
    """

    topic: str
    title: str
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "topic",
        nargs="?",
        metavar="TOPIC",
        help="a page, or a heading in one; without it, list the pages",
    )
    parser.add_argument("--search", metavar="WORD", help="list the lines that have this text")
    parser.add_argument(
        "--html", metavar="FOLDER", help="write the manual as a site (needs markdown-it-py)"
    )


def run(parsed: argparse.Namespace) -> int:
    """Print what is asked for.

    :raises ReqordError: if there is no such page.
    """
    manual = pages()
    if parsed.html is not None:
        _write_site(Path(parsed.html), manual)
        print(f"wrote {len(manual)} pages: open {Path(parsed.html, 'index.html')}")
        return 0
    if parsed.search is not None:
        found = list(_search(manual, parsed.search))
        print("\n".join(found) or f"no page has {parsed.search!r}")
        return 0 if found else 1
    if parsed.topic is None:
        width = max(len(page.topic) for page in manual)
        print("\n".join(f"{page.topic:{width}}  {page.title}" for page in manual))
        print("\nread one: reqord docs TOPIC    look for a word: reqord docs --search WORD")
        return 0
    text = _text(manual, parsed.topic)
    if sys.stdout.isatty():
        pydoc.pager(text)
    else:
        print(text, end="")
    return 0


def pages() -> list[Page]:
    """Read the manual."""
    folder = resources.files("pytest_reqord") / "manual"
    texts = {topic: (folder / f"{topic}.md").read_text("utf-8") for topic in _ORDER}
    return [
        Page(topic, text.partition("\n")[0].lstrip("# "), text) for topic, text in texts.items()
    ]


def _text(manual: Sequence[Page], topic: str) -> str:
    """The page of that name, else the part of a page under a heading with that word."""
    for page in manual:
        if topic.lower() in (page.topic, page.title.lower()):
            return page.text
    for page in manual:
        for part in re.split(r"(?m)^(?=## )", page.text)[1:]:
            heading = slug(part.partition("\n")[0].lstrip("# "))
            if heading.startswith(slug(topic)) or slug(topic) in heading.split("-"):
                return f"{part.rstrip()}\n\nfrom the page {page.topic}: reqord docs {page.topic}\n"
    from difflib import get_close_matches  # late: for what is misspelt

    near = get_close_matches(topic, [page.topic for page in manual], cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "reqord docs lists the pages"
    raise ReqordError(f"the manual has no page {topic!r}: {hint}")


def _search(manual: Sequence[Page], word: str) -> Iterator[str]:
    for page in manual:
        heading = ""
        for line in page.text.splitlines():
            if line.startswith("#"):
                heading = line.lstrip("# ")
            if word.lower() in line.lower():
                yield f"{page.topic}: {heading}: {line.strip()}"


# the manual as a site


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _write_site(folder: Path, manual: Sequence[Page]) -> None:
    try:
        from markdown_it import MarkdownIt  # late: nobody but this needs it
    except ImportError:
        reason = "reqord docs --html needs markdown-it-py: pip install markdown-it-py"
        raise ReqordError(reason) from None
    os.makedirs(folder, exist_ok=True)
    markdown = MarkdownIt("commonmark").enable("table")
    for page in manual:
        body = _rendered(markdown, page.text)
        _write(Path(folder, f"{page.topic}.html"), _document(page.title, body, manual))
    links = "\n".join(f"- [{page.title}]({page.topic}.md)" for page in manual)
    index = _rendered(markdown, f"# {_HOME}\n\n{links}\n")
    _write(Path(folder, "index.html"), _document(_HOME, index, manual))


def _write(path: Path, text: str) -> None:
    with io.open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _rendered(markdown: Any, text: str) -> str:
    tokens = markdown.parse(text)
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(tokens[at + 1].content))
        for child in token.children or ():
            if child.type == "link_open":
                target = str(child.attrGet("href"))
                child.attrSet("href", re.sub(r"^([\w-]+)\.md(?=#|$)", r"\1.html", target))
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _document(title: str, body: str, manual: Sequence[Page]) -> str:
    links = f'<a href="index.html"{_mark(title == _HOME)}>{_HOME}</a>\n' + "\n".join(
        f'<a href="{page.topic}.html"{_mark(page.title == title)}>{html.escape(page.title)}</a>'
        for page in manual
    )
    return _SITE.format(title=html.escape(title), links=links, body=body)


def _mark(is_this: bool) -> str:
    return ' aria-current="page"' if is_this else ""


_SITE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
html {{ color-scheme: light dark }}
body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
nav {{ border-bottom: 1px solid #8886; padding-bottom: .7rem }}
nav a {{ margin-right: 1rem; display: inline-block }}
nav a[aria-current] {{ font-weight: bold; color: inherit; text-decoration: none }}
code {{ overflow-wrap: anywhere }}
td code {{ overflow-wrap: normal }}
pre {{ background: #8882; padding: .7rem; overflow-x: auto }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
td, th {{ border: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top }}
td {{ min-width: 6rem }}
:target {{ background: #fd06 }}
</style>
<nav aria-label="pages">
{links}
</nav>
<main>
{body}</main>
</html>
"""
