"""What the readers of one kind of file give, and what they raise."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from llamabot.ports.documents import Metadata, Section

__all__ = ["NotReadable", "Parsed", "line_starts", "nested_sections"]


class NotReadable(Exception):
    """Why a file cannot be read, in words that go on "it …". Never leaves this package."""


class Parsed(msgspec.Struct, frozen=True):
    """A document without the name of its file.

    Attributes:
        key: which one of the file it is; "" where the file is one document.
    """

    text: str
    sections: tuple[Section, ...] = ()
    format: str = "text"
    key: str = ""
    metadata: Metadata = {}


def nested_sections(headings: Iterable[tuple[int, int, str]]) -> tuple[Section, ...]:
    """Return the sections of a text from its headings: where each starts, its level (1 is the outermost), its words."""
    path: list[tuple[int, str]] = []
    sections = []
    for start, level, words in headings:
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, words))
        sections.append(Section(start, tuple(words for _, words in path)))
    return tuple(sections)


def line_starts(text: str) -> list[int]:
    """Return where each line of a text starts, and behind them the text's end. Lines end with a line feed alone."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    starts[-1] = len(text)
    return starts
