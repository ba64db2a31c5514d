"""One connection of an event loop: how it is made, what is sent on it, what comes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.connection import (
    ConnectionFailed,
    check_tunnel,
    left_s,
    patience_s,
    raise_meaning,
    tunnel_request,
)
from llamabot.adapters.wire.exchange import Answer

__all__ = ["AwaitedLine", "connected"]

_MOST_UNREAD_BYTES = 1024 * 1024


class AwaitedLine(asyncio.Protocol):
    """One connection.

    Attributes:
        transport: asyncio's side of it.
        idle_since: when it was kept, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.transport: Any = None
        self.idle_since = 0.0
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._unread_bytes = 0
        self._has_ended = False

    @property
    def is_alive(self) -> bool:
        """Whether the server keeps it open, and has said nothing that nobody asked for."""
        return not self._has_ended and not self.transport.is_closing()

    def ask(self, request: bytes, answer: Answer) -> None:
        """Send a request, whose answer is received from then on."""
        self._answer = answer
        if self._has_ended:
            answer.receive(b"")
        self.transport.write(request)

    async def wait(self, deadline: float) -> None:
        """Wait until something of the answer has come, or its end."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        self._read_on()
        timer = loop.call_later(left_s(deadline), _time_out, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def rest(self) -> None:
        """Wait for another request."""
        self._answer = None
        self._read_on()
        self.idle_since = time.monotonic()

    def abort(self) -> None:
        """Close the connection at once."""
        self._answer = None
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand what has come to the answer; where nobody has asked for one, the connection is good for nothing."""
        if self._answer is None:
            self._has_ended = True
            self.transport.abort()
            return
        self._answer.receive(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _MOST_UNREAD_BYTES:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Take the end for what it is; asyncio closes the connection then."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say why there is no more."""
        if isinstance(exc, OSError) and self._answer is not None:
            try:
                raise_meaning(exc)
            except ConnectionFailed as failure:
                self._answer.fail(failure)
        self._end()

    def _end(self) -> None:
        self._has_ended = True
        if self._answer is not None:
            self._answer.receive(b"")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _read_on(self) -> None:
        if self._unread_bytes > _MOST_UNREAD_BYTES and not self.transport.is_closing():
            self.transport.resume_reading()
        self._unread_bytes = 0


def _time_out(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


async def connected(address: Address, deadline: float, tls: Callable[[], ssl.SSLContext]) -> AwaitedLine:
    """Return a new connection to a server, through its proxy if it has one, encrypted if its address says so."""
    loop, line = asyncio.get_running_loop(), AwaitedLine()
    sock = await _reached(*(address.proxy or address.place), deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(left_s(deadline)):
            encrypted: dict[str, Any] = {}
            if address.is_tls:
                encrypted = {"ssl": tls(), "server_hostname": address.place.host}
            if address.is_tls and address.proxy is not None:
                await loop.create_connection(lambda: line, sock=sock)
                await _tunnel(line, address, deadline)
                line.transport = await loop.start_tls(
                    line.transport, line, encrypted["ssl"], server_hostname=address.place.host
                )
            else:
                await loop.create_connection(lambda: line, sock=sock, **encrypted)
    except BaseException:
        line.abort()
        sock.close()
        raise
    return line


async def _reached(host: str, port: int, deadline: float) -> socket.socket:
    """Return a connected socket, to the first of the host's addresses that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = ConnectionError("the host has no address")
    async with asyncio.timeout(left_s(deadline)):
        places = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, place) in enumerate(places, 1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(patience_s(deadline, is_last=number == len(places))):
                await loop.sock_connect(sock, place)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _tunnel(line: AwaitedLine, address: Address, deadline: float) -> None:
    answer = Answer()
    line.ask(tunnel_request(address), answer)
    while not answer.has_head():
        await line.wait(deadline)
    check_tunnel(answer)
