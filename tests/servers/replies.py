"""What a server of tests says: the record of an exchange, the line it is written to, and how a reply can go and end.

Nothing here knows our library, nor the server in `loopback.py`.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Broken", "ClientLeft", "Exchange", "Hold", "Raw", "Reply", "Slam", "Stream", "Surplus", "Tunnel", "Wire"]


class ClientLeft(Exception):
    """The client closed the connection before the reply was over."""


@dataclass
class Exchange:
    """One request, and how far its reply got.

    Attributes:
        headers: names in lower case.
        left: set when the client went away before the reply was over.
        ended: set when the reply is over, however it ended.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    fragments_sent: int = 0
    bytes_sent: int = 0
    left: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def body(self) -> Any:
        """The request's body, read as JSON."""
        return json.loads(self.raw)


class Wire:
    """What a reply writes to: one connection, for one exchange."""

    def __init__(self, connection: socket.socket, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self._chunked = False

    def head(self, status: int, headers: Mapping[str, str], *, size_bytes: int | None) -> None:
        """Send the status line and the headers; without a size the body comes in chunks."""
        self._chunked = size_bytes is None
        length = {"Transfer-Encoding": "chunked"} if size_bytes is None else {"Content-Length": str(size_bytes)}
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in {**length, **headers}.items())]
        self._send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def write(self, data: bytes) -> None:
        """Send one fragment of the body and count it."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        self._exchange.fragments_sent += 1
        self._exchange.bytes_sent += len(data)

    def finish(self) -> None:
        """End a chunked body as HTTP wants it."""
        if self._chunked:
            self._send(b"0\r\n\r\n")

    def pause(self, seconds: float) -> None:
        """Wait, and notice at once if the client leaves meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            readable, _, _ = select.select([self._connection], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                return
            self._refuse_if_gone()
            time.sleep(0.001)

    def pipe(self, other: socket.socket) -> None:
        """Carry bytes between the client and another connection until one of them ends."""
        ways = {self._connection: other, other: self._connection}
        while True:
            for source in select.select(list(ways), [], [], 10)[0]:
                data = source.recv(65_536)
                if not data:
                    return
                ways[source].sendall(data)

    def slam(self) -> None:
        """Cut the connection."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Cut the connection as a crash of the other side does: its client gets an error instead of an end."""
        with contextlib.suppress(OSError):
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self._connection.detach())

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise ClientLeft from error

    def _refuse_if_gone(self) -> None:
        try:
            gone = self._connection.recv(1, socket.MSG_PEEK) == b""
        except OSError as error:
            raise ClientLeft from error
        if gone:
            raise ClientLeft


class Reply(Protocol):
    """Answers one request. Returns whether the connection may be used again."""

    def send(self, wire: Wire) -> bool: ...


@dataclass(frozen=True)
class Raw:
    """A body of known length, after a delay."""

    data: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0

    def send(self, wire: Wire) -> bool:
        wire.pause(self.delay_s)
        wire.head(self.status, {"Content-Type": self.content_type, **self.headers}, size_bytes=len(self.data))
        wire.write(self.data)
        return True


@dataclass(frozen=True)
class Stream:
    """A body in packets.

    Attributes:
        packets: sent one by one, each in a write of its own.
        pause_s: waited after every packet.
        cut: close the connection in the middle of the body instead of ending it.
    """

    packets: Iterable[bytes]
    pause_s: float = 0.0
    cut: bool = False
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, wire: Wire) -> bool:
        wire.head(self.status, {"Content-Type": self.content_type, **self.headers}, size_bytes=None)
        for packet in self.packets:
            wire.write(packet)
            wire.pause(self.pause_s)
        if self.cut:
            wire.slam()
            return False
        wire.finish()
        return True


@dataclass(frozen=True)
class Broken:
    """Bytes as they are, head included, each in a write of its own with a pause behind it; then the line is cut."""

    packets: Iterable[bytes]
    pause_s: float = 0.0
    reset: bool = False

    def send(self, wire: Wire) -> bool:
        for packet in self.packets:
            wire.write(packet)
            wire.pause(self.pause_s)
        if self.reset:
            wire.reset()
        wire.slam()
        return False


@dataclass(frozen=True)
class Surplus:
    """Bytes as they are, head included, in one write, and perhaps more later; the line stays open."""

    data: bytes
    later: bytes = b""
    pause_s: float = 0.05

    def send(self, wire: Wire) -> bool:
        wire.write(self.data)
        if self.later:
            wire.pause(self.pause_s)
            wire.write(self.later)
        return True


@dataclass(frozen=True)
class Tunnel:
    """Opens the way to another server, as a proxy does, and carries bytes both ways until one side leaves."""

    port: int

    def send(self, wire: Wire) -> bool:
        wire.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.port)) as beyond:
            wire.pipe(beyond)
        return False


@dataclass(frozen=True)
class Hold:
    """Takes the request and says nothing until the client leaves."""

    seconds: float = 30.0

    def send(self, wire: Wire) -> bool:
        wire.pause(self.seconds)
        wire.slam()
        return False


@dataclass(frozen=True)
class Slam:
    """Takes the request and closes the connection without a word."""

    def send(self, wire: Wire) -> bool:
        wire.slam()
        return False
