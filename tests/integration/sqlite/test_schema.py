"""Files are brought to the latest version, whole or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.adapters.sqlite.schema import LOG, MEMORY, NewerSchema, Schema, has_tables, migrate
from llamabot.ports.recorder import RunFinished, RunKind, RunStarted, RunStatus, encode_event

OLD = Schema("llamabot.tried", LOG.migrations)
NEW = Schema("llamabot.tried", LOG.migrations + MEMORY.migrations)


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in found if not name.startswith("_")}


def test_an_older_file_is_migrated_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, OLD)
        connection.execute("INSERT INTO events (run_id, body) VALUES ('run', '{}')")
        assert has_tables(connection, NEW)
        assert connection.execute("SELECT run_id FROM events").fetchall() == [("run",)]
        assert {"events", "turns"} <= tables(path)
        with pytest.raises(NewerSchema, match=r"memory_0001"):
            migrate(connection, OLD)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE turns (day TEXT)")
        with pytest.raises(sqlite3.OperationalError, match="turns already exists"):
            migrate(connection, NEW)
        assert not has_tables(connection, NEW)
    assert tables(path) == {"turns"}


def test_migrating_twice_does_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as connection:
        migrate(connection, LOG)
        migrate(connection, LOG)
        migrate(connection, MEMORY)
        assert connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone() == (3,)


def test_a_log_of_the_first_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    started = RunStarted("run", 1, 1, RunKind.BOT, "Bot", tags={"team": "maths"})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, Schema(LOG.name, LOG.migrations[:1]))
        row = f"[{encode_event(started).decode()}]"
        connection.execute("INSERT INTO batches (starts, events) VALUES (?, ?)", (row, row))
    with SqliteRecorder(path) as recorder:
        assert recorder.events("run") == (started,)
        finished = RunFinished("run", 2, RunStatus.COMPLETED)
        recorder.append([finished])
        assert recorder.events("run") == (started, finished)
        assert [run.status for run in recorder.runs(tags={"team": "maths"})] == [RunStatus.COMPLETED]
    with closing(sqlite3.connect(path)) as connection, pytest.raises(NewerSchema, match=r"log_0002"):
        migrate(connection, Schema(LOG.name, LOG.migrations[:1]))


def test_of_a_run_that_was_seen_to_end_before_its_start_the_end_is_believed(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db") as recorder:
        recorder.append([RunFinished(name, 2, RunStatus.FAILED) for name in ("early", "ended")])
        recorder.flush()
        starts = [RunStarted(name, 1, 1, RunKind.BOT, "Bot") for name in ("early", "ended", "open")]
        recorder.append([*starts, RunFinished("ended", 3, RunStatus.LIMITED)])
        standing = {status: [run.run_id for run in recorder.runs(status=status)] for status in RunStatus}
        assert {status: ids for status, ids in standing.items() if ids} == {
            RunStatus.FAILED: ["early"],
            RunStatus.LIMITED: ["ended"],
            RunStatus.RUNNING: ["open"],
        }
