"""The log outlives its processes, and they share it."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from tests.contract.children import finish, start
from tests.integration.sqlite.processes import ids

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import Blob
from llamabot.testing.runs import LONG_AGO_NS, a_run


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
