"""Equal requests at once: one of them is made, the others wait for it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["Flight", "Flights", "Join"]


class Flight:
    """The request that is made; whoever holds it lands it, however it ends."""

    __slots__ = ("_land",)

    def __init__(self, land: Callable[[], None]) -> None:
        self._land = land

    def land(self) -> None:
        """Let those who wait go on."""
        self._land()


class Flights:
    """Requests in flight. Threads wait for threads and tasks for tasks of their loop: no loop is held up by another.

    Streams fly alone: who reads two of them in turns would wait for themselves. There is no lock that a fork could find
    held, for `setdefault` and `pop` are each one step; and a child does not wait for threads that it lacks.
    """

    def __init__(self) -> None:
        self._events: dict[tuple[str, int | None, int], Any] = {}

    def join(self, key: str, loop: int | None, event: Any) -> Flight | Any:
        """Return a flight of one's own, or the event that tells the landing of the one there is.

        Args:
            key: of the request.
            loop: of the event loop; None for threads.
            event: to be told by.
        """
        place = (key, loop, os.getpid())
        flying = self._events.setdefault(place, event)
        return Flight(lambda: self._events.pop(place).set()) if flying is event else flying

    def __reduce__(self) -> Any:
        return Flights, ()


class Join:
    """The operation that takes a flight, or waits for the landing of another; that gives None, as streams get."""

    __slots__ = ("_flights", "_key", "_patience_s")

    def __init__(self, flights: Flights, key: str, patience_s: float) -> None:
        self._flights, self._key, self._patience_s = flights, key, patience_s

    def do(self, method: str) -> Flight | None:
        """Return a flight, or None."""
        if method == "stream":
            return None
        joined = self._flights.join(self._key, None, threading.Event())
        if isinstance(joined, Flight):
            return joined
        joined.wait(self._patience_s)
        return None

    async def ado(self, method: str) -> Flight | None:
        """As `do`."""
        if method == "stream":
            return None
        joined = self._flights.join(self._key, id(asyncio.get_running_loop()), asyncio.Event())
        if isinstance(joined, Flight):
            return joined
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                await joined.wait()
        return None
