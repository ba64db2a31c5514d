"""Vectors as the database has them: a `VectorSource` of the passages that are there."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator

from llamabot.adapters.sqlite.docstore.rows import as_list, in_batches
from llamabot.ports.embedding import Vectors
from llamabot.ports.vectorindex import Keys

__all__ = ["StoredVectors"]

_BATCH = 4_096
_AFTER = """
SELECT passages.key, vectors.vector FROM passages JOIN vectors ON vectors.key = passages.vector
WHERE passages.key > ? ORDER BY passages.key LIMIT ?
"""
_OF = """
SELECT vectors.vector FROM passages JOIN vectors ON vectors.key = passages.vector
WHERE passages.key IN (SELECT value FROM json_each(?))
"""
_COUNT = "SELECT count(*) FROM passages WHERE vector IS NOT NULL AND key > ?"
_KEYS = "SELECT key FROM passages WHERE vector IS NOT NULL AND key > ?"
_DIMENSIONS = "SELECT dimensions FROM embeddings WHERE key = (SELECT embedding FROM state)"


class StoredVectors:
    """The vectors of the passages whose keys are above one.

    Args:
        connection: within a transaction.
        after: the key that is the last one left out.
    """

    def __init__(self, connection: sqlite3.Connection, after: int = 0) -> None:
        self._connection = connection
        self._after = after

    @property
    def size(self) -> int:
        """How many there are."""
        count: int = self._connection.execute(_COUNT, (self._after,)).fetchone()[0]
        return count

    @property
    def dimensions(self) -> int:
        """Of each; 1 where there is no embedder."""
        row = self._connection.execute(_DIMENSIONS).fetchone()
        return 1 if row is None else int(row[0])

    def batches(self) -> Iterator[tuple[Keys, Vectors]]:
        """Yield keys and vectors, in the order of the keys."""
        import numpy as np

        after = self._after
        while rows := self._connection.execute(_AFTER, (after, _BATCH)).fetchall():
            after = rows[-1][0]
            yield np.array([key for key, _ in rows], dtype=np.int64), _stacked([vector for _, vector in rows])

    def sample(self, most: int) -> Vectors:
        """Return at most so many, always the same, by chance: what is stored may repeat itself in some rhythm."""
        import numpy as np

        keys = [key for (key,) in self._connection.execute(_KEYS, (self._after,))]
        if len(keys) > most:
            keys = sorted(random.Random(0).sample(keys, most))  # noqa: S311 - no secret
        parts = [
            _stacked([vector for (vector,) in self._connection.execute(_OF, (as_list(some),))])
            for some in in_batches(keys, _BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dimensions), dtype=np.float32)


def _stacked(vectors: list[bytes]) -> Vectors:
    import numpy as np

    return np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(vectors), -1)
