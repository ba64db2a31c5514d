"""The log outlives its processes, however they end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.contract.children import run
from tests.integration.sqlite.processes import ids

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")


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
