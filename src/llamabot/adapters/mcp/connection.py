"""A connection to a server: one thread with an event loop of its own, in which the session lives from begin to end.

Any thread and any event loop asks through it, and waits for a future. It knows nothing of the toolbox, which can thus
be collected; what is left open is closed when the process ends. A child made by `fork` has the memory of its parent's
connection and not the thread, so it lets that rest and makes one of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from llamabot.adapters.mcp.errors import ServerGone, why_not_connected
from llamabot.adapters.mcp.loading import load_mcp
from llamabot.adapters.mcp.signs import Signs
from llamabot.adapters.mcp.sources import Source
from llamabot.ports.errors import LlamabotError, ToolboxUnavailable

__all__ = ["Connection"]

T = TypeVar("T")

# The vendor gives a child process 2 s to leave, 2 more after SIGTERM, and then kills it.
_TO_CLOSE_S = 8.0

_logger = logging.getLogger("llamabot")
_open: set[Connection] = set()
_of_parents: list[Connection] = []
_hooked = False


class Connection:
    """Opened by its constructor, in the background.

    Attributes:
        ready: resolves once requests can be made, or fails with the error that says why not.
        finished: resolves once everything is closed; a child process is gone by then.
    """

    def __init__(self, source: Source, connect_timeout_s: float) -> None:
        self.ready: Future[Any] = Future()
        self.finished: Future[None] = Future()
        self._source = source
        self._connect_timeout_s = connect_timeout_s
        self._lock = threading.Lock()
        self._ended = False
        self._pid = os.getpid()
        self._signs = Signs()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        _remember(self)
        threading.Thread(target=self._work, name="llamabot-mcp", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether requests can no longer be made, in this process."""
        return self._ended or self._closing.is_set() or self._pid != os.getpid()

    def submit(self, ask: Callable[[Any], Coroutine[Any, Any, T]]) -> Future[T]:
        """Let the client be asked something; cancelling the future cancels the request at the server.

        Raises:
            ServerGone: too late.
        """
        with self._lock:
            if self.ended:
                raise ServerGone
            return asyncio.run_coroutine_threadsafe(self._asking(ask), self._loop)

    async def _asking(self, ask: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(_take_note)
        try:
            return await ask(self.ready.result())
        except asyncio.CancelledError:
            if self._ended:  # not the caller has cancelled it, but the end of the loop
                raise ServerGone from None
            raise

    def close(self) -> None:
        """Begin to close, without waiting; may be called from anywhere, a garbage collection included."""
        if self._pid == os.getpid():
            with suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._wind_up)

    def wait(self) -> None:
        """Wait until everything is closed; a server that does not let go is left after some seconds."""
        wait_for([self.finished], timeout=_TO_CLOSE_S)

    def _wind_up(self) -> None:
        self._closing.set()
        if self._task is not None and not self.ready.done():
            self._task.cancel()

    def _work(self) -> None:
        try:
            load_mcp()  # which takes a while that is not the server's
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        except BaseException as error:  # noqa: BLE001 - whatever ended it is told to those who wait
            self._tell(error)
        finally:
            self._loop.close()  # if it never ran
            _open.discard(self)
            self.finished.set_result(None)

    async def _live(self) -> None:
        self._task = asyncio.current_task()
        async with asyncio.timeout(None) as patience, AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._connect_timeout_s):
                    client = await stack.enter_async_context(self._source.open(self._signs))
                self.ready.set_result(client)
                await self._closing.wait()
            finally:
                patience.reschedule(self._loop.time() + _TO_CLOSE_S)
                with self._lock:
                    self._ended = True

    def _tell(self, error: BaseException) -> None:
        """Say why there was no connection, or note that there is one no longer."""
        self._ended = True
        if self.ready.done():
            _logger.debug("the connection to the MCP server '%s' ended: %s", self._source, type(error).__name__)
        elif self._closing.is_set():
            self.ready.set_exception(ToolboxUnavailable(f"the toolbox of the MCP server '{self._source}' was closed"))
        else:
            self.ready.set_exception(self.explain(error))

    def explain(self, error: BaseException) -> LlamabotError:
        """Return an error of ours that says why the server cannot be used, and what mends that."""
        return why_not_connected(error, self._source, self._signs, self._connect_timeout_s)


def _take_note(task: asyncio.Task[Any]) -> None:
    """Look at how a task ended: where nobody waits any longer, asyncio would print an error that nobody saw."""
    if not task.cancelled():
        task.exception()


def _remember(connection: Connection) -> None:
    """See to it that a connection is closed with the process, and left alone by forked children."""
    global _hooked
    if not _hooked:
        _hooked = True
        atexit.register(_close_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_leave_to_the_parent)
    _open.add(connection)


def _close_all() -> None:
    connections = list(_open)
    for connection in connections:
        connection.close()
    wait_for([connection.finished for connection in connections], timeout=_TO_CLOSE_S)


def _leave_to_the_parent() -> None:
    """Keep connections of the parent from being collected, which would close what the parent still uses."""
    _of_parents.extend(_open)
    _open.clear()
