"""Recorders that are wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from tests.falsify.plain_recorder import (
    DurableRecorder,
    FileHooks,
    PlainRecorder,
    Ticket,
    replaced,
    sync,
)
from tests.falsify.wrong import wrong

from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.ports.errors import RecorderError
from llamabot.ports.recorder import Blob, RunEvent, encode_event
from llamabot.ports.summary import RunSummary
from llamabot.testing.contracts import RecorderContract


@sync
class EventsOfAnother(PlainRecorder):
    """Returns the events of every run whose id begins as the one does that is asked for."""

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        alike = sorted(other for other in self._all() if other.startswith(run_id))
        return tuple(event for other in alike for event in super(EventsOfAnother, self).events(other))


@sync
class HoldsWhatItWasGiven(PlainRecorder):
    """Encodes events when they are read, so that what changes meanwhile changes in the log."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[RunEvent] = []

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        try:
            [encode_event(event) for event in events]
        except Exception:
            return None
        self.given += events
        return None

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        self._taken()
        return super().events(run_id)

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        self._taken()
        return super().runs(**filters)

    def _taken(self) -> None:
        given, self.given = self.given, []
        super().append(given)


@sync
class BlobOfTheFirst(PlainRecorder):
    """Gives a blob to the run alone that has brought it first."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        owners = self.__dict__.setdefault("owners", {})
        return super().append(
            [e for e in events if not isinstance(e, Blob) or owners.setdefault(e.digest, e.run_id) == e.run_id]
        )


@sync
class BlobsAmongTheEvents(PlainRecorder):
    """Returns a run's blobs after its events."""

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        return tuple(sorted(super().events(run_id), key=lambda event: isinstance(event, Blob)))


@sync
class ByPath(PlainRecorder):
    """Sorts the events of an append by the paths of their effects."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        return super().append(sorted(events, key=lambda event: getattr(event, "path", "")))


@sync
class BlobEachTime(PlainRecorder):
    """Returns a blob as often as it was appended."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        self.__dict__.setdefault("blobs", []).extend(event for event in events if isinstance(event, Blob))
        return super().append(events)

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        rest = [event for event in super().events(run_id) if not isinstance(event, Blob)]
        return (*(blob for blob in self.__dict__.get("blobs", ()) if blob.run_id == run_id), *rest)


@sync
class AppendRaises(PlainRecorder):
    """Raises into the bot where it cannot keep an event."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        for event in events:
            encode_event(event)
        return super().append(events)


@sync
class PartOfAnAppend(PlainRecorder):
    """Keeps of an append with an event that cannot be kept the others."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        for event in events:
            super().append([event])
        return None


@sync
class TicketOfAFailure(DurableRecorder):
    """Says of what could not be kept that it is committed."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        super().append(events)
        ticket: Future[None] = Future()
        ticket.set_result(None)
        return ticket


@sync
class NoTicket(DurableRecorder):
    """Says that it is durable, and gives no ticket."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        super().append(events)
        return None


@sync
class TicketWithAValue(DurableRecorder):
    """Resolves its tickets with the number of events."""

    def append(self, events: Sequence[RunEvent]) -> Any:
        ticket = super().append(events)
        if ticket is None or ticket.exception():
            return ticket
        counted: Future[int] = Future()
        counted.set_result(len(events))
        return counted


@sync
class OutcomesCut(PlainRecorder):
    """Cuts what is nested more than 20 deep."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        return super().append([_cut(event) for event in events])


def _cut(event: Any) -> Any:
    if not hasattr(event, "outcome"):
        return event
    return replaced(event, outcome=_within(event.outcome, 20))


def _within(value: Any, depth: int) -> Any:
    if depth == 0:
        return None
    if isinstance(value, dict):
        return {name: _within(inner, depth - 1) for name, inner in value.items()}
    return [_within(inner, depth - 1) for inner in value] if isinstance(value, list) else value


@sync
class UnsafeAppend(PlainRecorder):
    """Gathers what is appended in a list that threads overwrite."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered: list[Sequence[RunEvent]] = []

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        gathered = [*self.gathered, list(events)]
        threading.Event().wait(0.0002)
        self.gathered = gathered
        if threading.active_count() > 1 or not self.gathered:
            return None
        self.settle()
        return None

    def settle(self) -> None:
        given, self.gathered = self.gathered, []
        for events in given:
            super().append(events)

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        self.settle()
        return super().events(run_id)

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        self.settle()
        return super().runs(**filters)


class OnFile(InMemoryRecorder):
    """A recorder on a file: what was committed there is found by who opens it.

    Args:
        file: what it holds.
    """

    def __init__(self, file: list[RunEvent]) -> None:
        super().__init__(durable=True)
        self.file = file
        super().append(file)


on_file = wrong(FileHooks, RecorderContract)


@on_file
class CommitsAfterwards(OnFile):
    """Says that events are committed when they wait to be written; they are when the next ones come, or at its end."""

    def __init__(self, file: list[RunEvent]) -> None:
        super().__init__(file)
        self.waiting: list[RunEvent] = []

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        ticket = super().append(events)
        if ticket and not ticket.exception():
            self.file += self.waiting
            self.waiting = list(events)
        return ticket

    def close(self) -> None:
        self.file += self.waiting
        self.waiting = []


@on_file
class LastEventLost(OnFile):
    """Forgets to write at its end what it has gathered since the last full page of three events."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        ticket = super().append(events)
        if ticket and not ticket.exception():
            self.waiting = [*self.__dict__.get("waiting", ()), *events]
            while len(self.waiting) >= 3:
                self.file += self.waiting[:3]
                self.waiting = self.waiting[3:]
        return ticket


@on_file
class ErrorOfTheEncoder(OnFile):
    """Fails its tickets with the error of the encoder, which is none of ours."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        ticket = super().append(events)
        if ticket and isinstance(ticket.exception(), RecorderError):
            ticket = Future()
            ticket.set_exception(UnicodeEncodeError("utf-8", "?", 0, 1, "surrogates not allowed"))
        elif ticket:
            self.file += events
        return ticket
