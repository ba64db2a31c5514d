"""The way of a run's events to the recorder, in order; no answer is lost for what a recorder does."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from llamabot.ports.recorder import RecorderPort, RunEvent

__all__ = ["Outbox"]

_LOG = logging.getLogger("llamabot")


class Outbox:
    """Sends the events of one run. A recorder that raises is told nothing more of it."""

    def __init__(self, recorder: RecorderPort | None, run_id: str) -> None:
        self._recorder = recorder
        self._run_id = run_id
        self._unsent: list[RunEvent] = []
        self._last: Future[None] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether nobody is told: there is no recorder, or it has raised."""
        return self._recorder is None

    def keep(self, *events: RunEvent) -> None:
        """Keep events until the next ones are sent."""
        self._unsent += events

    def pass_on(self, events: list[RunEvent]) -> Future[None] | None:
        """Send events that others follow at once: a recorder that gives no tickets gets them together with those."""
        if self._last is not None:
            return self.send(events)
        self._unsent += events
        return None

    def send(self, events: list[RunEvent]) -> Future[None] | None:
        """Send what was kept, and then these; return the recorder's ticket if it gives any."""
        if self._recorder is None or not (events or self._unsent):
            return None
        if self._last is not None and self._last.done() and self._last.exception() is not None:
            return self._last  # nobody waited for it; what follows from it must not be in the log without it
        if self._unsent:
            events, self._unsent = self._unsent + events, []
        try:
            self._last = self._recorder.append(events)
        except Exception:  # noqa: BLE001 - whatever a recorder raises
            _LOG.warning("the recorder refused run %s, the rest of it is not recorded", self._run_id, exc_info=True)
            self._recorder = self._last = None
        return self._last
