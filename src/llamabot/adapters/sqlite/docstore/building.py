"""How documents get into a store: looked up, cut and embedded without a lock, then written in one transaction.

Whoever writes meanwhile may change what was looked up. So the transaction looks again, and if it misses a passage or
a vector, nothing is written and all begins anew with what is known by now. Of many texts, the vectors are written as
they are made: they are by content, so nobody sees them, and who adds the same texts later finds them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from llamabot.adapters.sqlite.docstore.embedder import adopted, check_embedding
from llamabot.adapters.sqlite.docstore.encoding import digest_of
from llamabot.adapters.sqlite.docstore.preparing import WHOLE, Prepared, embedded_texts, missing_texts, prepared
from llamabot.adapters.sqlite.docstore.rows import in_batches
from llamabot.adapters.sqlite.docstore.state import State, read_state, write_state
from llamabot.adapters.sqlite.docstore.storage import Storage
from llamabot.adapters.sqlite.docstore.writing import (
    Stored,
    add_documents,
    add_vectors,
    drop_unused,
    keep_vectors,
    known_vectors,
    remove_documents,
    stored_documents,
)
from llamabot.ports.docstore import AddReport, check_documents
from llamabot.ports.documents import Document
from llamabot.ports.embedding import EmbeddingPort
from llamabot.ports.errors import DocStoreError
from llamabot.ports.splitter import SplitterPort

__all__ = ["Addition"]

# Texts that are embedded at once. Of an `add` of more, what was embedded is kept before the next ones are: a very large
# file may take an hour. With the embedder on this machine these take some twenty seconds.
_AT_ONCE = 1_024


class Addition:
    """One `add`: what was given, and what was made of it so far."""

    def __init__(
        self, documents: Iterable[Document], embedding: EmbeddingPort | None, splitter: SplitterPort | None
    ) -> None:
        self._embedding = embedding
        self._splitter = splitter
        self._splitter_name = WHOLE if splitter is None else splitter.name
        given = {document.id: document for document in check_documents(documents)}
        self._given = {id_: (document, digest_of(document)) for id_, document in given.items()}
        self._prepared: dict[str, Prepared] = {}
        self._vectors: dict[bytes, bytes] = {}

    def into(self, storage: Storage) -> AddReport:
        """Write what is not there yet and return what was done."""
        while True:
            with storage.reading() as connection:
                report = self._looked_up(connection)
            if report is not None:
                return report
            self._embed(storage)
            with storage.writing() as connection:
                report = self._written(connection)
            if report is not None:
                return report

    def _looked_up(self, connection: sqlite3.Connection | None) -> AddReport | None:
        """Cut what is to be written; return the report if that is nothing."""
        stored: Mapping[str, Stored] = {}
        if connection is not None:
            check_embedding(connection, read_state(connection), self._embedding)
            stored = stored_documents(connection, self._given)
        wanted = self._to_write(stored)
        if not wanted:
            return self._report(stored)
        for id_ in wanted:
            if id_ not in self._prepared:
                self._prepared[id_] = prepared(*self._given[id_], self._splitter)
        return None

    def _embed(self, storage: Storage) -> None:
        """Embed the texts that have no vector yet."""
        if self._embedding is None:
            return
        with storage.reading() as connection:
            known = set(self._vectors)
            if connection is not None:
                digests = missing_texts(self._prepared.values(), known)
                known |= known_vectors(connection, read_state(connection).embedding, digests).keys()
        missing = missing_texts(self._prepared.values(), known)
        for some in in_batches(missing.items(), _AT_ONCE):
            vectors = embedded_texts(self._embedding, dict(some))
            self._vectors |= vectors
            if len(missing) > _AT_ONCE:
                self._keep(storage, self._embedding, vectors)

    def _keep(self, storage: Storage, embedding: EmbeddingPort, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors for whoever adds these texts again if this is broken off; not while somebody else writes."""
        try:
            with storage.writing(patience_s=0) as connection:
                state = adopted(connection, read_state(connection), embedding)
                keep_vectors(connection, state.embedding, vectors)
                write_state(connection, state)
        except DocStoreError as error:
            if not error.retryable:
                raise

    def _written(self, connection: sqlite3.Connection) -> AddReport | None:
        """Write, and return the report; None, with nothing written, if something is missing."""
        state = adopted(connection, read_state(connection), self._embedding)
        stored = stored_documents(connection, self._given)
        wanted = self._to_write(stored)
        if not wanted.keys() <= self._prepared.keys():
            return None
        documents = [self._prepared[id_] for id_ in wanted]
        vectors = self._vector_keys(connection, state, documents)
        if vectors is None:
            return None
        state, unused = remove_documents(connection, state, [stored[id_].key for id_ in wanted if id_ in stored])
        state = add_documents(connection, state, documents, self._splitter_name, vectors)
        drop_unused(connection, unused)
        write_state(connection, state)
        return self._report(stored)

    def _vector_keys(
        self, connection: sqlite3.Connection, state: State, documents: Iterable[Prepared]
    ) -> dict[bytes, int] | None:
        """Return the vectors of all passages, those that are new added; None if one is not known here."""
        if self._embedding is None:
            return {}
        digests = missing_texts(documents, set())
        known = known_vectors(connection, state.embedding, digests)
        new = digests.keys() - known.keys()
        if not new <= self._vectors.keys():
            return None
        ordered = {digest: self._vectors[digest] for digest in digests if digest in new}
        return known | add_vectors(connection, state.embedding, ordered)

    def _to_write(self, stored: Mapping[str, Stored]) -> dict[str, None]:
        """Return the documents that are not there as they are given, or were cut by another rule."""
        return {
            id_: None
            for id_, (_, digest) in self._given.items()
            if id_ not in stored or (stored[id_].digest, stored[id_].splitter) != (digest, self._splitter_name)
        }

    def _report(self, stored: Mapping[str, Stored]) -> AddReport:
        same = {id_ for id_, found in stored.items() if found.digest == self._given[id_][1]}
        return AddReport(
            tuple(id_ for id_ in self._given if id_ not in stored),
            tuple(id_ for id_ in self._given if id_ in stored and id_ not in same),
            tuple(id_ for id_ in self._given if id_ in same),
        )
