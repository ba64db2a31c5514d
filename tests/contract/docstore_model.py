"""What a document store must find, computed the plain way: a dictionary, and every passage compared."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from llamabot.ports.documents import Document, Match, Metadata, Passage, Place
from llamabot.testing import HashedEmbedding

Scorer = Callable[[str, Sequence[str]], list[float | None]]
_TOLERANCE = 1e-5  # of what is stored in four bytes
_EXACT = 1e-12


class LineSplitter:
    """Makes each line that is not blank a passage."""

    name = "lines"

    def split(self, document: Document) -> tuple[Passage, ...]:
        passages: list[Passage] = []
        for line in re.finditer(r"[^\n]+", document.text):
            if line.group().strip():
                place = Place(document.source, line.start(), line.end())
                passages.append(Passage(document.id, len(passages), line.group(), place, document.metadata))
        return tuple(passages)


def by_meaning(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as a store with `HashedEmbedding(16)` does."""
    embedding = HashedEmbedding(16)
    return list((embedding.embed(texts) @ embedding.embed([query])[0]).astype(np.float64))


def by_common_words(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as the fake does: the cosine of the counts of words, above 0."""
    wanted = _counts(query)
    return [cosine if (cosine := _cosine(wanted, _counts(text))) > 0 else None for text in texts]


def by_bm25(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as SQLite's FTS5 does: k1 = 1.2, b = 0.75, and a word in most passages counts nearly nothing."""
    counted = [_counts(text) for text in texts]
    average = sum(map(_total, counted)) / len(texts)
    found: list[float | None] = []
    for counts in counted:
        score = 0.0
        for word in _counts(query).keys() & counts.keys():
            having = sum(word in other for other in counted)
            weight = max(math.log((len(texts) - having + 0.5) / (having + 0.5)), 1e-6)
            saturation = counts[word] + 1.2 * (0.25 + 0.75 * _total(counts) / average)
            score += weight * counts[word] * 2.2 / saturation
        found.append(score or None)
    return found


def by_both(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as `WeightedScores()` does."""
    words = [(score or 0.0) for score in by_bm25(query, texts)]
    return [
        0.85 * (cosine or 0.0) + 0.15 * word / (word + 10)
        for cosine, word in zip(by_meaning(query, texts), words, strict=True)
    ]


class Model:
    """The documents of a store, and what a search of them finds."""

    def __init__(self, score: Scorer) -> None:
        self.documents: dict[str, Document] = {}
        self._score = score
        # BM25 of a word that most passages have is a millionth, and tells them apart all the same.
        self._tolerance = _EXACT if score is by_bm25 else _TOLERANCE

    def search(self, query: str, where: Metadata | None = None) -> list[tuple[float, Passage]]:
        """Return all passages that can be found, the best first."""
        passages = [passage for document in self.documents.values() for passage in LineSplitter().split(document)]
        if not passages or not query.strip():
            return []
        scores = self._score(query, [passage.text for passage in passages])
        found = [
            (score, passage)
            for score, passage in zip(scores, passages, strict=True)
            if score is not None and _fits(passage.metadata, where or {})
        ]
        return sorted(found, key=lambda one: (-one[0], one[1].document_id, one[1].number))

    def check(self, matches: Sequence[Match], query: str, k: int, where: Metadata | None) -> None:
        """Say whether a store has found what it must: passages that score as the k best do, equal ones in order."""
        expected = self.search(query, where)
        scores = {(passage.document_id, passage.number): score for score, passage in expected}
        passages = {(passage.document_id, passage.number): passage for _, passage in expected}
        keys = [(match.passage.document_id, match.passage.number) for match in matches]
        assert len(set(keys)) == len(keys) == min(k, len(expected))
        for match, key, (score, _) in zip(matches, keys, expected, strict=False):
            assert match.passage == passages[key]
            assert abs(match.score - scores[key]) <= self._tolerance
            assert abs(scores[key] - score) <= self._tolerance
        order = [(-match.score, *key) for match, key in zip(matches, keys, strict=True)]
        assert order == sorted(order)


def _fits(metadata: Metadata, where: Metadata) -> bool:
    return all(
        name in metadata and type(metadata[name]) is type(value) and metadata[name] == value
        for name, value in where.items()
    )


def _counts(text: str) -> Mapping[str, int]:
    return Counter(re.findall(r"\w+", text.casefold()))


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _cosine(some: Mapping[str, int], others: Mapping[str, int]) -> float:
    shared = sum(count * others.get(word, 0) for word, count in some.items())
    lengths = [math.sqrt(sum(count**2 for count in counts.values())) for counts in (some, others)]
    return shared / math.prod(lengths) if shared else 0.0
