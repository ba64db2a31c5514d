"""The embedding port: texts become vectors whose closeness is closeness of meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[numpy.float32]
else:
    Vectors: TypeAlias = Any

__all__ = ["AsyncEmbeddingPort", "EmbeddingPort", "Vectors"]


class EmbeddingPort(Protocol):
    """Embeds texts. Safe to share by threads.

    Attributes:
        name: of the model with all that changes its vectors; vectors of different names are never compared.
        dimensions: d, fixed for one adapter.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - told above

    @property
    def dimensions(self) -> int: ...  # noqa: D102 - told above

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text.

        Args:
            texts: n strings; "" is legal, and so is any other text, however long: what a model cannot read of it, it
                leaves out.

        Returns:
            Shape (n, d), float32, unit rows, in the order of the texts; n = 0 gives (0, d). A store refuses rows whose
            length is off by more than 1e-3, and values that are no numbers; lists and other precisions it takes.

        Law: `embed(a + b)` is `embed(a)` on top of `embed(b)`, within 1e-5.

        Raises:
            EmbeddingError: the model cannot be reached or its answer is no such array.

        Source: the inner product of unit vectors is their cosine.
        """


class AsyncEmbeddingPort(Protocol):
    """As `EmbeddingPort`, without blocking the event loop."""

    @property
    def name(self) -> str: ...  # noqa: D102 - told above

    @property
    def dimensions(self) -> int: ...  # noqa: D102 - told above

    async def aembed(self, texts: Sequence[str]) -> Vectors:
        """As `embed`."""
