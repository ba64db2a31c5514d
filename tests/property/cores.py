"""Small cores of a test's own, performed by each of the four drivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import llamabot as lmb
from llamabot.domain.drivers import adrive, adrive_stream, drive, drive_stream
from llamabot.domain.effects import Core
from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.domain.result import Conclusion, Finished, Result
from llamabot.domain.run import Run
from llamabot.domain.world import World
from llamabot.ports.recorder import EffectFinished, EffectStarted, RunEvent, RunFinished, RunStarted
from llamabot.testing import CountingIds, InMemoryRecorder, ScriptedCompletion, TickingClock

__all__ = ["DRIVERS", "answered", "assert_orderly", "perform", "world_of"]


def world_of(completion: Any = None, memory: Any = None, recorder: Any = None, clock: Any = None) -> World:
    """Return a world of fakes, in which each may be replaced."""
    return World(
        completion or ScriptedCompletion(),
        memory or lmb.ChatMemory(),
        recorder or InMemoryRecorder(),
        clock or TickingClock(),
        CountingIds(),
    )


def perform(driver: str, core: Core[Any], world: World, limits: Limits = NO_LIMITS) -> Any:
    """Run a core, whose value is returned, under one of the `DRIVERS`."""
    run = Run(world, bot="core", limits=limits)
    return DRIVERS[driver](run.steps(answered(core)), world).value


def answered(core: Core[Any]) -> Core[Conclusion[Any]]:
    """Return a core whose value is the answer of a bot."""
    value = yield from core
    return Conclusion(value, "", (), lmb.FinishReason.STOP)


def assert_orderly(events: Any) -> None:
    """Check what holds for the log of any run that ended: one start, one end, each effect once and in time."""
    events = [event for event in events if hasattr(event, "at_ns")]
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert [type(event) for event in events[1:-1] if not isinstance(event, EffectStarted | EffectFinished)] == []
    assert len({event.run_id for event in events}) == 1
    times = [event.at_ns for event in events]
    assert times == sorted(times)
    started, finished = _places(events, EffectStarted), _places(events, EffectFinished)
    assert len(set(started)) == len(started), "an effect was started twice"
    assert sorted(started) == sorted(finished), "an effect was not finished exactly once"
    for place in started:
        first, second = (
            next(at for at, event in enumerate(events) if isinstance(event, kind) and _place(event) == place)
            for kind in (EffectStarted, EffectFinished)
        )
        assert first < second


def _places(events: list[RunEvent], kind: type[Any]) -> list[tuple[str, int, str]]:
    return [_place(event) for event in events if isinstance(event, kind)]


def _place(event: Any) -> tuple[str, int, str]:
    return event.path, event.attempt, event.effect


def _last(events: Any) -> Result[Any]:
    *_, last = events
    assert isinstance(last, Finished)
    return last.result


async def _alast(events: Any) -> Result[Any]:
    return _last([event async for event in events])


DRIVERS: dict[str, Callable[[Any, World], Result[Any]]] = {
    "drive": drive,
    "adrive": lambda steps, world: asyncio.run(adrive(steps, world)),
    "drive_stream": lambda steps, world: _last(drive_stream(steps, world)),
    "adrive_stream": lambda steps, world: asyncio.run(_alast(adrive_stream(steps, world))),
}
