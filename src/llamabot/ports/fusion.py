"""The fusion rule of a search: how closeness of meaning and shared words make one score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

__all__ = ["FusionRule", "KeywordsOnly", "ReciprocalRanks", "VectorsOnly", "WeightedScores"]

Scores = Mapping[int, float]
_HALF_OF_BM25 = 10.0


class FusionRule(Protocol):
    """Makes one ranking of two. Pure.

    Attributes:
        uses_vectors, uses_keywords: which halves of the search it wants to see; the other one is not made.
    """

    @property
    def uses_vectors(self) -> bool: ...  # noqa: D102 - told above

    @property
    def uses_keywords(self) -> bool: ...  # noqa: D102 - told above

    def fuse(self, vectors: Scores, keywords: Scores) -> Scores:
        """Return the score of each passage that either half has found, higher is closer.

        Args:
            vectors: cosines by passage, -1 to 1, of the closest.
            keywords: BM25 by passage, above 0, of the best.
        """


class VectorsOnly(msgspec.Struct, frozen=True):
    """The cosine is the score."""

    @property
    def uses_vectors(self) -> bool:
        """Yes."""
        return True

    @property
    def uses_keywords(self) -> bool:
        """No."""
        return False

    def fuse(self, vectors: Scores, keywords: Scores) -> Scores:
        """Return the cosines."""
        return vectors


class KeywordsOnly(msgspec.Struct, frozen=True):
    """BM25 is the score; a passage that shares no word with the query is not found."""

    @property
    def uses_vectors(self) -> bool:
        """No."""
        return False

    @property
    def uses_keywords(self) -> bool:
        """Yes."""
        return True

    def fuse(self, vectors: Scores, keywords: Scores) -> Scores:
        """Return BM25."""
        return keywords


class _Both(msgspec.Struct, frozen=True):
    """A rule that looks at both halves."""

    @property
    def uses_vectors(self) -> bool:
        """Yes."""
        return True

    @property
    def uses_keywords(self) -> bool:
        """Yes."""
        return True


class ReciprocalRanks(_Both, frozen=True):
    """The sum of 1 / (k + rank) over both halves. A filter changes ranks, and so may change these scores.

    Attributes:
        k: the higher, the less the first ranks count for more than the others.

    Source: Cormack, Clarke, Büttcher, Reciprocal Rank Fusion (SIGIR 2009).
    """

    k: float = 60.0

    def fuse(self, vectors: Scores, keywords: Scores) -> Scores:
        """Return the sums."""
        fused: dict[int, float] = {}
        for half in (vectors, keywords):
            ranks: dict[float, int] = {}
            for rank, score in enumerate(sorted(half.values(), reverse=True)):
                ranks.setdefault(score, rank)
            for key, score in half.items():
                # Equal scores have equal ranks: the rank of a score is how many are above it.
                fused[key] = fused.get(key, 0.0) + 1 / (self.k + 1 + ranks[score])
        return fused


class WeightedScores(_Both, frozen=True):
    """The weighted mean of the cosine and of BM25 brought between 0 and 1, s / (s + 10).

    What one half has not found counts 0 there.

    Attributes:
        vectors: the weight of the cosine, 0 to 1; the keywords have the rest.
    """

    vectors: float = 0.8

    def fuse(self, vectors: Scores, keywords: Scores) -> Scores:
        """Return the means."""
        words = 1.0 - self.vectors
        return {
            key: self.vectors * vectors.get(key, 0.0) + words * _squashed(keywords.get(key, 0.0))
            for key in {**vectors, **keywords}
        }


def _squashed(bm25: float) -> float:
    return bm25 / (bm25 + _HALF_OF_BM25)
