from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.kept_vectors import KeptEmbedding

from llamabot.ports.embedding import Vectors
from llamabot.testing import HashedEmbedding


class _Counting(HashedEmbedding):
    def __init__(self) -> None:
        super().__init__(16)
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().embed(texts)


def test_a_text_is_embedded_once_and_its_vector_stays_the_same(tmp_path: Path) -> None:
    embedding = _Counting()
    kept = KeptEmbedding(embedding, tmp_path / "vectors.db")
    texts = ["a linker", "a loader", "a linker", "half \ud83d a pair"]
    first = kept.embed(texts)
    kept.close()
    again = KeptEmbedding(embedding, tmp_path / "vectors.db")
    both = again.embed(["new", *texts])
    assert np.array_equal(first, HashedEmbedding(16).embed(texts))
    assert np.array_equal(both[1:], first)
    assert embedding.asked == ["a linker", "a loader", "half \ud83d a pair", "new"]
    assert again.embed([]).shape == (0, 16)
    again.close()


def test_another_embedder_has_vectors_of_its_own(tmp_path: Path) -> None:
    some, other = _Counting(), _Counting()
    other.name = "other"
    for embedding in (some, other):
        kept = KeptEmbedding(embedding, tmp_path / "vectors.db")
        kept.embed(["a linker"])
        kept.close()
    assert other.asked == ["a linker"]
