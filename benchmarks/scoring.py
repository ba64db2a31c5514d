"""How good rankings are, and how sure that is. Nothing here knows the library."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

__all__ = ["Interval", "Quality", "difference", "halves", "mean_of", "quality", "reciprocal"]

_RESAMPLES = 2_000
_SEED = 20
_OUTSIDE = 0.025  # of the resamples, on each side


class Interval(msgspec.Struct, frozen=True):
    """A mean, and between what it lies in 95 of 100 resamples of the questions."""

    mean: float
    low: float
    high: float


class Quality(msgspec.Struct, frozen=True):
    """How good a ranking is for a number of questions.

    Attributes:
        recall_1, recall_5: of how many questions the first, or one of the first five, holds the answer.
        mrr: the mean of 1 / rank of the first that holds the answer, 0 where none was found.
    """

    recall_1: Interval
    recall_5: Interval
    mrr: Interval


def quality(ranks: Sequence[int | None]) -> Quality:
    """Return how good a ranking is.

    Args:
        ranks: of the first passage that holds the answer, from 1, one a question; None where it was not found.
    """
    found = [[1.0 if rank is not None and rank <= least else 0.0 for rank in ranks] for least in (1, 5)]
    return Quality(*map(mean_of, [*found, reciprocal(ranks)]))


def difference(ranks: Sequence[int | None], others: Sequence[int | None]) -> Interval:
    """Return how much higher the MRR of one ranking is than another's, for the same questions."""
    pairs = zip(reciprocal(ranks), reciprocal(others), strict=True)
    return mean_of([mine - other for mine, other in pairs])


def reciprocal(ranks: Sequence[int | None]) -> list[float]:
    """Return 1 / rank, 0 for None."""
    return [0.0 if rank is None else 1 / rank for rank in ranks]


def mean_of(values: Sequence[float]) -> Interval:
    """Return the mean, with the interval that a bootstrap over the values gives, the same each time."""
    draw: Callable[..., list[float]] = random.Random(_SEED).choices
    count = len(values)
    means = sorted(sum(draw(values, k=count)) / count for _ in range(_RESAMPLES))
    outside = int(_OUTSIDE * _RESAMPLES)
    return Interval(sum(values) / count, means[outside], means[-1 - outside])


def halves(count: int) -> tuple[list[int], list[int]]:
    """Return the numbers below `count` in two halves, drawn once: one to choose by, one to report."""
    numbers = list(range(count))
    random.Random(_SEED).shuffle(numbers)
    return sorted(numbers[: count // 2]), sorted(numbers[count // 2 :])
