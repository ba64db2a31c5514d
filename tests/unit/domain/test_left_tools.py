"""A sync tool that nobody waits for any longer goes on in its thread; the log says so, whatever left it behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

DECISION = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("1", "wait", "{}"),))


def _errors(recorder: InMemoryRecorder) -> list[str]:
    (run,) = recorder.runs()
    finished = [event for event in recorder.events(run.run_id) if isinstance(event, EffectFinished)]
    return [event.error.message for event in finished if event.error]


def _deaf_tool() -> tuple[Callable[[], str], threading.Event, threading.Event]:
    begun, may_end = threading.Event(), threading.Event()

    @lmb.tool
    def wait() -> str:
        """Wait."""
        begun.set()
        may_end.wait(10)
        return "late"

    return wait, begun, may_end


def test_a_cancelled_task_leaves_it_and_the_log_says_so() -> None:
    wait, begun, may_end = _deaf_tool()
    recorder = InMemoryRecorder()
    agent = lmb.AsyncAgentBot(tools=[wait], completion=ScriptedCompletion([DECISION]), recorder=recorder)

    async def cancelled() -> None:
        task = asyncio.create_task(agent("Wait."))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    may_end.set()
    (told,) = _errors(recorder)
    assert "goes on unseen" in told


def test_a_deadline_leaves_it_and_the_log_says_so() -> None:
    wait, _, may_end = _deaf_tool()
    recorder = InMemoryRecorder()
    agent = lmb.AgentBot(tools=[wait], completion=ScriptedCompletion([DECISION]), recorder=recorder)
    with pytest.raises(lmb.errors.LimitReached):
        agent("Wait.", limits=lmb.Limits(deadline_s=0.1))
    may_end.set()
    (told,) = _errors(recorder)
    assert "goes on unseen" in told
