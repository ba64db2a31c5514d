"""Documents, their passages and what is asked of them: consistent, varied, small."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.kit.shrinking import minimal

from llamabot.ports.documents import Document, Match, Passage, Place, Section
from llamabot.testing import InMemoryDocStore, strategies


@given(strategies.documents())
@settings(max_examples=40)
def test_a_document_is_one_that_a_store_takes_and_its_sections_lie_in_it(document: Document) -> None:
    starts = [section.start for section in document.sections]
    assert starts == sorted(set(starts))
    assert all(0 <= start < max(1, len(document.text)) for start in starts)
    assert InMemoryDocStore().add([document]).added == (document.id,)


@given(strategies.documents(), st.data())
@settings(max_examples=40)
def test_a_passage_is_a_span_of_its_document_under_the_heading_that_it_begins_in(
    document: Document, data: st.DataObject
) -> None:
    passage = data.draw(strategies.passages(document))
    assert passage.text == document.text[passage.place.start : passage.place.end]
    assert (passage.text == "") == (document.text == "")
    above = [section for section in document.sections if section.start <= passage.place.start]
    assert passage.place.heading == (above[-1].heading if above else ())
    assert (passage.document_id, passage.metadata) == (document.id, document.metadata)


@given(strategies.matches())
@settings(max_examples=20)
def test_what_was_found_is_in_order(matches: tuple[Match, ...]) -> None:
    scores = [match.score for match in matches]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("strategy", "condition", "smallest"),
    [
        (strategies.documents(), lambda _: True, Document("a", "")),
        (strategies.documents(), lambda document: "cat" in document.text, Document("a", "cat")),
        (
            strategies.documents(),
            lambda document: document.sections and document.text,
            Document("a", "cat", sections=(Section(0),)),
        ),
        (strategies.passages(), lambda passage: passage.text, Passage("a", 0, "c", Place("", 0, 1))),
        (strategies.metadata(), lambda metadata: True in metadata.values(), {"lang": True}),
        (strategies.queries(), lambda query: "NEAR" in query, "NEAR(cat, 2)"),
        (strategies.queries([Document("a", "zebra")]), lambda query: "zebra" in query, "zebra"),
    ],
)
def test_what_is_looked_for_is_found_and_small(strategy: Any, condition: Any, smallest: Any) -> None:
    found = minimal(strategy, condition)
    assert found == smallest


@given(strategies.queries())
@settings(max_examples=40)
def test_any_query_is_one_that_a_store_answers(query: str) -> None:
    query.encode()
    assert InMemoryDocStore([Document("a", "cat")]).search(query, k=0) == ()
