"""How the stores of this library score, computed the plain way."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from llamabot.testing.contracts.docstore_model import by_meaning


def by_common_words(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as the fake does: the cosine of the counts of words, above 0."""
    wanted = _counts(query)
    return [cosine if (cosine := _cosine(wanted, _counts(text))) > 0 else None for text in texts]


def by_bm25(query: str, texts: Sequence[str]) -> list[float | None]:
    """Score as SQLite's FTS5 does: k1 = 1.2, b = 0.75, and a word in most passages counts nearly nothing."""
    counted = [_counts(text) for text in texts]
    average = sum(map(_total, counted)) / len(texts)
    having = {word: sum(word in counts for counts in counted) for word in _counts(query)}
    found: list[float | None] = []
    for counts in counted:
        score = 0.0
        for word in having.keys() & counts.keys():
            weight = max(math.log((len(texts) - having[word] + 0.5) / (having[word] + 0.5)), 1e-6)
            saturation = counts[word] + 1.2 * (0.25 + 0.75 * _total(counts) / average)
            score += weight * counts[word] * 2.2 / saturation
        found.append(score or None)
    return found


def by_both(query: str, texts: Sequence[str], weight: float = 0.85) -> list[float | None]:
    """Score as `WeightedScores(weight)` does."""
    words = [(score or 0.0) for score in by_bm25(query, texts)]
    return [
        weight * (cosine or 0.0) + (1 - weight) * word / (word + 10)
        for cosine, word in zip(by_meaning(query, texts), words, strict=True)
    ]


def _counts(text: str) -> Mapping[str, int]:
    return Counter(re.findall(r"\w+", text.casefold()))


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _cosine(some: Mapping[str, int], others: Mapping[str, int]) -> float:
    shared = sum(count * others.get(word, 0) for word, count in some.items())
    lengths = [math.sqrt(sum(count**2 for count in counts.values())) for counts in (some, others)]
    return shared / math.prod(lengths) if shared else 0.0
