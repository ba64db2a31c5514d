"""Documents, the passages they are cut into, and what a search finds of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

__all__ = ["Document", "Match", "Metadata", "Passage", "Place", "Section"]

Scalar: TypeAlias = str | int | float | bool | None
Metadata: TypeAlias = Mapping[str, Scalar]


class Section(msgspec.Struct, frozen=True):
    """Where a part of a document begins; it ends where the next one begins.

    Attributes:
        start: in characters of the document's text.
        heading: the headings that it stands under, the outermost first.
        page: from 1, or None where there are none.
    """

    start: int
    heading: tuple[str, ...] = ()
    page: int | None = None


class Document(msgspec.Struct, frozen=True):
    """A text that can be searched.

    Attributes:
        id: the caller's; a document that is added under a known id takes the place of the old one.
        text: all of it; what is cited are spans of this.
        metadata: for filters; values are scalars.
        source: where it is from, for people: a path or a name; "" where it is told by nobody.
        sections: its parts in the order of their starts; () where nothing is known of them.
        format: how the text is written, which tells where it is best cut: `text`, `markdown`, or the name of a
            programming language in lower case.
        fingerprint: what stood for the source when it was read, a hash of its bytes for example; "" for none.
    """

    id: str
    text: str
    metadata: Metadata = {}
    source: str = ""
    sections: tuple[Section, ...] = ()
    format: str = "text"
    fingerprint: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where a passage stands.

    Attributes:
        source: of the document.
        start, end: of the passage, in characters of the document's text; `text[start:end]` is the passage.
        heading: the headings that it begins under, the outermost first.
        page: that it begins on, from 1, or None.
    """

    source: str
    start: int
    end: int
    heading: tuple[str, ...] = ()
    page: int | None = None

    def __str__(self) -> str:
        page = "" if self.page is None else f"p. {self.page}"
        return ", ".join(filter(None, (self.source, page, " > ".join(self.heading))))


class Passage(msgspec.Struct, frozen=True):
    """A piece of a document that can be found.

    Attributes:
        number: its place among the document's passages, from 0.
        metadata: of the document.
    """

    document_id: str
    number: int
    text: str
    place: Place
    metadata: Metadata = {}


class Match(msgspec.Struct, frozen=True):
    """A passage that was found.

    Attributes:
        score: how close it is, higher is closer; comparable within one search.
    """

    passage: Passage
    score: float
