"""The transport that is awaited: asyncio's own connections, kept for each event loop and closed when it ends."""

from __future__ import annotations

import asyncio
import ssl
import time
import weakref
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from llamabot.adapters.wire.awaited_line import AwaitedLine, go
from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import KEPT_S
from llamabot.adapters.wire.way import reached
from llamabot.protocols.loops import close_with_loop

__all__ = ["AwaitedConnections"]

T = TypeVar("T")

_UNSEEN_S = 0.2

_Route = tuple[object, ...]
_Loop = asyncio.AbstractEventLoop
_Routes = dict[_Route, list[AwaitedLine]]
_Idle = dict[_Loop, _Routes]


class AwaitedConnections:
    """The connections of one adapter, for any number of event loops, each of which has its own.

    As with the blocking ones, a connection that the server has closed is not used, and a request that is on its way is
    not sent again.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._idle: _Idle = {}
        self._owner = object()
        weakref.finalize(self, _close_all, self._idle)

    async def line_for(self, call: Call) -> AwaitedLine:
        """Return a connection to the server of a call, one that waited or a new one; its answer is told of failures."""
        line = await self._taken(call.address.route)
        if line is None:
            line = AwaitedLine()
            await go(reached(line, call, self._tls))
        return line

    async def answered(self, call: Call, exchange: Generator[None, None, T]) -> T:
        """Ask, go through an exchange, and return what it comes to; raises what it raises."""
        line = await self.line_for(call)
        try:
            line.ask(call.request_bytes, call.answer, call.deadline)
            while True:
                next(exchange)
                await line.receive(call.deadline)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self._let_go(line, call)

    async def aclose(self) -> None:
        """Close the connections of this loop now, and those of others as soon as they come to it."""
        await _closing(self._idle)(asyncio.get_running_loop())
        self.close()

    def close(self) -> None:
        """Close all connections, those of loops that run as soon as they come to it."""
        _close_all(self._idle)

    async def _taken(self, route: _Route) -> AwaitedLine | None:
        loop = asyncio.get_running_loop()
        routes = self._idle.get(loop)
        if routes is None:
            routes = await self._home(loop)
        lines = routes.setdefault(route, [])
        while lines:
            line = lines.pop()
            idle_s = time.monotonic() - line.idle_since
            if idle_s > _UNSEEN_S:
                # Two turns, in which a loop that was kept from its work sees that the server has closed it.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            if idle_s < KEPT_S and line.is_alive and line.is_silent():
                return line
            line.close()
        return None

    async def _home(self, loop: _Loop) -> _Routes:
        """Make a place for the connections that will wait in a loop, which are closed when it ends."""
        for ended in [one for one in list(self._idle) if one.is_closed()]:
            self._idle.pop(ended, None)
        routes = self._idle[loop] = {}
        await close_with_loop(self._owner, _closing(self._idle))
        return routes

    def _let_go(self, line: AwaitedLine, call: Call) -> None:
        """Keep a connection whose answer has been read to its end, if that is safe, and close any other."""
        routes = self._idle.get(line.loop)  # none, where they were closed meanwhile
        if routes is None or not call.answer.may_be_followed() or not line.is_alive:
            line.close()
            return
        line.rest()
        routes.setdefault(call.address.route, []).append(line)


def _closing(idle: _Idle) -> Callable[[_Loop], Awaitable[None]]:
    async def close(loop: _Loop) -> None:
        _abort_all(idle, loop)
        await asyncio.sleep(0)  # in which they are closed

    return close


def _close_all(idle: _Idle) -> None:
    for loop in list(idle):
        if loop.is_closed():
            idle.pop(loop, None)
        else:
            loop.call_soon_threadsafe(_abort_all, idle, loop)


def _abort_all(idle: _Idle, loop: _Loop) -> None:
    for lines in idle.pop(loop, {}).values():
        while lines:
            lines.pop().close()
