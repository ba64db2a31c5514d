"""Splitters that are wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.falsify.plain_splitter import Passages, PlainSplitter, replaced, splitter

from llamabot.ports.documents import Document, Passage, Place, Section

_MADE = count()


@splitter
class TrimsTheTextAlone(PlainSplitter):
    """Trims the text of a passage, and leaves its place as it was."""

    def split(self, document: Document) -> Passages:
        return tuple(replaced(passage, text=passage.text.strip()) for passage in super().split(document))


@splitter
class FoldsWhiteSpace(PlainSplitter):
    """Makes one space of all white space in a passage."""

    def split(self, document: Document) -> Passages:
        return tuple(replaced(passage, text=" ".join(passage.text.split())) for passage in super().split(document))


@splitter
class CountsBytes(PlainSplitter):
    """Tells places in bytes of UTF-8."""

    def place(self, document: Document, start: int, end: int) -> Place:
        before = [len(document.text[:stop].encode("utf-8", "replace")) for stop in (start, end)]
        return replaced(super().place(document, start, end), start=before[0], end=before[1])


@splitter
class EndsBehindTheText(PlainSplitter):
    """Says of each passage that it is as long as it might have been, also of the last."""

    def place(self, document: Document, start: int, end: int) -> Place:
        return replaced(super().place(document, start, end), end=start + self.size)


@splitter
class CountsFromTheEnd(PlainSplitter):
    """Says where a passage begins as seen from the end of the text, as Python's slices do too."""

    def place(self, document: Document, start: int, end: int) -> Place:
        return replaced(super().place(document, start, end), start=start - len(document.text))


@splitter
class LineEndsOfUnix(PlainSplitter):
    """Reads each end of a line as one character, whatever the text has."""

    def split(self, document: Document) -> Passages:
        return super().split(replaced(document, text=document.text.replace("\r\n", "\n")))


@splitter
class FindsItsWordsAgain(PlainSplitter):
    """Cuts at the ends of lines, and looks in the text for where each line stands: where it stands first."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        for line in text.splitlines():
            if line.strip():
                start = text.find(line)
                yield start, start + len(line)


@splitter
class LosesTheRest(PlainSplitter):
    """Forgets what is left at the end, where it is less than a passage."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        yield from (span for span in super().spans(text) if span[1] - span[0] == self.size)


@splitter
class ShortOnesLeftOut(PlainSplitter):
    """Leaves out passages with less than five letters or digits in them."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        yield from ((start, end) for start, end in super().spans(text) if len(re.findall(r"\w", text[start:end])) > 4)


@splitter
class SectionsAlone(PlainSplitter):
    """Cuts each section, and not what stands before the first."""

    def split(self, document: Document) -> Passages:
        begin = document.sections[0].start if document.sections else 0
        kept = [passage for passage in super().split(document) if passage.place.end > begin]
        return tuple(replaced(passage, number=number) for number, passage in enumerate(kept))


@splitter
class BlankOnes(PlainSplitter):
    """Keeps passages of white space alone."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        for start in range(0, len(text) if text.strip() else 0, self.size):
            yield start, min(start + self.size, len(text))


@splitter
class OneForNothing(PlainSplitter):
    """Makes one passage of a text without words."""

    def split(self, document: Document) -> Passages:
        whole = Passage(document.id, 0, document.text, self.place(document, 0, len(document.text)), document.metadata)
        return super().split(document) or (whole,)


@splitter
class LongestFirst(PlainSplitter):
    """Sorts the passages, those with the most in them first."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        yield from sorted(super().spans(text), key=lambda span: -len(text[slice(*span)].split()))


@splitter
class NumbersFromOne(PlainSplitter):
    """Numbers the passages from 1."""

    def split(self, document: Document) -> Passages:
        return tuple(replaced(passage, number=passage.number + 1) for passage in super().split(document))


@splitter
class NumbersOfThePage(PlainSplitter):
    """Numbers the passages of each page anew."""

    def split(self, document: Document) -> Passages:
        numbers: dict[int | None, Iterator[int]] = {}
        return tuple(
            replaced(passage, number=next(numbers.setdefault(passage.place.page, count())))
            for passage in super().split(document)
        )


@splitter
class GoesOnCounting(PlainSplitter):
    """Numbers the passages of all documents in one row."""

    def __init__(self) -> None:
        self.numbers = count()

    def split(self, document: Document) -> Passages:
        return tuple(replaced(passage, number=next(self.numbers)) for passage in super().split(document))


@splitter
class HeadingOfItsEnd(PlainSplitter):
    """Tells the section that a passage ends in."""

    def section(self, document: Document, start: int, end: int) -> Section:
        return super().section(document, end - 1, end)


@splitter
class HeadingFromTheStart(PlainSplitter):
    """Tells the first section of what stands before it."""

    def section(self, document: Document, start: int, end: int) -> Section:
        first = document.sections[0].start if document.sections else 0
        return super().section(document, max(start, first), end)


@splitter
class FirstOfTheSamePlace(PlainSplitter):
    """Tells the first section where several begin at one place."""

    def section(self, document: Document, start: int, end: int) -> Section:
        found = super().section(document, start, end)
        return next((section for section in document.sections if section.start == found.start), found)


@splitter
class InnermostHeading(PlainSplitter):
    """Tells the innermost heading alone."""

    def section(self, document: Document, start: int, end: int) -> Section:
        found = super().section(document, start, end)
        return replaced(found, heading=found.heading[-1:])


@splitter
class NoPage(PlainSplitter):
    """Tells no pages."""

    def section(self, document: Document, start: int, end: int) -> Section:
        return replaced(super().section(document, start, end), page=None)


@splitter
class IdForTheSource(PlainSplitter):
    """Tells the document's id where its source is asked for."""

    def place(self, document: Document, start: int, end: int) -> Place:
        return replaced(super().place(document, start, end), source=document.id)


@splitter
class MetadataOfItsOwn(PlainSplitter):
    """Adds the heading to the metadata."""

    def split(self, document: Document) -> Passages:
        return tuple(
            replaced(passage, metadata={**passage.metadata, "heading": " > ".join(passage.place.heading)})
            for passage in super().split(document)
        )


@splitter
class Yields(PlainSplitter):
    """Yields the passages, so that they are there once."""

    def split(self, document: Document) -> Any:
        yield from super().split(document)


@splitter
class StrictText(PlainSplitter):
    """Hands the text to a library that holds strings as UTF-8, which half a character is not."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        return super().spans(text.encode().decode())


@splitter
class CallsItself(PlainSplitter):
    """Cuts one passage off, and calls itself for the rest of the text."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        yield from list(self._rest(text, 0))

    def _rest(self, text: str, start: int) -> list[tuple[int, int]]:
        if start >= len(text):
            return []
        end = min(start + self.size, len(text))
        return [*([(start, end)] if text[start:end].strip() else []), *self._rest(text, end)]


@splitter
class OtherEachTime(PlainSplitter):
    """Cuts where a random number says."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        start = 0
        while start < len(text):
            end = min(start + random.randint(20, 40), len(text))
            if text[start:end].strip():
                yield start, end
            start = end


@splitter
class KeptUnderItsId(PlainSplitter):
    """Keeps what it has cut under the document's id, and gives it for another document with that id."""

    def __init__(self) -> None:
        self.kept: dict[str, Passages] = {}

    def split(self, document: Document) -> Passages:
        return self.kept.setdefault(document.id, super().split(document))


@splitter
class SizeOfWhatItSaw(PlainSplitter):
    """Makes passages as long as suits the longest document that it has seen."""

    def split(self, document: Document) -> Passages:
        self.size = max(self.size, len(document.text) // 10)
        return super().split(document)


@splitter
class NameOfTheObject(PlainSplitter):
    """Has another name each time that it is made, so that stores cut all anew."""

    def __init__(self) -> None:
        self.name = f"splitter-{next(_MADE)}"


@splitter
class NoName(PlainSplitter):
    """Has no name."""

    name = ""
