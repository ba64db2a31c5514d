"""What one `append` hands to the writer, and how a batch of them is put into the tables.

Encoding is done on the caller's thread, and a batch is few statements however many events it has: between two
statements the writer gives the interpreter away, and beside a busy thread it waits milliseconds to get it back.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import chain, islice

import msgspec

from llamabot.adapters.sqlite.connection import transaction
from llamabot.ports.errors import PortError
from llamabot.ports.recorder import Blob, RunEvent, RunFinished, RunPaused, RunResumed, RunStarted, encode_event

__all__ = ["Entry", "are_written", "encode_entry", "write_entries"]

_OVERHEAD_BYTES = 100
_BLOBS_AT_ONCE = 100
_MOST_STORED = 10_000
_STANDING = frozenset({RunPaused, RunResumed, RunFinished})
# SQLite reads 1,000 levels of JSON, the array around the events included, and refuses a whole batch for one more.
_MOST_LEVELS = 990
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKET = re.compile(rb"[][{}]")

_BATCH = """
    INSERT INTO batches (starts, events, stands, refers)
    VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))
"""
_UNKNOWN = """
    SELECT value FROM json_each(CAST(? AS TEXT)) WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE digest = value)
"""
_ANY_OF = """
    SELECT EXISTS (
        SELECT 1 FROM json_each(CAST(? AS TEXT)) AS row JOIN events
        ON events.run_id = json_extract(row.value, '$.run_id') AND events.body = row.value
    )
"""


class Entry(msgspec.Struct, gc=False, eq=False):
    """The events of one append, encoded; or none, for who only waits.

    Thousands may wait at a time, so an entry is made of what the garbage collector need not look at.

    Attributes:
        rows: every event but the blobs, joined by commas.
        starts: those that begin a run, once more.
        stands: those that say how one stands: paused, resumed or ended, once more.
        count: how many events it has.
        size_bytes: roughly what it takes of the memory; 0 if it has no events.
        ticket: who waits for the entry to be committed.
        last: after it nobody tries again to write what cannot be written.
    """

    rows: bytes = b""
    starts: bytes = b""
    stands: bytes = b""
    blobs: tuple[Blob, ...] = ()
    count: int = 0
    size_bytes: int = 0
    ticket: Future[None] | None = None
    last: bool = False

    def settle(self, failure: PortError | None, cause: Exception | None) -> None:
        """Tell who waits how it went; nothing if they were told, or wait no longer."""
        if self.ticket is None:
            return
        with suppress(InvalidStateError):
            if failure is None:
                self.ticket.set_result(None)
                return
            own = type(failure)(*failure.args)
            own.__cause__ = cause
            self.ticket.set_exception(own)


def encode_entry(events: Sequence[RunEvent]) -> Entry:
    """Return events as they are written.

    Raises:
        ValueError: one is nested so deeply that SQLite could not read it.
    """
    rows: list[bytes] = []
    starts: list[bytes] = []
    stands: list[bytes] = []
    blobs: tuple[Blob, ...] = ()
    size = 0
    for event in events:
        if isinstance(event, Blob):
            # A blob waits as it is: most are in the file already, and are never encoded.
            blobs += (event,)
            size += len(event.data)
            continue
        row = encode_event(event)
        rows.append(row)
        kind = type(event)
        if kind is RunStarted:
            starts.append(row)
        elif kind in _STANDING:
            stands.append(row)
    joined = b",".join(rows)
    if len(joined) > 2 * _MOST_LEVELS and joined.count(b"[") + joined.count(b"{") > _MOST_LEVELS:
        _check_levels(joined)  # seldom: most events are too short
    size += len(joined) + len(events) * _OVERHEAD_BYTES
    return Entry(joined, b",".join(starts), b",".join(stands), blobs, len(events), size)


def _check_levels(rows: bytes) -> None:
    level = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", rows)):
        level += 1 if bracket.group() in b"[{" else -1
        if level > _MOST_LEVELS:
            raise ValueError(f"it is nested more than {_MOST_LEVELS} levels deep")


def write_entries(connection: sqlite3.Connection, entries: Sequence[Entry], stored: set[str]) -> None:
    """Commit entries in one transaction, in their order.

    Blobs whose digests are in `stored` are taken to be in the file, which saves the statements that would find out; the
    file refuses a batch if one is missing, since another process may have deleted it. Those of the batch are added.
    """
    blobs = [blob for entry in entries for blob in entry.blobs]
    data = {blob.digest: blob.data for blob in blobs}
    batch = (
        _array(entry.starts for entry in entries),
        _array(entry.rows for entry in entries),
        _array(entry.stands for entry in entries),
        msgspec.json.encode([(blob.run_id, blob.digest) for blob in blobs]) if blobs else None,
    )
    if not (stored.issuperset(data) and _write(connection, batch)):
        # All in one transaction: no deletion can come between a blob and what refers to it.
        with transaction(connection):
            _store_blobs(connection, data)
            connection.execute(_BATCH, batch)
    if len(stored) > _MOST_STORED:
        stored.clear()
    stored.update(data)


def are_written(connection: sqlite3.Connection, entries: Sequence[Entry]) -> bool:
    """Say whether entries were committed. Without events there is nothing to be seen, nor to be written twice."""
    rows = _array(entry.rows for entry in entries)
    return bool(rows and connection.execute(_ANY_OF, (rows,)).fetchone()[0])


def _write(connection: sqlite3.Connection, batch: tuple[bytes | None, ...]) -> bool:
    """Commit a batch; False if the file refuses it."""
    try:
        connection.execute(_BATCH, batch)
    except sqlite3.IntegrityError:
        return False
    return True


def _array(rows: Iterable[bytes]) -> bytes | None:
    """Return encoded events as one JSON array, None if there are none."""
    joined = b",".join(filter(None, rows))
    return b"[" + joined + b"]" if joined else None


def _store_blobs(connection: sqlite3.Connection, data: Mapping[str, str]) -> None:
    """Store the blobs that are not there."""
    if not data:
        return
    unknown = iter([digest for (digest,) in connection.execute(_UNKNOWN, (msgspec.json.encode(list(data)),))])
    while digests := list(islice(unknown, _BLOBS_AT_ONCE)):
        values = ",".join(["(?, ?)"] * len(digests))
        pairs = chain.from_iterable((digest, data[digest]) for digest in digests)
        connection.execute(f"INSERT INTO blobs (digest, data) VALUES {values}", tuple(pairs))  # noqa: S608 - no text
