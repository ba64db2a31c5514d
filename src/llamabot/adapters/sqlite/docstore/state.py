"""What a store knows of itself: what it was built with, and how often it has changed."""

from __future__ import annotations

import secrets
import sqlite3

import msgspec

from llamabot.adapters.sqlite.docstore.encoding import from_blob, to_blob

__all__ = ["NO_EMBEDDING", "State", "embedding_key", "new_store_number", "read_state", "write_state"]

NO_EMBEDDING = 0


class State(msgspec.Struct, frozen=True):
    """The settings of a store.

    Attributes:
        store: a number of its own; it changes when everything is made anew.
        generation: how many times it was changed.
        next_document, next_passage: the keys to give away next.
        embedding: the key of the embedder whose vectors passages have, 0 for none.
        embedding_name: its name.
        words_counted: how many passages had been given keys when common words were counted.
        forgotten: the generation up to which nobody knows any more which passages have gone.
    """

    store: int = 0
    generation: int = 0
    next_document: int = 1
    next_passage: int = 1
    embedding: int = NO_EMBEDDING
    embedding_name: bytes | None = None
    words_counted: int = 0
    forgotten: int = 0

    @property
    def built_with(self) -> str | None:
        """The embedder's name, None for none."""
        return None if self.embedding_name is None else from_blob(self.embedding_name)


_FIELDS = State.__struct_fields__
_READ = f"SELECT {', '.join(_FIELDS)} FROM state"  # noqa: S608 - names of ours
_WRITE = f"UPDATE state SET ({', '.join(_FIELDS)}) = ({', '.join('?' for _ in _FIELDS)})"  # noqa: S608 - names of ours


def new_store_number() -> int:
    """Return a number that no other store has."""
    return secrets.randbits(62) + 1


def read_state(connection: sqlite3.Connection) -> State:
    """Return the settings as this connection sees them."""
    return State(*connection.execute(_READ).fetchone())


def write_state(connection: sqlite3.Connection, state: State) -> None:
    """Replace the settings."""
    connection.execute(_WRITE, msgspec.structs.astuple(state))


def embedding_key(connection: sqlite3.Connection, name: str, dimensions: int) -> int:
    """Return the key of an embedder, given on its first use."""
    found = connection.execute("SELECT key FROM embeddings WHERE name = ?", (to_blob(name),)).fetchone()
    if found is None:
        found = connection.execute(
            "INSERT INTO embeddings (name, dimensions) VALUES (?, ?) RETURNING key", (to_blob(name), dimensions)
        ).fetchone()
    key: int = found[0]
    return key
