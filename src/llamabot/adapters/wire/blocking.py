"""The blocking transport: sockets that are kept, and `http.client`'s reader of answers.

Each wait is for what is left until the call's deadline, so that a server which trickles cannot draw it out: neither in
the head of an answer nor in its body.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import (
    CLOSED,
    CUT,
    DRAIN_S,
    KEPT_S,
    NO_HTTP,
    PIECE_BYTES,
    ConnectionFailed,
    words_of,
)

__all__ = ["BlockingConnections", "BlockingExchange"]

_LONGEST_S = 1e6  # what a socket can be told
_MOST_IDLE = 100


class BlockingConnections:
    """The connections of one adapter; safe to share by threads.

    A connection that waits for its next request is looked at before it gets one: where the server has closed it, or has
    said something that nobody asked for, another is made. Nothing had been sent, so nothing is asked twice. Once a
    request is on its way there is no second try.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._idle: dict[tuple[object, ...], deque[_Line]] = {}
        self._process = os.getpid()
        self._generation = 0

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
                line = _connected(address, call.deadline, self._tls, self._generation)
            line.deadline = call.deadline
            return BlockingExchange(self, address.route, line, _asked(line, call.request_bytes()))
        except BaseException as error:
            if line is not None:
                line.close()
            raise _translated(error, CLOSED) from error

    def keep(self, route: tuple[object, ...], line: _Line) -> None:
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
        for lines in self._lines().values():
            while lines:
                lines.pop().close()

    def _taken(self, route: tuple[object, ...]) -> _Line | None:
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

    def _lines(self) -> dict[tuple[object, ...], deque[_Line]]:
        if self._process != os.getpid():
            # A fork shares its parent's sockets: two processes on one connection would read each other's answers.
            self._process, self._idle = os.getpid(), {}
        return self._idle


class BlockingExchange:
    """One answer whose head has come.

    Attributes:
        status: of the answer.
    """

    def __init__(
        self, home: BlockingConnections, route: tuple[object, ...], line: _Line, response: http.client.HTTPResponse
    ) -> None:
        self._home = home
        self._route = route
        self._line: _Line | None = line
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
            raise _translated(error, CUT) from error
        if not data and response.length:
            raise ConnectionFailed(CUT)
        return data

    def keep(self) -> None:
        """Let the connection be used again if that is safe; wait a moment for the end of the body if it is due."""
        line, self._line = self._line, None
        if line is None:
            return
        if self._is_over(line) and not self._response.will_close and line.is_read_out():
            self._home.keep(self._route, line)
        else:
            line.close()

    def close(self) -> None:
        """Close the connection, unless it was kept."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _is_over(self, line: _Line) -> bool:
        response = self._response
        if response.isclosed() or response.length == 0:
            return True
        line.deadline = time.monotonic() + DRAIN_S
        try:
            return response.read1(1) == b"" and not response.length
        except Exception:  # noqa: BLE001 - as in `read`; the answer is whole, and the connection is done with
            return False


class _Line:
    """One connection: a socket, and what of its input was read ahead.

    Attributes:
        deadline: until when its waits may last, by the monotonic clock.
        idle_since: when it was kept, by the same clock.
        generation: of the connections that it belongs to.
    """

    def __init__(self, sock: socket.socket, generation: int) -> None:
        self._socket = sock
        self._input = _Input(self, sock)
        self._reader = _Reader(self._input, PIECE_BYTES)
        self.deadline = 0.0
        self.idle_since = 0.0
        self.generation = generation

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the input; `http.client` asks a socket for it, once for each answer."""
        return self._reader

    def left_s(self) -> float:
        """Return how long a wait may last; raises TimeoutError where no time is left."""
        return _left_s(self.deadline)

    def send(self, data: bytes) -> None:
        self._socket.settimeout(self.left_s())
        self._socket.sendall(data)

    def is_read_out(self) -> bool:
        """Whether nothing has come beyond the end of the answer."""
        self._input.is_mute = True
        try:
            return self._reader.peek(1) == b""
        finally:
            self._input.is_mute = False

    def is_alive(self) -> bool:
        """Whether the server keeps it open, and silent."""
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        self._reader.shut()
        self._socket.close()


class _Input(io.RawIOBase):
    """What a socket receives."""

    def __init__(self, line: _Line, sock: socket.socket) -> None:
        self._line = line
        self._socket = sock
        self.is_mute = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_mute:
            return None
        self._socket.settimeout(self._line.left_s())
        return self._socket.recv_into(buffer)


class _Reader(io.BufferedReader):
    """Stays open at the end of an answer: another may follow on the same connection."""

    def close(self) -> None:
        pass

    def shut(self) -> None:
        super().close()


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return min(left_s, _LONGEST_S)


def _connected(address: Address, deadline: float, tls: Callable[[], ssl.SSLContext], generation: int) -> _Line:
    sock = _reached(*(address.proxy or address.place), deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.is_tls and address.proxy:
            _tunnel(_Line(sock, generation), address, deadline)
        if address.is_tls:
            sock.settimeout(_left_s(deadline))
            sock = tls().wrap_socket(sock, server_hostname=address.place.host)
    except BaseException:
        sock.close()
        raise
    return _Line(sock, generation)


def _reached(host: str, port: int, deadline: float) -> socket.socket:
    """Return a connected socket, to the first of the host's addresses that answers."""
    failure: OSError = OSError("the host has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left_s(deadline))
            sock.connect(place)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _tunnel(line: _Line, address: Address, deadline: float) -> None:
    """Have the proxy connect to the server."""
    line.deadline = deadline
    authority = f"{address.host}:443" if ":" not in address.host.rpartition("]")[2] else address.host
    more = f"Proxy-Authorization: {address.proxy_authorization}\r\n" if address.proxy_authorization else ""
    response = _asked(line, f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n".encode("latin-1"))
    if response.status != 200 or not line.is_read_out():
        raise ConnectionFailed(f"the proxy refuses to connect to it ({response.status})")


def _asked(line: _Line, request: bytes) -> http.client.HTTPResponse:
    """Send a request, and read the head of its answer."""
    response = http.client.HTTPResponse(line, method="POST")  # type: ignore[arg-type]  # it wants `makefile` alone
    try:
        line.send(request)
    except (BrokenPipeError, ConnectionResetError):
        # Who refuses a request before its end, and says so, is worth listening to.
        response.begin()
        response.will_close = True
    else:
        response.begin()
    return response


def _translated(error: BaseException, otherwise: str) -> BaseException:
    """Return what an error of `http.client` or of a socket means."""
    if isinstance(error, TimeoutError | ConnectionFailed) or not isinstance(error, Exception):
        return error
    if isinstance(error, OSError):
        return ConnectionFailed(words_of(error, str(error) if isinstance(error, ssl.SSLError) else otherwise))
    return ConnectionFailed(otherwise if isinstance(error, http.client.IncompleteRead) else NO_HTTP)
