"""What waits because of a fault waits on the virtual clock, and the deadline of a call holds there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import Behaviour, EchoToolbox, InMemoryRecorder, ScriptedCompletion, Turn, VirtualClock
from llamabot.testing import faults as f


class Impatient:
    """A port around another, as an application may have one: it asks again, as often as it is told, and waits."""

    def __init__(self, port: Any, clock: VirtualClock, attempts: int) -> None:
        self._port, self._clock, self._attempts = port, clock, attempts

    def complete(self, request: CompletionRequest) -> Any:
        for attempt in range(1, self._attempts):
            try:
                return self._port.complete(request)
            except lmb.errors.CompletionError as error:
                if not error.retryable:
                    raise
                self._clock.sleep(getattr(error, "retry_after_s", None) or 2.0**attempt)
        return self._port.complete(request)

    def capabilities(self, model: str) -> lmb.ModelCapabilities:
        return lmb.ModelCapabilities()


@pytest.mark.timeout(60)
def test_backing_off_takes_no_real_time_and_the_deadline_of_the_call_holds_on_the_clock() -> None:
    clock = VirtualClock()
    schedule = [f.RateLimit(600), f.ServerError(), f.TimedOut(), None]
    model = f.faulty(ScriptedCompletion(["done"]), schedule, clock=clock)
    bot = lmb.SimpleBot("Answer.", completion=Impatient(model, clock, 4), clock=clock, recorder=InMemoryRecorder())
    assert bot("go").text == "done"
    assert clock.elapsed_s == 600 + 4 + 600 + 8
    assert f.left_over(model) == ()


LATE = lmb.Limits(deadline_s=100)


@pytest.mark.parametrize(
    "schedule",
    [[f.Slow(101)], [f.TimedOut()], [None, f.Slow(101)], [f.Slow(60), f.Slow(60)], [f.Slow(1000, at=1)]],
    ids=repr,
)
@pytest.mark.parametrize("way", ["run", "stream", "arun", "astream"])
@pytest.mark.timeout(60)
def test_a_deadline_holds_on_the_virtual_clock(schedule: list[f.Fault | None], way: str) -> None:
    turns = (Turn("a b", calls=(lmb.ToolCall("a", "look", "{}"),)),) * 3
    clock = VirtualClock()
    model = f.faulty(Behaviour(turns).completion(), schedule, clock=clock)
    box = EchoToolbox([lmb.ToolSpec("look", "Look.", {"type": "object"})])
    kind: Any = lmb.AsyncAgentBot if way.startswith("a") else lmb.AgentBot
    bot = kind("Act.", tools=[box], completion=model, clock=clock, recorder=InMemoryRecorder(), limits=LATE)
    with pytest.raises(lmb.errors.LimitReached) as caught:
        _go(bot, way)
    assert caught.value.limit == "deadline_s"
    assert 100 <= clock.elapsed_s <= 120
    assert f.left_over(model) == ()


def _go(bot: Any, way: str) -> Any:
    if way == "run":
        return bot.run("go")
    if way == "stream":
        with bot.stream("go") as events:
            return list(events)
    return asyncio.run(_agone(bot, way))


async def _agone(bot: Any, way: str) -> Any:
    if way == "arun":
        return await bot.run("go")
    async with bot.stream("go") as events:
        return [event async for event in events]


def test_a_deadline_that_is_no_whole_number_of_nanoseconds_holds_too() -> None:
    clock = VirtualClock()
    model = f.faulty(ScriptedCompletion(["done"]), [f.TimedOut()], clock=clock)
    bot = lmb.SimpleBot("", completion=model, clock=clock, limits=lmb.Limits(deadline_s=1 / 3))
    with pytest.raises(lmb.errors.LimitReached):
        bot("go")
