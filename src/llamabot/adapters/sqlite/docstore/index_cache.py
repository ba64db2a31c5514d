"""The vector index of a store in this process: brought up to date before it is searched, saved now and then.

The database is the truth. The index has seen a generation of it; what came and went since then is read from it. Locks
are taken in one order: the index's, then the database's.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from llamabot.adapters.sqlite.docstore.saved_index import IndexFiles, SavedIndex, read_saved, write_saved
from llamabot.adapters.sqlite.docstore.shared_lock import SharedLock
from llamabot.adapters.sqlite.docstore.state import State, read_state, write_state
from llamabot.adapters.sqlite.docstore.storage import Storage
from llamabot.adapters.sqlite.docstore.stored_vectors import StoredVectors
from llamabot.adapters.sqlite.forks import survive_forks
from llamabot.ports.errors import DocStoreError
from llamabot.ports.vectorindex import Keys, VectorIndex, VectorIndexPort

__all__ = ["IndexCache"]

_LOG = logging.getLogger("llamabot")
# How many passages may have come since an index was saved: for who opens the store next, a thousand (20 ms);
# while it grows, more, so that it is written some dozen times and not each time.
_LEFT_BEHIND = 1_000
_STALE_FROM, _STALE_PART = 2_000, 0.1
_REMOVED = "SELECT passage FROM removed WHERE generation > ? ORDER BY passage"


class _Held(msgspec.Struct):
    """An index, and what of the database it has seen.

    Attributes:
        built: the generation that it was built from; what had gone by then is not in it.
    """

    index: VectorIndex
    store: int
    generation: int
    last_passage: int
    built: int


class IndexCache:
    """Lends the index together with a connection that sees the same state.

    Args:
        files: where it is saved; None keeps it in memory alone.
    """

    def __init__(self, indexes: VectorIndexPort, storage: Storage, files: IndexFiles | None) -> None:
        self._indexes = indexes
        self._storage = storage
        self._files = files
        self._lock = SharedLock()
        self._maintaining = threading.Lock()
        self._held: _Held | None = None
        self._has_changed = False
        survive_forks(self)

    @property
    def is_open(self) -> bool:
        """Whether there is an index in memory, and so there were documents."""
        return self._held is not None

    @contextmanager
    def lent(self) -> Iterator[tuple[sqlite3.Connection, State, VectorIndex] | None]:
        """Lend both, with the state that they see; None if nothing was ever written."""
        with self._lock.shared(), self._storage.reading() as connection:
            if connection is None:
                yield None
                return
            state = read_state(connection)
            held = self._held
            if held is not None and (held.store, held.generation) == (state.store, state.generation):
                yield connection, state, held.index
                return
        with self._lock.alone(), self._storage.reading() as connection:
            yield (
                None
                if connection is None
                else (
                    connection,
                    read_state(connection),
                    self._caught_up(connection).index,
                )
            )

    def follow(self) -> None:
        """Take notice of a change that was committed: catch up, and see to the index and its file."""
        self._has_changed = True
        with self._storage.reading() as connection:
            if connection is None or not self._must_follow(connection):
                return
        with self._lock.alone(), self._storage.reading() as connection:
            if connection is not None:
                self._caught_up(connection)
        if self._maintaining.acquire(blocking=False):
            try:
                self._maintain()
            finally:
                self._maintaining.release()

    def close(self) -> None:
        """Save what was changed here, if it is worth a file, and let the memory go; the next search loads it again."""
        try:
            if self._has_changed and self._maintaining.acquire(blocking=False):
                try:
                    self._save(_at_the_end)
                finally:
                    self._maintaining.release()
        finally:
            with self._lock.alone():
                self._held, self._has_changed = None, False

    def before_fork(self) -> None:
        """Hold nothing: whoever searches would have to be waited for."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin afresh: another thread may have been changing the index."""
        self._lock, self._maintaining = SharedLock(), threading.Lock()
        self._held, self._has_changed = None, False

    def _must_follow(self, connection: sqlite3.Connection) -> bool:
        if self._held is not None:
            return True
        state, saved = read_state(connection), read_saved(connection)
        return self._files is not None and _is_stale(saved, state.next_passage - 1, _while_it_grows)

    def _caught_up(self, connection: sqlite3.Connection) -> _Held:
        """Return the index, having seen what the connection sees."""
        state, saved = read_state(connection), read_saved(connection)
        # Put back when all went well: one that has seen half of a change would see that half twice.
        held, self._held = self._held, None
        if held is None or not _can_follow(held, state, saved):
            held = self._opened(connection, state, saved)
        else:
            _catch_up(held, connection, state)
        self._held = held
        return held

    def _opened(self, connection: sqlite3.Connection, state: State, saved: SavedIndex | None) -> _Held:
        index = self._files.load(saved) if self._files is not None and saved is not None else None
        if index is not None and saved is not None:
            held = _Held(index, state.store, 0, saved.last_passage, state.forgotten)
            _catch_up(held, connection, state)
            if not index.outgrown:
                return held
        return self._built(connection, state)

    def _built(self, connection: sqlite3.Connection, state: State) -> _Held:
        index = self._indexes.build(StoredVectors(connection))
        return _Held(index, state.store, state.generation, state.next_passage - 1, state.generation)

    def _maintain(self) -> None:
        """Build anew what has outgrown its kind, aside, while searches go on; save what has gone stale."""
        with self._lock.shared():
            outgrown = self._held is not None and self._held.index.outgrown
        if outgrown:
            with self._storage.reading() as connection:
                built = None if connection is None else self._built(connection, read_state(connection))
            with self._lock.alone():
                self._held = built
        self._save(_while_it_grows)

    def _save(self, most_behind: Callable[[int], int]) -> None:
        """Save the index if more have come since it was than may have, of so many passages."""
        if self._files is None:
            return
        try:
            self._save_if_stale(self._files, most_behind)
        except (DocStoreError, OSError, sqlite3.Error) as error:
            # Nothing is lost but time: the next one who opens the store catches up from an older file.
            _LOG.warning("the index of a document store could not be saved: %s", error)

    def _save_if_stale(self, files: IndexFiles, most_behind: Callable[[int], int]) -> None:
        with self._storage.reading() as connection:
            saved = None if connection is None else read_saved(connection)
        with self._lock.shared():
            held = self._held
            if held is None or not (_is_stale(saved, held.last_passage, most_behind) or _is_outdated(saved, held)):
                return
            saved, store, built = files.save(held.index, held.generation, held.last_passage), held.store, held.built
        with self._storage.writing() as connection:
            state, known = read_state(connection), read_saved(connection)
            if state.store == store and (known is None or known.generation < saved.generation):
                write_saved(connection, saved)
                connection.execute("DELETE FROM removed WHERE generation <= ?", (built,))
                write_state(connection, msgspec.structs.replace(state, forgotten=max(state.forgotten, built)))
                known = saved
        files.remove_others(known.file if known else "")


def _can_follow(held: _Held, state: State, saved: SavedIndex | None) -> bool:
    """Say whether catching up is possible, and quicker than loading what somebody has saved since."""
    behind = state.next_passage - 1 - held.last_passage
    saved_since = saved is not None and saved.last_passage > held.last_passage
    return (
        held.store == state.store and held.generation >= state.forgotten and not (behind > _LEFT_BEHIND and saved_since)
    )


def _catch_up(held: _Held, connection: sqlite3.Connection, state: State) -> None:
    for keys, vectors in StoredVectors(connection, held.last_passage).batches():
        held.index.add(keys, vectors)
    gone = _keys(connection, held.generation)
    if len(gone):
        held.index.remove(gone)
    held.generation, held.last_passage = state.generation, state.next_passage - 1


def _keys(connection: sqlite3.Connection, generation: int) -> Keys:
    import numpy as np

    return np.array([key for (key,) in connection.execute(_REMOVED, (generation,))], dtype=np.int64)


def _is_outdated(saved: SavedIndex | None, held: _Held) -> bool:
    """Say whether the index was built anew since one was saved."""
    return saved is not None and held.built > saved.generation


def _is_stale(saved: SavedIndex | None, last_passage: int, most_behind: Callable[[int], int]) -> bool:
    """Say whether more passages have come since an index was saved than may have."""
    return last_passage - (0 if saved is None else saved.last_passage) > most_behind(last_passage)


def _while_it_grows(passages: int) -> int:
    return max(_STALE_FROM, int(_STALE_PART * passages))


def _at_the_end(passages: int) -> int:
    return _LEFT_BEHIND
