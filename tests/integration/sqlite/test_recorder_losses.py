"""What a recorder cannot keep is lost whole, counted, and told once."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from tests.contract.children import run
from tests.integration.sqlite.recorded import a_directory, eventually, ids, ticket_of
from tests.project import ROOT

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import ConfigurationError, RecorderError
from llamabot.ports.recorder import Blob, EffectStarted
from llamabot.testing.runs import NOW_NS, a_run


def test_what_does_not_fit_into_memory_is_lost_counted_and_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_directory(path)
    recorder = SqliteRecorder(path, max_queued_bytes=50_000)
    recorder.append(a_run("first"))
    eventually(lambda: not recorder.health.ok)
    for number in range(499):
        recorder.append(a_run(f"{number:03}"))
        assert recorder.health.queued_bytes < 55_000
    lost = recorder.health.lost_events
    assert 0 < lost < 2500
    path.rmdir()
    with suppress(RecorderError):
        recorder.events("first")  # waits for writing, of which a try may have begun before, and then fails
    with pytest.raises(RecorderError, match=f"{lost:,} events"):
        recorder.flush()
    recorder.flush()
    assert len(ids(path)) == 500 - lost // 5
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2
    recorder.close()


def test_closing_in_trouble_gives_up_says_so_and_ends_the_thread(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a_directory(path)
    recorder = SqliteRecorder(path)
    recorder.append(a_run("lost"))
    with pytest.raises(RecorderError):
        recorder.close()
    assert recorder.health.lost_events == 5
    assert recorder.health.queued_bytes == 0
    recorder.close()


def test_an_error_on_its_way_is_not_hidden_by_one_of_the_recorder(path: Path) -> None:
    a_directory(path)
    with pytest.raises(ZeroDivisionError):
        _append_and_fail(path)


def _append_and_fail(path: Path) -> None:
    with SqliteRecorder(path) as recorder:
        recorder.append(a_run("lost"))
        raise ZeroDivisionError


@pytest.mark.parametrize(("table", "column"), [("events", "run_id"), ("blobs", "digest"), ("run_blobs", "run_id")])
def test_only_the_append_that_the_file_refuses_is_lost_and_is_lost_whole(
    table: str, column: str, path: Path, recorder: SqliteRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.append(a_run("before"))
    recorder.flush()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            f"CREATE TRIGGER picky BEFORE INSERT ON {table} WHEN new.{column} = 'unwanted' "
            "BEGIN SELECT RAISE(ABORT, 'unwanted'); END"
        )
    for name in ("first", "unwanted", "last"):
        recorder.append([*a_run(name), Blob(name, name, "{}")])
    with pytest.raises(RecorderError, match="6 events"):
        recorder.flush()
    assert ids(path) == ["before", "first", "last"]
    assert recorder.events("unwanted") == ()
    assert recorder.health.lost_events == 6
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_what_cannot_be_encoded_is_lost_whole_and_told_once(
    path: Path, recorder: SqliteRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    broken = EffectStarted("run", NOW_NS, "1", "call", input="\ud800")
    recorder.append([*a_run("run"), broken])
    recorder.append([Blob("run", "digest", "\ud800")])
    recorder.append(a_run("well"))
    with pytest.raises(RecorderError, match="7 events"):
        recorder.flush()
    assert ids(path) == ["well"]
    assert recorder.events("run") == ()
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_a_durable_recorder_fails_the_ticket_and_never_writes_the_events_later(path: Path) -> None:
    a_directory(path)
    recorder = SqliteRecorder(path, durable=True)
    ticket = ticket_of(recorder, a_run("refused"))
    with pytest.raises(RecorderError, match="cannot record"):
        ticket.result(20)
    path.rmdir()
    ticket_of(recorder, a_run("taken")).result(20)
    assert ids(path) == ["taken"]
    with pytest.raises(RecorderError, match="no JSON form"):
        ticket_of(recorder, [EffectStarted("run", NOW_NS, "1", "call", input="\ud800")]).result(20)
    recorder.flush()
    recorder.close()


def test_an_event_nested_too_deeply_for_sqlite_holds_up_no_other_run(path: Path) -> None:
    text = "[{" * 3_000  # brackets in a text are no levels
    deep = """
import sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import EffectStarted
from llamabot.testing.runs import NOW_NS, a_run
from tests.project import ROOT

sys.setrecursionlimit(100_000)  # before Python 3.12 it is the limit of the JSON encoder too
recorder = SqliteRecorder(sys.argv[1])
nested = 1
for _ in range(2_500):
    nested = [nested]
recorder.append([EffectStarted("deep", NOW_NS, "1", "call", input=nested)])
recorder.append([EffectStarted("flat", NOW_NS, "1", "call", input=sys.argv[2])])
recorder.append(a_run("well"))
print(recorder.health.lost_events, [len(recorder.events(run_id)) for run_id in ("deep", "flat", "well")])
"""
    done = subprocess.run([sys.executable, "-c", deep, str(path), text], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"1 {[0, 1, len(a_run('well'))]}\n", done.stderr


@pytest.mark.parametrize("keep_days", [-1, math.nan, math.inf, "30", None])
def test_prune_wants_a_number_of_days(recorder: SqliteRecorder, keep_days: Any) -> None:
    recorder.append(a_run("kept"))
    with pytest.raises(ConfigurationError, match="keep_days"):
        recorder.prune(keep_days)
    assert recorder.prune(1e300) == 0
    assert recorder.prune(1e12) == 0
    assert [run.run_id for run in recorder.runs()] == ["kept"]


@pytest.mark.skipif(os.name != "posix", reason="needs limits of POSIX")
def test_keeps_the_answer_when_the_disk_is_full_and_the_log_when_there_is_room_again(path: Path) -> None:
    assert run(_FULL_DISK, path).split() == ["full", "room"]
    assert len(ids(path)) == 400


_FULL_DISK = """
import resource, sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import RecorderError
from llamabot.testing.runs import a_run
import logging
logging.getLogger("llamabot").addHandler(logging.NullHandler())
recorder = SqliteRecorder(sys.argv[1])
recorder.append(a_run("first"))
recorder.flush()
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
for number in range(399):
    assert recorder.append(a_run(f"{number:03} " + "x" * 1000)) is None
try:
    recorder.flush()
except RecorderError as error:
    assert not recorder.health.ok
    print("full")
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
recorder.flush()
assert recorder.health.ok and not recorder.health.lost_events
print("room")
recorder.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_keeps_the_answer_in_a_folder_that_may_only_be_read() -> None:
    folder = Path(mkdtemp())
    folder.chmod(0o555)
    try:
        assert "see that its folder exists and may be written to" in run(_READ_ONLY, folder / "runs.db")
        assert list(folder.iterdir()) == []
    finally:
        folder.rmdir()


_READ_ONLY = """
import os, sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import RecorderError
from llamabot.testing.runs import a_run
import logging
logging.getLogger("llamabot").addHandler(logging.NullHandler())
if os.getuid() == 0:
    os.setuid(65534)  # nobody; root may write everywhere
recorder = SqliteRecorder(sys.argv[1])
assert recorder.append(a_run("run")) is None
try:
    recorder.flush()
except RecorderError as error:
    print(error)
"""
