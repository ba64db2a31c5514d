"""The embedder that a store was built with: its vectors are never compared with another one's."""

from __future__ import annotations

import sqlite3

import msgspec

from llamabot.adapters.sqlite.docstore.encoding import to_blob
from llamabot.adapters.sqlite.docstore.saved_index import write_saved
from llamabot.adapters.sqlite.docstore.state import (
    NO_EMBEDDING,
    State,
    embedding_key,
    new_store_number,
)
from llamabot.ports.embedding import EmbeddingPort
from llamabot.ports.errors import ConfigurationError

__all__ = ["adopted", "check_embedding", "has_documents", "renewed"]

_NONE = "no embedder, for keywords only"


def check_embedding(connection: sqlite3.Connection, state: State, embedding: EmbeddingPort | None) -> None:
    """Refuse an embedder that the store was not built with; an empty one takes any.

    Raises:
        ConfigurationError: names both.
    """
    built_with = state.built_with
    given = None if embedding is None else embedding.name
    if built_with != given and has_documents(connection):
        raise ConfigurationError(
            f"this document store was built with {_told(built_with)}, and now it is used with {_told(given)}; "
            "open it as it was built, or call its reindex() once, which embeds everything anew"
        )


def has_documents(connection: sqlite3.Connection) -> bool:
    """Say whether there are any."""
    return connection.execute("SELECT 1 FROM documents LIMIT 1").fetchone() is not None


def adopted(connection: sqlite3.Connection, state: State, embedding: EmbeddingPort | None) -> State:
    """Return the state of a store that is built with this embedder, which an empty one becomes.

    Raises:
        ConfigurationError: it was built with another.
    """
    check_embedding(connection, state, embedding)
    given = None if embedding is None else embedding.name
    return state if state.store and state.built_with == given else renewed(connection, state, embedding)


def renewed(connection: sqlite3.Connection, state: State, embedding: EmbeddingPort | None) -> State:
    """Return the state of a store whose vectors are all made anew; every index of it is void."""
    write_saved(connection, None)
    connection.execute("DELETE FROM removed")
    after = msgspec.structs.replace(state, store=new_store_number(), forgotten=state.generation)
    if embedding is None:
        return msgspec.structs.replace(after, embedding=NO_EMBEDDING, embedding_name=None)
    key = embedding_key(connection, embedding.name, embedding.dimensions)
    return msgspec.structs.replace(after, embedding=key, embedding_name=to_blob(embedding.name))


def _told(name: str | None) -> str:
    return _NONE if name is None else f"the embedder {name!r}"
