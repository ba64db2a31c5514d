"""The blocking transport: sockets that are kept."""

from __future__ import annotations

import os
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from typing import TypeVar

from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import KEPT_S
from llamabot.adapters.wire.line import Line, go
from llamabot.adapters.wire.way import reached

__all__ = ["BlockingConnections"]

T = TypeVar("T")

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

    def line_for(self, call: Call) -> Line:
        """Return a connection to the server of a call, one that waited or a new one; its answer is told of failures."""
        line = self._taken(call.address.route)
        if line is None:
            line = Line(self._generation)
            go(reached(line, call, self._tls))
        return line

    def answered(self, call: Call, exchange: Generator[None, None, T]) -> T:
        """Ask, go through an exchange, and return what it comes to; raises what it raises."""
        line = self.line_for(call)
        try:
            line.ask(call.request_bytes, call.answer, call.deadline)
            while True:
                next(exchange)
                line.receive(call.deadline)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self._let_go(line, call)

    def close(self) -> None:
        """Close what waits; what is in use is closed when it has been used."""
        self._generation += 1
        _close_all(self._idle)

    def _let_go(self, line: Line, call: Call) -> None:
        """Keep a connection whose answer has been read to its end, if that is safe, and close any other."""
        lines = self._idle.setdefault(call.address.route, deque())
        if line.generation != self._generation or len(lines) >= _MOST_IDLE or not call.answer.may_be_followed():
            line.close()
            return
        line.rest()
        lines.append(line)
        while lines and line.idle_since - lines[0].idle_since > KEPT_S:
            try:
                lines.popleft().close()
            except IndexError:  # another thread was quicker
                break

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


def _close_all(idle: _Idle) -> None:
    for lines in list(idle.values()):
        while lines:
            try:
                lines.pop().close()
            except IndexError:  # another thread was quicker
                break
