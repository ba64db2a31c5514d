"""A recorder whose process dies, so that what a crash leaves behind can be tried in one process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.ports.recorder import RunEvent

__all__ = ["Dying", "Killed"]


class Killed(BaseException):
    """The process is dead: nothing that it would still do reaches the log."""


class Dying:
    """A durable recorder whose process dies after so many events; what it kept outlives it.

    Args:
        store: what outlives it.
        lives: how many events it still takes in, a batch of them cut where they end.
        at_once: it dies with the last of them; else with the next.
    """

    durable = True

    def __init__(self, store: InMemoryRecorder, lives: int, at_once: bool = False) -> None:
        self._store = store
        self._lives = lives
        self._at_once = at_once
        self._dead = False
        self._lock = threading.Lock()
        self._claims = InMemoryRecorder()  # claims die with the process

    def append(self, events: Sequence[RunEvent]) -> Future[None] | None:
        """Take events in.

        Raises:
            Killed: the process has died.
        """
        with self._lock:
            kept = () if self._dead else events[: self._lives]
            self._store.append(kept)
            self._lives -= len(kept)
            self._dead = self._dead or len(kept) < len(events) or (self._at_once and self._lives == 0)
            if self._dead:
                raise Killed
        return self._store.append([])

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return what outlives the process."""
        return self._store.events(run_id)

    def runs(self, **filters: Any) -> Any:
        """Yield what outlives the process."""
        return self._store.runs(**filters)

    def claim(self, run_id: str) -> Any:
        """Take a run in hand as long as the process lives."""
        return self._claims.claim(run_id)
