"""The steps of an ingestion that take time, and the two ways to take them: on the caller's thread, or awaited.

What is done, and in what order, stands once, in `ingesting`; here is what a colour makes of one step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from llamabot.domain.threads import in_thread

__all__ = ["Ask", "Do", "Steps", "take", "take_awaited"]

T = TypeVar("T")


class Do(msgspec.Struct, frozen=True):
    """Call a function that looks at files."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


class Ask(msgspec.Struct, frozen=True):
    """Call a method of a port.

    Attributes:
        method: the sync one's name; the async one has an `a` before it.
        yields: whether it yields what it has to say, all of which is wanted.
    """

    port: Any
    method: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = {}
    yields: bool = False


Steps: TypeAlias = Generator[Do | Ask, Any, T]


def take(steps: Steps[T]) -> T:
    """Take steps on the caller's thread and return what they come to."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            step = resume(value)
            try:
                resume, value = steps.send, _taken(step)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        del resume, value  # an error held here would keep its own traceback alive


async def take_awaited(steps: Steps[T]) -> T:
    """Take steps without blocking the event loop and return what they come to."""
    resume: Any = steps.send
    value: Any = None
    try:
        while True:
            step = resume(value)
            try:
                resume, value = steps.send, await _awaited(step)
            except BaseException as error:
                resume, value = steps.throw, error
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        del resume, value


def _taken(step: Do | Ask) -> Any:
    if isinstance(step, Do):
        return step.function(*step.arguments)
    answer = getattr(step.port, step.method)(*step.arguments, **step.named)
    return list(answer) if step.yields else answer


async def _awaited(step: Do | Ask) -> Any:
    """Await the async method; what has none, and what looks at files, is called in a thread."""
    method = getattr(step.port, f"a{step.method}", None) if isinstance(step, Ask) else None
    if not isinstance(step, Ask) or method is None:
        return await in_thread(_taken, step)
    answer = method(*step.arguments, **step.named)
    return [each async for each in answer] if step.yields else await answer
