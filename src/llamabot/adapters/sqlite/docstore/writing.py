"""Documents come and go: the statements of one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from llamabot.adapters.sqlite.docstore.common_words import count_common_words
from llamabot.adapters.sqlite.docstore.encoding import (
    encoded_entries,
    encoded_metadata,
    encoded_place,
    encoded_sections,
    from_blob,
    to_blob,
)
from llamabot.adapters.sqlite.docstore.preparing import Prepared
from llamabot.adapters.sqlite.docstore.rows import BLOBS, Table, as_blobs, as_list, in_batches
from llamabot.adapters.sqlite.docstore.state import State

__all__ = [
    "Stored",
    "add_documents",
    "add_vectors",
    "drop_all_unused",
    "drop_unused",
    "keep_vectors",
    "known_vectors",
    "remove_documents",
    "stored_documents",
]

_BATCH = 4_096
_DOCUMENTS = Table(
    "documents", "key", "id", "digest", "splitter", "source", "fingerprint", "format", "metadata", "sections", "text"
)
_PASSAGES = Table("passages", "key", "document", "number", "vector", "place", "text")
_ENTRIES = Table("entries", "document", "entry")
_VECTORS = Table("vectors", "key", "embedding", "digest", "vector")

_STORED = f"SELECT key, id, digest, splitter FROM documents WHERE id IN ({BLOBS})"  # noqa: S608 - SQL of ours
_KNOWN = f"SELECT digest, key FROM vectors WHERE digest IN ({BLOBS}) AND embedding = :embedding"  # noqa: S608 - SQL of ours
_INDEX_WORDS = "INSERT INTO words (rowid, text) SELECT key, CAST(text AS TEXT) FROM passages WHERE key >= ?"
_FORGET_WORDS = """
INSERT INTO words (words, rowid, text)
SELECT 'delete', key, CAST(text AS TEXT) FROM passages WHERE document IN (SELECT value FROM json_each(?))
"""
_NOTE_REMOVED = """
INSERT INTO removed (passage, generation)
SELECT key, ? FROM passages WHERE vector IS NOT NULL AND document IN (SELECT value FROM json_each(?))
"""
_VECTORS_OF = "SELECT DISTINCT vector FROM passages WHERE document IN (SELECT value FROM json_each(?))"
_DELETE_UNUSED = """
DELETE FROM vectors WHERE key IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM passages WHERE passages.vector = vectors.key)
"""


class Stored(msgspec.Struct, frozen=True):
    """What the store has under an id."""

    key: int
    digest: bytes
    splitter: str


def stored_documents(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Stored]:
    """Return those of the documents that are there, by id."""
    found: dict[str, Stored] = {}
    for some in in_batches(ids, _BATCH):
        for key, id_, digest, splitter in connection.execute(_STORED, as_blobs(map(to_blob, some))):
            found[from_blob(id_)] = Stored(key, digest, from_blob(splitter))
    return found


def known_vectors(connection: sqlite3.Connection, embedding: int, digests: Iterable[bytes]) -> dict[bytes, int]:
    """Return the keys of the vectors that are there, by the digests of their texts."""
    found: dict[bytes, int] = {}
    for some in in_batches(digests, _BATCH):
        found.update(connection.execute(_KNOWN, {**as_blobs(some), "embedding": embedding}))
    return found


def add_vectors(connection: sqlite3.Connection, embedding: int, vectors: Mapping[bytes, bytes]) -> dict[bytes, int]:
    """Add vectors that are not there, by the digests of their texts, and return their keys."""
    first = connection.execute("SELECT coalesce(max(key), 0) + 1 FROM vectors").fetchone()[0]
    keys = {digest: key for key, digest in enumerate(vectors, first)}
    _VECTORS.insert(connection, ((keys[digest], embedding, digest, vector) for digest, vector in vectors.items()))
    return keys


def keep_vectors(connection: sqlite3.Connection, embedding: int, vectors: Mapping[bytes, bytes]) -> None:
    """Add those of the vectors that are not there, whether or not a passage uses them yet."""
    known = known_vectors(connection, embedding, vectors)
    add_vectors(connection, embedding, {digest: v for digest, v in vectors.items() if digest not in known})


def add_documents(
    connection: sqlite3.Connection,
    state: State,
    documents: Sequence[Prepared],
    splitter: str,
    vectors: Mapping[bytes, int],
) -> State:
    """Add documents that are not there, and return the state after it.

    Args:
        connection: in a transaction.
        state: before.
        documents: with different ids.
        splitter: the name of what cut them.
        vectors: the keys of their passages' vectors, by digest; empty where there is no embedder.
    """
    keyed = list(enumerate(documents, state.next_document))
    rows = _passage_rows(keyed, state.next_passage, vectors)
    _DOCUMENTS.insert(connection, (_document_row(key, document, splitter) for key, document in keyed))
    _ENTRIES.insert(
        connection, ((key, entry) for key, doc in keyed for entry in sorted(encoded_entries(doc.document.metadata)))
    )
    _PASSAGES.insert(connection, rows)
    connection.execute(_INDEX_WORDS, (state.next_passage,))
    after = msgspec.structs.replace(
        state,
        generation=state.generation + 1,
        next_document=state.next_document + len(keyed),
        next_passage=state.next_passage + len(rows),
    )
    return count_common_words(connection, after)


def _passage_rows(
    keyed: Sequence[tuple[int, Prepared]], first: int, vectors: Mapping[bytes, int]
) -> list[tuple[int, int, int, int | None, bytes, bytes]]:
    passages = ((key, *one) for key, document in keyed for one in document.passages)
    return [
        (row, key, passage.number, vectors.get(digest), encoded_place(passage.place), to_blob(passage.text))
        for row, (key, passage, digest) in enumerate(passages, first)
    ]


def remove_documents(connection: sqlite3.Connection, state: State, keys: Iterable[int]) -> tuple[State, list[int]]:
    """Remove documents and return the state after it, with the vectors that they used."""
    after = msgspec.structs.replace(state, generation=state.generation + 1)
    vectors: list[int] = []
    for some in in_batches(keys, _BATCH):
        listed = (as_list(some),)
        vectors += [key for (key,) in connection.execute(_VECTORS_OF, listed) if key is not None]
        connection.execute(_FORGET_WORDS, listed)
        connection.execute(_NOTE_REMOVED, (after.generation, *listed))
        for table, column in (("passages", "document"), ("entries", "document"), ("documents", "key")):
            connection.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608 - names of ours
                listed,
            )
    return after, vectors


def drop_unused(connection: sqlite3.Connection, vectors: Iterable[int]) -> None:
    """Remove those of the vectors that no passage uses any more."""
    for some in in_batches(vectors, _BATCH):
        connection.execute(_DELETE_UNUSED, (as_list(some),))


def drop_all_unused(connection: sqlite3.Connection) -> None:
    """Remove all vectors that no passage uses."""
    connection.execute("DELETE FROM vectors WHERE NOT EXISTS (SELECT 1 FROM passages WHERE vector = vectors.key)")


def _document_row(key: int, prepared: Prepared, splitter: str) -> tuple[int | bytes, ...]:
    document = prepared.document
    return (
        key,
        to_blob(document.id),
        prepared.digest,
        to_blob(splitter),
        to_blob(document.source),
        to_blob(document.fingerprint),
        to_blob(document.format),
        encoded_metadata(document.metadata),
        encoded_sections(document.sections),
        to_blob(document.text),
    )
