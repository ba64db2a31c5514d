"""What the transports of both colours give and raise: the head of an answer, pieces of its body, or one of two errors.

Nothing here waits. A transport turns the errors of its library into these at one place.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable

__all__ = ["CLOSED", "CUT", "KEPT_S", "NO_HTTP", "PIECE_BYTES", "ConnectionFailed", "default_tls", "words_of"]

KEPT_S = 4.0
"""How long a connection waits for its next request: less than the five seconds after which most servers close it."""

PIECE_BYTES = 65_536
"""Most bytes that are read at once."""

CLOSED = "the server closed the connection without an answer"
CUT = "the server closed the connection before the end"
NO_HTTP = "what came is no HTTP"


class ConnectionFailed(Exception):
    """A connection could not be made, broke, or carried something else than HTTP."""


def words_of(error: BaseException, otherwise: str) -> str:
    """Return what the system says of an error or of those it came from, or else these words."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return str(found)
        if isinstance(found, OSError) and found.errno is not None:
            # asyncio has words of its own for what the system says.
            return f"[Errno {found.errno}] {os.strerror(found.errno) if found.errno > 0 else found.strerror}"
        found = found.__cause__ or found.__context__
    return otherwise


def default_tls(given: ssl.SSLContext | None) -> Callable[[], ssl.SSLContext]:
    """Return what gives the TLS settings: those given, else the system's, made once and when they are first needed."""
    made: list[ssl.SSLContext] = [given] if given is not None else []

    def tls() -> ssl.SSLContext:
        if not made:
            made.append(ssl.create_default_context())
        return made[0]

    return tls
