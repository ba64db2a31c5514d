"""A map that is left while it works as tasks: they are cancelled, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import copy_context
from typing import Any

import pytest
from tests.property.maps import BOTH, Fate, Model, bot, mapped

from llamabot.domain.mapping.coming import Coming
from llamabot.domain.mapping.plan import Plan
from llamabot.domain.operations import current_cancellation
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.tools import Cancellation
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


def test_an_async_source_is_drawn_no_further_than_may_be_worked_on() -> None:
    async def source() -> AsyncIterator[str]:
        for text in "abcd":
            yield text

    model = Model({text: Fate(turns=5) for text in "abcd"})
    assert [item.index for item in mapped(bot("async", model), source(), concurrency=1)] == [0, 1, 2, 3]  # type: ignore[arg-type]  # awaited
    assert model.most == 1


def test_dropping_it_tells() -> None:
    async def awaited() -> None:
        items = bot("async").map(["a", "b", "c"], concurrency=1)
        await anext(items)
        with pytest.warns(ResourceWarning, match="a map was dropped"):
            del items
        for _ in range(5):  # the event loop closes what is left
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(awaited())


@BOTH
def test_a_map_inside_a_call_that_nobody_wants_is_not_wanted_either(colour: str) -> None:
    outer = Cancellation()
    context = copy_context()
    context.run(current_cancellation.set, outer)
    plan: Plan[Any] = context.run(Plan, bot(colour), ["a"], {})
    work = plan.work(0, "a")
    outer.cancel()
    assert work.cancellation.told
    work.steps.close()


def test_inputs_that_are_waited_for_end_where_they_end_and_may_be_none() -> None:
    async def awaited() -> list[Any]:
        inputs = aiter(Coming(iter(["a", None])))
        return [await anext(inputs, "end") for _ in range(3)]

    assert asyncio.run(awaited()) == ["a", None, "end"]
