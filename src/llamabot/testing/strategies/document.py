"""Documents, their passages, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llamabot.ports.documents import Document, Match, Metadata, Passage, Place, Section
from llamabot.testing.strategies.drawing import drawn
from llamabot.testing.strategies.value import texts

__all__ = ["documents", "matches", "metadata", "passages", "queries"]

_WORDS = ("cat", "dog", "refund", "Zürich", "naïve", "2026", "don't", "東京", "😀")
_SYNTAX = ('"', "cat AND", "NEAR(cat, 2)", "cat*", "-cat", "text:cat", "(", "cat'; --", "\x00", "\ufeffcat", "%_")
_IDS = ("a", "b", "notes/ä.md", "c#1", "Z")


@cache
def metadata() -> SearchStrategy[Metadata]:
    """Metadata for filters: scalars that are easily taken for each other, such as 1, True and "1"."""
    values = st.sampled_from([None, True, False, 0, 1, 1.5, "1", "", "true", "ä"]) | texts(max_size=6)
    return st.dictionaries(st.sampled_from(["lang", "year", "a b"]), values, max_size=3)


def documents() -> SearchStrategy[Document]:
    """Documents of a few paragraphs of a few words, so that several share some; empty ones and blank ones among them.

    Ids are few, so that one document takes the place of another. Sections lie in the text, in the order they start in.
    """
    return drawn(_document)


def _document(draw: DrawFn) -> Document:
    text = draw(_bodies())
    starts = sorted(draw(st.sets(st.integers(0, max(0, len(text) - 1)), max_size=2)))
    return Document(
        draw(st.sampled_from(_IDS)),
        text,
        draw(metadata()),
        draw(st.sampled_from(["", "a.md", "notes/ä.md"])),
        tuple(Section(start, *draw(_headings())) for start in starts),
        draw(st.sampled_from(["text", "markdown"])),
        draw(st.sampled_from(["", "f1", "f2"])),
    )


def passages(document: Document | None = None) -> SearchStrategy[Passage]:
    """Passages of a document, or of any: the text is `document.text[place.start:place.end]`."""
    return drawn(_passage, document)


def _passage(draw: DrawFn, document: Document | None) -> Passage:
    whole = draw(documents()) if document is None else document
    end = draw(st.integers(min(1, len(whole.text)), len(whole.text)))
    start = draw(st.integers(0, max(0, end - 1)))
    within = [section for section in whole.sections if section.start <= start]
    heading, page = (within[-1].heading, within[-1].page) if within else ((), None)
    place = Place(whole.source, start, end, heading, page)
    return Passage(whole.id, draw(st.integers(0, 3)), whole.text[start:end], place, whole.metadata)


@cache
def matches() -> SearchStrategy[tuple[Match, ...]]:
    """What a search finds: passages with scores, the closest first."""
    found = st.lists(st.builds(Match, passages(), st.integers(0, 8).map(lambda n: n / 8)), max_size=4)
    return found.map(
        lambda some: tuple(
            sorted(some, key=lambda match: (-match.score, match.passage.document_id, match.passage.number))
        )
    )


def queries(about: Iterable[Document] = ()) -> SearchStrategy[str]:
    """What is asked of a store: words, none, and what a search engine might take for its own syntax.

    Args:
        about: documents whose words are asked for too.
    """
    words = sorted({word for document in about for word in document.text.split()} | set(_WORDS))
    asked = st.lists(st.sampled_from(words), max_size=3).map(" ".join)
    return asked | st.sampled_from(["", " \n", *_SYNTAX]) | texts(max_size=12)


@cache
def _bodies() -> SearchStrategy[str]:
    sentence = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4).map(" ".join)
    paragraphs = st.lists(sentence, max_size=3).map("\n\n".join)
    return paragraphs | st.sampled_from(["", " \n\t", "# cat\n\ndog"]) | texts(max_size=20)


@cache
def _headings() -> SearchStrategy[tuple[tuple[str, ...], int | None]]:
    heading = st.lists(st.sampled_from(["Cats", "Über uns"]), max_size=2).map(tuple)
    return st.tuples(heading, st.none() | st.integers(1, 3))
