"""A sync tool that nobody waits for any longer goes on in its thread; the log says so, whatever left it behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, TickingClock

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


class _SlowStart(TickingClock):
    """A clock that holds up the second thread which comes to it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Event()
        self.threads: list[threading.Thread] = []

    def monotonic_ns(self) -> int:
        thread = threading.current_thread()
        if thread.name == "llamabot" and thread not in self.threads:
            self.threads.append(thread)
            if len(self.threads) == 2:
                self.may_go.wait(10)
        return super().monotonic_ns()


def test_a_tool_whose_thread_comes_to_it_after_the_stream_was_left_does_not_run() -> None:
    ran: list[str] = []

    @lmb.tool
    def note(what: str) -> str:
        """Note."""
        ran.append(what)
        return "noted"

    both = tuple(lmb.ToolCall(what, "note", f'{{"what": "{what}"}}') for what in "ab")
    model = ScriptedCompletion([lmb.AssistantMessage("", tool_calls=both)])
    clock, recorder = _SlowStart(), InMemoryRecorder()
    agent = lmb.AgentBot(tools=[note], completion=model, recorder=recorder, clock=clock)
    with agent.stream("Note both.") as events:
        next(event for event in events if isinstance(event, lmb.ToolFinished))
    clock.may_go.set()
    for thread in clock.threads:
        thread.join(10)
    assert len(ran) == 1
    assert len(_errors(recorder)) == 1
