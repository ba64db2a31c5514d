"""What speed rests on, as counts: they are the same on a busy machine. Seconds are for `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.imports import HEAVY

import llamabot as lmb
from llamabot.ports.fusion import VectorsOnly
from llamabot.testing import FunctionCompletion, HashedEmbedding

# A quarter to a half more than an import, a call, a chunk and a search take today: a new layer shows, one more
# function does not.
MOST_MODULES_BEYOND_MSGSPEC = 20
MOST_PYTHON_CALLS_A_CALL = 220
MOST_PYTHON_CALLS_A_CHUNK = 22
MOST_PYTHON_CALLS_A_SEARCH = 640


def _modules(package: str) -> set[str]:
    code = f"import sys, {package}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def _python_calls(work: Callable[[], object]) -> int:
    """Count the Python functions and generators that are entered."""
    entered = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal entered
        entered += event == "call"

    work()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return entered


def _drained(events: Any) -> None:
    for _ in events:
        pass


def test_an_import_loads_little_beyond_msgspec() -> None:
    loaded = _modules("llamabot")
    assert loaded & set(HEAVY) == set()
    assert len(loaded - _modules("msgspec")) <= MOST_MODULES_BEYOND_MSGSPEC


def test_a_call_makes_few_calls() -> None:
    bot = lmb.SimpleBot("Be short.", model="fake", completion=FunctionCompletion(lambda _: "Yes."))
    assert _python_calls(lambda: bot("Is it?")) <= MOST_PYTHON_CALLS_A_CALL


def test_a_streamed_chunk_makes_few_calls() -> None:
    def streamed(words: int) -> int:
        completion = FunctionCompletion(lambda _: "yes " * words)
        bot = lmb.SimpleBot("Be short.", model="fake", completion=completion)
        return _python_calls(lambda: _drained(bot.stream("Is it?")))

    assert (streamed(110) - streamed(10)) / 100 <= MOST_PYTHON_CALLS_A_CHUNK


@pytest.mark.parametrize("make", [lmb.SimpleBot, lmb.AsyncSimpleBot])
def test_making_a_bot_asks_no_port(make: Any) -> None:
    completion = FunctionCompletion(lambda _: "Yes.")
    make("Be short.", model="fake", completion=completion).with_(temperature=0)
    assert completion.requests == ()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_calls_leave_no_file_open(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - paths are not wanted

    before = open_files()
    with lmb.SqliteRecorder(tmp_path / "runs.db") as recorder:
        bot = lmb.SimpleBot("Be short.", model="fake", completion=FunctionCompletion(lambda _: "Yes."))
        for _ in range(50):
            bot.with_(recorder=recorder)("Is it?")
        recorder.flush()
        while_recording = open_files()
        assert len(list(recorder.runs())) == 50
    assert while_recording - before <= 4
    assert open_files() <= before


def test_a_search_makes_few_calls(tmp_path: Path) -> None:
    with lmb.FaissDocStore(tmp_path, embedding=HashedEmbedding(16), fusion=VectorsOnly()) as store:
        store.add([lmb.Document(str(number), f"linker {number}") for number in range(30)])
        assert _python_calls(lambda: store.search("linker", k=10)) <= MOST_PYTHON_CALLS_A_SEARCH


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_one_thread_adds_and_searches_by_one_connection(tmp_path: Path) -> None:
    """SQLite forgets what a connection has read when another one writes, and searches would read it anew."""

    def connections() -> int:
        opened = [os.path.realpath(f"/proc/self/fd/{file}") for file in os.listdir("/proc/self/fd")]  # noqa: PTH208 - as above
        return opened.count(str(tmp_path / "documents.db"))

    with lmb.FaissDocStore(tmp_path, embedding=HashedEmbedding(16)) as store:
        for number in range(3):
            store.add([lmb.Document(str(number), "linker")])
            assert len(store.search("linker")) == number + 1
        store.remove(["0"])
        store.reindex()
        assert connections() == 1
    assert connections() == 0
