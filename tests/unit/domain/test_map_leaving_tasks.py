"""A map that is left while it works as tasks: they are cancelled, and nothing stays behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.property.maps import bot

from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.testing import FunctionCompletion, InMemoryRecorder


class Endless(FunctionCompletion):
    """Answers the first text at once, the others never."""

    def __init__(self) -> None:
        super().__init__(lambda request: "yes")
        self.begun = self.left = 0
        self.busy = asyncio.Event()

    async def acomplete(self, request: CompletionRequest) -> Completion:
        if request.messages[-1].text != "first":
            self.begun += 1
            if self.begun == 2:
                self.busy.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.left += 1
        return await super().acomplete(request)


@pytest.mark.parametrize("way", ["close", "cancel", "exception"])
def test_leaving_cancels_what_is_at_work(way: str) -> None:
    model, recorder = Endless(), InMemoryRecorder()

    async def taken(items: Any) -> None:
        async with items:
            async for _ in items:
                await model.busy.wait()
                if way == "close":
                    break
                if way == "exception":
                    raise OSError("the disk is full")

    async def awaited() -> None:
        texts = ["first", "b", "c", "d"]
        task = asyncio.ensure_future(taken(bot("async", model, recorder=recorder).map(texts, concurrency=2)))
        if way == "cancel":
            await model.busy.wait()
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(awaited())
    assert model.begun == model.left == 2
    assert sorted(str(run.status) for run in recorder.runs()) == ["cancelled", "cancelled", "completed"]


def test_leaving_stops_an_async_source_that_is_waited_for() -> None:
    stopped = []

    async def source() -> Any:
        yield "a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    async def awaited() -> None:
        async with bot("async").map(source()) as items:
            await anext(items)
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(awaited())
    assert stopped == [True]
