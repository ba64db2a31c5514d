"""The log outlives its processes, and they share it."""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
import threading
import time
import weakref
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.children import finish, run, start

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import Blob
from llamabot.testing.runs import LONG_AGO_NS, a_run

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")

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


def test_an_exit_without_close_loses_nothing(path: Path) -> None:
    run(_EXIT, path)
    assert ids(path) == {f"{number}" for number in range(1000)} | {"at exit"}


_EXIT = """
import atexit, sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

recorder = SqliteRecorder(sys.argv[1])
atexit.register(lambda: recorder.append(a_run("at exit")))
for number in range(1000):
    recorder.append(a_run(str(number)))
"""


def test_an_append_after_the_last_flush_at_exit_is_written_too(path: Path) -> None:
    run(_LATE, path)
    assert ids(path) == {"first", "late"}


_LATE = """
import atexit, sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

recorder = SqliteRecorder(sys.argv[1])
atexit.register(lambda: recorder.append(a_run("late")))  # runs after what is registered later
recorder.append(a_run("first"))
"""


@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=forks)])
def test_a_child_of_multiprocessing_loses_nothing_at_its_end(method: str, path: Path, tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(_MULTIPROCESSING)
    run("import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')", script, path, method)
    assert ids(path) == {"child", "parent"}


_MULTIPROCESSING = """
import multiprocessing, sys
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

def work(path):
    SqliteRecorder(path).append(a_run("child"))

if __name__ == "__main__":
    recorder = SqliteRecorder(sys.argv[2])
    recorder.append(a_run("parent"))
    child = multiprocessing.get_context(sys.argv[3]).Process(target=work, args=(sys.argv[2],))
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""


@forks
def test_a_child_made_by_fork_writes_its_own_and_nothing_of_its_parent(path: Path) -> None:
    run(_FORKS, path)
    children = {f"child {number}" for number in range(12)}
    assert {name for name in ids(path) if not name.startswith("parent")} == children


_FORKS = """
import os, sys, threading, warnings
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what is tried
recorder, stop = SqliteRecorder(sys.argv[1]), threading.Event()

def busy(thread):
    number = 0
    while not stop.wait(0.003):
        recorder.append(a_run(f"parent {thread}.{number}"))
        number += 1

threads = [threading.Thread(target=busy, args=(thread,)) for thread in range(2)]
for thread in threads:
    thread.start()
for number in range(12):
    recorder.append(a_run(f"parent before {number}"))
    if not (child := os.fork()):
        assert recorder.health.queued_bytes == 0
        recorder.append(a_run(f"child {number}"))
        if number % 8 == 0:
            break  # to an exit without close
        recorder.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
if child:
    for thread in threads:
        thread.join()
    recorder.close()
"""


@forks
def test_a_parent_that_closes_takes_nothing_from_its_child(path: Path) -> None:
    run(_PARENT_CLOSES, path)
    assert ids(path) == {"parent", "child first", "child second"}


_PARENT_CLOSES = """
import os, sys, warnings
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside a thread is what is tried
recorder = SqliteRecorder(sys.argv[1])
recorder.append(a_run("parent"))
recorder.flush()
told, tell = os.pipe()
closed, close = os.pipe()
if not (child := os.fork()):
    recorder.append(a_run("child first"))
    recorder.flush()
    os.write(tell, b"!")
    os.read(closed, 1)
    recorder.append(a_run("child second"))
    recorder.flush()
    os._exit(0)
os.read(told, 1)
recorder.flush()
recorder.close()
os.write(close, b"!")
assert os.waitpid(child, 0)[1] == 0
"""


@forks
@pytest.mark.parametrize("durable", [False, True])
def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(durable: bool, path: Path) -> None:
    acknowledged = set(run(_KILLED, path, int(durable)).split())
    found = ids(path)
    assert acknowledged <= found
    assert len(acknowledged) > 20


_KILLED = """
import os, random, signal, sys, time
import sqlite_utils  # so that the first kills meet the making of the tables
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

path, durable = sys.argv[1], sys.argv[2] == "1"
chance = random.Random(7)

def write(child, out):
    recorder = SqliteRecorder(path, durable=durable)
    names = []
    for number in range(100_000):
        names.append(f"{child}.{number}")
        ticket = recorder.append(a_run(names[-1]))
        if ticket:
            ticket.result()
        elif number % 7:
            continue
        else:
            recorder.flush()
        os.write(out, "".join(f"{name}\\n" for name in names).encode())
        names.clear()

for child in range(18):
    read, out = os.pipe()
    if not (pid := os.fork()):
        os.close(read)
        write(child, out)
    os.close(out)
    # Some are killed as they begin, and make the tables, the others in the middle of their work.
    told = os.read(read, 100_000) if child % 3 == 2 else b""
    time.sleep(chance.uniform(0.003, 0.06))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as acknowledged:
        print((told + acknowledged.read()).decode())
"""


def test_sixteen_threads_begin_a_file_together(path: Path) -> None:
    recorders = [SqliteRecorder(path) for _ in range(2)]
    ready = threading.Barrier(16)

    def work(thread: int) -> None:
        ready.wait()
        for number in range(50):
            recorders[thread % 2].append(a_run(f"{thread}.{number}"))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for recorder in recorders:
        recorder.close()
        assert recorder.health.lost_events == 0
    assert ids(path) == {f"{thread}.{number}" for thread in range(16) for number in range(50)}


def test_four_processes_begin_a_file_together_while_one_reads(path: Path) -> None:
    children = [start(_ONE_OF_FOUR, path, name) for name in "abcd"]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    reader = SqliteRecorder(path)
    while any(child.poll() is None for child in children):
        for found in reader.runs(limit=5):
            reader.events(found.run_id)
        time.sleep(0.02)
    for child in children:
        assert finish(child) == "0\n"
    assert ids(path) == {f"{name}.{number}" for name in "abcd" for number in range(200)}


_ONE_OF_FOUR = """
import sys, threading
from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.testing.runs import a_run

path, name = sys.argv[1:]
recorder = SqliteRecorder(path)
print("ready", flush=True)
sys.stdin.readline()

def work(thread):
    for number in range(50):
        recorder.append(a_run(f"{name}.{thread * 50 + number}"))
        if number % 10 == 0:
            recorder.flush()

threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
recorder.close()
print(recorder.health.lost_events)
"""


def test_pruning_beside_writers_takes_no_blob_that_is_used(path: Path) -> None:
    recorder, stop = SqliteRecorder(path), threading.Event()
    recorder.append(a_run("first"))

    def prune() -> None:
        other = SqliteRecorder(path)
        while not stop.is_set():
            other.append(a_run("old", LONG_AGO_NS))
            other.append([Blob("old", "shared", "{}"), Blob("old", "settings", '{"model":"m"}')])
            other.prune()
        other.close()

    thread = threading.Thread(target=prune)
    thread.start()
    for number in range(50):
        run_id = f"run {number}"
        recorder.append([*a_run(run_id, tags={"user": "7"}), Blob(run_id, "shared", "{}")])
        blobs = {event.digest for event in recorder.events(run_id) if isinstance(event, Blob)}
        assert blobs == {"shared", "settings"}
        recorder.delete(run_id)
    stop.set()
    thread.join()
    assert recorder.delete("first")
    recorder.prune()
    recorder.close()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("events", "blobs", "run_blobs", "runs", "tags"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - names above


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
