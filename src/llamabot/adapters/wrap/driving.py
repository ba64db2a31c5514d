"""The four drivers of a decorator's body: the only place where its colours differ."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from typing import Any

from llamabot.adapters.wrap.steps import Ask, Give, Operation, Steps
from llamabot.ports.completion import CompletionChunk

__all__ = ["adrive", "adrive_stream", "drive", "drive_stream"]


class _Driven:
    """What a body asks for, one operation after the other; each is answered before the next is asked for.

    Attributes:
        gave: what the operation gave, which the body is sent.
        failed: how it failed, which is thrown into the body in its place.
        returned: what the body returned, once it asks for nothing more.
    """

    __slots__ = ("_steps", "failed", "gave", "returned")

    gave: Any
    failed: BaseException | None
    returned: Any

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.gave = self.failed = None

    def __iter__(self) -> Iterator[Operation]:
        steps = self._steps
        while True:
            try:
                operation = steps.send(self.gave) if self.failed is None else steps.throw(self.failed)
            except StopIteration as stop:
                self.returned = stop.value
                return
            finally:
                self.gave = self.failed = None  # an error held here would keep its own traceback alive
            yield operation


def drive(steps: Steps, method: str) -> Any:
    """Do what a body asks on this thread; return what it gives."""
    driven = _Driven(steps)
    for operation in driven:
        try:
            driven.gave = operation.do(method)
        except BaseException as error:
            driven.failed = error
    return driven.returned


async def adrive(steps: Steps, method: str) -> Any:
    """As `drive`, without blocking the event loop."""
    driven = _Driven(steps)
    for operation in driven:
        try:
            driven.gave = await operation.ado(method)
        except BaseException as error:
            driven.failed = error
    return driven.returned


def drive_stream(steps: Steps) -> Generator[CompletionChunk, None, None]:
    """As `drive`, yielding the fragments."""
    driven = _Driven(steps)
    for operation in driven:
        try:
            if isinstance(operation, Ask | Give):
                yield from operation.fragments()
            else:
                driven.gave = operation.do("stream")
        except BaseException as error:
            driven.failed = error


async def adrive_stream(steps: Steps) -> AsyncGenerator[CompletionChunk, None]:
    """As `drive_stream`, without blocking the event loop."""
    driven = _Driven(steps)
    for operation in driven:
        try:
            if isinstance(operation, Ask | Give):
                async with aclosing(operation.afragments()) as fragments:
                    async for chunk in fragments:
                        yield chunk
            else:
                driven.gave = await operation.ado("stream")
        except BaseException as error:
            driven.failed = error
