from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamabot.adapters.splitting import SemanticSplitter
from llamabot.ports.documents import Document, Place, Section
from llamabot.ports.errors import ConfigurationError
from llamabot.testing.contracts import SplitterContract
from llamabot.testing.contracts.splitter import documents_to_split

CODE = '''
class Queue:
    """Things that wait."""

    def first(self):
        if self.things:
            return self.things[0]
'''


class TestSemanticSplitter(SplitterContract):
    def make(self) -> SemanticSplitter:
        return SemanticSplitter(size=40, overlap=10)

    @given(documents_to_split(), st.integers(1, 60), st.integers(0, 59))
    def test_no_passage_is_longer_than_its_size(self, document: Document, size: int, overlap: int) -> None:
        passages = SemanticSplitter(size=size, overlap=min(overlap, size - 1)).split(document)
        assert all(len(passage.text) <= size for passage in passages)

    @settings(max_examples=30)
    @given(documents_to_split())
    def test_without_an_overlap_nothing_is_said_twice(self, document: Document) -> None:
        places = [passage.place for passage in SemanticSplitter(size=30, overlap=0).split(document)]
        assert all(one.end <= other.start for one, other in pairwise(places))


def _texts(document: Document, **settings: int) -> list[str]:
    return [passage.text for passage in SemanticSplitter(**settings).split(document)]


def test_cuts_at_headings_even_where_two_sections_would_fit_into_one_passage() -> None:
    text = "# Pets\n\nA cat says meow, always.\n\n# Cars\n\nA car says nothing at all."
    sections = (Section(0, ("Pets",)), Section(text.index("# Cars"), ("Cars",)))
    passages = SemanticSplitter(size=200).split(Document("1", text, sections=sections, format="markdown"))
    assert [passage.place.heading for passage in passages] == [("Pets",), ("Cars",)]
    assert [passage.text.split("\n")[0] for passage in passages] == ["# Pets", "# Cars"]


def test_a_title_alone_is_no_passage_but_the_beginning_of_one() -> None:
    text = "# A\n\n## B\n\nOnly here is something said, and then more."
    sections = (Section(0, ("A",)), Section(5, ("A", "B")))
    assert _texts(Document("1", text, sections=sections, format="markdown"), size=100) == [text]


def test_a_short_section_is_a_passage_for_a_citation_names_where_it_begins() -> None:
    text = "Yes?\n====\nYes.\n\nNo?\n===\nNo."
    sections = (Section(0, ("Yes?",)), Section(text.index("No?"), ("No?",)))
    assert _texts(Document("1", text, sections=sections)) == ["Yes?\n====\nYes.", "No?\n===\nNo."]
    title = "Book\n~~~~\n\n"
    moved = (Section(0, ("Book",)), *(Section(each.start + len(title), each.heading) for each in sections))
    assert _texts(Document("1", title + text, sections=moved))[0] == "Book\n~~~~\n\nYes?\n====\nYes."


def test_each_function_is_a_passage_however_short() -> None:
    text = "def f(): return 1\n\n\ndef g(): return 2\n"
    sections = (Section(0, ("f",)), Section(18, ()), Section(20, ("g",)))
    passages = SemanticSplitter().split(Document("1", text, sections=sections, format="python"))
    assert [passage.place.heading for passage in passages] == [("f",), ("g",)]


def test_a_page_may_end_in_the_middle_of_a_passage() -> None:
    text = "The sentence begins here\nand ends there."
    sections = (Section(0, page=1), Section(25, page=2))
    (passage,) = SemanticSplitter().split(Document("1", text, source="a.pdf", sections=sections))
    assert passage.place == Place("a.pdf", 0, len(text), (), 1)


def test_prefers_the_end_of_a_paragraph_then_of_a_sentence_then_of_a_word() -> None:
    text = "One two three. Four five six.\n\nSeven eight nine."
    assert _texts(Document("1", text), size=35) == ["One two three. Four five six.", "Seven eight nine."]
    assert _texts(Document("1", text), size=20) == ["One two three.", "Four five six.", "Seven eight nine."]
    assert _texts(Document("1", "seven eight"), size=8) == ["seven", "eight"]


def test_markdown_is_cut_at_its_blocks() -> None:
    text = "Some words before it:\n```\ncode()\n\n\nmore()\n```\nSome words behind it."
    assert "```\ncode()\n\n\nmore()\n```" in _texts(Document("1", text, format="markdown"), size=30)
    assert "```\ncode()\n\n\nmore()\n```" not in _texts(Document("1", text), size=30)


def test_code_keeps_the_indentation_of_its_first_line() -> None:
    passages = _texts(Document("1", CODE, format="python"), size=90)
    assert passages[-1].startswith("    def first(self):\n        if")


def test_an_overlap_repeats_the_end_of_the_passage_before() -> None:
    text = "One two. Three four. Five six. Seven eight."
    assert _texts(Document("1", text), size=22, overlap=12) == [
        "One two. Three four.",
        "Three four. Five six.",
        "Five six. Seven eight.",
    ]


@pytest.mark.parametrize("unit", ["a", "word ", "> ", "["])
def test_cuts_a_text_without_lines_in_parts_of_bounded_length(unit: str) -> None:
    # The library under it takes minutes for a line of this length.
    text = unit * (1_000_000 // len(unit))
    passages = SemanticSplitter().split(Document("1", text))
    assert sum(len("".join(passage.text.split())) for passage in passages) == len("".join(text.split()))


def test_its_name_tells_its_settings() -> None:
    names = {SemanticSplitter(size=size, overlap=overlap).name for size in (300, 800) for overlap in (0, 30)}
    assert len(names) == 4
    assert SemanticSplitter(size=300).name == SemanticSplitter(size=300).name


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (-1, 0), (10, 10), (10, -1)])
def test_refuses_settings_that_cannot_be(size: int, overlap: int) -> None:
    with pytest.raises(ConfigurationError, match=r"size=|overlap="):
        SemanticSplitter(size=size, overlap=overlap)
