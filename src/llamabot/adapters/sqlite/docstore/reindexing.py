"""Everything cut and embedded anew, which readers see when all of it is done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from llamabot.adapters.sqlite.docstore.embedder import renewed
from llamabot.adapters.sqlite.docstore.encoding import decoded_document
from llamabot.adapters.sqlite.docstore.preparing import WHOLE, Prepared, embedded_texts, missing_texts, prepared
from llamabot.adapters.sqlite.docstore.state import State, embedding_key, read_state, write_state
from llamabot.adapters.sqlite.docstore.storage import Storage
from llamabot.adapters.sqlite.docstore.writing import (
    add_documents,
    drop_all_unused,
    keep_vectors,
    known_vectors,
    remove_documents,
)
from llamabot.ports.embedding import EmbeddingPort
from llamabot.ports.splitter import SplitterPort

__all__ = ["Reindexing"]

_BATCH = 256
_COLUMNS = ("key", "digest", "id", "source", "fingerprint", "format", "metadata", "sections", "text")
_READ = f"SELECT {', '.join(_COLUMNS)} FROM documents WHERE key > ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608 - names of ours
_Keyed = tuple[int, Prepared]


class _NotEmbedded(Exception):
    """Somebody has added a text meanwhile."""


class Reindexing:
    """One `reindex`. What was embedded is kept at once, so that one that breaks off goes on where it was."""

    def __init__(self, storage: Storage, embedding: EmbeddingPort | None, splitter: SplitterPort | None) -> None:
        self._storage = storage
        self._embedding = embedding
        self._splitter = splitter
        self._splitter_name = WHOLE if splitter is None else splitter.name

    def run(self) -> None:
        """Embed what is not embedded yet, then write everything; nothing if nothing was ever written."""
        with self._storage.reading() as connection:
            if connection is None:
                return
        while True:
            self._embed()
            try:
                with self._storage.writing() as connection:
                    self._write(connection)
                return
            except _NotEmbedded:
                continue

    def _embed(self) -> None:
        embedding, after = self._embedding, 0
        while embedding is not None:
            with self._storage.reading() as connection:
                if connection is None:
                    return
                some = self._some(connection, after, read_state(connection).next_document)
            if not some:
                return
            after = some[-1][0]
            self._embed_some(embedding, [document for _, document in some])

    def _embed_some(self, embedding: EmbeddingPort, documents: list[Prepared]) -> None:
        texts = missing_texts(documents, set())
        with self._storage.writing() as connection:
            key = embedding_key(connection, embedding.name, embedding.dimensions)
            known = known_vectors(connection, key, texts)
        vectors = embedded_texts(embedding, {digest: text for digest, text in texts.items() if digest not in known})
        with self._storage.writing() as connection:
            keep_vectors(connection, key, vectors)

    def _write(self, connection: sqlite3.Connection) -> None:
        before = read_state(connection)
        state = renewed(connection, before, self._embedding)
        for some in self._all(connection, before.next_document):
            documents = [document for _, document in some]
            vectors = self._vector_keys(connection, state, documents)
            state, _ = remove_documents(connection, state, [key for key, _ in some])
            state = add_documents(connection, state, documents, self._splitter_name, vectors)
        drop_all_unused(connection)
        connection.execute("DELETE FROM removed")
        write_state(connection, state)

    def _vector_keys(self, connection: sqlite3.Connection, state: State, documents: list[Prepared]) -> dict[bytes, int]:
        if self._embedding is None:
            return {}
        digests = missing_texts(documents, set())
        vectors = known_vectors(connection, state.embedding, digests)
        if len(vectors) < len(digests):
            raise _NotEmbedded
        return vectors

    def _all(self, connection: sqlite3.Connection, before: int) -> Iterator[list[_Keyed]]:
        """Yield the documents whose keys are below one."""
        after = 0
        while some := self._some(connection, after, before):
            after = some[-1][0]
            yield some

    def _some(self, connection: sqlite3.Connection, after: int, before: int) -> list[_Keyed]:
        """Return the next documents after a key, cut."""
        rows = connection.execute(_READ, (after, before, _BATCH)).fetchall()
        named = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        return [(row["key"], prepared(decoded_document(row), row["digest"], self._splitter)) for row in named]
