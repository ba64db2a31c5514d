"""The vector index port: which of many vectors are closest to one.

An index is a cache: whoever uses it can build it anew from vectors that are kept elsewhere. It may be approximate; the
scores that people see are computed from the vectors themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from llamabot.ports.embedding import Vectors

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Keys: TypeAlias = NDArray[numpy.int64]
else:
    Keys: TypeAlias = Any

__all__ = ["Keys", "VectorIndex", "VectorIndexPort", "VectorSource"]


class VectorSource(Protocol):
    """The vectors that an index is built from: unit rows, float32, in the order of their keys, which ascend.

    Attributes:
        size: n, how many there are.
        dimensions: d.
    """

    @property
    def size(self) -> int: ...  # noqa: D102 - told above

    @property
    def dimensions(self) -> int: ...  # noqa: D102 - told above

    def batches(self) -> Iterator[tuple[Keys, Vectors]]:
        """Yield all of them: keys of shape (m,) with vectors of shape (m, d)."""

    def sample(self, most: int) -> Vectors:
        """Return at most so many, which stand for all; all if there are no more."""


class VectorIndex(Protocol):
    """Finds vectors. Many threads may search at a time, while none adds, removes or saves.

    Attributes:
        size: how many vectors can be found.
        outgrown: whether building it anew would serve better: it has grown or shrunk out of its kind.
    """

    @property
    def size(self) -> int: ...  # noqa: D102 - told above

    @property
    def outgrown(self) -> bool: ...  # noqa: D102 - told above

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors of shape (m, d); the keys ascend and are above all that were ever added."""

    def remove(self, keys: Keys) -> None:
        """Remove vectors; unknown keys are ignored."""

    def search(self, query: Vectors, count: int, among: Keys | None = None) -> tuple[Keys, Vectors]:
        """Return the keys of the vectors with the highest inner products, and about these products, the highest first.

        Args:
            query: shape (d,).
            count: most to find; fewer come only if there are fewer.
            among: keys that may be found, ascending; None is all. With it, nothing is left out for speed.
        """

    def save(self, file: Path) -> None:
        """Write the index to a new file; what was removed may be in it still.

        Raises:
            OSError: it cannot be written.
        """


class VectorIndexPort(Protocol):
    """Makes indexes. Safe to share by threads."""

    def build(self, source: VectorSource) -> VectorIndex:
        """Return an index of a kind that suits the number of vectors; 0 is legal."""

    def load(self, file: Path) -> VectorIndex:
        """Return an index that was saved, with what was removed before that perhaps in it still.

        Raises:
            OSError, ValueError: it cannot be read, or is no such file.
        """
