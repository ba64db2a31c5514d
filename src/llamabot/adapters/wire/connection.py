"""What the transports of both colours share: limits, the one error of a connection, the request to a proxy."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from llamabot.adapters.wire.address import Address

if TYPE_CHECKING:
    from llamabot.adapters.wire.answer import Answer

__all__ = [
    "CLOSED",
    "FAILURES",
    "KEPT_S",
    "PIECE_BYTES",
    "ConnectionFailed",
    "check_tunnel",
    "default_tls",
    "left_s",
    "meaning_of",
    "patience_s",
    "tunnel_request",
]

KEPT_S = 4.0
"""How long a connection waits for its next request: less than the five seconds after which most servers close it."""

PIECE_BYTES = 65_536
"""Most bytes that are read at once."""

CLOSED = "the server closed the connection without an answer"

_NEXT_ADDRESS_S = 5.0
_LONGEST_S = 1e6  # what a socket can be told


class ConnectionFailed(Exception):
    """A connection could not be made, broke, or carried something else than HTTP."""


FAILURES = (ConnectionFailed, OSError)
"""What may go wrong on the way to a server and back; a TimeoutError is one of the system's."""


def left_s(deadline: float) -> float:
    """Return how long a wait may last; raises TimeoutError where no time is left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, _LONGEST_S)


def patience_s(deadline: float, *, is_last: bool) -> float:
    """Return how long one address of a host is tried: not for ever, where another may answer."""
    return left_s(deadline) if is_last else min(left_s(deadline), _NEXT_ADDRESS_S)


def meaning_of(error: ConnectionFailed | OSError) -> ConnectionFailed | TimeoutError:
    """Return what a failure means: no time is left, or the connection has failed."""
    if isinstance(error, ConnectionFailed) or (isinstance(error, TimeoutError) and error.errno is None):
        return error
    failed = ConnectionFailed(_words_of(error))
    failed.__cause__ = error
    return failed


def _words_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) or error.errno is None:
        return str(error) or type(error).__name__
    # asyncio has words of its own for what the system says.
    return f"[Errno {error.errno}] {os.strerror(error.errno) if error.errno > 0 else error.strerror}"


def tunnel_request(address: Address) -> bytes:
    """Return what a proxy is asked for the way to a server that it cannot look into."""
    authority = f"{address.place.host}:{address.place.port}"
    if ":" in address.place.host:
        authority = f"[{address.place.host}]:{address.place.port}"
    more = f"Proxy-Authorization: {address.proxy_authorization}\r\n" if address.proxy_authorization else ""
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n".encode("latin-1")


def check_tunnel(answer: Answer) -> None:
    """Raise ConnectionFailed if the proxy has not opened the way."""
    if answer.status != 200:
        raise ConnectionFailed(f"the proxy does not connect to the server ({answer.status})")


def default_tls(given: ssl.SSLContext | None) -> Callable[[], ssl.SSLContext]:
    """Return what gives the TLS settings: those given, else the system's, made once and when they are first needed."""
    made: list[ssl.SSLContext] = [given] if given is not None else []

    def tls() -> ssl.SSLContext:
        if not made:
            made.append(ssl.create_default_context())
        return made[0]

    return tls
