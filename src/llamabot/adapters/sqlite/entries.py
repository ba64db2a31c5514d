"""What one `append` hands to the writer, and how a batch of them is put into the tables.

Encoding is done on the caller's thread, and a batch is few statements however many events it has: between two
statements the writer gives the interpreter away, and beside a busy thread it waits milliseconds to get it back.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import chain, islice

import msgspec

from llamabot.adapters.sqlite.connection import transaction
from llamabot.ports.errors import PortError
from llamabot.ports.recorder import (
    Blob,
    RunEvent,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStatus,
    as_json,
)

__all__ = ["Entry", "are_written", "encode_entry", "write_entries"]

_OVERHEAD_BYTES = 100
_BLOBS_AT_ONCE = 100
_MOST_STORED = 10_000
# SQLite reads 1,000 levels of JSON, and would not find a run by its tags or times for one more.
_MOST_LEVELS = 990
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKET = re.compile(rb"[][{}]")

_encode = msgspec.json.Encoder(enc_hook=as_json).encode
_STANDING: Mapping[type[RunEvent], RunStatus] = {RunPaused: RunStatus.PAUSED, RunResumed: RunStatus.RUNNING}
_SIZE_BITS = 32  # of a place in `batches.rows`: what remains says where an event begins

# What the columns are is told in log_0002.sql.
_BATCH = """
    INSERT INTO batches (rows, bodies, starts, tags, stands, refers)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_UNKNOWN = """
    SELECT value FROM json_each(CAST(? AS TEXT)) WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE digest = value)
"""
_ANY_OF = """
    SELECT EXISTS (
        SELECT 1 FROM json_each(?) AS row JOIN events ON events.run_id = row.key
        AND events.body = CAST(substr(?, row.value >> 32, row.value & 4294967295) AS TEXT)
    )
"""


_Start = tuple[str, int, str | None]
"""A run that begins, when, and its parent."""


class Entry(msgspec.Struct, gc=False, eq=False):
    """The events of one append, encoded; or none, for who only waits.

    Thousands may wait at a time, so an entry is made of what the garbage collector need not look at.

    Attributes:
        bodies: every event but the blobs, as JSON.
        runs: of each body, its run.
        starts: the runs that begin.
        tags: those of them that have any, each with the JSON of its tags.
        stands: the runs that are paused, resumed or ended, each with how it stands then.
        count: how many events it has.
        size_bytes: roughly what it takes of the memory; 0 if it has no events.
        ticket: who waits for the entry to be committed.
        last: after it nobody tries again to write what cannot be written.
    """

    bodies: tuple[bytes, ...] = ()
    runs: tuple[str, ...] = ()
    starts: tuple[_Start, ...] = ()
    tags: tuple[tuple[str, bytes], ...] = ()
    stands: tuple[tuple[str, RunStatus], ...] = ()
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
    bodies: list[bytes] = []
    runs: list[str] = []
    starts: tuple[_Start, ...] = ()
    tags: tuple[tuple[str, bytes], ...] = ()
    stands: tuple[tuple[str, RunStatus], ...] = ()
    blobs: tuple[Blob, ...] = ()
    size = len(events) * _OVERHEAD_BYTES
    for event in events:
        # Not `isinstance`, which takes three times as long with these classes.
        if type(event) is Blob:
            # A blob waits as it is: most are in the file already, and are never encoded.
            blobs += (event,)
            size += len(event.data)
            continue
        body = _encode(event)
        if len(body) > 2 * _MOST_LEVELS:  # seldom
            _check_levels(body)
        bodies.append(body)
        runs.append(event.run_id)
        size += len(body)
        if type(event) is RunStarted:
            starts += ((event.run_id, event.at_ns, event.parent_id),)
            tags += ((event.run_id, _encode(event.tags)),) if event.tags else ()
        elif type(event) is RunFinished:
            stands += ((event.run_id, event.status),)
        elif (standing := _STANDING.get(type(event))) is not None:
            stands += ((event.run_id, standing),)
    return Entry(tuple(bodies), tuple(runs), starts, tags, stands, blobs, len(events), size)


def _check_levels(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= _MOST_LEVELS:
        return
    level = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", body)):
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
        *_places(entries),
        *_standings(entries),
        _object([f"{_name(blob.run_id)}:{_name(blob.digest)}" for blob in blobs]),
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
    rows, bodies = _places(entries)
    return bool(rows and connection.execute(_ANY_OF, (rows, bodies)).fetchone()[0])


def _places(entries: Sequence[Entry]) -> tuple[str | None, bytes]:
    """Return the columns `rows` and `bodies` of a batch."""
    bodies = [body for entry in entries for body in entry.bodies]
    runs = [run for entry in entries for run in entry.runs]
    places: list[str] = []
    place = 1
    for run, size in zip(map(_name, runs), map(len, bodies), strict=True):
        places.append(f"{run}:{place << _SIZE_BITS | size}")
        place += size
    return _object(places), b"".join(bodies)


def _standings(entries: Sequence[Entry]) -> tuple[str | None, str | None, str | None]:
    """Return the columns `starts`, `tags` and `stands`. The last of a batch decides how a run stands."""
    begun = [start for entry in entries for start in entry.starts]
    stands = dict([standing for entry in entries for standing in entry.stands])
    rows = []
    for start in begun:
        standing = stands.get(start[0], RunStatus.RUNNING)
        if standing != RunStatus.RUNNING:
            del stands[start[0]]
        rows.append((*start, standing))
    return (
        _encode(rows).decode() if rows else None,
        _object([f"{_name(run)}:{tags.decode()}" for entry in entries for run, tags in entry.tags]),
        _object([f"{_name(run)}:{_name(standing)}" for run, standing in stands.items()]),
    )


def _write(connection: sqlite3.Connection, batch: Sequence[str | bytes | None]) -> bool:
    """Commit a batch; False if the file refuses it."""
    try:
        connection.execute(_BATCH, batch)
    except sqlite3.IntegrityError:
        return False
    return True


def _name(value: str) -> str:
    return _encode(value).decode()


def _object(items: Sequence[str]) -> str | None:
    """Return encoded items as one JSON object, None if there are none."""
    return f"{{{','.join(items)}}}" if items else None


def _store_blobs(connection: sqlite3.Connection, data: Mapping[str, str]) -> None:
    """Store the blobs that are not there."""
    if not data:
        return
    unknown = iter([digest for (digest,) in connection.execute(_UNKNOWN, (msgspec.json.encode(list(data)),))])
    while digests := list(islice(unknown, _BLOBS_AT_ONCE)):
        values = ",".join(["(?, ?)"] * len(digests))
        pairs = chain.from_iterable((digest, data[digest]) for digest in digests)
        connection.execute(f"INSERT INTO blobs (digest, data) VALUES {values}", tuple(pairs))  # noqa: S608 - no text
