"""The four drivers: the only place where sync, async and streaming differ.

Each performs the operations of one run until it ends. The loops have the same shape on purpose: a colour is syntax,
and what they could share costs more than it saves (docs/adr/0003-effects.md). What an effect means on a port stands in
`performing`, how a streamed answer is read in `reading`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from functools import partial
from typing import Any, TypeAlias, TypeVar

from llamabot.domain.effects import Complete, Rephrase
from llamabot.domain.operations import Group, Operation, Settle, Step, Steps, Tell, Wait
from llamabot.domain.performing import aperform, perform
from llamabot.domain.reading import Reading, aread, read
from llamabot.domain.result import Announcement, Finished, Result, StreamEvent
from llamabot.domain.threads import in_thread, in_threads, in_threads_told, settled
from llamabot.domain.world import World

__all__ = ["NO_WORLD", "adrive", "adrive_rest", "adrive_stream", "drive", "drive_rest", "drive_stream"]

T = TypeVar("T")
Begun: TypeAlias = Steps[tuple[Steps[Result[T]], World]]
"""Steps that read how far a run had come, and give those that go on with it."""
Telling: TypeAlias = Callable[[Announcement], object]


def _ignore(event: Announcement) -> None:
    """Nobody streams this run."""


def drive(steps: Steps[T], world: World, tell: Telling = _ignore) -> T:
    """Perform a run on the caller's thread and return what it gives; `tell` is told of its events."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                resume, value = steps.send, _carry_out(operation, world, tell)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # in a variable, an error in it would hold itself by this frame
    finally:
        del resume, value  # an error held here would keep its own traceback alive


async def adrive(steps: Steps[T], world: World, tell: Telling = _ignore) -> T:
    """Perform a run without blocking the event loop and return what it gives; `tell` is told of its events."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                resume, value = steps.send, await _acarry_out(operation, world, tell)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above
    finally:
        del resume, value


def drive_stream(steps: Steps[Result[T]], world: World) -> Generator[StreamEvent[T], None, None]:
    """Perform a run on the caller's thread and yield what happens; `Finished` is last.

    Closing the generator closes the provider's stream and the core.
    """
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                if reading := _reading(operation, world):
                    resume, value = steps.send, (yield from read(reading, world))
                elif isinstance(operation, Group):
                    resume, value = steps.send, (yield from in_threads_told(_told(operation, world)))
                elif isinstance(operation, Tell):
                    yield operation.event
                    resume, value = steps.send, None
                else:
                    resume, value = steps.send, _carry_out(operation, world)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        result: Result[T] = stop.value
    finally:
        del resume, value
    yield Finished(result)


async def adrive_stream(steps: Steps[Result[T]], world: World) -> AsyncGenerator[StreamEvent[T], None]:
    """Perform a run without blocking the event loop and yield what happens; `Finished` is last."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                if reading := _reading(operation, world):
                    async with aclosing(aread(reading, world)) as events:
                        async for event in events:
                            yield event
                    resume, value = steps.send, reading.completion()
                elif isinstance(operation, Group):
                    together = _Together(operation, world)
                    async with aclosing(together.events()) as announcements:
                        async for announcement in announcements:
                            yield announcement
                    resume, value = steps.send, together.results()
                elif isinstance(operation, Tell):
                    yield operation.event
                    resume, value = steps.send, None
                else:
                    resume, value = steps.send, await _acarry_out(operation, world)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        result: Result[T] = stop.value
    finally:
        del resume, value
    yield Finished(result)


def drive_rest(begun: Begun[T]) -> Generator[StreamEvent[T], None, None]:
    """Go on with a run as `drive_stream` does."""
    yield from drive_stream(*drive(begun, NO_WORLD))


async def adrive_rest(begun: Begun[T]) -> AsyncGenerator[StreamEvent[T], None]:
    """Go on with a run as `adrive_stream` does."""
    async with aclosing(adrive_stream(*await adrive(begun, NO_WORLD))) as events:
        async for event in events:
            yield event


NO_WORLD: Any = None
"""Of steps that perform no effect."""


def _carry_out(operation: Operation, world: World, tell: Telling = _ignore) -> Any:
    match operation:
        case Step():
            return perform(operation, world)
        case Tell():
            return tell(operation.event)
        case Group():
            return in_threads([partial(drive, member, world, tell) for member in operation.members])
        case Settle():
            return operation.ticket.result()
        case Wait():
            return operation.function()


async def _acarry_out(operation: Operation, world: World, tell: Telling = _ignore) -> Any:
    match operation:
        case Step():
            return await aperform(operation, world)
        case Tell():
            return tell(operation.event)
        case Group():
            return await _together(_tasks(operation, world, tell))
        case Settle():
            return await settled(operation.ticket)
        case Wait():
            return await (operation.awaited() if operation.awaited else in_thread(operation.function))


def _told(group: Group, world: World) -> list[Callable[[Telling], Any]]:
    return [partial(drive, member, world) for member in group.members]


def _tasks(group: Group, world: World, tell: Telling) -> list[asyncio.Task[Any]]:
    return [asyncio.ensure_future(adrive(member, world, tell)) for member in group.members]


async def _together(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    # gather with exceptions as results waits for every task, also when this one is cancelled, and cancels none else
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


class _Together:
    """A group of a streamed run: what its members tell as it happens, then their results."""

    def __init__(self, group: Group, world: World) -> None:
        self._told: asyncio.Queue[Announcement | None] = asyncio.Queue()
        self._tasks = _tasks(group, world, self._told.put_nowait)

    async def events(self) -> AsyncGenerator[Announcement, None]:
        """Yield what is told until all members have ended; leaving cancels them."""
        for task in self._tasks:
            task.add_done_callback(lambda _: self._told.put_nowait(None))
        left = len(self._tasks)
        try:
            while left:
                event = await self._told.get()
                if event is None:
                    left -= 1
                else:
                    yield event
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def results(self) -> list[Any]:
        """Return the results in the order of the members, or raise the first error."""
        return [task.result() for task in self._tasks]


def _reading(operation: Operation, world: World) -> Reading | None:
    if not isinstance(operation, Step) or isinstance(operation.effect, Rephrase):
        return None
    effect = operation.effect
    return Reading(operation, effect.request, world) if isinstance(effect, Complete) else None
