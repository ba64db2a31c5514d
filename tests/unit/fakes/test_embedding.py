"""The embedder of tests: words, and nothing of their meaning."""

from __future__ import annotations

import numpy
import pytest

from llamabot.ports.errors import ConfigurationError
from llamabot.testing import HashedEmbedding


def test_texts_are_as_close_as_the_words_they_share() -> None:
    query, close, far, none = HashedEmbedding().embed(["Which linkers?", "linkers, which", "which loaders", "…"])
    assert query @ close == pytest.approx(1)
    assert query @ far == pytest.approx(0.5)
    assert query @ none == 0


def test_gives_the_same_vectors_in_every_process() -> None:
    (vector,) = HashedEmbedding(16).embed(["one two, Two"])
    assert {place: round(float(value), 4) for place, value in enumerate(vector) if value} == {6: 0.4472, 10: 0.8944}


def test_shows_what_it_was_asked() -> None:
    embedding = HashedEmbedding()
    embedding.embed(["a", "b"])
    embedding.embed([])
    assert embedding.batches == [("a", "b"), ()]


def test_a_text_without_words_has_a_vector_of_its_own() -> None:
    vectors = HashedEmbedding(2).embed(["", " \n", "word", "\ud800"])
    assert numpy.array_equal(vectors, [[1, 0], [1, 0], [0, 1], [1, 0]])


def test_needs_two_dimensions() -> None:
    with pytest.raises(ConfigurationError, match="dimensions=1"):
        HashedEmbedding(1)
