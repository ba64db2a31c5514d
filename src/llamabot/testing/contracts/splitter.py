"""The contract of splitters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports.documents import Document, Passage, Section
from llamabot.testing.contracts.contract import Contract, not_made
from llamabot.testing.strategies import broken_texts
from llamabot.testing.strategies.drawing import drawn

__all__ = ["SplitterContract", "documents_to_split"]

_MARKDOWN = ("# Heading", "## Under it", "```", "- item", "> said", "| a | b |", "    indented")
_ODD = ("…", "字字字", "e\u0301", "👩‍👩‍👧", "\ud800", "\x00", "\x1c", "\u00a0", "x" * 50)
_GAPS = (" ", "\n", "\n\n", "\r\n", "\t", "", "\u2028", "\x85", " " * 80)


class SplitterContract(Contract):
    """Promises of `SplitterPort`: `split` and `name`.

        class TestMySplitter(SplitterContract):
            def make(self):
                return MySplitter(size=40)

    `make` returns a splitter whose passages are shorter than most texts here, of some 300 characters, so that there is
    something to cut; those that it makes are alike.

    - The passages of a document are a tuple, in the order in which they begin, numbered from 0.
    - Each is `document.text[place.start:place.end]`, in characters, within the text, and more than white space.
      Together they leave out nothing but white space; they may overlap. Nothing but white space gives ().
    - Each says whose it is: the document's id, source and metadata; and the heading and page of the section that it
      begins in, the last of those that start there; of none, before the first.
    - Any text is legal: NUL, half a character, one of a hundred thousand characters; so are any format and sections.
    - The same document gives the same passages, whatever was cut between, in two splitters that are made alike too.
    - `name` is printable and not empty, and stays, in two splitters that are made alike too.
    """

    def make(self) -> Any:
        """Return a splitter."""
        raise not_made(self)

    def test_gives_spans_of_the_text_in_their_order(self) -> None:
        splitter = self.make()

        @self.searching
        @given(documents_to_split())
        def check(document: Document) -> None:
            passages = splitter.split(document)
            assert isinstance(passages, tuple)
            for passage in passages:
                start, end = passage.place.start, passage.place.end
                assert 0 <= start < end <= len(document.text)
                assert passage.text == document.text[start:end]
            starts = [passage.place.start for passage in passages]
            assert starts == sorted(starts)
            assert [passage.number for passage in passages] == list(range(len(passages)))

        check()

    def test_leaves_out_nothing_but_white_space(self) -> None:
        splitter = self.make()

        @self.searching
        @given(documents_to_split())
        def check(document: Document) -> None:
            passages = splitter.split(document)
            assert [passage.text for passage in passages if not passage.text.strip()] == []
            assert _left_out(document, passages).strip() == ""

        check()

    def test_says_whose_a_passage_is_and_where_it_begins(self) -> None:
        splitter = self.make()

        @self.searching
        @given(documents_to_split())
        def check(document: Document) -> None:
            for passage in splitter.split(document):
                place = passage.place
                assert (passage.document_id, passage.metadata) == (document.id, document.metadata)
                assert place.source == document.source
                assert (place.heading, place.page) == _begun_in(document, place.start)

        check()

    def test_cuts_the_same_document_the_same_way(self) -> None:
        splitter, other = self.make(), self.make()

        @self.searching
        @given(documents_to_split(), documents_to_split())
        def check(document: Document, between: Document) -> None:
            passages = splitter.split(document)
            splitter.split(between)
            assert splitter.split(document) == passages == other.split(document)

        check()

    def test_cuts_a_short_document_alike_after_a_long_one(self) -> None:
        splitter, short = self.make(), Document("id", "A text, and another. " * 20)
        passages = splitter.split(short)
        splitter.split(Document("long", "A sentence of another text.\n" * 400))
        assert splitter.split(short) == passages

    @pytest.mark.parametrize("text", ["", " \n\t\u00a0 ", "\x1c"], ids=repr)
    def test_gives_no_passage_for_white_space(self, text: str) -> None:
        assert self.make().split(Document("id", text, sections=(Section(0, ("A",)),))) == ()

    @pytest.mark.parametrize("unit", ["word ", "x"], ids=repr)
    def test_takes_a_text_of_a_hundred_thousand_characters(self, unit: str) -> None:
        document = Document("id", unit * (100_000 // len(unit)))
        assert _left_out(document, self.make().split(document)).strip() == ""

    def test_has_a_name_that_stays(self) -> None:
        splitter, other = self.make(), self.make()
        before = splitter.name
        splitter.split(Document("id", "A text, and another. " * 20))
        assert splitter.name == before == other.name
        assert before
        assert before.isprintable()


@cache
def documents_to_split() -> SearchStrategy[Document]:
    """Documents in any format, many of them long for their splitter, some with much white space.

    Sections lie anywhere, also several at the same place and behind the last letter.
    """
    return drawn(_document)


def _document(draw: DrawFn) -> Document:
    text = draw(_texts())
    starts = draw(st.lists(st.integers(0, len(text)), max_size=4).map(sorted))
    headings = st.lists(st.sampled_from("ABC"), max_size=3).map(tuple)
    section = st.tuples(headings, st.none() | st.integers(1, 9))
    sections = [Section(start, *one) for start in starts for one in draw(st.lists(section, min_size=1, max_size=2))]
    kind = draw(st.sampled_from(["text", "markdown", "python", "no known one"]))
    return Document("id", text, {"kind": kind}, "a source", tuple(sections), kind)


@cache
def _texts() -> SearchStrategy[str]:
    words = st.sampled_from(["word", "Sentence.", *_MARKDOWN, *_ODD]) | broken_texts(max_size=20)
    pieces = st.builds(str.__add__, words, st.sampled_from(_GAPS))
    return (st.lists(pieces, max_size=6) | st.lists(pieces, min_size=20, max_size=40)).map("".join)


def _left_out(document: Document, passages: Sequence[Passage]) -> str:
    """Return what of a text is in no passage."""
    kept, end = [], 0
    for passage in passages:
        kept.append(document.text[end : passage.place.start])
        end = max(end, passage.place.end)
    return "".join([*kept, document.text[end:]])


def _begun_in(document: Document, start: int) -> tuple[tuple[str, ...], int | None]:
    """Return the heading and the page of the section that a place is in."""
    begun = [section for section in document.sections if section.start <= start]
    return (begun[-1].heading, begun[-1].page) if begun else ((), None)
