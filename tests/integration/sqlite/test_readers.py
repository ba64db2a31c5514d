"""Who reads again and again opens the file once, and lets it go in the end."""

from __future__ import annotations

import gc
import sqlite3
from contextlib import closing
from pathlib import Path

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import RunFinished, RunKind, RunStarted, RunStatus

STARTED = RunStarted("run", 1, 1, RunKind.BOT, "Bot")
FINISHED = RunFinished("run", 2, RunStatus.COMPLETED)


def _written(path: Path) -> Path:
    with SqliteRecorder(path) as recorder:
        recorder.append([STARTED])
    return path


def _is_open(path: Path) -> bool:
    """SQLite's companion of a file goes with the last connection."""
    return path.with_name(f"{path.name}-shm").exists()


def test_a_file_stays_open_between_two_reads_until_the_recorder_is_closed(tmp_path: Path) -> None:
    path = _written(tmp_path / "runs.db")
    assert not _is_open(path)
    recorder = SqliteRecorder(path)
    assert recorder.events("run") == (STARTED,)
    assert _is_open(path)
    assert [run.run_id for run in recorder.runs()] == ["run"]
    recorder.close()
    assert not _is_open(path)
    assert recorder.events("run") == (STARTED,)
    del recorder
    gc.collect()
    assert not _is_open(path)


def test_a_reader_that_stays_sees_what_others_write_and_holds_nobody_up(tmp_path: Path) -> None:
    path = _written(tmp_path / "runs.db")
    with SqliteRecorder(path) as reader:
        assert reader.events("run") == (STARTED,)
        with SqliteRecorder(path) as writer:
            writer.append([FINISHED])
        assert reader.events("run") == (STARTED, FINISHED)
        with closing(sqlite3.connect(path, timeout=0)) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "a reader was in the way"


def test_a_reader_that_stays_follows_a_file_that_was_replaced(tmp_path: Path) -> None:
    path = _written(tmp_path / "runs.db")
    with SqliteRecorder(path) as reader:
        assert reader.events("run") == (STARTED,)
        path.unlink()
        assert reader.events("run") == ()
        _written(path)
        assert reader.events("run") == (STARTED,)
