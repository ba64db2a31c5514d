"""The splitter port: a document becomes passages."""

from __future__ import annotations

from typing import Protocol

from llamabot.ports.documents import Document, Passage

__all__ = ["SplitterPort"]


class SplitterPort(Protocol):
    """Cuts documents where their sense allows it. Pure: the same document gives the same passages.

    Attributes:
        name: of the rule with all its settings; a store cuts its documents anew when the name has changed.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - told above

    def split(self, document: Document) -> tuple[Passage, ...]:
        """Return the passages of a document in their order, () if there is nothing but white space in it.

        Any text is legal: half a character too, and one of any length.

        Law: each passage is `document.text[place.start:place.end]`, and not white space alone; together they leave out
        nothing but white space; they may overlap. They begin in their order, and are numbered from 0. The heading and
        page of each are those of the section that it begins in, the last of those that start there.
        """
