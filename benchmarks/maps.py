"""What a map adds to the calls that it makes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llamabot as lmb
from benchmarks.harness import CALIBRATION, Row, Section, difference, rounds, spread
from llamabot.testing import FunctionCompletion

__all__ = ["measure"]

_ROUNDS = 12
_INPUTS = 300
_CONCURRENCY = 8
_BUDGET_US = 40
_ANSWER = lmb.Completion(lmb.assistant("Yes."), lmb.FinishReason.STOP, lmb.Usage(12, 9))
_TEXT = f"""
`run` over a `FunctionCompletion`, {_INPUTS} times one after the other, beside `map` over as many inputs,
{_CONCURRENCY} at once, in each of {_ROUNDS} rounds; the log is in memory. CPU time of the process, for each input. A
sync map starts a thread for each. "From the log" is a job that was done before, in a SQLite file: no call is made.
"""


class _Forgetful(FunctionCompletion):
    """The fake without its list of requests, which would grow."""

    def _reply(self, request: lmb.CompletionRequest) -> Any:
        return self._function(request)


def measure() -> Section:
    """Compare maps with the calls that they make."""
    given: dict[str, Any] = {"model": "fake", "completion": _Forgetful(lambda _: _ANSWER)}
    memory = lmb.InMemoryRecorder()
    sync, waiting = lmb.SimpleBot("Be short.", **given), lmb.AsyncSimpleBot("Be short.", **given)
    with tempfile.TemporaryDirectory() as folder, lmb.SqliteRecorder(Path(folder) / "runs.db") as sqlite:
        kept = sync.with_(recorder=sqlite)
        sync, waiting = sync.with_(recorder=memory), waiting.with_(recorder=memory)
        found = rounds(
            _ROUNDS,
            {
                "run": _per_input(lambda: [sync.run(text) for text in _inputs()]),
                "map": _per_input(lambda: _through(sync.map(_inputs(), concurrency=_CONCURRENCY))),
                "await run": _per_input(lambda: asyncio.run(_awaited(waiting))),
                "await map": _per_input(lambda: asyncio.run(_mapped(waiting))),
                "log": _per_input(lambda: _through(kept.map(_inputs(), concurrency=_CONCURRENCY, resume="job"))),
            },
        )
    rows = [
        difference("`async for … in bot.map(…)`", found["await run"], found["await map"], "µs", _BUDGET_US),
        difference("`for … in bot.map(…)`", found["run"], found["map"], "µs", None),
        Row("an item from the log", spread(found["log"]), "µs"),
    ]
    return Section("A map over a fake", _TEXT, rows, spread(found[CALIBRATION]))


def _inputs() -> list[str]:
    return [f"Is {number} odd?" for number in range(_INPUTS)]


def _per_input(work: Callable[[], object]) -> Callable[[], float]:
    def measured() -> float:
        begin = time.process_time()
        work()
        return (time.process_time() - begin) / _INPUTS * 1e6

    return measured


def _through(items: Any) -> None:
    for item in items:
        item.unwrap()


async def _awaited(bot: Any) -> None:
    for text in _inputs():
        await bot.run(text)


async def _mapped(bot: Any) -> None:
    async for item in bot.map(_inputs(), concurrency=_CONCURRENCY):
        item.unwrap()
