"""Questions that nobody here wrote: the headings of Python's FAQ, whose answers are the sections below them.

The pages come from the Debian package `python3.11-doc`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.debian import unpacked
from llamabot.adapters.loaders import FileLoader
from llamabot.ports.documents import Document, Passage

__all__ = ["Question", "asked_in", "pages", "questions"]

_PACKAGE = "python3.11-doc"
_INSIDE = Path("usr/share/doc/python3.11/html/faq")
_SEED = 7


class Question(msgspec.Struct, frozen=True):
    """A heading that asks something, and where the section below it stands, in characters of its document."""

    text: str
    document_id: str
    start: int
    end: int

    def is_answered_in(self, passage: Passage) -> bool:
        """Say whether a passage has something of that section."""
        place = passage.place
        return passage.document_id == self.document_id and place.start < self.end and self.start < place.end


def pages() -> Path:
    """Return the folder with the pages, fetched if they are not here.

    Raises:
        RuntimeError: there is no apt, or no package.
    """
    return unpacked(_PACKAGE) / _INSIDE


def questions(folder: Path, count: int | None = None) -> list[Question]:
    """Return the questions of all pages, or so many of them, in an order that is mixed but always the same.

    Their documents have the ids that `ingest(folder)` gives them.
    """
    found = [question for path in sorted(folder.glob("*.html")) for question in _of_page(path, folder.name)]
    random.Random(_SEED).shuffle(found)
    return found[:count]


def _of_page(path: Path, folder: str) -> Iterator[Question]:
    for document in FileLoader().load(path, source=f"{folder}/{path.name}"):
        yield from asked_in(document)


def asked_in(document: Document) -> Iterator[Question]:
    """Yield the headings that end with a question mark and have text below them."""
    for number, section in enumerate(document.sections):
        inside = len(section.heading)
        later = document.sections[number + 1 :]
        end = next((other.start for other in later if other.heading[:inside] != section.heading), len(document.text))
        if inside and section.heading[-1].endswith("?") and document.text[section.start : end].strip():
            yield Question(section.heading[-1], document.id, section.start, end)
