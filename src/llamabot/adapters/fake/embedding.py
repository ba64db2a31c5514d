"""An embedder that knows no meaning: texts are close if they share words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, MissingExtra

__all__ = ["HashedEmbedding"]

_WORD = re.compile(r"\w+")


class HashedEmbedding:
    """Counts words, each in the place that its hash says; the same on every machine. Serves both colours.

    Every other place is nought, so texts without a common word are at right angles, but for words that share a place.
    A text without words has a place of its own. Needs numpy, which the extras `local` and `faiss` bring.

    Args:
        dimensions: d, at least 2.

    Attributes:
        batches: what it was asked to embed, oldest first.
    """

    def __init__(self, dimensions: int = 256) -> None:
        if dimensions < 2:
            raise ConfigurationError(
                f"dimensions={dimensions}: two are the least, one of them is for texts without words"
            )
        self.dimensions = dimensions
        self.name = f"hashed-words-{dimensions}"
        self.batches: list[tuple[str, ...]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        try:
            import numpy
        except ModuleNotFoundError as error:
            raise MissingExtra.for_package("numpy", "faiss") from error
        self.batches.append(tuple(texts))
        counts = numpy.zeros((len(texts), self.dimensions), numpy.float64)
        for row, text in zip(counts, texts, strict=True):
            for word in _WORD.findall(text.casefold()) or [""]:
                row[self._place(word)] += 1
        vectors: Vectors = (counts / numpy.linalg.norm(counts, axis=1, keepdims=True)).astype(numpy.float32)
        return vectors

    async def aembed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        return self.embed(texts)

    def __repr__(self) -> str:
        return f"HashedEmbedding({self.dimensions})"

    def _place(self, word: str) -> int:
        return 1 + crc32(word.encode("utf-8", "surrogatepass")) % (self.dimensions - 1) if word else 0
