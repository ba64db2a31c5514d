"""Reading the log: the events of a run, and which runs there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from llamabot.adapters.sqlite.connection import KeptConnection
from llamabot.ports.errors import RecorderError
from llamabot.ports.recorder import LOG_SCHEMA_VERSION, Blob, RunEvent, RunStarted, decode_event
from llamabot.ports.summary import RunFilter, RunSummary, summarize

__all__ = ["read_events", "read_runs"]

_FIRST_PAGE, _NEXT_PAGE = 100, 2000  # runs; most who ask want few

_BLOBS = "SELECT digest, data FROM blobs JOIN run_blobs USING (digest) WHERE run_id = ?"
_EVENTS = "SELECT body FROM events WHERE run_id = ? ORDER BY seq"
# Contents may be long and say nothing of what a run adds up to.
_SUMMARY = """
    SELECT json_remove(body, '$.input', '$.outcome', '$.partial') FROM events
    WHERE run_id = ? AND json_extract(body, '$.type') <> 'effect_started' ORDER BY seq
"""


_HAS_TAG = """run_id IN (
    SELECT run_id FROM tags JOIN json_each(?) AS wanted ON tags.key = wanted.key AND tags.value = wanted.value
)"""


def _conditions(wanted: RunFilter) -> Iterator[tuple[str, object]]:
    """Yield conditions on the table `runs` that no wanted run fails, each with its value."""
    yield "started_ns >= ?", wanted.since_ns
    if wanted.status is not None:
        yield "status = ?", str(wanted.status)
    if wanted.parent_id is not None:
        yield "parent_id = ?", wanted.parent_id
    for key, value in (wanted.tags or {}).items():
        # As JSON, so that SQLite cuts it at a NUL where it has cut the tag too; `fits` decides.
        yield _HAS_TAG, msgspec.json.encode({key: value}).decode()


def read_events(connection: KeptConnection, run_id: str) -> tuple[RunEvent, ...]:
    """Return a run's blobs and then its events in the order of appending; () for a run that is not known."""
    with connection.file.errors("read runs from"), connection.existing(keep=True) as opened:
        if opened is None:
            return ()
        opened.execute("BEGIN")  # both are read from the same state of the file
        blobs = opened.execute(_BLOBS, (run_id,)).fetchall()
        bodies = opened.execute(_EVENTS, (run_id,)).fetchall()
        opened.execute("COMMIT")
    events = [_decoded(body, run_id) for (body,) in bodies]
    return (*(Blob(run_id, digest, data) for digest, data in blobs), *events)


def read_runs(connection: KeptConnection, wanted: RunFilter) -> Iterator[RunSummary]:
    """Yield the summaries of the runs that are wanted, the latest start first.

    They are read a page at a time; between pages the file is free.
    """
    before: tuple[int, int] | None = None
    rest, size = wanted.limit, _FIRST_PAGE
    while rest is None or rest > 0:
        page, before = _page(connection, wanted, before, size if rest is None else min(rest, size))
        yield from page
        if before is None:
            return
        rest, size = None if rest is None else rest - len(page), _NEXT_PAGE


def _page(
    connection: KeptConnection, wanted: RunFilter, before: tuple[int, int] | None, size: int
) -> tuple[list[RunSummary], tuple[int, int] | None]:
    """Return the next summaries, and where the page after them begins: None if there is none."""
    with connection.file.errors("read runs from"), connection.existing(keep=True) as opened:
        if opened is None:
            return [], None
        rows = _find(opened, wanted, before, size)
        found = [(run_id, opened.execute(_SUMMARY, (run_id,)).fetchall()) for run_id, _, _ in rows]
    summaries = (summarize(_decoded(body, run_id) for (body,) in bodies) for run_id, bodies in found)
    page = [summary for summary in summaries if summary is not None and wanted.fits(summary)]
    return page, (rows[-1][1], rows[-1][2]) if len(rows) == size else None


def _find(
    opened: sqlite3.Connection, wanted: RunFilter, before: tuple[int, int] | None, size: int
) -> list[tuple[str, int, int]]:
    conditions, values = zip(*_conditions(wanted), strict=True)
    if before is not None:
        conditions += ("(started_ns, number) < (?, ?)",)
        values += before
    return opened.execute(
        f"SELECT run_id, started_ns, number FROM runs WHERE {' AND '.join(conditions)}"  # noqa: S608 - texts of ours
        " ORDER BY started_ns DESC, number DESC LIMIT ?",
        (*values, size),
    ).fetchall()


def _decoded(body: str, run_id: str) -> RunEvent:
    try:
        event = decode_event(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RecorderError(f"an event of run {run_id!r} cannot be read: {error}") from error
    if isinstance(event, RunStarted) and event.schema > LOG_SCHEMA_VERSION:
        raise RecorderError(
            f"run {run_id!r} was recorded by a newer LlamaBot (its log has version {event.schema}, this one reads "
            f"{LOG_SCHEMA_VERSION}); upgrade to read it"
        )
    return event
