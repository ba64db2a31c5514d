"""What the log in SQLite costs: the caller, the writer, the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import llamabot as lmb
from benchmarks.harness import CALIBRATION, Clock, Row, Section, difference, rounds, spread
from llamabot.ports.recorder import LOG_SCHEMA_VERSION, Blob, RunEvent, RunKind, RunStarted
from llamabot.testing import FunctionCompletion

__all__ = ["measure"]

_ROUNDS = 7
_RUNS = 2_000
_TIMES = 300
_CALLS_AT_ONCE = 100
_LATENCY_S = 0.02
_TEXT = f"""
`SqliteRecorder` in normal mode on a file that was just made. Appended are the events of {_RUNS:,} calls of a
`SimpleBot`, in the same two appends that a call makes; blobs are not counted. The caller's cost is the CPU time of
its thread. Events per second are counted by the clock on the wall from the first append until `flush` returns: the
caller waits, or it goes on computing in pure Python. For the loop, {_CALLS_AT_ONCE} calls of an `AsyncSimpleBot`
begin together and the model answers all of them {_LATENCY_S * 1000:g} ms later; a stall is the longest time between
two turns of a ticking task. A durable append of one outcome of an effect and a bare commit of one row of the same
length are measured in turn, medians of {_TIMES}.
"""


def measure() -> Section:
    """Measure the recorder by itself, and the loop with and without it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        appends = _appends()
        events = sum(type(event) is not Blob for events in appends for event in events)
        found = rounds(
            _ROUNDS,
            {
                "caller": lambda: _appending_us(folder, appends) / events,
                "cpu": lambda: events / _drained_s(folder, appends, busy=False, clock=time.process_time),
                "idle": lambda: events / _drained_s(folder, appends, busy=False),
                "busy": lambda: events / _drained_s(folder, appends, busy=True),
                "bare": lambda: _bare_us(folder),
                "durable": lambda: _durable_us(folder, appends[1][:1]),
                "claim": lambda: _claim_us(folder),
                "stall without": lambda: asyncio.run(_stall_ms(None)),
                "stall with": lambda: _stall_recorded_ms(folder),
            },
        )
    return Section("Recording to SQLite", _TEXT, _rows(found), spread(found[CALIBRATION]))


def _rows(found: dict[str, list[float]]) -> list[Row]:
    return [
        Row("an event, on the caller", spread(found["caller"]), "µs", 10),
        Row("both threads", spread(found["cpu"]), "events/s of CPU time"),
        Row("beside an idle caller", spread(found["idle"]), "events/s", 100_000, at_least=True),
        Row("beside a busy caller", spread(found["busy"]), "events/s", 50_000, at_least=True),
        difference("a durable append, waited for, beyond a bare commit", found["bare"], found["durable"], "µs", 150),
        Row("a claim, taken and released", spread(found["claim"]), "µs", 150),
        difference("longest stall of the loop", found["stall without"], found["stall with"], "ms", 5),
    ]


def _bare_us(folder: Path) -> float:
    """Return what one row of text costs to commit with nothing of ours around it, the median of many."""
    with tempfile.TemporaryDirectory(dir=folder) as inner, closing(sqlite3.connect(Path(inner) / "bare.db")) as file:
        file.isolation_level = None
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT)")

        def commit(_: int) -> None:
            file.execute("BEGIN IMMEDIATE")
            file.execute("INSERT INTO events (body) VALUES (?)", ("x" * 300,))
            file.execute("COMMIT")

        return _median_us(commit)


def _durable_us(folder: Path, events: list[RunEvent]) -> float:
    with (
        tempfile.TemporaryDirectory(dir=folder) as inner,
        lmb.SqliteRecorder(Path(inner) / "runs.db", durable=True) as recorder,
    ):

        def commit(_: int) -> None:
            ticket = recorder.append(events)
            assert ticket is not None, "a durable one gives tickets"
            ticket.result()

        return _median_us(commit)


def _claim_us(folder: Path) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        recorder = lmb.SqliteRecorder(Path(inner) / "runs.db")
        return _median_us(lambda number: recorder.claim(f"run-{number}").release())


def _median_us(work: Callable[[int], None]) -> float:
    """Return the median of many times, as the clock on the wall has them."""
    taken: list[float] = []
    for number in range(_TIMES):
        begin = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1e6


class _Noting:
    """A recorder that keeps the appends as they come."""

    def __init__(self) -> None:
        self.appends: list[list[RunEvent]] = []

    def append(self, events: Sequence[RunEvent]) -> None:
        self.appends.append(list(events))


def _appends() -> list[list[RunEvent]]:
    noting: Any = _Noting()
    bot = lmb.SimpleBot("You are Feynman.", model="fake", completion=_fake(), recorder=noting)
    for _ in range(_RUNS):
        bot("Explain QED.")
    appends: list[list[RunEvent]] = noting.appends
    return appends


def _fake() -> FunctionCompletion:
    return FunctionCompletion(lambda _: "Light and matter, one photon at a time.")


@contextmanager
def _new_recorder(folder: Path) -> Iterator[lmb.SqliteRecorder]:
    with tempfile.TemporaryDirectory(dir=folder) as inner, lmb.SqliteRecorder(Path(inner) / "runs.db") as recorder:
        # A file is made once and written to for months: neither that nor opening it is what is measured.
        recorder.append([RunStarted("first", 0, LOG_SCHEMA_VERSION, RunKind.BOT, "Bot")])
        recorder.flush()
        yield recorder


def _appending_us(folder: Path, appends: list[list[RunEvent]]) -> float:
    with _new_recorder(folder) as recorder:
        begin = time.thread_time()
        for events in appends:
            recorder.append(events)
        return (time.thread_time() - begin) * 1e6


def _drained_s(folder: Path, appends: list[list[RunEvent]], *, busy: bool, clock: Clock = time.perf_counter) -> float:
    with _new_recorder(folder) as recorder:
        begin = clock()
        for events in appends:
            recorder.append(events)
        if busy:
            _compute_until(lambda: recorder.health.queued_bytes == 0)
        recorder.flush()
        return clock() - begin


def _compute_until(done: Callable[[], bool]) -> None:
    while not done():
        sum(number * number for number in range(2_000))


class _Slow:
    """A model that takes its time without using any."""

    async def acomplete(self, request: lmb.CompletionRequest) -> lmb.Completion:
        await asyncio.sleep(_LATENCY_S)
        return lmb.Completion(lmb.AssistantMessage("Light and matter."), lmb.FinishReason.STOP)


def _stall_recorded_ms(folder: Path) -> float:
    with _new_recorder(folder) as recorder:
        return asyncio.run(_stall_ms(recorder))


async def _stall_ms(recorder: Any) -> float:
    """Return the longest time that the loop had no turn for others."""
    slow: Any = _Slow()
    with lmb.override(recorder=recorder):
        bot = lmb.AsyncSimpleBot("You are Feynman.", model="fake", completion=slow)
        await bot("warm")
        ended, longest = threading.Event(), 0.0

        async def tick() -> None:
            nonlocal longest
            before = time.perf_counter()
            while not ended.is_set():
                await asyncio.sleep(0)
                now = time.perf_counter()
                longest, before = max(longest, now - before), now

        ticking = asyncio.create_task(tick())
        await asyncio.gather(*(bot("Explain QED.") for _ in range(_CALLS_AT_ONCE)))
        ended.set()
        await ticking
    return longest * 1000
