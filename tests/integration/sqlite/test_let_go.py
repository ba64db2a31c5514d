"""What nobody has any more leaves no file open, whether or not somebody has closed it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.contract.children import run

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.adapters.sqlite.docstore import SqliteDocStore
from llamabot.adapters.sqlite.memory import SqliteMemory
from llamabot.adapters.sqlite.shared import SqliteCache, SqliteLedger, SqliteTurns
from llamabot.ports.documents import Document
from llamabot.ports.messages import UserMessage
from llamabot.ports.turns import Rate
from llamabot.testing.runs import a_run


def _descriptors(folder: Path) -> int:
    """Return how often this process has a file of a folder open."""
    wanted = {(found.st_dev, found.st_ino) for found in map(Path.stat, folder.iterdir())}
    count = 0
    for entry in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the one of this very listing is closed already
            found = os.fstat(int(entry.name))
            count += (found.st_dev, found.st_ino) in wanted
    return count


def _recorder(folder: Path) -> object:
    recorder = SqliteRecorder(folder / "runs.db")
    recorder.append(a_run("run"))
    recorder.close()
    assert recorder.events("run")
    return recorder


def _runs_of_a_dropped_recorder(folder: Path) -> object:
    with SqliteRecorder(folder / "runs.db") as recorder:
        recorder.append(a_run("first"))
        recorder.append(a_run("second"))
    runs = SqliteRecorder(folder / "runs.db").runs()
    next(runs)
    return runs


def _memory(folder: Path) -> object:
    memory = SqliteMemory(folder / "memory.db", "conversation")
    memory.remember([UserMessage("Hi!")])
    return memory


def _turns(folder: Path) -> object:
    turns = SqliteTurns(folder / "shared.db")
    turns.take("queue", Rate(requests=1), 1, now_ns=1, latest_ns=1)
    return turns


def _ledger(folder: Path) -> object:
    ledger = SqliteLedger(folder / "shared.db")
    ledger.settle("account", "period", reserved_nusd=0, spent_nusd=1)
    return ledger


def _cache(folder: Path) -> object:
    cache = SqliteCache(folder / "shared.db")
    cache.write({"key": b"value"}, now_ns=1)
    return cache


def _documents(folder: Path) -> object:
    store = SqliteDocStore(folder, embedding=None, index=None)
    store.add([Document("id", "text")])
    assert store.search("text")
    return store


USES = [_recorder, _runs_of_a_dropped_recorder, _memory, _turns, _ledger, _cache, _documents]
Use = Callable[[Path], object]


@pytest.mark.parametrize("use", USES)
def test_leaves_nothing_open_once_it_is_dropped_and_does_not_wait_for_the_garbage_collector(
    use: Use, tmp_path: Path
) -> None:
    gc.disable()
    try:
        with ThreadPoolExecutor(1) as pool:
            used = pool.submit(use, tmp_path).result()
        assert _descriptors(tmp_path) > 0
        del used
        assert _descriptors(tmp_path) == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("use", USES)
def test_is_closed_before_the_garbage_collector_comes_upon_it_open(use: Use, tmp_path: Path) -> None:
    """From Python 3.13 on, what is collected open is a warning."""
    ring: list[object] = [use(tmp_path)]
    ring.append(ring)
    del ring
    gc.collect()
    assert _descriptors(tmp_path) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_fork_is_not_held_up_by_what_is_collected_in_the_middle_of_it(tmp_path: Path) -> None:
    assert run(_COLLECTED_IN_A_FORK, tmp_path / "memory.db") == "both have written\n"


_COLLECTED_IN_A_FORK = """
import gc, os, sys
gc.disable()
os.register_at_fork(before=gc.collect)  # after those that are registered later
from llamabot.adapters.sqlite.memory import SqliteMemory
from llamabot.ports.messages import UserMessage

memory = SqliteMemory(sys.argv[1], "conversation")
memory.remember([UserMessage("Hi!")])
ring = [memory]
ring.append(ring)
del memory, ring
if not (child := os.fork()):
    SqliteMemory(sys.argv[1], "conversation").remember([UserMessage("Ho!")])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert len(SqliteMemory(sys.argv[1], "conversation").recall()) == 2
print("both have written")
"""
