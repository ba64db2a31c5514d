"""The blocking transport: sockets that are kept, and `http.client`'s reader of answers."""

from __future__ import annotations

import http.client
import os
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable

from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import CLOSED, CUT, KEPT_S, PIECE_BYTES, ConnectionFailed
from llamabot.adapters.wire.line import Line, asked, connected, raise_meaning

__all__ = ["BlockingConnections", "BlockingExchange"]

_MOST_IDLE = 100


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
        address = call.address
        line = self._taken(address.route)
        try:
            if line is None:
                line = connected(address, call.deadline, self._tls, self._generation)
            line.deadline = call.deadline
            return BlockingExchange(self, address.route, line, asked(line, call.request_bytes()))
        except BaseException as error:  # noqa: BLE001 - it is raised again, or what it means is
            if line is not None:
                line.close()
            raise_meaning(error, CLOSED)

    def keep(self, route: tuple[object, ...], line: Line) -> None:
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

    def _taken(self, route: tuple[object, ...]) -> Line | None:
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
    """One answer whose head has come.

    Attributes:
        status: of the answer.
    """

    def __init__(
        self, home: BlockingConnections, route: tuple[object, ...], line: Line, response: http.client.HTTPResponse
    ) -> None:
        self._home = home
        self._route = route
        self._line: Line | None = line
        self._response = response
        self.status = response.status

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        return self._response.headers.get(name)

    def read(self, deadline: float) -> bytes:
        """Return the next piece of the body, b"" at its end; raises as `BlockingConnections.post`."""
        response, line = self._response, self._line
        if line is None or response.length == 0:
            return b""
        line.deadline = deadline
        try:
            data = response.read1(PIECE_BYTES)
        except Exception as error:  # noqa: BLE001 - http.client stumbles over bad bodies in many ways
            raise_meaning(error, CUT)
        if not data and response.length:
            raise ConnectionFailed(CUT)
        return data

    def keep(self) -> None:
        """Let the connection be used again, if the answer was read to its end and nothing more has come."""
        line, self._line = self._line, None
        if line is None:
            return
        response = self._response
        is_over = response.isclosed() or response.length == 0
        if is_over and not response.will_close and line.is_read_out():
            self._home.keep(self._route, line)
        else:
            line.close()

    def close(self) -> None:
        """Close the connection, unless it was kept."""
        line, self._line = self._line, None
        if line is not None:
            line.close()


_Idle = dict[tuple[object, ...], deque[Line]]


def _close_all(idle: _Idle) -> None:
    for lines in list(idle.values()):
        while lines:
            try:
                lines.pop().close()
            except IndexError:  # another thread was quicker
                break
