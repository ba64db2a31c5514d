"""What every embedder does: a class of tests to inherit."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamabot.testing.strategies import broken_texts

WORDS = ("Which linkers?", "the loader", "a", "…", "\N{LLAMA}", "linker " * 40, "A sentence about bread, and another.")
TOLERANCE = 1e-5


class EmbeddingContract:
    """Say how an embedder is made; the same one serves all the tests of a class if `make` returns it."""

    examples = 40

    def make(self) -> Any:
        raise NotImplementedError

    def check_shape(self, embedding: Any, vectors: Any, rows: int) -> None:
        assert isinstance(vectors, numpy.ndarray)
        assert (vectors.shape, vectors.dtype) == ((rows, embedding.dimensions), numpy.float32)
        assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=TOLERANCE)

    def test_gives_a_unit_row_for_each_text(self) -> None:
        embedding = self.make()
        self.check_shape(embedding, embedding.embed(WORDS), len(WORDS))
        self.check_shape(embedding, embedding.embed(["one"]), 1)
        self.check_shape(embedding, embedding.embed(tuple(["x"] * 40)), 40)

    def test_gives_no_rows_for_no_texts(self) -> None:
        embedding = self.make()
        self.check_shape(embedding, embedding.embed([]), 0)

    def test_embeds_two_lists_as_it_embeds_them_joined(self) -> None:
        embedding = self.make()
        lists = st.lists(st.sampled_from(WORDS) | broken_texts(), max_size=6)

        @settings(max_examples=self.examples, suppress_health_check=[HealthCheck.too_slow])
        @given(lists, lists)
        def check(some: list[str], others: list[str]) -> None:
            joined = embedding.embed(some + others)
            self.check_shape(embedding, joined, len(some) + len(others))
            apart = numpy.concatenate([embedding.embed(some), embedding.embed(others)])
            assert numpy.allclose(joined, apart, atol=TOLERANCE, rtol=0)

        check()

    def test_keeps_the_order_of_the_texts_whatever_their_lengths(self) -> None:
        embedding = self.make()
        texts = [f"{word} {number}" * (1 + number * 7 % 5) for number, word in enumerate(WORDS * 3)]
        joined = embedding.embed(texts)
        for row, text in zip(joined, texts, strict=True):
            assert numpy.allclose(row, embedding.embed([text])[0], atol=TOLERANCE, rtol=0)

    def test_takes_any_text_and_one_of_a_million_characters(self) -> None:
        embedding = self.make()
        texts = ["", " \n\t", "\0", "\ud800 half", "\N{LLAMA}\u200d\u0301", "word " * 200_000, "x" * 1_000_000]
        self.check_shape(embedding, embedding.embed(texts), len(texts))

    def test_tells_texts_apart_and_finds_the_closest(self) -> None:
        embedding = self.make()
        query, near, far = embedding.embed(
            ["which linkers are there", "there are linkers which link", "bread and butter"]
        )
        assert query @ near > query @ far + 0.1

    def test_has_a_name_and_dimensions_that_stay(self) -> None:
        embedding, other = self.make(), self.make()
        before = (embedding.name, embedding.dimensions)
        embedding.embed(["a"])
        assert (embedding.name, embedding.dimensions) == before == (other.name, other.dimensions)
        assert embedding.name
        assert embedding.name.isprintable()

    def test_is_shared_by_threads(self) -> None:
        embedding = self.make()
        expected = embedding.embed(WORDS)
        with ThreadPoolExecutor(6) as pool:
            for vectors in pool.map(lambda _: embedding.embed(WORDS), range(12)):
                assert numpy.allclose(vectors, expected, atol=TOLERANCE, rtol=0)

    def test_gives_the_same_where_it_can_be_awaited(self) -> None:
        embedding = self.make()
        if hasattr(embedding, "aembed"):
            for texts in (WORDS, ()):
                vectors = asyncio.run(embedding.aembed(texts))
                self.check_shape(embedding, vectors, len(texts))
                assert numpy.allclose(vectors, embedding.embed(texts), atol=TOLERANCE, rtol=0)
