"""The fusion rule of a search: how closeness of meaning and shared words make one score."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["FusionRule", "KeywordsOnly", "VectorsOnly", "WeightedScores"]

_HALF_OF_BM25 = 10.0


class FusionRule(Protocol):
    """Makes one score of two. Pure.

    Ranks are no part of it: a rank depends on how many are looked for and on the filter, and so would the order.

    Attributes:
        uses_vectors, uses_keywords: which halves of the search it wants to see; the other one is not made, and 0.
    """

    @property
    def uses_vectors(self) -> bool: ...  # noqa: D102 - told above

    @property
    def uses_keywords(self) -> bool: ...  # noqa: D102 - told above

    def score(self, cosine: float, bm25: float) -> float:
        """Return the score of a passage, higher is closer.

        Args:
            cosine: of its vector and the query's, -1 to 1.
            bm25: of its words and the query's, 0 where they share none.

        Law: a higher cosine or a higher BM25 never makes it lower.
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

    def score(self, cosine: float, bm25: float) -> float:
        """Return the cosine."""
        return cosine


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

    def score(self, cosine: float, bm25: float) -> float:
        """Return BM25."""
        return bm25


class WeightedScores(msgspec.Struct, frozen=True):
    """The weighted mean of the cosine and of BM25 brought between 0 and 1, s / (s + 10).

    Attributes:
        vectors: the weight of the cosine, 0 to 1; the keywords have the rest.
    """

    vectors: float = 0.85

    @property
    def uses_vectors(self) -> bool:
        """Yes."""
        return True

    @property
    def uses_keywords(self) -> bool:
        """Yes."""
        return True

    def score(self, cosine: float, bm25: float) -> float:
        """Return the mean."""
        return self.vectors * cosine + (1.0 - self.vectors) * bm25 / (bm25 + _HALF_OF_BM25)
