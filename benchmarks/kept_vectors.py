"""Vectors that are made once on a machine, so that a benchmark is no half hour of embedding each time."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from llamabot.ports.embedding import EmbeddingPort, Vectors

__all__ = ["KeptEmbedding"]

_BATCH = 256


class KeptEmbedding:
    """Another embedder's vectors, kept in a file by the text and the embedder's name. For one thread."""

    def __init__(self, embedding: EmbeddingPort, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.dimensions = embedding.name, embedding.dimensions
        self._embedding = embedding
        self._kept = sqlite3.connect(path)
        self._kept.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return what the embedder gives, or has given for the same text before."""
        import numpy as np

        keys = [hashlib.sha256(f"{self.name}\n{text}".encode(errors="surrogatepass")).digest() for text in texts]
        found = {key: vector for key in set(keys) if (vector := self._found(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        for start in range(0, len(missing), _BATCH):
            found.update(self._made(dict(list(missing.items())[start : start + _BATCH])))
        vectors = np.frombuffer(b"".join(found[key] for key in keys), "<f4").reshape(len(keys), self.dimensions)
        return vectors.astype(np.float32)

    def close(self) -> None:
        """Let the file go."""
        self._kept.close()

    def _found(self, key: bytes) -> bytes | None:
        row = self._kept.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _made(self, texts: dict[bytes, str]) -> dict[bytes, bytes]:
        vectors = self._embedding.embed(list(texts.values())).astype("<f4")
        made = {key: vector.tobytes() for key, vector in zip(texts, vectors, strict=True)}
        with self._kept:
            self._kept.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", made.items())
        return made
