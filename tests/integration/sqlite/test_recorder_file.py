"""The file of a log: whose it is, what is in it, and when it is let go."""

from __future__ import annotations

import gc
import os
import stat
import time
import weakref
from pathlib import Path

import pytest
from tests.contract.children import run
from tests.integration.sqlite.processes import ids

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import Blob
from llamabot.testing.runs import a_run

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def test_what_was_deleted_is_found_in_no_file(path: Path) -> None:
    recorder = SqliteRecorder(path)
    for number in range(20):
        recorder.append([*a_run(f"run {number}"), Blob(f"run {number}", f"{number}", '"a secret of somebody"')])
    for number in range(20):
        assert recorder.delete(f"run {number}")
    assert sorted(file.name for file in path.parent.iterdir() if b"a secret" in file.read_bytes()) == []
    recorder.close()


@posix
def test_files_and_folders_belong_to_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with SqliteRecorder(path.parent / "deeper" / "runs.db") as recorder:
            recorder.append(a_run("run"))
            recorder.flush()
            files = list((path.parent / "deeper").iterdir())
            assert sorted(file.name for file in files) == ["runs.db", "runs.db-shm", "runs.db-wal"]
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
            assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, files[0].parent)} == {0o700}
    finally:
        os.umask(before)


def test_neither_reading_nor_pruning_makes_a_file(path: Path) -> None:
    with SqliteRecorder(path) as recorder:
        assert list(recorder.runs()) == []
        assert recorder.events("run") == ()
        assert recorder.prune() == 0
        assert recorder.delete("run") is False
        recorder.flush()
    assert not path.parent.exists()


def test_a_home_is_found_wherever_the_process_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recorder = SqliteRecorder("~/runs.db")
    relative = SqliteRecorder("relative.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for made in (recorder, relative):
        made.append(a_run("run"))
        made.close()
    assert ids(Path.home() / "runs.db") == ids(tmp_path / "relative.db") == {"run"}


def test_a_closed_file_is_one_file_and_its_thread_is_gone(path: Path) -> None:
    recorder = SqliteRecorder(path)
    recorder.append(a_run("run"))
    recorder.close()
    assert [file.name for file in path.parent.iterdir()] == ["runs.db"]


def test_a_dropped_recorder_still_writes_and_is_collected(path: Path) -> None:
    recorder = SqliteRecorder(path)
    recorder.append(a_run("run"))
    dropped = weakref.ref(recorder)
    del recorder
    gc.collect()
    assert dropped() is None
    deadline = time.monotonic() + 10
    while not list(SqliteRecorder(path).runs()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ids(path) == {"run"}


def test_a_file_of_today_is_read_and_written_without_sqlite_utils(path: Path) -> None:
    with SqliteRecorder(path) as recorder:
        recorder.append(a_run("run"))
    assert run(_LIGHT, path) == "1 False\n"


_LIGHT = """
import sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import RunFinished, RunStatus
recorder = SqliteRecorder(sys.argv[1])
recorder.append([RunFinished("run", 2**62, RunStatus.FAILED)])
print(len(list(recorder.runs(status="failed"))), "sqlite_utils" in sys.modules)
"""
