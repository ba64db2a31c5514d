"""A task may be cancelled at any await."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.property.cores import assert_orderly, world_of
from tests.unit.domain.leaving.watching import QUESTION, read_all, run_core
from tests.unit.domain.noting import AwaitingMemory, NotingCompletion, statuses

import llamabot as lmb
from llamabot.domain.drivers import adrive
from llamabot.domain.effects import Complete, Core, Recall, Remember, Together
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Message
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import InMemoryRecorder


class TestCancelling:
    """The task is cancelled after 0, 1, 2, … turns of the loop, until it is too late to cancel it."""

    @pytest.mark.parametrize("streamed", [False, True])
    def test_at_any_await(self, streamed: bool) -> None:
        async def cancelled_after(turns: int) -> bool:
            port, recorder, memory = NotingCompletion("abc"), InMemoryRecorder(), AwaitingMemory()
            abot = lmb.AsyncSimpleBot(completion=port, recorder=recorder, memory=memory)  # type: ignore[arg-type]  # it serves both colours
            task = asyncio.create_task(read_all(abot) if streamed else abot("?"))  # type: ignore[arg-type]  # either
            was_cancelled = await _cancel_after(turns, task)
            assert len(asyncio.all_tasks()) == 1
            assert port.events.count("opened") == port.events.count("closed")
            for run in recorder.runs():
                assert_orderly(recorder.events(run.run_id))
                assert run.status == ("cancelled" if was_cancelled else "completed")
            assert [message.text for message in memory.recall()] in ([], ["?", "abc"])
            return was_cancelled

        assert _turns_until_too_late(cancelled_after) > 5

    def test_at_any_await_of_things_done_together(self) -> None:
        async def cancelled_after(turns: int) -> bool:
            port, recorder = NotingCompletion("abc", awaits=3), InMemoryRecorder()
            closed = []

            def core() -> Core[None]:
                try:
                    yield from Together([Complete(QUESTION), Recall(), Remember((lmb.user("?"),)), Complete(QUESTION)])
                finally:
                    closed.append(True)

            world = world_of(port, AwaitingMemory(), recorder)
            task = asyncio.create_task(adrive(*run_core(core(), world)))
            was_cancelled = await _cancel_after(turns, task)
            assert len(asyncio.all_tasks()) == 1
            for run in recorder.runs():
                assert closed == [True]
                assert_orderly(recorder.events(run.run_id))
                assert run.status == ("cancelled" if was_cancelled else "completed")
            return was_cancelled

        assert _turns_until_too_late(cancelled_after) > 4

    def test_before_anything_done_together_has_begun(self) -> None:
        """The tasks exist, none has had its turn: each effect that was logged as started is logged as finished."""
        recorder = InMemoryRecorder()

        class Cancelling(NotingCompletion):
            async def acomplete(self, request: CompletionRequest) -> Any:
                asyncio.get_running_loop().call_soon(task.cancel)
                return await super().acomplete(request)

        def core() -> Core[None]:
            yield from Complete(QUESTION)
            yield from Together([Complete(QUESTION), Complete(QUESTION)])

        async def run() -> None:
            nonlocal task
            task = asyncio.create_task(adrive(*run_core(core(), world_of(Cancelling(awaits=0), recorder=recorder))))
            with pytest.raises(asyncio.CancelledError):
                await task

        task: Any = None
        asyncio.run(run())
        (run_of_core,) = recorder.runs()
        events = recorder.events(run_of_core.run_id)
        assert_orderly(events)
        assert [event.path for event in events if isinstance(event, EffectFinished)] == ["1", "2.1", "2.2"]

    def test_a_deadline_of_the_callers_own_is_a_cancellation(self, recorder: InMemoryRecorder) -> None:
        class Hanging(NotingCompletion):
            async def acomplete(self, request: CompletionRequest) -> Any:
                await asyncio.Event().wait()

        async def run() -> None:
            port: Any = Hanging()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await lmb.AsyncSimpleBot(completion=port, recorder=recorder)("?")

        asyncio.run(run())
        assert statuses(recorder) == ["cancelled"]


async def _cancel_after(turns: int, task: asyncio.Task[Any]) -> bool:
    """Cancel a task after so many turns of the loop; say whether it was still to be cancelled."""
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


def _turns_until_too_late(cancelled_after: Callable[[int], Any]) -> int:
    for turns in range(200):
        if not asyncio.run(cancelled_after(turns)):
            return turns
    raise AssertionError("the task never ended")


def test_a_slow_memory_is_not_left_half_written(recorder: InMemoryRecorder, port: Any) -> None:
    """A sync-only memory under an async bot: cancelled while its thread writes, the turn is stored whole."""
    writing, go_on, written = threading.Event(), threading.Event(), threading.Event()
    stored: list[Message] = []

    class SyncOnly:
        def recall(self) -> tuple[Message, ...]:
            return ()

        def remember(self, turn: Any) -> None:
            writing.set()
            go_on.wait(5)
            stored.extend(turn)
            written.set()

    async def run() -> None:
        memory: Any = SyncOnly()
        task = asyncio.create_task(lmb.AsyncSimpleBot(completion=port, recorder=recorder, memory=memory)("?"))
        await asyncio.to_thread(writing.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(run())
    assert written.wait(5)
    assert [message.text for message in stored] == ["?", "abc"]
    assert statuses(recorder) == ["cancelled"]
