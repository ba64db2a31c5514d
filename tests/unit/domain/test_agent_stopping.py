"""What an agent does that is cancelled or left. The design links to these tests."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tests.unit.domain.asking import agent_of, asks
from tests.unit.domain.till import Till

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


def test_a_cancelled_task_cancels_its_async_tool_and_leaves_a_run_to_go_on_with() -> None:
    stopped: list[str] = []
    log, begun = InMemoryRecorder(), asyncio.Event()

    async def sleep() -> str:
        if stopped:
            return "slept"
        begun.set()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            stopped.append("stopped")
            raise
        return "never"

    async def main() -> lmb.Result[Any]:
        model = ScriptedCompletion([asks(("sleep", {})), "good morning"])
        agent = lmb.AsyncAgentBot(tools=[sleep], completion=model, recorder=log)
        async with agent.stream("?") as events:
            async for event in events:
                if isinstance(event, lmb.Decided):
                    break
        task = asyncio.create_task(agent.resume(next(log.runs()).run_id))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        await asyncio.wait([task])
        assert next(log.runs()).status == "cancelled"
        return await agent.resume(next(log.runs()).run_id)

    assert asyncio.run(main()).text == "good morning"
    assert stopped == ["stopped"]


def _events(log: InMemoryRecorder) -> Any:
    return log.events(next(log.runs()).run_id)


def test_a_stream_that_is_left_leaves_a_run_to_go_on_with() -> None:
    log = InMemoryRecorder()
    agent, model = agent_of(asks(("look", {})), "well", tools=[Till().look], recorder=log)
    with agent.stream("?") as events:
        next(events)
    [run] = log.runs()
    assert run.status == "cancelled"
    assert agent.resume(run.run_id).text == "well"
    model.assert_finished()


def test_a_deaf_tool_is_left_in_a_daemon_thread_and_told_of_in_the_log() -> None:
    seen: list[Any] = []
    began, over = threading.Event(), threading.Event()

    def deaf(context: lmb.RunContext[Any]) -> None:
        seen.extend([threading.current_thread(), context])
        began.set()
        over.wait(10)

    async def main() -> None:
        model = ScriptedCompletion([asks(("deaf", {}), ("look", {}))])
        task = asyncio.create_task(
            lmb.AsyncAgentBot(tools=[deaf, Till().look], completion=model, recorder=log).run("?")
        )
        await asyncio.to_thread(began.wait, 10)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    log = InMemoryRecorder()
    asyncio.run(main())
    thread, context = seen
    assert (thread.daemon, context.cancelled) == (True, True)
    failed = [effect for effect in lmb.read_trace(_events(log)).effects if effect.error]
    assert [effect.call.name for effect in failed if effect.call] == ["deaf"]
    over.set()
    thread.join(10)
