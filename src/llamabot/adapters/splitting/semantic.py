"""Passages that end where the sense does: at headings, blank lines, sentences, words.

Sections with different headings are cut apart here; within them semantic-text-splitter chooses the places.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from llamabot.ports.documents import Document, Passage, Place, Section
from llamabot.ports.errors import ConfigurationError, MissingExtra

__all__ = ["SemanticSplitter"]

_Span: TypeAlias = tuple[int, int]
_Cut: TypeAlias = Callable[[str], list[tuple[int, str]]]

# Of the rules in this file: another number where they cut otherwise than before, and stores cut anew.
_RULES = 1

# The time of the library grows with the square of a text's length where it has no lines: it gets parts of this size.
_MOST_CHARACTERS = 20_000

_WORD = re.compile(r"\w")
_WITH_TITLES = ("markdown", "text")

_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class SemanticSplitter:
    """Cuts text at blank lines, sentences and words, Markdown also at its blocks, and both at headings.

    Source code is text here: it is cut at blank lines, and where its sections are known, between functions. Needs the
    extra `documents`.

    Args:
        size: most characters of a passage.
        overlap: most characters that a passage repeats of the one before, within a section.

    Raises:
        ConfigurationError: `size` is not positive, or `overlap` is not below it.
    """

    def __init__(self, *, size: int = 800, overlap: int = 0) -> None:
        if size < 1:
            raise ConfigurationError(f"size={size}: a passage has at least one character")
        if not 0 <= overlap < size:
            raise ConfigurationError(f"overlap={overlap}: it is 0 or more, and less than size={size}")
        self._size, self._overlap = size, overlap

    @property
    def name(self) -> str:
        """Return the name of the rule with its settings."""
        return f"semantic-{_RULES} size={self._size} overlap={self._overlap}"

    def split(self, document: Document) -> tuple[Passage, ...]:
        """Return the passages of a document in their order, () if there is nothing but white space in it."""
        sections = sorted(document.sections, key=lambda section: section.start)
        starts = [section.start for section in sections]
        passages = []
        for number, (start, end) in enumerate(self._spans(document, sections)):
            begins_in = bisect_right(starts, start) - 1
            section = sections[begins_in] if begins_in >= 0 else Section(0)
            place = Place(document.source, start, end, section.heading, section.page)
            passages.append(Passage(document.id, number, document.text[start:end], place, document.metadata))
        return tuple(passages)

    def _spans(self, document: Document, sections: Sequence[Section]) -> Iterator[_Span]:
        cut, text = self._cutter(document.format), document.text
        has_titles = document.format in _WITH_TITLES
        for part in _parts(text, _new_headings(sections), has_titles=has_titles):
            for start, end in _no_longer_than(_MOST_CHARACTERS, text, part):
                # The splitter is written in a language whose strings cannot hold lone surrogates.
                for place, piece in cut(text[start:end].translate(_SURROGATES)):
                    span = _trimmed(text, start + place, start + place + len(piece))
                    if span[0] < span[1]:
                        yield span

    def _cutter(self, written_in: str) -> _Cut:
        try:
            from semantic_text_splitter import MarkdownSplitter, TextSplitter
        except ImportError as error:
            raise MissingExtra.for_package("semantic-text-splitter", "documents") from error
        kind = MarkdownSplitter if written_in == "markdown" else TextSplitter
        return kind(self._size, overlap=self._overlap, trim=False).chunk_indices


def _new_headings(sections: Sequence[Section]) -> Iterator[int]:
    """Yield where the heading is another than before; a new page alone is none."""
    heading: tuple[str, ...] = ()
    for section in sections:
        if section.heading != heading:
            yield section.start
            heading = section.heading


def _parts(text: str, starts: Iterator[int], *, has_titles: bool) -> Iterator[_Span]:
    """Yield the spans between some places of a text. One that has nothing but a title in it joins the next."""
    begin = 0
    for start in starts:
        lines = sum(_WORD.search(line) is not None for line in text[begin:start].split("\n"))
        if lines > has_titles:
            yield begin, start
            begin = start
    yield begin, len(text)


def _no_longer_than(most: int, text: str, span: _Span) -> Iterator[_Span]:
    """Yield a span in parts, cut at a blank line, a line or a space if there is one in the second half of each."""
    start, end = span
    while end - start > most:
        middle, stop = start + most // 2, start + most
        ends = (text.rfind(mark, middle, stop) + len(mark) for mark in ("\n\n", "\n", " "))
        at = next((at for at in ends if at > middle), stop)
        yield start, at
        start = at
    yield start, end


def _trimmed(text: str, start: int, end: int) -> _Span:
    """Return a span without white space at its ends, but with the first line's indentation, which tells in code."""
    piece = text[start:end]
    kept = piece.strip()
    begin = start + piece.find(kept)
    line = text.rfind("\n", 0, begin) + 1
    first = line if line >= start and not text[line:begin].strip() else begin
    return (first if kept else begin), begin + len(kept)
