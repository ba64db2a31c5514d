"""One blocking connection: how it is made, what is sent on it, what comes.

Each wait is for what is left until a deadline, so that a server which trickles cannot draw it out.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.connection import PIECE_BYTES, check_tunnel, left_s, patience_s, tunnel_request
from llamabot.adapters.wire.exchange import Answer

__all__ = ["Line", "connected"]


class Line:
    """One connection.

    Attributes:
        idle_since: when it was kept, by the monotonic clock.
        generation: of the connections that it belongs to.
    """

    def __init__(self, sock: socket.socket, generation: int = 0) -> None:
        self._socket = sock
        self.idle_since = 0.0
        self.generation = generation

    def ask(self, request: bytes, answer: Answer, deadline: float) -> None:
        """Send a request, and receive the head of its answer."""
        try:
            self._socket.settimeout(left_s(deadline))
            self._socket.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # who refuses a request before its end, and says so, is worth listening to
        while not answer.has_head():
            self.receive(answer, deadline)

    def receive(self, answer: Answer, deadline: float) -> None:
        """Wait for a piece of an answer."""
        self._socket.settimeout(left_s(deadline))
        answer.receive(self._socket.recv(PIECE_BYTES))

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
        self._socket.close()


def connected(address: Address, deadline: float, tls: Callable[[], ssl.SSLContext], generation: int) -> Line:
    """Return a new connection to a server, through its proxy if it has one, encrypted if its address says so."""
    sock = _reached(*(address.proxy or address.place), deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.is_tls and address.proxy:
            answer = Answer()
            Line(sock).ask(tunnel_request(address), answer, deadline)
            check_tunnel(answer)
        if address.is_tls:
            sock.settimeout(left_s(deadline))
            sock = tls().wrap_socket(sock, server_hostname=address.place.host)
    except BaseException:
        sock.close()
        raise
    return Line(sock, generation)


def _reached(host: str, port: int, deadline: float) -> socket.socket:
    """Return a connected socket, to the first of the host's addresses that answers."""
    failure: OSError = ConnectionError("the host has no address")
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, place) in enumerate(places, 1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(patience_s(deadline, is_last=number == len(places)))
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
