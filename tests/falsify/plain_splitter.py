"""A splitter that is right, and how the wrong ones are made of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.ports.documents import Document, Passage, Place, Section
from llamabot.testing.contracts import SplitterContract

__all__ = ["Passages", "PlainSplitter", "SplitterHooks", "replaced", "splitter"]

Passages = tuple[Passage, ...]
replaced: Any = msgspec.structs.replace


class PlainSplitter:
    """A right splitter: each 30 characters are a passage, where they are more than white space.

    What it is made of are its methods, each for one bug.
    """

    name = "thirty"
    size = 30

    def split(self, document: Document) -> Passages:
        return tuple(
            Passage(
                document.id,
                number,
                document.text[start:end],
                self.place(document, start, end),
                document.metadata,
            )
            for number, (start, end) in enumerate(self.spans(document.text))
        )

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the passages begin and end."""
        for start in range(0, len(text), self.size):
            end = min(start + self.size, len(text))
            if text[start:end].strip():
                yield start, end

    def place(self, document: Document, start: int, end: int) -> Place:
        section = self.section(document, start, end)
        return Place(document.source, start, end, section.heading, section.page)

    def section(self, document: Document, start: int, end: int) -> Section:
        """Return the section that a passage is said to be of."""
        index = bisect_right([section.start for section in document.sections], start) - 1
        return document.sections[index] if index >= 0 else Section(0)


class SplitterHooks:
    adapter: Any
    examples = 25

    def make(self) -> Any:
        return self.adapter()


splitter = wrong(SplitterHooks, SplitterContract)
