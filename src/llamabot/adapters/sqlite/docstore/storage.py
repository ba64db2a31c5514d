"""Where documents are kept: a file that many read while one writes, or memory. Either lends connections."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from llamabot.adapters.sqlite.claims import Claims, HeldClaim
from llamabot.adapters.sqlite.connection import KeptConnection, SqliteFile, make_folders, transaction
from llamabot.adapters.sqlite.forks import survive_forks
from llamabot.adapters.sqlite.schema import DOCS, NewerSchema, migrate
from llamabot.ports.errors import DocStoreError

__all__ = ["FileStorage", "MemoryStorage", "Storage"]

_WRITER = "writer"
_PAUSE_S = 0.01
_CACHE_KIB = 65_536  # a search reads some 50 pages from everywhere


class Storage(Protocol):
    """Lends connections, each to one thread at a time, with a transaction begun that ends with the block."""

    def reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        """Lend one that sees one state of all; None if nothing was ever written."""

    def writing(self, *, patience_s: float | None = None) -> AbstractContextManager[sqlite3.Connection]:
        """Lend the one that writes, whole or not at all.

        Args:
            patience_s: how long to wait for another writer; None is what the storage was made with.

        Raises:
            DocStoreError: another one writes.
        """

    def errors(self, doing: str) -> AbstractContextManager[None]:
        """Turn the errors of a block into ours."""

    def close(self) -> None:
        """Let go of what is open. The next use opens again."""


class FileStorage:
    """A file. Who writes holds a lock whose holder can be named, which SQLite's own cannot."""

    def __init__(self, path: Path, *, patience_s: float) -> None:
        self._file = SqliteFile(path, DOCS, DocStoreError, busy_s=patience_s, cache_kib=_CACHE_KIB)
        self._patience_s = patience_s
        self._claims = Claims(path)
        # Who writes takes one of these too: SQLite forgets what a connection has read when another one has written.
        self._idle: list[KeptConnection] = []

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Lend a connection of this thread alone."""
        kept = self._taken()
        try:
            with kept.existing(keep=True) as connection:
                if connection is None:
                    yield None
                    return
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    connection.rollback()
        finally:
            self._idle.append(kept)

    @contextmanager
    def writing(self, *, patience_s: float | None = None) -> Iterator[sqlite3.Connection]:
        """Lend a connection to the one that writes."""
        make_folders(self._file.path)
        claim = self._claim(self._patience_s if patience_s is None else patience_s)
        kept = self._taken()
        try:
            with kept.writing() as connection, transaction(connection):
                yield connection
        finally:
            self._idle.append(kept)
            claim.release()

    def errors(self, doing: str) -> AbstractContextManager[None]:
        """Turn the errors of a block into ours."""
        return self._file.errors(doing)

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> KeptConnection:
        """Return a connection that nobody uses: the last that was used, which remembers the most."""
        try:
            return self._idle.pop()
        except IndexError:
            return KeptConnection(self._file)

    def _claim(self, patience_s: float) -> HeldClaim:
        deadline = time.monotonic() + patience_s
        while (claim := self._claims.take(_WRITER)) is None:
            if time.monotonic() >= deadline:
                error = DocStoreError(
                    f"cannot write to {str(self._file.path)!r}: {self._claims.holder(_WRITER)} has been writing to it "
                    f"for more than {patience_s:g} s; try again when it is done, or end it, which frees the store"
                )
                error.retryable = True
                raise error
            time.sleep(_PAUSE_S)
        return claim


class MemoryStorage:
    """Memory: one connection, which serves one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        survive_forks(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Lend the connection."""
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self, *, patience_s: float | None = None) -> Iterator[sqlite3.Connection]:
        """Lend the connection."""
        with self._lock:
            if self._connection is None:
                self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                weakref.finalize(self, self._connection.close)
                migrate(self._connection, DOCS)
            with transaction(self._connection):
                yield self._connection

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn the errors of a block into ours."""
        try:
            yield
        except (sqlite3.Error, NewerSchema) as cause:
            raise DocStoreError(f"cannot {doing} documents in memory: {cause}") from cause

    def close(self) -> None:
        """Keep everything: it is nowhere else."""

    def before_fork(self) -> None:
        """Let nothing be half done."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Go on with a copy."""
        self._lock = threading.RLock()
