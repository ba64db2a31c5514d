"""The blocking transport: sockets that are kept."""

from __future__ import annotations

import os
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable

from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import KEPT_S, raise_meaning
from llamabot.adapters.wire.exchange import Answer
from llamabot.adapters.wire.line import Line, connected

__all__ = ["BlockingConnections", "BlockingExchange"]

_MOST_IDLE = 100

_Route = tuple[object, ...]
_Idle = dict[_Route, deque[Line]]


class BlockingConnections:
    """The connections of one adapter; safe to share by threads.

    A connection that waits for its next request is looked at before it gets one: where the server has closed it, or has
    said something that nobody asked for, another is made. Nothing had been sent, so nothing is asked twice. Once a
    request is on its way there is no second try.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._idle: _Idle = {}
        self._process = os.getpid()
        self._generation = 0
        weakref.finalize(self, _close_all, self._idle)

    def post(self, call: Call) -> BlockingExchange:
        """Send a request; return the answer, of which the head has come.

        Raises:
            ConnectionFailed: there is none.
            TimeoutError: it did not come before the call's deadline.
        """
        route, answer = call.address.route, Answer()
        line = self._taken(route)
        try:
            if line is None:
                line = connected(call.address, call.deadline, self._tls, self._generation)
            line.ask(call.request_bytes(), answer, call.deadline)
        except BaseException as error:
            if line is not None:
                line.close()
            if isinstance(error, OSError):
                raise_meaning(error)
            raise
        return BlockingExchange(self, route, line, answer)

    def fetch(self, call: Call) -> None:
        """Have a call answered as a whole; raises as `post`, and what the call raises."""
        exchange = self.post(call)
        try:
            call.begin(exchange.answer)
            while data := exchange.read(call.deadline):
                call.take(data)
            exchange.keep()
        finally:
            exchange.close()

    def keep(self, route: _Route, line: Line) -> None:
        """Take a connection back whose answer has been read to its end."""
        lines = self._lines().setdefault(route, deque())
        if line.generation != self._generation or len(lines) >= _MOST_IDLE:
            line.close()
            return
        line.idle_since = time.monotonic()
        lines.append(line)
        while lines and line.idle_since - lines[0].idle_since > KEPT_S:
            try:
                lines.popleft().close()
            except IndexError:  # another thread was quicker
                break

    def close(self) -> None:
        """Close what waits; what is in use is closed when it has been used."""
        self._generation += 1
        _close_all(self._idle)

    def _taken(self, route: _Route) -> Line | None:
        lines = self._lines().get(route)
        while lines:
            try:
                line = lines.pop()
            except IndexError:  # another thread was quicker
                return None
            if time.monotonic() - line.idle_since < KEPT_S and line.is_alive():
                return line
            line.close()
        return None

    def _lines(self) -> _Idle:
        if self._process != os.getpid():
            # A fork shares its parent's sockets: two processes on one connection would read each other's answers.
            self._process = os.getpid()
            _close_all(self._idle)
        return self._idle


class BlockingExchange:
    """One answer whose head has come."""

    def __init__(self, home: BlockingConnections, route: _Route, line: Line, answer: Answer) -> None:
        self._home = home
        self._route = route
        self._line: Line | None = line
        self.answer = answer

    def read(self, deadline: float) -> bytes:
        """Return the next piece of the body, b"" at its end; raises as `BlockingConnections.post`."""
        while (data := self.answer.taken()) is None:
            if self._line is None:
                return b""
            try:
                self._line.receive(self.answer, deadline)
            except OSError as error:
                raise_meaning(error)
        return data

    def keep(self) -> None:
        """Let the connection be used again, if that is safe."""
        line, self._line = self._line, None
        if line is None:
            return
        if self.answer.may_be_followed():
            self._home.keep(self._route, line)
        else:
            line.close()

    def close(self) -> None:
        """Close the connection, unless it was kept."""
        line, self._line = self._line, None
        if line is not None:
            line.close()


def _close_all(idle: _Idle) -> None:
    for lines in list(idle.values()):
        while lines:
            try:
                lines.pop().close()
            except IndexError:  # another thread was quicker
                break
