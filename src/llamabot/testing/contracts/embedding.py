"""The contract of embedders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from llamabot.testing.contracts.at_once import AwaitedAnew
from llamabot.testing.contracts.contract import Contract, needs, not_made
from llamabot.testing.strategies import broken_texts

__all__ = ["AsyncEmbeddingContract", "EmbeddingContract"]

_WORDS = ("Which linkers?", "the loader", "a", "…", "\N{LLAMA}", "linker " * 40, "A sentence about bread, and another.")
_TOLERANCE = 1e-5


class EmbeddingContract(Contract):
    """Promises of `EmbeddingPort`: `embed`, `name` and `dimensions`.

        class TestMyEmbedding(EmbeddingContract):
            def make(self):
                return MyEmbedding()

    `make` may return the same embedder each time. All within 1e-5:

    - n texts give a numpy array of shape (n, `dimensions`), float32, with rows of length 1, in the order of the texts,
      whatever their lengths and however many. No text gives (0, `dimensions`).
    - Any text is legal: "", white space, NUL, half a character, one of a million characters. It has a row of length 1
      too, never a NaN or nought.
    - Embedding two lists joined gives what embedding each of them gives: a text's vector does not depend on the texts
      beside it, and the same text gives the same vector.
    - Meaning: a question is closer to a text with its words than to one about something else, by 0.1 at least.
    - `name` is printable and not empty; it and `dimensions` stay, in two embedders that are made alike too.
    - Threads share it.
    - An embedder that has the methods of both colours gives the same in both.
    """

    capabilities: ClassVar = {"meaning": "texts that share words are closer than texts that share none"}

    def make(self) -> Any:
        """Return an embedder."""
        raise not_made(self)

    def called(self, embedding: Any) -> Any:
        """Return an embedder as the tests call it."""
        return embedding

    def check_shape(self, embedding: Any, vectors: Any, rows: int) -> None:
        """Check what holds for the vectors of any texts."""
        import numpy

        assert isinstance(vectors, numpy.ndarray)
        assert (vectors.shape, vectors.dtype) == ((rows, embedding.dimensions), numpy.float32)
        assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=_TOLERANCE)

    def test_gives_a_unit_row_for_each_text(self) -> None:
        embedding = self.called(self.make())
        self.check_shape(embedding, embedding.embed(_WORDS), len(_WORDS))
        self.check_shape(embedding, embedding.embed(["one"]), 1)
        self.check_shape(embedding, embedding.embed(tuple(["x"] * 40)), 40)

    def test_gives_no_rows_for_no_texts(self) -> None:
        embedding = self.called(self.make())
        self.check_shape(embedding, embedding.embed([]), 0)

    def test_embeds_two_lists_as_it_embeds_them_joined(self) -> None:
        import numpy

        embedding = self.called(self.make())
        lists = st.lists(st.sampled_from(_WORDS) | broken_texts(), max_size=6)

        @self.searching
        @given(lists, lists)
        def check(some: list[str], others: list[str]) -> None:
            joined = embedding.embed(some + others)
            self.check_shape(embedding, joined, len(some) + len(others))
            assert same(joined, numpy.concatenate([embedding.embed(some), embedding.embed(others)]))

        check()

    def test_keeps_the_order_of_the_texts_whatever_their_lengths(self) -> None:
        embedding = self.called(self.make())
        texts = [f"{word} {number}" * (1 + number * 7 % 5) for number, word in enumerate(_WORDS * 3)]
        joined = embedding.embed(texts)
        for row, text in zip(joined, texts, strict=True):
            assert same(row, embedding.embed([text])[0])

    def test_takes_any_text_and_one_of_a_million_characters(self) -> None:
        embedding = self.called(self.make())
        texts = ["", " \n\t", "\0", "\ud800 half", "\N{LLAMA}\u200d\u0301", "word " * 200_000, "x" * 1_000_000]
        self.check_shape(embedding, embedding.embed(texts), len(texts))

    def test_embeds_as_many_texts_as_there_are(self) -> None:
        embedding = self.called(self.make())
        texts = [f"text number {number}" for number in range(100)]
        vectors = embedding.embed(texts)
        self.check_shape(embedding, vectors, len(texts))
        assert same(vectors[-1], embedding.embed(texts[-1:])[0])

    @needs("meaning")
    def test_reads_a_text_to_its_end(self) -> None:
        embedding = self.called(self.make())
        beginning = "what is told at the beginning of these two texts is the same, and then there is "
        some, others = embedding.embed([beginning + "bread and butter", beginning + "a linker for the loader"])
        assert some @ others < 1 - 1e-4

    @needs("meaning")
    def test_tells_texts_apart_and_finds_the_closest(self) -> None:
        embedding = self.called(self.make())
        query, near, far = embedding.embed(
            ["which linkers are there", "there are linkers which link", "bread and butter"]
        )
        assert query @ near > query @ far + 0.1

    def test_has_a_name_and_dimensions_that_stay(self) -> None:
        embedding, other = self.called(self.make()), self.make()
        before = (embedding.name, embedding.dimensions)
        embedding.embed(["a"])
        assert (embedding.name, embedding.dimensions) == before == (other.name, other.dimensions)
        assert embedding.name
        assert embedding.name.isprintable()

    def test_is_shared_by_threads(self) -> None:
        embedding = self.called(self.make())
        expected = embedding.embed(_WORDS)
        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(lambda _: same(embedding.embed(_WORDS), expected), range(12)))

    def test_gives_the_same_in_both_colours(self) -> None:
        embedding = self.make()
        if hasattr(embedding, "aembed") and hasattr(embedding, "embed"):
            for texts in (_WORDS, ()):
                vectors = AwaitedAnew(embedding).embed(texts)
                self.check_shape(embedding, vectors, len(texts))
                assert same(vectors, embedding.embed(texts))


class AsyncEmbeddingContract(EmbeddingContract):
    """Promises of `AsyncEmbeddingPort`: as `EmbeddingContract`, kept by `aembed`, in one event loop after the other."""

    def called(self, embedding: Any) -> Any:
        """Return an embedder as the tests call it."""
        return AwaitedAnew(embedding)


def same(some: Any, others: Any) -> bool:
    """Say whether two arrays are the same, within what is promised."""
    import numpy

    return some.shape == others.shape and bool(numpy.allclose(some, others, atol=_TOLERANCE, rtol=0))
