"""Threads that never hold a process up.

Python cannot kill a thread. What is not waited for any longer is left in a daemon thread, its late outcome ignored;
the pools of the standard library would make the interpreter wait for it at exit. Every thread starts with a copy of
its starter's context, so overrides and the current run reach it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from llamabot.domain.operations import DeadlinePassed

__all__ = ["InThread", "call_within", "in_thread", "in_threads", "in_threads_told", "settled"]

E = TypeVar("E")
T = TypeVar("T")


def call_within(timeout_s: float, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a thread, but wait for it no longer than `timeout_s`.

    Raises:
        DeadlinePassed: it has not ended; it goes on unseen.
    """
    future = _started(function, *arguments)
    wait([future], timeout=timeout_s)
    if not future.done():
        raise DeadlinePassed(future)
    return future.result()


async def settled(future: Future[T]) -> T:
    """Wait for a future without blocking the event loop; who stops waiting does not cancel it."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def wake(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any longer
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(wake)
    await done.wait()
    return future.result()


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a thread without blocking the event loop."""
    return await asyncio.wrap_future(_started(function, *arguments))


def in_threads(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Call functions at once; wait for all, then return their results or raise the first error in their order."""
    futures = [_started(function) for function in functions]
    wait(futures)
    return [future.result() for future in futures]


def in_threads_told(functions: Sequence[Callable[[Callable[[E], None]], T]]) -> Generator[E, None, list[T]]:
    """As `in_threads`, yielding meanwhile what the functions tell; each is given the means to."""
    told: SimpleQueue[E | None] = SimpleQueue()
    futures = [_started(function, told.put) for function in functions]
    for future in futures:
        future.add_done_callback(lambda _: told.put(None))
    left = len(futures)
    while left:
        event = told.get()
        if event is None:
            left -= 1
        else:
            yield event
    return [future.result() for future in futures]


class InThread(Future[T]):
    """What a function will give that is called in a thread of its own, from `start` on.

    Args:
        function: to be called.
        arguments: of it.
        context: that it runs in, and nothing else; by default a copy of this one.
    """

    def __init__(self, function: Callable[..., T], *arguments: Any, context: Context | None = None) -> None:
        super().__init__()
        inside = copy_context() if context is None else context
        call = partial(inside.run, function, *arguments)
        self._thread = threading.Thread(target=_work, args=(self, call), name="llamabot", daemon=True)

    def start(self) -> None:
        """Call the function."""
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the thread is gone, which is a moment after the function has ended; not if it was never there.

        Returns:
            Whether it is gone.
        """
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()


def _started(function: Callable[..., T], *arguments: Any) -> Future[T]:
    future = InThread(function, *arguments)
    future.start()
    return future


def _work(future: Future[T], call: Callable[[], T]) -> None:
    try:
        if future.set_running_or_notify_cancel():
            future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
    finally:
        del future  # an error in it would hold itself by this frame
