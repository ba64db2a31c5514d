"""Markdown: its headings, found by markdown-it-py. The text stays as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from llamabot.adapters.loaders.parsed import Parsed, line_starts, nested_sections
from llamabot.ports.errors import MissingExtra

__all__ = ["parse_markdown"]

# It would be read as a heading: text that is underlined with dashes.
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)


def parse_markdown(text: str) -> Parsed:
    """Return a text with the sections that its headings make; those inside of lists and quotations make none."""
    return Parsed(text, nested_sections(_headings(text)), "markdown")


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise MissingExtra.for_package("markdown-it-py", "documents") from error
    blocks, inline = MarkdownIt("commonmark").disable("inline"), MarkdownIt("commonmark")
    starts = line_starts(text)
    tokens = blocks.parse(_FRONT_MATTER.sub(lambda found: re.sub(r"[^\n]", "", found.group()), text))
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            words = inline.parseInline(content.content)[0].children or []
            yield starts[opening.map[0]], int(opening.tag[1:]), "".join(word.content for word in words).strip()
