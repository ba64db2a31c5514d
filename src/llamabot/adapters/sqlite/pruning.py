"""Taking runs out of the log, beside those who write it.

No run can lose a blob that it uses: what refers to a blob is written in one transaction with the blob, and a blob is
deleted in a transaction that finds nothing that refers to it. What is deleted is overwritten with zeros. The file does
not shrink: its free pages are used again, and SQLite's `VACUUM` would give them back.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from llamabot.adapters.sqlite.connection import KeptConnection, transaction
from llamabot.ports.errors import ConfigurationError

__all__ = ["delete_run", "prune_runs"]

_AT_ONCE = 50  # runs in one transaction, so that writers wait for milliseconds
_EVER_DAYS = 1_000_000
_NS_PER_DAY = 86_400 * 10**9

_WITH_INNER = """
    WITH RECURSIVE found (run_id) AS (
        VALUES (?) UNION SELECT runs.run_id FROM runs JOIN found ON runs.parent_id = found.run_id
    )
    SELECT run_id FROM found
"""
# A run stays for as long as something was written to it, or to a run inside it.
_STALE = """
    WITH RECURSIVE every (run_id) AS (
        SELECT run_id FROM runs UNION SELECT run_id FROM events UNION SELECT run_id FROM run_blobs
    ),
    kept (run_id) AS (
        SELECT run_id FROM every WHERE (
            SELECT json_extract(body, '$.at_ns') FROM events
            WHERE events.run_id = every.run_id ORDER BY seq DESC LIMIT 1
        ) >= ?
        UNION SELECT parent_id FROM runs JOIN kept USING (run_id) WHERE parent_id IS NOT NULL
    )
    SELECT run_id FROM every WHERE run_id NOT IN kept
"""
# Deleting takes its time, and a run may be taken up again meanwhile.
_STILL_STALE = """
    SELECT value FROM json_each(?) WHERE NOT EXISTS (
        SELECT 1 FROM events WHERE run_id = value AND json_extract(body, '$.at_ns') >= ?
    )
"""
# The tags of a run are found by its events, so they go first.
_DELETIONS = (
    """
    DELETE FROM tags WHERE (key, value, run_id) IN (
        SELECT tag.key, tag.value, run_id FROM events, json_each(body, '$.tags') AS tag
        WHERE run_id IN (SELECT value FROM json_each(?))
    )
    """,
    "DELETE FROM events WHERE run_id IN (SELECT value FROM json_each(?))",
    "DELETE FROM run_blobs WHERE run_id IN (SELECT value FROM json_each(?))",
    "DELETE FROM runs WHERE run_id IN (SELECT value FROM json_each(?))",
)
_SWEEP = "DELETE FROM blobs WHERE digest NOT IN (SELECT digest FROM run_blobs)"


def prune_runs(connection: KeptConnection, keep_days: float) -> int:
    """Delete the runs to which, and to the runs inside which, nothing was written for so long; return how many."""
    given: Any = keep_days
    if not isinstance(given, int | float) or not 0 <= keep_days < math.inf:
        raise ConfigurationError(f"keep_days={keep_days!r}: it is a number of days, from 0 on and not infinite")
    oldest_ns = max(0, time.time_ns() - int(min(keep_days, _EVER_DAYS) * _NS_PER_DAY))
    pruned = 0
    with connection.file.errors("prune"), connection.existing(keep=False) as opened:
        if opened is None:
            return 0
        stale = _ids(opened, _STALE, oldest_ns)
        opened.execute("PRAGMA secure_delete = ON")
        for start in range(0, len(stale), _AT_ONCE):
            with transaction(opened):
                still = _ids(opened, _STILL_STALE, _json(stale[start : start + _AT_ONCE]), oldest_ns)
                _delete(opened, still)
            pruned += len(still)
        _clean(opened)
    return pruned


def delete_run(connection: KeptConnection, run_id: str) -> bool:
    """Delete a run and the runs inside it; say whether there was anything to delete."""
    with connection.file.errors("delete a run from"), connection.existing(keep=False) as opened:
        if opened is None:
            return False
        opened.execute("PRAGMA secure_delete = ON")
        with transaction(opened):
            deleted = _delete(opened, _ids(opened, _WITH_INNER, run_id))
        _clean(opened)
    return deleted > 0


def _delete(opened: sqlite3.Connection, run_ids: Sequence[str]) -> int:
    """Delete runs but not their blobs; return how many rows went."""
    return sum(opened.execute(deletion, (_json(run_ids),)).rowcount for deletion in _DELETIONS)


def _clean(opened: sqlite3.Connection) -> None:
    """Delete the blobs that no run uses, and what was deleted from the write-ahead log too if nobody reads just now."""
    with transaction(opened):
        opened.execute(_SWEEP)
    opened.execute("PRAGMA busy_timeout = 100")
    with suppress(sqlite3.OperationalError):
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _ids(opened: sqlite3.Connection, query: str, *values: object) -> list[str]:
    return [run_id for (run_id,) in opened.execute(query, values)]


def _json(run_ids: Sequence[str]) -> str:
    return msgspec.json.encode(run_ids).decode()
