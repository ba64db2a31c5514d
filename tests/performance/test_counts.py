"""What speed rests on, as counts: they are the same on a busy machine. Seconds are for `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks.imports import HEAVY
from tests.servers.chat import ChatServer, anything

import llamabot as lmb
from llamabot.ports.fusion import VectorsOnly
from llamabot.testing import FunctionCompletion, HashedEmbedding, InMemoryRecorder

# A quarter to a half more than an import, a call, a chunk and a search take today: a new layer shows, one more
# function does not.
MOST_MODULES_BEYOND_MSGSPEC = 20
MOST_PYTHON_CALLS_A_CALL = 220
MOST_PYTHON_CALLS_A_CHUNK = 22
MOST_PYTHON_CALLS_A_SEARCH = 640
MOST_MODULES_OF_A_DIRECT_CALL = 270
MOST_BYTES_OF_A_CALL = 15_000
# Python keeps some free lists; an object kept of each call would be more.
MOST_BYTES_KEPT_OF_300_CALLS = 9_000


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


DIRECT_CALL = """
import sys, llamabot as lmb
before = set(sys.modules)
with lmb.WireCompletion(base_url="http://127.0.0.1:1/v1") as port:
    try:
        lmb.SimpleBot("Be short.", model="m", completion=port)("Is it?")
    except lmb.errors.ProviderUnavailable:
        print(*set(sys.modules) - before)
"""


def test_a_bot_on_the_direct_adapter_loads_little() -> None:
    run = subprocess.run([sys.executable, "-c", DIRECT_CALL], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    packages = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert packages == {"h11", "llamabot"}
    assert loaded & {"http.client", "sqlite3", "urllib.request"} == set()
    assert len(loaded) <= MOST_MODULES_OF_A_DIRECT_CALL


@pytest.mark.loopback
def test_a_map_makes_a_request_an_input_and_a_connection_for_each_at_once() -> None:
    with ChatServer() as server, lmb.WireCompletion(base_url=server.api_base) as port:
        server.respond = anything
        bot = lmb.SimpleBot("Be short.", model="m", completion=port)
        with bot.map(["Is it?"] * 20, concurrency=3) as items:
            assert [item.error for item in items] == [None] * 20
        assert len(server.exchanges) == 20
        assert server.connections_made <= 3


class Forgetting(InMemoryRecorder):
    """Keeps nothing."""

    def append(self, events: Sequence[Any]) -> None:
        """Let them go."""


class Answering:
    """A port that keeps nothing of what it is asked."""

    answer = lmb.Completion(lmb.assistant("Yes."), lmb.FinishReason.STOP)

    def complete(self, request: lmb.CompletionRequest) -> lmb.Completion:
        return self.answer

    def stream(self, request: lmb.CompletionRequest) -> Any:
        raise NotImplementedError

    def capabilities(self, model: str) -> lmb.ModelCapabilities:
        return lmb.ModelCapabilities()


def test_calls_allocate_little_and_keep_nothing() -> None:
    bot = lmb.SimpleBot("Be short.", model="m", completion=Answering(), recorder=Forgetting())
    for _ in range(10):
        bot("Is it?")
    tracemalloc.start()
    try:
        bot("Is it?")
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(300):
            bot("Is it?")
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before <= MOST_BYTES_KEPT_OF_300_CALLS
    assert peak - before <= MOST_BYTES_OF_A_CALL


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
