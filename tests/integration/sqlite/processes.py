"""What another process finds in a log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from llamabot.adapters.sqlite import SqliteRecorder

__all__ = ["WHOLE", "ids"]

WHOLE = ["Blob", "RunStarted", "EffectStarted", "EffectFinished", "RunFinished"]


def ids(path: Path) -> set[str]:
    """Return which runs somebody else finds, after seeing that each is there whole and once, in a sound file."""
    recorder = SqliteRecorder(path)
    found = [run.run_id for run in recorder.runs()]
    assert [run_id for run_id in found if [type(event).__name__ for event in recorder.events(run_id)] != WHOLE] == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(DISTINCT run_id) FROM events").fetchone() == (len(found),)
    assert len(found) == len(set(found))
    return set(found)
