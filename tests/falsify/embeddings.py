"""Embedders that are wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from tests.falsify.wrong import wrong

from llamabot.testing import HashedEmbedding
from llamabot.testing.contracts import AsyncEmbeddingContract, EmbeddingContract

_MADE = count()


class EmbeddingHooks:
    adapter: Any
    examples = 25

    def make(self) -> Any:
        return self.adapter()


sync = wrong(EmbeddingHooks, EmbeddingContract)
awaited = wrong(EmbeddingHooks, AsyncEmbeddingContract)


@sync
class LongRows(HashedEmbedding):
    """Returns counts of words, not rows of length 1."""

    def embed(self, texts: Sequence[str]) -> Any:
        lengths = np.array([[max(len(text.split()), 1)] for text in texts], np.float32).reshape(-1, 1)
        return super().embed(texts) * lengths


@sync
class DoublePrecision(HashedEmbedding):
    """Returns float64."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts).astype(np.float64)


@sync
class NoTextNoShape(HashedEmbedding):
    """Returns an empty vector, not an empty matrix, for no text."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts) if texts else np.array([], np.float32)


@sync
class SortedByLength(HashedEmbedding):
    """Sorts the texts by length, to pad less, and does not sort the vectors back."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(sorted(texts, key=len))


@sync
class NothingForNothing(HashedEmbedding):
    """Returns a row of noughts for a text without words."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts) * np.array([[bool(text.strip())] for text in texts], np.float32).reshape(-1, 1)


@sync
class NeighboursCount(HashedEmbedding):
    """Takes the mean of the batch off each vector, so that the texts beside a text change it."""

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts)
        if len(texts) > 1:
            vectors = vectors - 0.1 * vectors.mean(axis=0)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(np.float32)


@sync
class StrictText(HashedEmbedding):
    """Encodes texts as UTF-8, which half a character is not."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed([text.encode().decode() for text in texts])


@sync
class WrongDimensions(HashedEmbedding):
    """Says one dimension less than its vectors have."""

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts)
        return np.concatenate([vectors, np.zeros((len(texts), 1), np.float32)], axis=1)


@sync
class NameOfTheObject(HashedEmbedding):
    """Has another name each time that it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"embedding-{next(_MADE)}"


@sync
class SharedBuffer(HashedEmbedding):
    """Writes the vectors into one buffer, and returns it."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = np.zeros((5_000, 256), np.float32)

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts)
        self.buffer[: len(texts)] = vectors
        return self.buffer[: len(texts)]


@sync
class FirstBatchOnly(HashedEmbedding):
    """Embeds the first 32 texts, and fills up with the last of them."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed([*texts[:32], *(texts[31] for _ in texts[32:])])


@sync
class CachedByItsBeginning(HashedEmbedding):
    """Keeps vectors under the first 20 characters of their texts."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> Any:
        for text in texts:
            if text[:20] not in self.cache:
                self.cache[text[:20]] = super().embed([text])[0]
        rows = [self.cache[text[:20]] for text in texts]
        return np.array(rows, np.float32).reshape(-1, 256)


@sync
class LongTextRefused(HashedEmbedding):
    """Refuses a text that is longer than the model's window."""

    def embed(self, texts: Sequence[str]) -> Any:
        if any(len(text) > 100_000 for text in texts):
            raise ValueError("the input is too long")
        return super().embed(texts)


@sync
class OtherEachTime(HashedEmbedding):
    """Adds noise as a model does that was left in training."""

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = super().embed(texts) + np.random.default_rng().normal(0, 0.01, (len(texts), 256))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@sync
class NoMeaning(HashedEmbedding):
    """Knows no meaning: each text has a place of its own."""

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed([str(hash(text)) for text in texts])


@awaited
class TwinIsRaw(HashedEmbedding):
    """Puts `query:` before each text, in the async twin alone."""

    async def aembed(self, texts: Sequence[str]) -> Any:
        return self.embed([f"query: {text}" for text in texts])


@awaited
class FirstLoopOnly(HashedEmbedding):
    """Keeps a client of the first event loop."""

    loop: asyncio.AbstractEventLoop | None = None

    async def aembed(self, texts: Sequence[str]) -> Any:
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop.is_closed():
            raise RuntimeError("Event loop is closed")
        return self.embed(texts)
