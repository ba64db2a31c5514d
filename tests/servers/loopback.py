"""A loopback HTTP server that answers as it is told and remembers what it was asked.

Here live the sockets; how a reply goes and ends is in `replies.py`, what a chat-completions provider says in `chat.py`.
Nothing here knows our library. One thread a connection, HTTP/1.1 with keep-alive, and chunked bodies for streams, so
that a packet a reply names is a packet the client reads.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from tests.servers.replies import ClientLeft, Exchange, Raw, Reply, Wire

__all__ = ["LoopbackServer", "refusing_port"]


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

    def settles(self, connections: int, timeout_s: float = 15.0) -> bool:
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
