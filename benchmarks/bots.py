"""What a bot adds to the port it calls."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import llamabot as lmb
from benchmarks.harness import CALIBRATION, Clock, Row, Section, difference, per_call_us, rounds, spread
from llamabot.testing import FunctionCompletion

__all__ = ["measure"]

_ROUNDS = 12
_CALLS = 200
_BUDGET_US = 60
_BUDGET_SQLITE_US = 100
_PROMPT, _QUESTION = "You are Feynman.", "Explain QED."
_ANSWER = lmb.Completion(
    lmb.AssistantMessage("Light and matter, one photon at a time."),
    lmb.FinishReason.STOP,
    lmb.Usage(prompt_tokens=12, completion_tokens=9),
)
_REQUEST = lmb.CompletionRequest("fake", (lmb.system(_PROMPT), lmb.user(_QUESTION)))
_TEXT = f"""
A `FunctionCompletion` that gives the same answer to every request is called by itself and by a bot, {_CALLS} times in
each of {_ROUNDS} rounds. In memory: CPU time of the process. SQLite: CPU time of the caller's thread, while the
recorder's own thread writes to a file. The streamed answer has nine chunks. "Nothing given" is a bot that was given the
fake alone, so that each call looks up the model, the recorder, the clock and the maker of ids.
"""


def measure() -> Section:
    """Compare bots with the fake they call."""
    with tempfile.TemporaryDirectory() as folder, lmb.SqliteRecorder(Path(folder) / "runs.db") as sqlite:
        found = rounds(_ROUNDS, _sides(sqlite))
    return Section("A call over a fake", _TEXT, list(_rows(found)), spread(found[CALIBRATION]))


def _sides(sqlite: lmb.SqliteRecorder) -> dict[str, Callable[[], float]]:
    given: dict[str, Any] = {"model": "fake", "completion": _fake(), "recorder": lmb.InMemoryRecorder()}
    sync, waiting = lmb.SimpleBot(_PROMPT, **given), lmb.AsyncSimpleBot(_PROMPT, **given)
    bare = given["completion"]
    plain = lmb.SimpleBot(_PROMPT, completion=bare)
    sides = {
        "nothing given": _blocking(lambda: plain(_QUESTION)),
        "call bare": _blocking(lambda: bare.complete(_REQUEST)),
        "await bare": _awaited(lambda: bare.acomplete(_REQUEST)),
        "stream bare": _blocking(lambda: _drained(bare.stream(_REQUEST))),
    }
    for where, clock, recorder in _recorders(given["recorder"], sqlite):
        one, other = sync.with_(recorder=recorder), waiting.with_(recorder=recorder)
        sides[f"call {where}"] = _flushed(_blocking(lambda bot=one: bot(_QUESTION), clock), recorder)
        sides[f"await {where}"] = _flushed(_awaited(lambda bot=other: bot(_QUESTION), clock), recorder)
        sides[f"stream {where}"] = _flushed(_blocking(lambda bot=one: _drained(bot.stream(_QUESTION)), clock), recorder)
    return sides


def _recorders(memory: Any, sqlite: Any) -> list[tuple[str, Clock, Any]]:
    return [("memory", time.process_time, memory), ("SQLite", time.thread_time, sqlite)]


def _rows(found: dict[str, list[float]]) -> list[Row]:
    rows = []
    for where, budget in (("memory", _BUDGET_US), ("SQLite", _BUDGET_SQLITE_US)):
        named = "in memory" if where == "memory" else "SQLite"
        rows += [
            difference(f"{form}, {named}", found[f"{short} bare"], found[f"{short} {where}"], "µs", budget)
            for short, form in (("call", "`bot(…)`"), ("await", "`await bot(…)`"), ("stream", "`bot.stream(…)`"))
        ]
    rows.append(difference("`bot(…)`, nothing given", found["call bare"], found["nothing given"], "µs", _BUDGET_US))
    return rows


class _Forgetful(FunctionCompletion):
    """The fake without its list of requests, which would grow by millions."""

    def _reply(self, request: lmb.CompletionRequest) -> Any:
        return self._function(request)


def _fake() -> Any:
    return _Forgetful(lambda _: _ANSWER)


def _blocking(work: Callable[[], object], clock: Clock = time.process_time) -> Callable[[], float]:
    return lambda: per_call_us(work, _CALLS, clock)


def _awaited(work: Callable[[], Awaitable[object]], clock: Clock = time.process_time) -> Callable[[], float]:
    async def measured() -> float:
        begin = clock()
        for _ in range(_CALLS):
            await work()
        return (clock() - begin) / _CALLS * 1e6

    return lambda: asyncio.run(measured())


def _flushed(measured: Callable[[], float], recorder: Any) -> Callable[[], float]:
    """Let the recorder's thread end its work before the next side's CPU time is taken."""

    def measured_alone() -> float:
        try:
            return measured()
        finally:
            recorder.flush()

    return measured_alone


def _drained(events: Any) -> None:
    for _ in events:
        pass
