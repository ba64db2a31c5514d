"""One blocking connection: how it is made, what is sent on it, and the head of what comes back.

Each wait is for what is left until a deadline, so that a server which trickles cannot draw it out: neither in the head
of an answer nor in its body.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, NoReturn

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.connection import CUT, NO_HTTP, PIECE_BYTES, ConnectionFailed, words_of

__all__ = ["Line", "asked", "connected", "raise_meaning"]

_LONGEST_S = 1e6  # what a socket can be told


class Line:
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

    @property
    def has_ended(self) -> bool:
        """Whether the server has said all that it will."""
        return self._input.has_ended

    def left_s(self) -> float:
        """Return how long a wait may last; raises TimeoutError where no time is left."""
        return _left_s(self.deadline)

    def send(self, data: bytes) -> None:
        """Send all of it; raises TimeoutError where there is no time for that."""
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
        """Close the connection."""
        self._reader.shut()
        self._socket.close()


class _Input(io.RawIOBase):
    """What a socket receives."""

    def __init__(self, line: Line, sock: socket.socket) -> None:
        self._line = line
        self._socket = sock
        self.is_mute = False
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_mute:
            return None
        self._socket.settimeout(self._line.left_s())
        size = self._socket.recv_into(buffer)
        self.has_ended = not size
        return size


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


def connected(address: Address, deadline: float, tls: Callable[[], ssl.SSLContext], generation: int) -> Line:
    """Return a new connection to a server, through its proxy if it has one, encrypted if its address says so."""
    sock = _reached(*(address.proxy or address.place), deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.is_tls and address.proxy:
            _tunnel(Line(sock, generation), address, deadline)
        if address.is_tls:
            sock.settimeout(_left_s(deadline))
            sock = tls().wrap_socket(sock, server_hostname=address.place.host)
    except BaseException:
        sock.close()
        raise
    return Line(sock, generation)


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


def _tunnel(line: Line, address: Address, deadline: float) -> None:
    """Have the proxy connect to the server."""
    line.deadline = deadline
    authority = f"{address.host}:443" if ":" not in address.host.rpartition("]")[2] else address.host
    more = f"Proxy-Authorization: {address.proxy_authorization}\r\n" if address.proxy_authorization else ""
    response = asked(line, f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n".encode("latin-1"))
    if response.status != 200 or not line.is_read_out():
        raise ConnectionFailed(f"the proxy refuses to connect to it ({response.status})")


def asked(line: Line, request: bytes) -> http.client.HTTPResponse:
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
    if line.has_ended:  # `http.client` takes the beginning of a head for one
        raise ConnectionFailed(CUT)
    return response


def raise_meaning(error: BaseException, otherwise: str) -> NoReturn:
    """Raise what an error of `http.client` or of a socket means; to be called where it is handled."""
    if isinstance(error, TimeoutError | ConnectionFailed) or not isinstance(error, Exception):
        raise error
    if isinstance(error, OSError):
        words = words_of(error, otherwise)
    else:
        words = otherwise if isinstance(error, http.client.IncompleteRead) else NO_HTTP
    raise ConnectionFailed(words) from error
