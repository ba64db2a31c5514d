"""One connection of an event loop: the steps of the way to a server, what is sent on it, what comes."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from llamabot.adapters.wire.answer import Answer
from llamabot.adapters.wire.connection import left_s, meaning_of
from llamabot.adapters.wire.way import Way

__all__ = ["AwaitedLine", "go"]

_MOST_UNREAD_BYTES = 1024 * 1024


class AwaitedLine(asyncio.Protocol):
    """One connection, of the running loop. What goes wrong with an answer is told to it.

    Attributes:
        loop: whose it is.
        idle_since: when it was kept, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.idle_since = 0.0
        self.loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._unread_bytes = 0
        self._has_ended = False
        self._poll: Any = None

    @property
    def is_alive(self) -> bool:
        """Whether the server keeps it open, and has said nothing that nobody asked for."""
        return not self._has_ended and not self._transport.is_closing()

    def is_silent(self) -> bool:
        """Whether nothing has come, nor the end, that the loop has not seen yet."""
        return self._poll is None or not self._poll.poll(0)

    async def resolve(self, host: str, port: int, deadline: float) -> list[Any]:
        """Return the addresses of a host."""
        async with asyncio.timeout(left_s(deadline)):
            return await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    async def open(self, place: Any, patience_s: float) -> None:
        """Connect to one address."""
        family, kind, protocol, _, where = place
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(patience_s):
                await self.loop.sock_connect(sock, where)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self.loop.create_connection(lambda: self, sock=sock)
            if hasattr(select, "poll"):  # not on Windows
                self._poll = select.poll()
                self._poll.register(sock, select.POLLIN)
        except BaseException:
            sock.close()
            raise

    async def encrypt(self, tls: ssl.SSLContext, host: str, deadline: float) -> None:
        """Encrypt what follows."""
        async with asyncio.timeout(left_s(deadline)):
            self._transport = await self.loop.start_tls(self._transport, self, tls, server_hostname=host)

    def ask(self, request: Callable[[], bytes], answer: Answer, deadline: float) -> None:
        """Send a request, whose answer is received from then on; nothing, where the way there has failed."""
        if answer.has_failed:
            return
        self._answer = answer
        if self._has_ended:
            answer.receive(b"")
        self._transport.write(request())

    async def receive(self, deadline: float) -> None:
        """Wait until something of the answer has come, or its end."""
        self._waiter = waiter = self.loop.create_future()
        self._read_on()
        try:
            self._set_alarm(deadline)
            await waiter
        except TimeoutError as error:
            if self._answer is not None:
                self._answer.fail(error)
        finally:
            self._waiter = None

    def rest(self) -> None:
        """Wait for another request."""
        self._answer = None
        self._read_on()
        self.idle_since = time.monotonic()

    def close(self) -> None:
        """Close the connection at once, if it has been made."""
        self._answer = None
        if self._alarm is not None:
            self._alarm.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand what has come to the answer; where nobody has asked for one, the connection is good for nothing."""
        if self._answer is None:
            self._has_ended = True
            self._transport.abort()
            return
        self._answer.receive(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _MOST_UNREAD_BYTES:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Take the end for what it is; asyncio closes the connection then."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say why there is no more."""
        if self._answer is not None and isinstance(exc, OSError):
            self._answer.fail(meaning_of(exc))
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
        if self._unread_bytes > _MOST_UNREAD_BYTES and not self._transport.is_closing():
            self._transport.resume_reading()
        self._unread_bytes = 0

    def _set_alarm(self, deadline: float) -> None:
        """See to it that a wait ends at its deadline.

        One alarm serves many waits, for each costs as much as all the rest of a wait: when it rings it looks until when
        is waited by then.
        """
        left = left_s(deadline)
        self._deadline = deadline
        if self._alarm is None or deadline < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm, self._alarm_at = self.loop.call_later(left, self._ring), deadline

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None or self._waiter.done():
            return
        try:
            self._set_alarm(self._deadline)
        except TimeoutError as error:
            self._waiter.set_exception(error)


async def go(way: Way) -> None:
    """Go a way whose steps are awaited."""
    try:
        step = next(way)
        while True:
            try:
                done = await step
            except BaseException as error:  # noqa: BLE001 - a cancellation, too, is for the way to clean up after
                step = way.throw(error)
            else:
                step = way.send(done)
    except StopIteration:
        return
