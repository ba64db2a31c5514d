"""A recorder with somebody who looks on: every event goes to both, and all else is the recorder's."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from llamabot.ports.recorder import RecorderPort, RunEvent

__all__ = ["Observed"]


class Observed:
    """A recorder whose events another one is given too."""

    def __init__(self, recorder: RecorderPort, observer: RecorderPort) -> None:
        self._recorder, self._observer = recorder, observer

    def append(self, events: Sequence[RunEvent]) -> Future[None] | None:
        """Take events in; the ticket is the recorder's."""
        self._observer.append(events)
        return self._recorder.append(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)
