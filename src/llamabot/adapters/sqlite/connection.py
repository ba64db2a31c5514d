"""A SQLite file of ours: made private, opened at the right version, shared by threads, let go before a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from llamabot.adapters.sqlite.forks import survive_forks
from llamabot.adapters.sqlite.schema import NewerSchema, Schema, has_tables, migrate
from llamabot.ports.errors import ConfigurationError, PortError

__all__ = ["KeptConnection", "SqliteFile", "file_at", "is_busy", "is_of_the_data", "make_folders", "transaction"]

_PAUSE_S = 0.01

_MENDS = {
    sqlite3.SQLITE_BUSY: "another process holds it",
    sqlite3.SQLITE_LOCKED: "another process holds it",
    sqlite3.SQLITE_CANTOPEN: "see that its folder exists and may be written to",
    sqlite3.SQLITE_READONLY: "see that it and its folder may be written to",
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_CORRUPT: "it is damaged: move it away, and a new one is made",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database: move it away, or name another",
}
_OF_THE_DATA = {
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_RANGE,
}


def is_busy(error: BaseException) -> bool:
    """Say whether another connection was in the way."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_of_the_data(error: BaseException) -> bool:
    """Say whether what was to be stored is the cause, so that trying again is in vain."""
    return isinstance(error, ValueError | OverflowError | MemoryError) or _code(error) in _OF_THE_DATA


def _code(error: BaseException) -> int:
    """Return SQLite's primary result code, 0 if the error has none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


class SqliteFile(msgspec.Struct, frozen=True):
    """Where a file is and how it is opened.

    Attributes:
        failure: what its errors become.
        busy_s: longest wait for other connections.
        cache_kib: most memory for pages that are read again, of each connection.
    """

    path: Path
    schema: Schema
    failure: type[PortError]
    synchronous: str = "NORMAL"
    busy_s: float = 10.0
    cache_kib: int = 2_000

    def connect(self, *, create: bool) -> sqlite3.Connection | None:
        """Return a new connection with its tables there; None if they are not and `create` is false.

        Raises:
            sqlite3.Error, OSError, NewerSchema: it cannot be.
        """
        if not (create or self.path.exists()):
            return None
        if create:
            self._make()
        deadline = time.monotonic() + self.busy_s
        while True:
            try:
                return self._connect(create=create)
            except sqlite3.OperationalError as error:
                # Not all that opening does waits for others by itself: turning to WAL gives up at once.
                if not is_busy(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_S)

    def error(self, doing: str, cause: BaseException) -> PortError:
        """Return the error of ours for one that was met, with its mend where it is known."""
        code = _code(cause) or (sqlite3.SQLITE_CANTOPEN if isinstance(cause, OSError) else 0)
        why = getattr(cause, "strerror", None) or cause
        mend = f"; {_MENDS[code]}" if code in _MENDS else ""
        return self.failure(f"cannot {doing} {str(self.path)!r}: {why}{mend}")

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn the errors of a block into ours."""
        try:
            yield
        except (sqlite3.Error, OSError, NewerSchema) as cause:
            raise self.error(doing, cause) from cause

    def _make(self) -> None:
        """Make the file, readable by its owner alone; SQLite gives its companions the same mode."""
        make_folders(self.path)
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _connect(self, *, create: bool) -> sqlite3.Connection | None:
        address = f"file:{quote(str(self.path))}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, timeout=self.busy_s, isolation_level=None, check_same_thread=False
        )
        ready = False
        try:
            ready = self._prepare(connection, create=create)
        finally:
            if not ready:
                connection.close()
        return connection if ready else None

    def _prepare(self, connection: sqlite3.Connection, *, create: bool) -> bool:
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        connection.execute(f"PRAGMA cache_size = -{self.cache_kib}")
        if not create:
            return has_tables(connection, self.schema)
        migrate(connection, self.schema)
        # Only now: a file that cannot be ours is left as it is.
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode = WAL")
        return True


def make_folders(path: Path) -> None:
    """Make the folders that a file is in, those that are missing readable by their owner alone."""
    for folder in reversed([folder for folder in path.parents if not folder.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)


def file_at(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path that was meant, `~` expanded.

    Raises:
        ConfigurationError: it cannot be the path of a file.
    """
    try:
        text = os.fsdecode(os.fsencode(os.fspath(path)))
    except (TypeError, UnicodeEncodeError) as error:
        raise ConfigurationError(f"{path!r} is not the path of a file: {error}") from error
    if not text or text == ":memory:" or "\0" in text:
        raise ConfigurationError(f"{text!r} is not the path of a file")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigurationError(f"{text!r}: {error}") from error


class KeptConnection:
    """The connection of one object to its file: opened when it is first needed, used by one thread at a time.

    It is opened anew after an error, after a fork, and when the file was moved away or replaced. It is closed at the
    latest when nobody has this object any more, or the process ends: Python complains of what nobody has closed.
    """

    def __init__(self, file: SqliteFile) -> None:
        self.file = file
        self._kept = _Kept()
        weakref.finalize(self, self._kept.close_unless_used)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection; the file and its tables are made if they are missing.

        Raises:
            sqlite3.Error, OSError, NewerSchema: it cannot be opened.
        """
        with self._lent(create=True, keep=True) as connection:
            assert connection is not None, "`create` makes what is missing"  # noqa: S101 - told to the type checker
            yield connection

    def existing(self, *, keep: bool) -> AbstractContextManager[sqlite3.Connection | None]:
        """Lend the connection; None if there is no such file, or nothing of ours is in it.

        Args:
            keep: leave the connection open for the next one.

        Raises:
            sqlite3.Error, OSError, NewerSchema: it cannot be opened.
        """
        return self._lent(create=False, keep=keep)

    def close(self) -> None:
        """Close the connection. The next use opens another."""
        with self._kept.lock:
            self._kept.close()

    @contextmanager
    def _lent(self, *, create: bool, keep: bool) -> Iterator[sqlite3.Connection | None]:
        kept = self._kept
        with kept.lock:
            well = False
            try:
                yield kept.opened(self.file, create=create)
                well = True
            finally:
                if not (well and keep):
                    kept.close()


class _Kept:
    """A connection, or none, and the lock of whoever uses it.

    Apart from its owner, so that it takes part in forks until it is closed, also while its owner is being collected.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        survive_forks(self)

    def opened(self, file: SqliteFile, *, create: bool) -> sqlite3.Connection | None:
        """Return the connection, with the lock held; None if there are no tables and `create` is false."""
        if self._connection is not None and self._identity != _identity(file.path):
            self.close()
        if self._connection is None:
            self._connection = file.connect(create=create)
            self._identity = _identity(file.path)
        return self._connection

    def close(self) -> None:
        """Close the connection, with the lock held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close_unless_used(self) -> None:
        """Close the connection, and wait for nobody: the garbage collector may call this in the middle of anything.

        If the lock is held, a fork that is on its way has closed it, or the process ends and a thread is at work.
        """
        if self.lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self.lock.release()

    def before_fork(self) -> None:
        """Close, and let nobody open until the fork is over."""
        self.lock.acquire()
        self.close()

    def after_fork_in_parent(self) -> None:
        """Let the next one open."""
        self.lock.release()

    def after_fork_in_child(self) -> None:
        """Let the next one open."""
        self.lock = threading.Lock()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write a block whole or not at all; no other connection writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - once a batch, and twice as quick as Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino
