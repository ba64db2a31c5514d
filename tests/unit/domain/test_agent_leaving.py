"""Whoever leaves a run takes its tools along: async ones are cancelled, sync ones told, and nobody is waited for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion

WAITS_S = 20.0


class Waiting:
    """Tools that wait until nobody wants them any longer, and note that they were told."""

    def __init__(self) -> None:
        self.begun, self.told, self.stopped = (threading.Semaphore(0) for _ in range(3))
        self.over = False

    @lmb.tool
    def wait(self, context: lmb.RunContext[Any]) -> str:
        """Wait."""
        if self.over:
            return "at once"
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


def _helped(kind: Any, helper: Any, recorder: Any, calls: int = 1) -> Any:
    """Return an agent that asks a helper, `calls` times at once, and then repeats what it was told."""
    made = tuple(lmb.ToolCall(f"h{n}", "helper", f'{{"question": "{n}"}}') for n in range(calls))

    def decide(request: Any) -> Any:
        last = request.messages[-1]
        return last.text if isinstance(last, lmb.ToolMessage) else lmb.AssistantMessage("", tool_calls=made)

    return kind(tools=[helper], completion=FunctionCompletion(decide), recorder=recorder)


def _helper(tools: Waiting, recorder: Any, asked: list[Any]) -> Any:
    def decide(request: Any) -> Any:
        asked.append(request)
        last = request.messages[-1]
        waits = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("w", "wait", "{}"),))
        return "helped" if isinstance(last, lmb.ToolMessage) else waits

    bot = lmb.AgentBot(tools=[tools.wait], completion=FunctionCompletion(decide), recorder=recorder)
    return bot.as_tool("helper", "Help.")


def _soon(condition: Any) -> bool:
    return any(condition() or threading.Event().wait(0.01) for _ in range(500))


@pytest.mark.parametrize("calls", [1, 2])
def test_a_run_inside_of_a_tool_that_is_left_ends_too(calls: int) -> None:
    """Its tools are told, it asks and pays nothing more, and both runs can go on."""
    tools, recorder, asked = Waiting(), InMemoryRecorder(durable=True), []
    bot = _helped(lmb.AsyncAgentBot, _helper(tools, recorder, asked), recorder, calls)

    async def cancelled() -> None:
        task = asyncio.create_task(bot.run("go"))
        for _ in range(calls):
            await asyncio.to_thread(tools.begun.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)

    asyncio.run(cancelled())
    assert tools.all_stopped(calls, 0)
    assert _soon(lambda: {run.status for run in recorder.runs()} == {"cancelled"})
    assert len(asked) == calls
    tools.over = True
    (outer,) = (run for run in recorder.runs() if run.parent_id is None)
    assert _helped(lmb.AgentBot, _helper(tools, recorder, asked), recorder, calls).resume(outer.run_id).text == "helped"
    assert len(asked) == 2 * calls, "what was answered was paid again"


def test_a_helper_that_takes_too_long_stops_and_pays_nothing_more() -> None:
    tools, recorder, asked = Waiting(), InMemoryRecorder(durable=True), []
    helper = lmb.tool(timeout_s=0.2)(_helper(tools, recorder, asked))
    result = _helped(lmb.AgentBot, helper, recorder).run("go")
    assert "did not answer within 0.2 seconds" in result.text
    assert tools.all_stopped(1, 0)
    assert _soon(lambda: sorted(str(run.status) for run in recorder.runs()) == ["cancelled", "completed"])
    assert len(asked) == 1


@pytest.mark.parametrize("kind", [lmb.AgentBot, lmb.AsyncAgentBot])
def test_a_helper_that_is_in_other_hands_is_told_to_the_caller_and_not_to_the_model(kind: Any) -> None:
    recorder = InMemoryRecorder(durable=True)

    @lmb.tool
    def helper(question: str) -> str:
        """Help."""
        raise lmb.errors.RunBusy("somebody has it")

    bot = _helped(kind, helper, recorder)
    with pytest.raises(lmb.errors.RunBusy):
        _ = bot("go") if kind is lmb.AgentBot else asyncio.run(bot.run("go"))
    (run,) = recorder.runs()
    assert run.status == "failed"


class Pausing:
    """A recorder that holds up who writes the outcome of a tool, once it is written."""

    durable = False

    def __init__(self) -> None:
        self.store, self.written, self.go_on = InMemoryRecorder(), threading.Event(), threading.Event()

    def append(self, events: Any) -> None:
        self.store.append(events)
        if any(isinstance(event, EffectFinished) and event.outcome and "." in event.path for event in events):
            self.written.set()
            self.go_on.wait(WAITS_S)


def test_an_outcome_that_is_written_while_the_run_is_left_stays() -> None:
    """Else what had finished would run again."""

    @lmb.tool
    def quick() -> str:
        """Be quick."""
        return "done"

    tools, recorder = Waiting(), Pausing()
    calls = (lmb.ToolCall("a", "quick", "{}"), lmb.ToolCall("b", "wait", "{}"))
    completion = ScriptedCompletion([lmb.AssistantMessage("", tool_calls=calls)])
    with lmb.AgentBot(tools=[quick, tools.wait], completion=completion, recorder=recorder).stream("go") as events:
        next(events)
        next(events)
        assert recorder.written.wait(5)
    recorder.go_on.set()
    assert tools.all_stopped(1, 0)
    (run,) = recorder.store.runs()
    ends = [event for event in recorder.store.events(run.run_id) if isinstance(event, EffectFinished)]
    assert [(end.path, end.error is None) for end in ends] == [("1", True), ("2.1", True), ("2.2", False)]
