"""The transport that is awaited: asyncio's own connections, kept for each event loop and closed when it ends."""

from __future__ import annotations

import asyncio
import ssl
import time
import weakref
from collections.abc import Awaitable, Callable

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.awaited_line import AwaitedLine, connected
from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import KEPT_S, raise_meaning
from llamabot.adapters.wire.exchange import Answer
from llamabot.protocols.loops import close_with_loop

__all__ = ["AwaitedConnections", "AwaitedExchange"]

_UNSEEN_S = 0.2

_Route = tuple[object, ...]
_Loop = asyncio.AbstractEventLoop
_Idle = dict[_Loop, dict[_Route, list[AwaitedLine]]]


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

    async def post(self, call: Call) -> AwaitedExchange:
        """Send a request; return the answer, of which the head has come; raises as the blocking transport."""
        lines = await self._lines(call.address)
        answer = Answer()
        line = await self._taken(lines)
        try:
            if line is None:
                line = await connected(call.address, call.deadline, self._tls)
            line.ask(call.request_bytes(), answer)
            while not answer.has_head():
                await line.wait(call.deadline)
        except BaseException as error:
            if line is not None:
                line.abort()
            if isinstance(error, OSError):
                raise_meaning(error)
            raise
        return AwaitedExchange(lines, line, answer)

    async def fetch(self, call: Call) -> None:
        """Have a call answered as a whole; raises as `post`, and what the call raises."""
        exchange = await self.post(call)
        try:
            call.begin(exchange.answer)
            while data := await exchange.read(call.deadline):
                call.take(data)
            exchange.keep()
        finally:
            exchange.close()

    async def aclose(self) -> None:
        """Close the connections of this loop now, and those of others as soon as they come to it."""
        await _closing(self._idle)(asyncio.get_running_loop())
        self.close()

    def close(self) -> None:
        """Close all connections, those of loops that run as soon as they come to it."""
        _close_all(self._idle)

    async def _lines(self, address: Address) -> list[AwaitedLine]:
        """Return the connections to a server that wait in the running loop."""
        loop = asyncio.get_running_loop()
        routes = self._idle.get(loop)
        if routes is None:
            for ended in [one for one in list(self._idle) if one.is_closed()]:
                self._idle.pop(ended, None)
            routes = self._idle[loop] = {}
            await close_with_loop(self._owner, _closing(self._idle))
        return routes.setdefault(address.route, [])

    async def _taken(self, lines: list[AwaitedLine]) -> AwaitedLine | None:
        while lines:
            line = lines.pop()
            idle_s = time.monotonic() - line.idle_since
            if idle_s > _UNSEEN_S:
                # Two turns, in which a loop that was kept from its work sees that the server has closed it.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            if idle_s < KEPT_S and line.is_alive:
                return line
            line.abort()
        return None


class AwaitedExchange:
    """One answer whose head has come."""

    def __init__(self, home: list[AwaitedLine], line: AwaitedLine, answer: Answer) -> None:
        self._home = home
        self._line: AwaitedLine | None = line
        self.answer = answer

    async def read(self, deadline: float) -> bytes:
        """Return the next piece of the body, b"" at its end; raises as `AwaitedConnections.post`."""
        while (data := self.answer.taken()) is None:
            if self._line is None:
                return b""
            await self._line.wait(deadline)
        return data

    def keep(self) -> None:
        """Let the connection be used again, if that is safe."""
        line, self._line = self._line, None
        if line is None:
            return
        if self.answer.may_be_followed() and line.is_alive:
            line.rest()
            self._home.append(line)
        else:
            line.abort()

    def close(self) -> None:
        """Close the connection, unless it was kept."""
        line, self._line = self._line, None
        if line is not None:
            line.abort()


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
            lines.pop().abort()
