"""The four drivers: the only place where sync, async and streaming differ.

Each performs the operations of one run until it ends. The loops have the same shape on purpose; they cannot be one,
because a colour is syntax. What an effect means on a port stands in `performing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from llamabot.domain.effects import Complete
from llamabot.domain.operations import Group, Operation, Settle, Step, Steps, Tell
from llamabot.domain.performing import Reading, aperform, aread, perform, read
from llamabot.domain.result import Finished, Result, StreamEvent
from llamabot.domain.threads import in_threads, settled
from llamabot.domain.world import World

__all__ = ["adrive", "adrive_stream", "drive", "drive_stream"]

T = TypeVar("T")


def drive(steps: Steps[T], world: World) -> T:
    """Perform a run on the caller's thread and return what it gives."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                resume, value = steps.send, _carry_out(operation, world)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        del resume, value  # an error held here would keep its own traceback alive


async def adrive(steps: Steps[T], world: World) -> T:
    """Perform a run without blocking the event loop and return what it gives."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                resume, value = steps.send, await _acarry_out(operation, world)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        result: T = stop.value
        return result
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


def _carry_out(operation: Operation, world: World) -> Any:
    match operation:
        case Step():
            return perform(operation, world)
        case Group():
            return in_threads([partial(drive, member, world) for member in operation.members])
        case Settle():
            return operation.ticket.result()
        case Tell():
            return None


async def _acarry_out(operation: Operation, world: World) -> Any:
    match operation:
        case Step():
            return await aperform(operation, world)
        case Group():
            return await _together([asyncio.ensure_future(adrive(member, world)) for member in operation.members])
        case Settle():
            return await settled(operation.ticket)
        case Tell():
            return None


async def _together(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    # gather with exceptions as results waits for every task, also when this one is cancelled, and cancels none else
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


def _reading(operation: Operation, world: World) -> Reading | None:
    if isinstance(operation, Step) and isinstance(operation.effect, Complete):
        return Reading(operation, operation.effect.request, world)
    return None
