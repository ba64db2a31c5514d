"""One event loop in a daemon thread, for async tools of agents that are not async.

It works where the caller's own thread runs a loop already (Jupyter). It is made when it is first needed; a child made
by `fork` makes its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

from llamabot.ports.tools import Cancellation

__all__ = ["in_background"]

T = TypeVar("T")

_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The loop of each process, so that a child does not take its parent's."""


def in_background(work: Coroutine[Any, Any, T], cancellation: Cancellation) -> T:
    """Run a coroutine on the background loop, in a copy of this context, and wait for it.

    Cancelled with `cancellation`, and when the wait is interrupted.
    """
    loop, future = _loop(), Future[T]()
    tasks: list[asyncio.Task[None]] = []

    async def run() -> None:
        try:
            future.set_result(await work)
        except BaseException as error:  # noqa: BLE001 - it is the waiting thread's
            future.set_exception(error)

    def start() -> None:
        tasks.append(loop.create_task(run()))
        cancellation.on_cancel(stop)

    def stop() -> None:
        loop.call_soon_threadsafe(tasks[0].cancel)

    loop.call_soon_threadsafe(start, context=copy_context())
    try:
        return future.result()
    except BaseException:
        cancellation.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    loop = _loops.get(os.getpid())
    if loop is None:
        made = asyncio.new_event_loop()
        loop = _loops.setdefault(os.getpid(), made)  # one step, so that threads which come at once share one loop
        if loop is made:
            threading.Thread(target=loop.run_forever, name="llamabot-async-tools", daemon=True).start()
        else:
            made.close()
    return loop
