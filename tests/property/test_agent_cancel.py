"""A run that is cancelled anywhere says so in its log, has a transcript that providers accept, and can go on."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.property.agents import (
    COLOURS,
    Decision,
    Model,
    agent,
    assert_done_once,
    assert_valid,
    finish,
    scripts,
    whole,
)
from tests.property.toolboxes import NAMES, Kit

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished, EffectStarted
from llamabot.testing import InMemoryRecorder

RUN = "run-1"
CALM = [name for name in NAMES if name not in ("asks", "asks_once", "down")]


def _assert_goes_on(script: list[Decision], model: Model, kit: Kit, store: InMemoryRecorder, colour: str) -> None:
    never, calm_model, calm_kit = InMemoryRecorder(durable=True), Model(script), Kit()
    calm = whole(lambda: agent("sync", calm_model, calm_kit, never))
    if list(store.runs()):
        _assert_told(store)
        result = finish(lambda: agent(colour, model, kit, store), RUN)
        assert (result.value, result.messages, result.usage) == (calm.value, calm.messages, calm.usage)
        assert_done_once(store.events(RUN), kit)


def _assert_told(store: InMemoryRecorder) -> None:
    (run,) = store.runs()
    assert run.status in ("cancelled", "completed")
    events = store.events(RUN)
    started = [(event.path, event.attempt) for event in events if isinstance(event, EffectStarted)]
    ended = [(event.path, event.attempt) for event in events if isinstance(event, EffectFinished)]
    assert sorted(started) == sorted(ended), "each start has one end"
    assert_valid(lmb.read_trace(events).messages)


class Stopping:
    """Raises Ctrl-C at the n-th thing that happens in the world: a completion, or a call of a tool on this thread."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, *_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


@given(
    script=scripts(CALM, fails=False), turns=st.integers(0, 40), streamed=st.booleans(), colour=st.sampled_from(COLOURS)
)
def test_a_task_that_is_cancelled_leaves_a_run_that_goes_on(
    script: list[Decision], turns: int, streamed: bool, colour: str
) -> None:
    model, kit, store = Model(script), Kit(), InMemoryRecorder(durable=True)
    bot = agent("async", model, kit, store)

    async def go() -> None:
        if not streamed:
            await bot.run("go")
            return
        async with bot.stream("go") as events:
            async for _ in events:
                pass

    async def cancelled() -> None:
        task = asyncio.create_task(go())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    _assert_goes_on(script, model, kit, store, colour)


@given(script=scripts(CALM, fails=False), seen=st.integers(0, 20), colours=st.tuples(*[st.sampled_from(COLOURS)] * 2))
def test_a_stream_that_is_closed_leaves_a_run_that_goes_on(
    script: list[Decision], seen: int, colours: tuple[str, str]
) -> None:
    model, kit, store = Model(script), Kit(), InMemoryRecorder(durable=True)
    bot = agent(colours[0], model, kit, store)

    async def read() -> None:
        async with bot.stream("go") as events:
            for _ in range(seen):
                await anext(events, None)

    if colours[0] == "async":
        asyncio.run(read())
    else:
        with bot.stream("go") as events:
            for _ in range(seen):
                next(events, None)
    _assert_goes_on(script, model, kit, store, colours[1])


@given(
    script=scripts(CALM, fails=False), number=st.integers(1, 8), streamed=st.booleans(), colour=st.sampled_from(COLOURS)
)
def test_ctrl_c_anywhere_leaves_a_run_that_goes_on(
    script: list[Decision], number: int, streamed: bool, colour: str
) -> None:
    """Raised by the provider's call or inside of a tool, alone on the caller's thread or among others."""
    stopping = Stopping(number)
    model, kit, store = Model(script, on_ask=stopping), Kit(on_call=stopping), InMemoryRecorder(durable=True)
    bot = agent("sync", model, kit, store)
    try:
        if streamed:
            with bot.stream("go") as events:
                list(events)
        else:
            bot.run("go")
    except KeyboardInterrupt:
        (run,) = store.runs()
        assert run.status == "cancelled"
    _assert_goes_on(script, model, kit, store, colour)
