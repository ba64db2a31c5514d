"""Leaving a call at any moment: no request is made after it, the provider stops, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

__all__ = ["aclose_stream", "close_stream", "settled"]

_POLL_S = 0.001
_LONGEST_PREPARATION_S = 2.0
_CONNECTIONS = ("http_response", "streaming_response", "response_iterator")
_TURNS = 20  # more than twice as many as there are generators around a connection


async def settled(work: Coroutine[Any, Any, Any], *, forbid: Callable[[], None]) -> Any:
    """Return what the work gives; cancelled, end it first, and `forbid` it to make its request if it has not yet.

    LiteLLM prepares an asynchronous call in a thread, which hands back a coroutine. Cancelled meanwhile, it drops that
    coroutine, of which Python then complains. So a call runs in a task of its own, and one that is cancelled while it
    prepares is stopped at its first step after that.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        forbid()
        await _end(task)
        raise


async def _end(task: asyncio.Task[Any]) -> None:
    patience = _LONGEST_PREPARATION_S
    while _prepares(task) and patience > 0:
        patience -= _POLL_S
        await asyncio.sleep(_POLL_S)
    task.cancel()
    # What the task ended with, nobody waits for any more.
    with contextlib.suppress(BaseException):
        await asyncio.shield(task)


def _prepares(task: asyncio.Task[Any]) -> bool:
    """Whether the task waits for LiteLLM's thread: its innermost coroutine is that of LiteLLM's main module."""
    innermost: Any = task.get_coro()
    while (awaited := getattr(innermost, "cr_await", None)) is not None and hasattr(awaited, "cr_await"):
        innermost = awaited
    code = getattr(innermost, "cr_code", None)
    return not task.done() and code is not None and code.co_filename.endswith(("litellm/main.py", "litellm\\main.py"))


def close_stream(stream: Any) -> None:
    """Close the connection behind a stream, else the provider sends, and bills, to the end. Never raises."""
    for part in _parts(stream):
        close = getattr(part, "close", None)
        if callable(close) and not inspect.iscoroutinefunction(close):
            with contextlib.suppress(Exception):
                close()


async def aclose_stream(stream: Any) -> None:
    """Close the connection behind a stream, and see to it that nothing of it is left for the event loop.

    The generators around a connection are dropped one by one, and for each asyncio makes a task that closes it. Where
    the loop is closed before their turn, it complains.
    """
    if stream is None:
        return
    await _close(stream)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _close(stream: Any) -> None:
    for part in _parts(stream):
        close = getattr(part, "aclose", None) or getattr(part, "close", None)
        if callable(close):
            with contextlib.suppress(Exception):
                closing = close()
                if inspect.isawaitable(closing):
                    await closing


def _parts(stream: Any) -> Iterator[Any]:
    """Yield what may hold the connection, the innermost first.

    It differs by provider: the OpenAI client's stream, an HTTP response, or a generator over its lines. All of them are
    closed; what has ended already does not mind. LiteLLM's own `aclose` closes the outermost alone.
    """
    within = getattr(stream, "completion_stream", None)
    yield from (part for name in _CONNECTIONS if (part := getattr(within, name, None)) is not None)
    if within is not None:
        yield within
