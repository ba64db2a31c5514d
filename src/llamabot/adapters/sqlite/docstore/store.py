"""Documents in SQLite, with an index of their vectors beside it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

from llamabot.adapters.sqlite.connection import file_at
from llamabot.adapters.sqlite.docstore.building import Addition
from llamabot.adapters.sqlite.docstore.by_words import word_search
from llamabot.adapters.sqlite.docstore.embedder import check_embedding, has_documents
from llamabot.adapters.sqlite.docstore.encoding import from_blob
from llamabot.adapters.sqlite.docstore.finding import Search, passages_from, passages_that_fit
from llamabot.adapters.sqlite.docstore.index_cache import IndexCache
from llamabot.adapters.sqlite.docstore.preparing import embedded_query
from llamabot.adapters.sqlite.docstore.reindexing import Reindexing
from llamabot.adapters.sqlite.docstore.removing import remove
from llamabot.adapters.sqlite.docstore.saved_index import IndexFiles
from llamabot.adapters.sqlite.docstore.state import State, read_state
from llamabot.adapters.sqlite.docstore.storage import FileStorage, MemoryStorage, Storage
from llamabot.ports.closing import Closing
from llamabot.ports.docstore import AddReport, Known, check_search
from llamabot.ports.documents import Document, Match, Metadata
from llamabot.ports.embedding import EmbeddingPort, Vectors
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.fusion import FusionRule, KeywordsOnly, WeightedScores
from llamabot.ports.splitter import SplitterPort
from llamabot.ports.vectorindex import VectorIndex, VectorIndexPort

__all__ = ["SqliteDocStore"]

_COUNT = "SELECT count(*) FROM documents"
_KNOWN = "SELECT id, source, fingerprint FROM documents ORDER BY id"
FILE = "documents.db"
_Lent: TypeAlias = tuple[sqlite3.Connection, State, VectorIndex | None]


class SqliteDocStore(Closing):
    """Keeps documents in a folder, or in memory. Safe to share by threads; processes may share the folder.

    One writes at a time, many read meanwhile, and all of them see each `add` whole or not at all. The folder is made
    with the first document, readable by its owner alone.

    Args:
        path: of the folder; `~` is expanded; None is memory.
        embedding: makes the vectors; None is a store without, which finds by words alone.
        index: makes the index of the vectors; needed with an embedder.
        splitter: cuts documents into passages; None makes each one passage.
        fusion: how the halves of a search make one score; None is the default of the halves that there are.
        relevant_score: a match below it is probably not about the query; None is 0.0, "cannot tell".
        patience_s: how long to wait while another process or thread writes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        embedding: EmbeddingPort | None,
        index: VectorIndexPort | None,
        splitter: SplitterPort | None = None,
        fusion: FusionRule | None = None,
        relevant_score: float | None = None,
        patience_s: float = 10.0,
    ) -> None:
        self.path = None if path is None else file_at(path)
        self._relevant_score = relevant_score
        self._embedding = embedding
        self._fusion = _rule(fusion, embedding)
        database = None if self.path is None else self.path / FILE
        self._storage: Storage = MemoryStorage() if database is None else FileStorage(database, patience_s=patience_s)
        self._splitter = splitter
        self._cache: IndexCache | None = None
        if index is not None and embedding is not None:
            files = None if database is None else IndexFiles(database, index)
            self._cache = IndexCache(index, self._storage, files)

    def add(self, documents: Iterable[Document]) -> AddReport:
        """Add documents, each under its id in the place of an older one; all of them or none.

        Texts that are embedded already are not embedded again.

        Raises:
            UsageError: a document cannot be taken.
            ConfigurationError: the store was built with another embedder.
            DocStoreError: the folder cannot be written to, or somebody else writes for too long.
        """
        with self._storage.errors("add to"):
            report = Addition(documents, self._embedding, self._splitter).into(self._storage)
            if report.added or report.changed:
                self._follow()
        return report

    def remove(self, ids: Iterable[str]) -> int:
        """Remove documents and return how many were there.

        Raises:
            UsageError: it is one id and not several.
            DocStoreError: the folder cannot be written to, or somebody else writes for too long.
        """
        with self._storage.errors("remove from"):
            count = remove(self._storage, ids)
            if count:
                self._follow()
        return count

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> tuple[Match, ...]:
        """Return the passages that are closest to a query, the closest first.

        Raises:
            UsageError: the query is no text, k no whole number or negative, or a value of `where` no scalar.
            ConfigurationError: the store was built with another embedder.
            DocStoreError: the folder cannot be read.
        """
        return self._found(query, k, where, None)

    def search_in(
        self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None
    ) -> tuple[Match, ...]:
        """As `search`, of passages from some sources; of a name that ends with `/`, from all below it."""
        return self._found(query, k, where, frozenset(sources))

    def _found(self, query: str, k: int, where: Metadata | None, sources: frozenset[str] | None) -> tuple[Match, ...]:
        check_search(query, k, where)
        if k == 0 or not query.strip():
            return ()
        vector = self._embedded(query)
        with self._storage.errors("search"), self._lent(vector) as lent:
            if lent is None or (vector is None and self._fusion.uses_vectors):
                return ()
            connection, state, index = lent
            check_embedding(connection, state, self._embedding)
            k = min(k, state.next_passage)  # there are no more
            among = _among(connection, where, sources)
            asked = query if self._fusion.uses_keywords else ""
            words = word_search(connection, asked, state.next_passage, among)
            return Search(connection, index, vector, words, among).best(self._fusion, k)

    def count(self) -> int:
        """Return how many documents there are."""
        with self._storage.errors("count"), self._storage.reading() as connection:
            return 0 if connection is None else int(connection.execute(_COUNT).fetchone()[0])

    @property
    def relevant_score(self) -> float:
        """Return what was given; 0.0 is "cannot tell"."""
        return self._relevant_score or 0.0

    def built_with(self) -> str | None:
        """Return the name of the embedder that the store was built with; None is none, or there are no documents."""
        with self._storage.errors("read"), self._storage.reading() as connection:
            if connection is None or not has_documents(connection):
                return None
            return read_state(connection).built_with

    def known(self) -> Iterator[Known]:
        """Yield the documents, in the order of their ids."""
        with self._storage.errors("read"), self._storage.reading() as connection:
            rows = [] if connection is None else connection.execute(_KNOWN).fetchall()
        for row in rows:
            yield Known(*map(from_blob, row))

    def reindex(self) -> None:
        """Cut and embed everything anew, with the splitter and the embedder that this object was made with.

        Texts that are embedded already are not embedded again. Others see the store as it was until all is done.
        """
        with self._storage.errors("reindex"):
            Reindexing(self._storage, self._embedding, self._splitter).run()
            self._follow()

    def close(self) -> None:
        """Let the files and the index in memory go. Using the store again opens it again; memory stays.

        Who has added much saves the index first, some 0.45 kB a passage. Nothing is lost if that is broken off: every
        `add` is there already, and the next one who searches makes of the index what is missing.
        """
        try:
            if self._cache is not None:
                self._cache.close()
        finally:
            self._storage.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({None if self.path is None else str(self.path)!r})"

    def _follow(self) -> None:
        if self._cache is not None:
            self._cache.follow()

    def _is_empty(self) -> bool:
        """Say whether nothing can be found, so that no model is loaded and nobody paid in vain."""
        with self._storage.errors("search"), self._storage.reading() as connection:
            if connection is None or not has_documents(connection):
                return True
            check_embedding(connection, read_state(connection), self._embedding)
            return False

    def _embedded(self, query: str) -> Vectors | None:
        if self._cache is None or self._embedding is None or not self._fusion.uses_vectors:
            return None
        if not self._cache.is_open and self._is_empty():
            return None
        return embedded_query(self._embedding, query)

    def _lent(self, vector: Vectors | None) -> AbstractContextManager[_Lent | None]:
        """Lend a connection, the state, and an index that sees the same if there is a vector to look for."""
        return self._lent_without_index() if self._cache is None or vector is None else self._cache.lent()

    @contextmanager
    def _lent_without_index(self) -> Iterator[_Lent | None]:
        with self._storage.reading() as connection:
            yield None if connection is None else (connection, read_state(connection), None)


def _among(connection: sqlite3.Connection, where: Metadata | None, sources: frozenset[str] | None) -> list[int] | None:
    """Return the passages that may be found; None is all."""
    fit = passages_that_fit(connection, where) if where else None
    if sources is None:
        return fit
    seen = passages_from(connection, sources)
    return seen if fit is None else sorted(set(seen).intersection(fit))


def _rule(given: FusionRule | None, embedding: EmbeddingPort | None) -> FusionRule:
    if embedding is not None:
        return given or WeightedScores()
    if given is not None and given.uses_vectors:
        raise ConfigurationError(f"fusion={given!r} needs vectors: give the store an embedder too, or leave it out")
    return given or KeywordsOnly()
