"""What a document store must find, told the plain way: a dictionary of documents, and every passage looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from llamabot.ports.documents import Document, Match, Metadata, Passage, Place
from llamabot.testing import HashedEmbedding

__all__ = ["LineSplitter", "Model", "Scorer", "by_meaning", "fits"]

Scorer = Callable[[str, Sequence[str]], list[float | None]]
"""The scores of texts for a query; None for one that is not found."""


class LineSplitter:
    """Makes each line that is not blank a passage."""

    name = "lines"

    def split(self, document: Document) -> tuple[Passage, ...]:
        """Return the passages of a document in their order."""
        passages: list[Passage] = []
        for line in re.finditer(r"[^\n]+", document.text):
            if line.group().strip():
                place = Place(document.source, line.start(), line.end())
                passages.append(Passage(document.id, len(passages), line.group(), place, document.metadata))
        return tuple(passages)


def by_meaning(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as a store with `HashedEmbedding(16)` does: by the cosine."""
    embedding = HashedEmbedding(16)
    return [float(score) for score in embedding.embed(texts) @ embedding.embed([query])[0]]


class Model:
    """The documents of a store, and what a search of them finds.

    Args:
        score: how the store scores passages that `LineSplitter` cut; None where that is its own affair.
        tolerance: how far a score may be from it.
    """

    def __init__(self, score: Scorer | None, tolerance: float = 1e-5) -> None:
        self.documents: dict[str, Document] = {}
        self._score = score
        self._tolerance = tolerance

    def check(self, matches: Sequence[Match], query: str, k: int, where: Metadata | None) -> None:
        """Check what a store has found."""
        self._check_matches(matches, k, where)
        if self._score is not None:
            self._check_scores(matches, self.search(query, where), k)

    def check_all(self, matches: Sequence[Match], query: str) -> None:
        """Check that a search for everything has left out nothing that it must find, and has the closest first."""
        words = set(query.split())
        sharing = {id_ for id_, document in self.documents.items() if words & set(document.text.split())}
        found = {match.passage.document_id for match in matches}
        assert sharing <= found, f"these have words of {query!r} and were not found: {sorted(sharing - found)}"
        exact = [match.score for match in matches if query and match.passage.text == query]
        far = [match.score for match in matches if match.passage.document_id not in sharing]
        assert not exact or not far or min(exact) >= max(far) - self._tolerance, "what shares no word is closer"

    def search(self, query: str, where: Metadata | None = None) -> list[tuple[float, Passage]]:
        """Return all passages that can be found, the best first."""
        passages = [passage for document in self.documents.values() for passage in LineSplitter().split(document)]
        if self._score is None or not passages or not query.strip():
            return []
        scores = self._score(query, [passage.text for passage in passages])
        found = [
            (score, passage)
            for score, passage in zip(scores, passages, strict=True)
            if score is not None and fits(passage.metadata, where)
        ]
        return sorted(found, key=lambda one: (-one[0], one[1].document_id, one[1].number))

    def _check_matches(self, matches: Sequence[Match], k: int, where: Metadata | None) -> None:
        """Check what holds however a store cuts and scores."""
        assert len(matches) <= k
        keys = [(match.passage.document_id, match.passage.number) for match in matches]
        assert len(set(keys)) == len(keys), "a passage was found twice"
        order = [(-match.score, *key) for match, key in zip(matches, keys, strict=True)]
        assert order == sorted(order), "the closest come first; of equal scores, the lower id, then the lower number"
        for passage in (match.passage for match in matches):
            assert passage.document_id in self.documents, "what was removed, or never added, was found"
            document = self.documents[passage.document_id]
            assert passage.text == document.text[passage.place.start : passage.place.end]
            assert passage.text.strip()
            assert (passage.metadata, passage.place.source) == (document.metadata, document.source)
            assert fits(passage.metadata, where), f"{passage.metadata} is not {where}"

    def _check_scores(self, matches: Sequence[Match], expected: list[tuple[float, Passage]], k: int) -> None:
        """Check that passages were found that score as the k best do."""
        by_key = {(passage.document_id, passage.number): (score, passage) for score, passage in expected}
        assert len(matches) == min(k, len(expected))
        for match, (best, _) in zip(matches, expected, strict=False):
            score, passage = by_key[match.passage.document_id, match.passage.number]
            assert match.passage == passage
            assert abs(match.score - score) <= self._tolerance
            assert abs(score - best) <= self._tolerance


def fits(metadata: Metadata, where: Metadata | None) -> bool:
    """Say whether metadata have all that is asked for, with equal values: True is not 1."""
    return all(
        name in metadata and type(metadata[name]) is type(value) and metadata[name] == value
        for name, value in (where or {}).items()
    )
