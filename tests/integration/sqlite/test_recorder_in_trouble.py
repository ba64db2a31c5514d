"""A file that cannot be written to: a bot never notices, everybody else can tell."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.sqlite.recorded import a_directory, eventually, ids, ticket_of

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import ConfigurationError, RecorderError
from llamabot.ports.recorder import RunEvent
from llamabot.testing.runs import a_run


def below_a_file(path: Path) -> None:
    path.parent.write_text("not a folder")


def corrupt(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is no database, whatever it is called.\n" * 100)


def damaged(path: Path) -> None:
    with SqliteRecorder(path) as recorder:
        for number in range(50):
            recorder.append(a_run(str(number)))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))


def foreign_events(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (day TEXT)")


def newer(path: Path) -> None:
    with SqliteRecorder(path) as recorder:
        recorder.append(a_run("old"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO _sqlite_migrations VALUES (99, 'llamabot.log', 'log_0099', 'tomorrow')")


TROUBLES = [a_directory, below_a_file, corrupt, damaged, foreign_events, newer]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_reaches_who_appends(
    trouble: Callable[[Path], None], path: Path, recorder: SqliteRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    trouble(path)
    before = path.read_bytes() if path.is_file() else None
    for number in range(20):
        assert recorder.append(a_run(str(number))) is None
    with pytest.raises(RecorderError, match=r"cannot record runs to .*runs\.db"):
        recorder.flush()
    recorder.append(a_run("one more"))
    with pytest.raises(RecorderError):
        recorder.flush()
    assert recorder.health.ok is False
    assert "runs.db" in (recorder.health.last_error or "")
    assert [record.levelname for record in caplog.records if record.name == "llamabot"] == ["WARNING"]
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("trouble", [a_directory, corrupt, damaged, newer])
def test_reading_says_what_is_wrong(trouble: Callable[[Path], None], path: Path) -> None:
    trouble(path)
    recorder = SqliteRecorder(path)
    for read in (lambda: recorder.events("0"), lambda: list(recorder.runs()), recorder.prune):
        with pytest.raises(RecorderError, match=r"runs\.db"):
            read()


def test_a_newer_file_is_refused_by_its_name_and_left_as_it_is(path: Path) -> None:
    newer(path)
    with pytest.raises(RecorderError, match=r"newer LlamaBot.*log_0099.*upgrade"):
        SqliteRecorder(path).events("old")


def test_a_run_in_a_newer_log_is_refused(path: Path, recorder: SqliteRecorder) -> None:
    started, *rest = a_run("run")
    recorder.append([type(started)(**{**_fields(started), "schema": 99}), *rest])
    with pytest.raises(RecorderError, match=r"newer LlamaBot.*version 99"):
        recorder.events("run")


def _fields(event: RunEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_what_waited_is_written_once_the_way_is_free(
    path: Path, recorder: SqliteRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    a_directory(path)
    recorder.append(a_run("waits"))
    eventually(lambda: not recorder.health.ok)
    path.rmdir()
    recorder.append(a_run("follows"))
    recorder.flush()
    assert recorder.health.ok
    assert recorder.health.lost_events == 0
    assert ids(path) == ["follows", "waits"]
    path.unlink()
    a_directory(path)
    recorder.append(a_run("again"))
    eventually(lambda: not recorder.health.ok)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2


def test_waits_for_a_file_that_another_process_holds(path: Path, recorder: SqliteRecorder) -> None:
    recorder.append(a_run("before"))
    recorder.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        recorder.append(a_run("meanwhile"))
        with pytest.raises(RecorderError, match="another process holds it"):
            recorder.flush()
        assert recorder.health.ok is False
        holder.execute("COMMIT")
    recorder.flush()
    assert recorder.health.ok
    assert ids(path) == ["before", "meanwhile"]


def test_a_short_lock_is_not_a_failure(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = SqliteRecorder(path, patience_s=20)
    recorder.append(a_run("before"))
    recorder.flush()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        recorder.append(a_run("meanwhile"))
        threading.Timer(0.4, holder.execute, ["COMMIT"]).start()
        recorder.flush()
    assert caplog.records == []
    recorder.close()


def test_a_flush_does_not_wait_longer_than_it_was_told(path: Path) -> None:
    recorder = SqliteRecorder(path, patience_s=20)
    recorder.append(a_run("before"))
    recorder.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        recorder.append(a_run("meanwhile"))
        with pytest.raises(RecorderError, match=r"not committed .* within 0\.1 s"):
            recorder.flush(timeout_s=0.1)
        assert recorder.health.ok, "the writer had given up, long after that"
    recorder.close()


def test_goes_on_in_a_new_file_when_the_old_one_was_deleted(path: Path, recorder: SqliteRecorder) -> None:
    recorder.append(a_run("before"))
    recorder.flush()
    shutil.rmtree(path.parent)
    recorder.append(a_run("after"))
    recorder.flush()
    assert ids(path) == ["after"]


def test_a_ticket_resolves_when_others_can_read_the_events(path: Path) -> None:
    with SqliteRecorder(path, durable=True) as recorder:
        for number in range(20):
            ticket_of(recorder, a_run(f"{number:02}")).result(20)
            assert len(ids(path)) == number + 1


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b", "half \ud800", None, 7, b"runs\0.db"])
def test_refuses_what_is_no_path(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="not the path of a file"):
        SqliteRecorder(path)


def test_refuses_an_unknown_setting(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="off, normal, full, extra"):
        SqliteRecorder(path, synchronous="fast; DROP TABLE runs")  # type: ignore[arg-type]  # what a type checker would refuse
