"""The index in a file beside the database. The database says which file it is and what must be in it.

A file gets its whole content before the database names it, under a name that was never used before; what a crash
leaves is named by nobody and removed with the next one that is saved.
"""

from __future__ import annotations

import secrets
import sqlite3
import zlib
from contextlib import suppress
from pathlib import Path

import msgspec

from llamabot.ports.vectorindex import VectorIndex, VectorIndexPort

__all__ = ["IndexFiles", "SavedIndex"]

_CHUNK = 2**20
_READ = "SELECT file, size_bytes, checksum, generation, last_passage FROM saved_index"
_WRITE = "INSERT INTO saved_index (file, size_bytes, checksum, generation, last_passage) VALUES (?, ?, ?, ?, ?)"


class SavedIndex(msgspec.Struct, frozen=True):
    """What the database says of the saved index.

    Attributes:
        file: its name in the folder.
        generation, last_passage: of the store when it was saved.
    """

    file: str
    size_bytes: int
    checksum: int
    generation: int
    last_passage: int


class IndexFiles:
    """The files of one store's indexes.

    Args:
        database: the file that they are beside.
    """

    def __init__(self, database: Path, indexes: VectorIndexPort) -> None:
        self._folder = database.parent
        self._prefix = f"{database.stem}-vectors-"
        self._indexes = indexes

    def load(self, saved: SavedIndex) -> VectorIndex | None:
        """Return the saved index, or None if its file is missing or not what was saved."""
        path = self._folder / saved.file
        try:
            # FAISS believes what it reads, so what it reads is checked first.
            if (path.stat().st_size, _checksum(path)) != (saved.size_bytes, saved.checksum):
                return None
            return self._indexes.load(path)
        except (OSError, ValueError):
            return None

    def save(self, index: VectorIndex, generation: int, last_passage: int) -> SavedIndex:
        """Write an index to a new file, which nobody knows of yet.

        Raises:
            OSError: it cannot be written.
        """
        path = self._folder / f"{self._prefix}{secrets.token_hex(6)}.faiss"
        try:
            path.touch(0o600)
            index.save(path)
            return SavedIndex(path.name, path.stat().st_size, _checksum(path), generation, last_passage)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def remove_others(self, kept: str) -> None:
        """Remove all files but one."""
        for path in self._folder.glob(f"{self._prefix}*.faiss"):
            if path.name != kept:
                with suppress(OSError):  # Windows keeps what somebody reads; the next one who saves removes it
                    path.unlink()


def read_saved(connection: sqlite3.Connection) -> SavedIndex | None:
    """Return what the database says."""
    row = connection.execute(_READ).fetchone()
    return None if row is None else SavedIndex(*row)


def write_saved(connection: sqlite3.Connection, saved: SavedIndex | None) -> None:
    """Let the database name another file, or none."""
    connection.execute("DELETE FROM saved_index")
    if saved is not None:
        connection.execute(_WRITE, msgspec.structs.astuple(saved))


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            checksum = zlib.crc32(data, checksum)
    return checksum
