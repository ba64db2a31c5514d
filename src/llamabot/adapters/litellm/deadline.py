"""The deadline of a call through LiteLLM: no server that trickles can draw it out.

The time-out that LiteLLM hands to httpx is for each read, and a byte now and then keeps it from ever ending. So the
connections that httpx opens for LiteLLM read and write for what is left until the deadline of the call they serve. What
ends at it is httpx's own time-out, and is told as any other. Sessions of the user's own keep to httpx's time-out alone.

A connection learns whom it serves when a request is written to it, and keeps to that deadline until the next one is:
an answer is read in other contexts too, and fragment by fragment. Over HTTP/2 many requests share a connection; there
it is the context alone that counts, so that the fragments of a stream are left to httpx.
"""

from __future__ import annotations

import importlib
import inspect
import math
import time
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Any

__all__ = ["FROM_FIRST_WAIT", "NOT_WAITING", "Deadline", "keep_to_deadlines"]

_current: ContextVar[Deadline | None] = ContextVar("llamabot_litellm_deadline", default=None)

FROM_FIRST_WAIT: float | None = None
NOT_WAITING: float | None = math.inf


class Deadline:
    """Bounds what LiteLLM waits for in its `with` block. Belongs to one call.

    It runs from the first wait on: what LiteLLM imports and prepares before it is not the server's time. It goes with
    the context, into the tasks and threads that are made in the block, and is over with it for them too.

    Args:
        timeout_s: as LiteLLM is told; what is no number (an `httpx.Timeout`) or none is left to httpx.

    Attributes:
        ends: when, on the monotonic clock. Set to `FROM_FIRST_WAIT` it begins anew, for the next fragment of a stream;
            set to `NOT_WAITING` it bounds nothing.
    """

    __slots__ = ("_timeout_s", "_token", "ends")

    def __init__(self, timeout_s: Any) -> None:
        self._timeout_s = timeout_s if isinstance(timeout_s, (int, float)) else math.inf
        self.ends = NOT_WAITING
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> None:
        self.ends = FROM_FIRST_WAIT
        self._token = _current.set(self)

    def __exit__(self, *_: object) -> None:
        self.ends = NOT_WAITING
        token, self._token = self._token, None
        if token is not None:
            # The garbage collector closes a coroutine in another context: there is nothing to take back.
            with suppress(ValueError):
                _current.reset(token)

    def left_s(self) -> float:
        """Return how long there is still to wait; negative where that is over."""
        now = time.monotonic()
        if self.ends is None:
            self.ends = now + self._timeout_s
        return self.ends - now


def keep_to_deadlines(client: Any) -> None:
    """Let the connections that an httpx client will open keep to the deadline of whom they serve."""
    # All of these are private to httpx and httpcore: in another version they may be elsewhere, and nothing is bounded.
    mounts: Any = getattr(client, "_mounts", None) or {}
    for transport in (getattr(client, "_transport", None), *mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if backend is not None and not isinstance(backend, _Backend):
            pool._network_backend = _Backend(backend)  # noqa: SLF001 - as above


class _Backend:
    """Opens connections as another one does; in both colours, for it hands on what there is to be awaited."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> Any:
        seconds = _bounded(timeout, _current.get(), "ConnectTimeout")
        return _kept(self._backend.connect_tcp(host, port, timeout=seconds, **more))


class _Stream:
    """A connection that waits until the deadline at most; in both colours, as its backend."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._shared = _carries_several(stream)
        self._deadline = _current.get()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:
        deadline = _current.get() if self._shared else self._deadline
        return self._stream.read(max_bytes, _bounded(timeout, deadline, "ReadTimeout"))

    def write(self, buffer: bytes, timeout: float | None = None) -> Any:
        self._deadline = _current.get()
        return self._stream.write(buffer, _bounded(timeout, self._deadline, "WriteTimeout"))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        seconds = _bounded(timeout, _current.get(), "ConnectTimeout")
        return _kept(self._stream.start_tls(ssl_context, server_hostname, seconds))


def _carries_several(stream: Any) -> bool:
    """Whether it was agreed on a connection that several requests share it."""
    tls = stream.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == "h2"


def _kept(opened: Any) -> Any:
    """Return a connection, or the awaitable of one, as one that keeps to deadlines."""
    return _akept(opened) if inspect.isawaitable(opened) else _Stream(opened)


async def _akept(opening: Any) -> _Stream:
    return _Stream(await opening)


def _bounded(timeout: float | None, deadline: Deadline | None, error: str) -> float | None:
    """Return a time-out, or what is left until the deadline if that is less; raises the error of httpcore after it."""
    if deadline is None or (left_s := deadline.left_s()) == math.inf:
        return timeout
    if left_s <= 0:
        raise getattr(importlib.import_module("httpcore"), error)
    return left_s if timeout is None else min(timeout, left_s)
