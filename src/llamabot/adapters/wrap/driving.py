"""The four drivers of a decorator's body: the only place where its colours differ.

The loops have the same shape on purpose; they cannot be one, because a colour is syntax.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any

from llamabot.adapters.wrap.steps import Ask, Give, Steps
from llamabot.ports.completion import CompletionChunk

__all__ = ["adrive", "adrive_stream", "drive", "drive_stream"]


def drive(steps: Steps, method: str) -> Any:
    """Do what a body asks on this thread; return what it gives."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                resume, value = steps.send, operation.do(method)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        return stop.value
    finally:
        del resume, value  # an error held here would keep its own traceback alive


async def adrive(steps: Steps, method: str) -> Any:
    """As `drive`, without blocking the event loop."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                resume, value = steps.send, await operation.ado(method)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        return stop.value
    finally:
        del resume, value


def drive_stream(steps: Steps) -> Generator[CompletionChunk, None, None]:
    """As `drive`, yielding the fragments."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                if isinstance(operation, Ask | Give):
                    yield from operation.fragments()
                    resume, value = steps.send, None
                else:
                    resume, value = steps.send, operation.do("stream")
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration:
        return
    finally:
        del resume, value


async def adrive_stream(steps: Steps) -> AsyncGenerator[CompletionChunk, None]:
    """As `drive_stream`, without blocking the event loop."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            operation = resume(value)
            try:
                if isinstance(operation, Ask | Give):
                    async with aclosing(operation.afragments()) as fragments:
                        async for chunk in fragments:
                            yield chunk
                    resume, value = steps.send, None
                else:
                    resume, value = steps.send, await operation.ado("stream")
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration:
        return
    finally:
        del resume, value
