"""What a commit holds: everything that its events refer to, and no ticket before it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run, in_order


def test_a_blob_that_another_process_has_deleted_is_stored_again(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db", durable=True) as writes, SqliteRecorder(writes.path) as deletes:
        for run_id in ("first", "second"):
            ticket = writes.append(a_run(run_id))
            assert ticket is not None
            ticket.result(10)
            assert in_order(deletes.events(run_id)) == in_order(writes.events(run_id))
            assert len(deletes.events(run_id)) == len(a_run(run_id))
            assert deletes.delete(run_id)


def test_what_a_ticket_was_given_for_is_in_the_file(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db", durable=True) as recorder:
        for number in range(20):
            ticket = recorder.append(a_run(f"{number}"))
            assert ticket is not None
            ticket.result(10)
            with closing(sqlite3.connect(recorder.path)) as other:
                assert other.execute("SELECT count(*) FROM runs").fetchone() == (number + 1,)


def test_a_second_recorder_of_the_file_sees_what_the_first_was_just_given(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db") as writing, SqliteRecorder(tmp_path / "runs.db") as reading:
        for number in range(20):
            writing.append(a_run(f"run {number}"))
            assert next(reading.runs()).run_id == f"run {number}"
