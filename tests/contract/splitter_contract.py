"""What every splitter does: a class of tests to inherit."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llamabot.ports.documents import Document, Section

_MARKDOWN = ["# Heading", "## Under it", "```", "- item", "> said", "| a | b |", "    indented"]
_ODD = ["…", "字字字", "e\u0301", "👩‍👩‍👧", "\ud800", "\x00", "\x1c", "\u00a0", "x" * 50]
_WORDS = st.sampled_from(["word", "Sentence.", *_MARKDOWN, *_ODD])
_GAPS = st.sampled_from([" ", "\n", "\n\n", "\r\n", "\t", "", "\u2028", "\x85"])
TEXTS = st.lists(st.builds(str.__add__, _WORDS | st.text(max_size=20), _GAPS), max_size=60).map("".join)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents of any format, with any sections: at the same place, on a page, before and behind each other's ends."""
    text = draw(TEXTS)
    starts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    headings = st.lists(st.sampled_from("ABC"), max_size=3).map(tuple)
    sections = tuple(Section(start, draw(headings), draw(st.none() | st.integers(1, 9))) for start in starts)
    kind = draw(st.sampled_from(["text", "markdown", "python", "no known one"]))
    return Document("id", text, {"kind": kind}, "a source", sections, kind)


class SplitterContract:
    """Say how a splitter is made."""

    def make(self) -> Any:
        """Return a splitter of passages that are shorter than most texts here."""
        raise NotImplementedError

    @settings(max_examples=80)
    @given(documents())
    def test_passages_are_spans_that_leave_out_nothing_but_white_space(self, document: Document) -> None:
        passages = self.make().split(document)
        left = list(document.text)
        for passage in passages:
            place = passage.place
            assert passage.text == document.text[place.start : place.end]
            assert passage.text.strip() != ""
            left[place.start : place.end] = " " * (place.end - place.start)
        assert "".join(left).strip() == ""
        starts = [passage.place.start for passage in passages]
        assert starts == sorted(starts)

    @settings(max_examples=30)
    @given(documents())
    def test_a_passage_says_where_it_begins_and_of_what_it_is(self, document: Document) -> None:
        for number, passage in enumerate(self.make().split(document)):
            assert (passage.document_id, passage.number, passage.metadata) == ("id", number, document.metadata)
            assert passage.place.source == document.source
            begun = [section for section in document.sections if section.start <= passage.place.start]
            heading, page = (begun[-1].heading, begun[-1].page) if begun else ((), None)
            assert (passage.place.heading, passage.place.page) == (heading, page)

    @settings(max_examples=10)
    @given(documents())
    def test_the_same_document_gives_the_same_passages(self, document: Document) -> None:
        assert self.make().split(document) == self.make().split(document)

    def test_white_space_gives_no_passage(self) -> None:
        assert [self.make().split(Document("id", text)) for text in ("", " \n\t\u00a0 ", "\x1c")] == [(), (), ()]
