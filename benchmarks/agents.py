"""What an agent costs: a step, a durable step, tools at once, a step through LiteLLM, a thousand runs, a long log."""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llamabot as lmb
from benchmarks.canned import TOOL_STEPS, provider
from benchmarks.harness import CALIBRATION, Row, Section, per_call_us, ratio, rounds, spread
from llamabot.adapters.litellm.loading import load
from llamabot.ports.recorder import Blob, encode_event
from llamabot.testing import FunctionCompletion

__all__ = ["measure"]

_ROUNDS = 12
_STEPS = 10
_COMMITS = 2 * _STEPS + 2
_TOOLS_AT_ONCE, _TOOL_S = 4, 0.1
_RUNS = 1_000
_KIB = 1024
_TEXT = f"""
An agent whose model asks for `add` {_STEPS} times and then answers; the model is a function, the tool adds two numbers.
A step is one decision and its tool. "Durable" is time on the wall, and what is bare is {_COMMITS} transactions of one
row each with Python's `sqlite3` under the same settings: one for each outcome, and one for the end. The tools at once
sleep {_TOOL_S * 1000:g} ms each. Through LiteLLM, an agent that records to SQLite stands against a loop over
`litellm.completion` written by hand, {TOOL_STEPS} calls of a tool each, on a server in another process; CPU time of the
whole process. The {_RUNS:,} runs are tasks of one event loop that wait for each other at every decision; memory is what
Python has allocated more, at its highest, with the log in memory. The long log is of 30 steps whose results have 2,000
characters each.
"""


def measure() -> Section:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as name, provider() as address:
        folder = Path(name)
        found = rounds(_ROUNDS, {**_steps(folder), **_through_litellm(folder, address)})
    rows = [
        Row("a step, in memory", spread(found["step"]), "µs", 100),
        Row("a commit, durable, more than a bare one", spread(_more(found)), "µs", 150),
        Row("four tools at once", spread(found["tools"]), "ms", 130),
        Row("four tools at once, awaited", spread(found["tools awaited"]), "ms", 130),
        ratio("a step through LiteLLM", found["litellm bare"], found["litellm ours"], "ms", 1.05),
        Row(f"a run among {_RUNS:,}", spread([_memory_kib() for _ in range(3)]), "KiB", 100),
        Row("the log of a long run", spread([_log_kb()] * 2), "kB", 150),
    ]
    return Section("Agents", _TEXT, rows, spread(found[CALIBRATION]))


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class _Script(FunctionCompletion):
    """Asks for the calls until their results are there, then answers; keeps no list of requests."""

    def __init__(self, steps: int, calls: int = 1, name: str = "add", arguments: str = '{"a": 1, "b": 2}') -> None:
        super().__init__(lambda _: "")
        self._wanted, self._calls, self._name, self._arguments = steps * calls, calls, name, arguments

    def _reply(self, request: lmb.CompletionRequest) -> lmb.Completion:
        seen = sum(type(message) is lmb.ToolMessage for message in request.messages)
        if seen >= self._wanted:
            return lmb.Completion(lmb.AssistantMessage("3"), lmb.FinishReason.STOP, lmb.Usage(12, 9))
        calls = tuple(lmb.ToolCall(f"call-{seen + n}", self._name, self._arguments) for n in range(self._calls))
        message = lmb.AssistantMessage("", tool_calls=calls)
        return lmb.Completion(message, lmb.FinishReason.TOOL_CALLS, lmb.Usage(12, 9))


def _steps(folder: Path) -> dict[str, Callable[[], float]]:
    agent = lmb.AgentBot("You add.", tools=[add], model="fake", completion=_Script(_STEPS))
    in_memory = agent.with_(recorder=lmb.InMemoryRecorder())
    durable = agent.with_(recorder=lmb.SqliteRecorder(folder / "durable.db", durable=True))
    sleeping = _Script(1, _TOOLS_AT_ONCE, "nap", "{}")
    sync = lmb.AgentBot("Sleep.", tools=[nap], model="fake", completion=sleeping)
    waiting = lmb.AsyncAgentBot("Sleep.", tools=[nap], model="fake", completion=sleeping)
    bare = _bare_commits(folder / "bare.db")
    wall = time.perf_counter
    return {
        "step": lambda: per_call_us(lambda: in_memory("1 + 2?"), 20) / _STEPS,
        "durable": lambda: per_call_us(lambda: durable("1 + 2?"), 3, wall) / _COMMITS,
        "bare": lambda: per_call_us(bare, 3 * _COMMITS, wall),
        "tools": lambda: per_call_us(lambda: sync("Sleep."), 1, wall) / 1000,
        "tools awaited": lambda: per_call_us(lambda: asyncio.run(waiting("Sleep.")), 1, wall) / 1000,
    }


def nap() -> str:
    """Sleep."""
    time.sleep(_TOOL_S)
    return "slept"


def _bare_commits(path: Path) -> Callable[[], None]:
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE log (event TEXT)")
    row = ("x" * 300,)

    def commit() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO log VALUES (?)", row)
        database.execute("COMMIT")

    return commit


def _more(found: dict[str, list[float]]) -> list[float]:
    return [durable - bare for durable, bare in zip(found["durable"], found["bare"], strict=True)]


def _through_litellm(folder: Path, address: str) -> dict[str, Callable[[], float]]:
    litellm, options = load(), {"api_base": address, "api_key": "none"}
    recorder = lmb.SqliteRecorder(folder / "litellm.db")
    agent = lmb.AgentBot("You add.", tools=[add], model="openai/canned", options=options, recorder=recorder)
    parameters = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    function = {"name": "add", "description": "Add two numbers.", "parameters": parameters}
    tools = [{"type": "function", "function": function}]
    switches = {"timeout": 600.0, "max_retries": 0, "num_retries": 0, **options}

    def by_hand() -> None:
        messages: list[Any] = [{"role": "system", "content": "You add."}, {"role": "user", "content": "1 + 2?"}]
        while True:
            answer = litellm.completion(model="openai/canned", messages=messages, tools=tools, **switches)
            message = answer.choices[0].message
            messages.append(message.model_dump())
            if not message.tool_calls:
                return
            for call in message.tool_calls:
                result = add(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})

    return {
        "litellm bare": lambda: per_call_us(by_hand, 2) / 1000 / (TOOL_STEPS + 1),
        "litellm ours": lambda: per_call_us(lambda: agent("1 + 2?"), 2) / 1000 / (TOOL_STEPS + 1),
    }


class _Meeting(_Script):
    """Lets every run wait for all the others at each decision, so that all are alive at once."""

    async def acomplete(self, request: lmb.CompletionRequest) -> lmb.Completion:
        await asyncio.sleep(0)
        return self._reply(request)


async def aadd(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _memory_kib() -> float:
    """Return the KiB that one run of many takes, log included."""
    agent = lmb.AsyncAgentBot(
        "You add.",
        tools=[aadd],
        model="fake",
        completion=_Meeting(_STEPS, name="aadd"),
        recorder=lmb.InMemoryRecorder(),
    )

    async def all_at_once() -> None:
        await asyncio.gather(*(agent("1 + 2?") for _ in range(_RUNS)))

    asyncio.run(agent("warm"))  # type: ignore[arg-type]  # it is a coroutine
    gc.collect()
    tracemalloc.start()
    try:
        asyncio.run(all_at_once())
        return tracemalloc.get_traced_memory()[1] / _RUNS / _KIB
    finally:
        tracemalloc.stop()


def _log_kb() -> float:
    """Return the kB of the events and blobs of a long run."""
    recorder = lmb.InMemoryRecorder()
    agent = lmb.AgentBot(
        "Read.", tools=[page], model="fake", completion=_Script(30, 1, "page", "{}"), recorder=recorder
    )
    result = agent.run("Read it all.", limits=lmb.Limits(decisions=None))
    return sum(_size(event) for event in recorder.events(result.run_id)) / 1000


def page() -> str:
    """Read a page."""
    return "It was a bright cold day. " * 77


def _size(event: Any) -> int:
    return len(event.data) if isinstance(event, Blob) else len(encode_event(event))
