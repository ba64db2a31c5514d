"""One blocking connection: the steps of the way to a server, what is sent on it, what comes.

Each wait is for what is left until a deadline, so that a server which trickles cannot draw it out.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from llamabot.adapters.wire.answer import Answer
from llamabot.adapters.wire.connection import PIECE_BYTES, left_s, meaning_of
from llamabot.adapters.wire.way import Way

__all__ = ["Line", "go"]

_EXACT_S = 0.01
_UNTOLD_S = -1.0


class Line:
    """One connection. What goes wrong with an answer is told to it.

    Attributes:
        idle_since: when it was kept, by the monotonic clock.
        generation: of the connections that it belongs to.
    """

    def __init__(self, generation: int) -> None:
        self.idle_since = 0.0
        self.generation = generation
        self._socket: Any = None
        self._answer: Any = None
        self._poll: Any = None
        self._timeout_s = _UNTOLD_S

    def resolve(self, host: str, port: int, deadline: float) -> list[Any]:
        """Return the addresses of a host; how long that takes is the system's affair."""
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    def open(self, place: Any, patience_s: float) -> None:
        """Connect to one address."""
        family, kind, protocol, _, where = place
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(patience_s)
            sock.connect(where)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        self._socket = sock
        if hasattr(select, "poll"):  # not on Windows
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)

    def encrypt(self, tls: ssl.SSLContext, host: str, deadline: float) -> None:
        """Encrypt what follows."""
        self._wait_until(deadline)
        self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        self._poll = None  # TLS has things to say of its own, and they mean no harm

    def ask(self, request: Callable[[], bytes], answer: Answer, deadline: float) -> None:
        """Send a request, whose answer is received from then on; nothing, where the way there has failed.

        Its bytes have the key in them, and are no local variable.
        """
        if answer.has_failed:
            return
        self._answer = answer
        try:
            self._wait_until(deadline)
            self._socket.sendall(request())
        except (BrokenPipeError, ConnectionResetError):
            pass  # who refuses a request before its end, and says so, is worth listening to
        except OSError as error:
            answer.fail(meaning_of(error))

    def receive(self, deadline: float) -> None:
        """Wait for a piece of the answer, or its end."""
        try:
            self._wait_until(deadline)
            self._answer.receive(self._socket.recv(PIECE_BYTES))
        except OSError as error:
            self._answer.fail(meaning_of(error))

    def is_alive(self) -> bool:
        """Whether the server keeps it open, and silent."""
        if self._poll is not None:
            return not self._poll.poll(0)
        try:
            self._timeout_s = _UNTOLD_S
            self._socket.settimeout(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def rest(self) -> None:
        """Wait for another request."""
        self._answer = None
        self.idle_since = time.monotonic()

    def close(self) -> None:
        """Close the connection, if it has been made."""
        if self._socket is not None:
            self._socket.close()

    def _wait_until(self, deadline: float) -> None:
        """Let waits last until a deadline, to the hundredth of a second; to tell the socket is a call of the system."""
        left = left_s(deadline)
        if abs(left - self._timeout_s) > _EXACT_S:
            self._timeout_s = left
            self._socket.settimeout(left)


def go(way: Way) -> None:
    """Go a way whose steps are done by the time that they are yielded."""
    done = None
    try:
        while True:
            done = way.send(done)
    except StopIteration:
        return
