"""Whoever leaves a run takes its tools along: async ones are cancelled, sync ones told, and nobody is waited for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

WAITS_S = 20.0


class Waiting:
    """Tools that wait until nobody wants them any longer, and note that they were told."""

    def __init__(self) -> None:
        self.begun, self.told, self.stopped = (threading.Semaphore(0) for _ in range(3))

    @lmb.tool
    def wait(self, context: lmb.RunContext[Any]) -> str:
        """Wait."""
        heard = threading.Event()
        context.cancellation.on_cancel(heard.set)
        self.begun.release()
        if heard.wait(WAITS_S) and context.cancelled:
            self.told.release()
        return "late"

    @lmb.tool
    async def await_(self) -> str:
        """Wait."""
        self.begun.release()
        try:
            await asyncio.sleep(WAITS_S)
        except asyncio.CancelledError:
            self.stopped.release()
            raise
        return "late"

    def all_stopped(self, sync: int, awaited: int) -> bool:
        patient = [self.told.acquire(timeout=5) for _ in range(sync)] + [
            self.stopped.acquire(timeout=5) for _ in range(awaited)
        ]
        return all(patient)


def _bot(kind: Any, tools: Waiting, recorder: Any, names: list[str]) -> Any:
    made = tuple(lmb.ToolCall(str(n), name, "{}") for n, name in enumerate(names))
    completion = ScriptedCompletion([lmb.AssistantMessage("", tool_calls=made)])
    return kind(tools=[tools.wait, tools.await_], completion=completion, recorder=recorder)


NAMES = [["wait"], ["await_"], ["wait", "wait"], ["await_", "await_"], ["wait", "await_", "await_"]]


def _assert_left(recorder: InMemoryRecorder, tools: Waiting, names: list[str]) -> None:
    assert tools.all_stopped(names.count("wait"), names.count("await_"))
    (run,) = recorder.runs()
    assert run.status == "cancelled"
    effects = lmb.read_trace(recorder.events(run.run_id)).effects
    assert all(effect.error for effect in effects if effect.effect == "call_tool")


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_cancelled_task_takes_its_tools_along(names: list[str], streamed: bool) -> None:
    tools, recorder = Waiting(), InMemoryRecorder()
    bot = _bot(lmb.AsyncAgentBot, tools, recorder, names)

    async def read() -> None:
        async with bot.stream("go") as events:
            async for _ in events:
                pass

    async def cancelled() -> None:
        task = asyncio.create_task(read() if streamed else bot.run("go"))
        for _ in names:
            await asyncio.to_thread(tools.begun.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)

    asyncio.run(cancelled())
    _assert_left(recorder, tools, names)


@pytest.mark.parametrize("names", [names for names in NAMES if len(names) > 1])
def test_a_closed_async_stream_takes_its_tools_along(names: list[str]) -> None:
    tools, recorder = Waiting(), InMemoryRecorder()
    bot = _bot(lmb.AsyncAgentBot, tools, recorder, names)

    async def left() -> None:
        async with asyncio.timeout(10), bot.stream("go") as events:
            for _ in range(1 + len(names)):
                await anext(events)
            for _ in names:
                await asyncio.to_thread(tools.begun.acquire)

    asyncio.run(left())
    _assert_left(recorder, tools, names)


@pytest.mark.parametrize("names", [names for names in NAMES if len(names) > 1])
def test_a_closed_stream_takes_its_tools_along(names: list[str]) -> None:
    tools, recorder = Waiting(), InMemoryRecorder()
    with _bot(lmb.AgentBot, tools, recorder, names).stream("go") as events:
        for _ in range(1 + len(names)):
            next(events)
        for _ in names:
            tools.begun.acquire()
    _assert_left(recorder, tools, names)
