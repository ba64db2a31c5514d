"""A loopback HTTP server that answers as it is told and remembers what it was asked.

Here live the socket, the record of every exchange and the ways in which a connection can end; what a chat-completions
provider says is in `chat.py`. Nothing here knows our library. One thread a connection, HTTP/1.1 with keep-alive, and
chunked bodies for streams, so that a packet a reply names is a packet the client reads.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Protocol

__all__ = [
    "Broken",
    "ClientLeft",
    "Exchange",
    "Hold",
    "LoopbackServer",
    "Raw",
    "Reply",
    "Slam",
    "Stream",
    "Surplus",
    "Tunnel",
    "Wire",
    "refusing_port",
]


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


class LoopbackServer:
    """Listens on 127.0.0.1 inside a `with` block.

    Replies that were given to `script` are used up in order; then `respond` makes one from the request, if there is
    such a function; then the answer is a 500 that says the script is over.

    Attributes:
        exchanges: every request so far, in the order of arrival. The tests' proof of how many there were.
        respond: makes the reply to a request for which nothing is scripted.
        tls: what it is encrypted with.
    """

    def __init__(
        self, respond: Callable[[Exchange], Reply] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.respond = respond
        self._scheme = "https" if tls else "http"
        self.exchanges: list[Exchange] = []
        self._replies: deque[Reply] = deque()
        self._lock = threading.Lock()
        self._server = _Sockets(("127.0.0.1", 0), self._handler())
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open."""
        return len(self._server.connections)

    @property
    def connections_made(self) -> int:
        """How many connections there were in all."""
        return self._server.made

    def cut_all(self) -> None:
        """Cut every connection that is open."""
        self._server.cut_all()

    def settles(self, connections: int, timeout_s: float = 3.0) -> bool:
        """Say whether soon so many connections are open, and no more; a thread of ours has to see that one ended."""
        deadline = time.monotonic() + timeout_s
        while self.open_connections > connections and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.open_connections == connections

    def script(self, *replies: Reply) -> None:
        """Say what the next requests get."""
        self._replies.extend(replies)

    def wait_for(self, requests: int, timeout_s: float = 10.0) -> Exchange:
        """Wait until so many requests have come in all, and return the latest."""
        deadline = time.monotonic() + timeout_s
        while len(self.exchanges) < requests:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.exchanges)} requests within {timeout_s} s, not {requests}")
            time.sleep(0.002)
        return self.exchanges[-1]

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join()
        self._server.server_close()
        self._server.cut_all()

    def _reply_to(self, exchange: Exchange) -> Reply:
        with self._lock:
            self.exchanges.append(exchange)
            if self._replies:
                return self._replies.popleft()
        if self.respond is not None:
            return self.respond(exchange)
        return Raw(b'{"error": {"message": "the script is over", "type": "test"}}', status=500)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        serve = self._serve

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                serve(self)

            do_GET = do_CONNECT = do_POST  # noqa: N815 - the base class looks for these names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                pass

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        exchange = Exchange(handler.command, handler.path, headers, raw)
        try:
            again = self._reply_to(exchange).send(Wire(handler.connection, exchange))
        except ClientLeft:
            exchange.left.set()
            again = False
        finally:
            exchange.ended.set()
        handler.close_connection = handler.close_connection or not again


class _Sockets(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self.connections: set[socket.socket] = set()
        self.made = 0
        self._stopping = False
        super().__init__(*args)

    def serve(self) -> None:
        """Take connections until it is stopped; `serve_forever` would look whether it is only now and then."""
        while not self._stopping:
            self.handle_request()

    def stop(self) -> None:
        """Have `serve` return, by a last connection that is not served."""
        self._stopping = True
        socket.create_connection(self.server_address[:2]).close()  # type: ignore[arg-type]  # it may be a path elsewhere

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self._stopping

    def process_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections.add(request)
        self.made += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a client that goes away in the middle of a request is part of the tests."""

    def cut_all(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def refusing_port() -> Iterator[str]:
    """Yield an address on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
