"""Fusion rules that are only compared with: they look at ranks or other scores, so a filter changes their order."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping

__all__ = ["RULES", "min_max", "reciprocal_ranks", "reranked", "rescued", "z_scores"]

Scores = Mapping[Hashable, float]
Rule = Callable[[Scores, Scores], Scores]


def reciprocal_ranks(k: float, weight: float) -> Rule:
    """Return the sum of 1 / (k + rank) over both halves, the vectors' weighted. (Cormack and others, SIGIR 2009.)"""

    def fuse(vectors: Scores, keywords: Scores) -> Scores:
        some, others = _inverse_ranks(vectors, k), _inverse_ranks(keywords, k)
        return _weighted(weight, some, others)

    return fuse


def min_max(weight: float) -> Rule:
    """Return the weighted mean of both, each brought between 0 and 1 by its lowest and its highest score."""

    def fuse(vectors: Scores, keywords: Scores) -> Scores:
        return _weighted(weight, _from_0_to_1(vectors), _from_0_to_1(keywords))

    return fuse


def z_scores(weight: float) -> Rule:
    """Return the weighted mean of both as deviations from their means; what a half has not found has its lowest."""

    def fuse(vectors: Scores, keywords: Scores) -> Scores:
        some, others = _standardised(vectors), _standardised(keywords)
        least = {"some": min(some.values(), default=0.0), "others": min(others.values(), default=0.0)}
        return {
            key: weight * some.get(key, least["some"]) + (1 - weight) * others.get(key, least["others"])
            for key in {**some, **others}
        }

    return fuse


def reranked(count: int) -> Rule:
    """Return the closest, so many of them put in the order of their keywords."""

    def fuse(vectors: Scores, keywords: Scores) -> Scores:
        first = sorted(vectors, key=lambda key: -vectors[key])[:count]
        return {**vectors, **{key: 10 + keywords.get(key, 0.0) for key in first}}

    return fuse


def rescued(place: int) -> Rule:
    """Return the closest, with the best by keywords at a place, from 1, if it is not before it."""

    def fuse(vectors: Scores, keywords: Scores) -> Scores:
        order = sorted(vectors, key=lambda key: -vectors[key])
        best = max(keywords, key=lambda key: keywords[key], default=None)
        if best is not None and best not in order[: place - 1]:
            order = [key for key in order if key != best]
            order.insert(place - 1, best)
        return {key: -float(rank) for rank, key in enumerate(order)}

    return fuse


RULES: dict[str, Rule] = {
    "reciprocal ranks, k = 60": reciprocal_ranks(60, 0.5),
    "reciprocal ranks, k = 60, vectors 0.8": reciprocal_ranks(60, 0.8),
    "reciprocal ranks, k = 10, vectors 0.7": reciprocal_ranks(10, 0.7),
    "min-max, vectors 0.5": min_max(0.5),
    "min-max, vectors 0.8": min_max(0.8),
    "z-scores, vectors 0.5": z_scores(0.5),
    "z-scores, vectors 0.8": z_scores(0.8),
    "the 10 closest by keywords": reranked(10),
    "the best by keywords as the second": rescued(2),
}


def _weighted(weight: float, some: Scores, others: Scores) -> Scores:
    """Return the weighted means; what one does not have counts 0 there."""
    return {key: weight * some.get(key, 0.0) + (1 - weight) * others.get(key, 0.0) for key in {**some, **others}}


def _inverse_ranks(scores: Scores, k: float) -> Scores:
    ordered = sorted(scores.values(), reverse=True)
    return {key: 1 / (k + 1 + ordered.index(score)) for key, score in scores.items()}


def _from_0_to_1(scores: Scores) -> Scores:
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {key: (score - low) / (high - low) if high > low else 1.0 for key, score in scores.items()}


def _standardised(scores: Scores) -> Scores:
    if len(scores) < 2:
        return dict.fromkeys(scores, 0.0)
    mean, deviation = statistics.fmean(scores.values()), statistics.pstdev(scores.values())
    return {key: (score - mean) / deviation if deviation else 0.0 for key, score in scores.items()}
