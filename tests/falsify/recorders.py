"""Recorders that are wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.adapters.fake.recorder import InMemoryRecorder
from llamabot.ports.errors import RecorderError, UsageError
from llamabot.ports.recorder import Blob, RunEvent, RunFinished, RunResumed, RunStarted, encode_event
from llamabot.ports.summary import RunSummary, summarize
from llamabot.testing.contracts import RecorderContract

replaced: Any = msgspec.structs.replace
Ticket = Future[None] | None


class RecorderHooks:
    adapter: Any
    examples = 12

    def make(self) -> Any:
        return self.adapter()


class FileHooks(RecorderHooks):
    """Of recorders on a file, which here is a list of what was committed to it."""

    folder: Path

    def make(self) -> Any:
        self.files: dict[Path, list[RunEvent]] = getattr(self, "files", {})
        return self.adapter(self.files.setdefault(self.folder, []))

    def reopen(self, recorder: Any) -> Any:
        recorder.close()
        return self.make()


sync = wrong(RecorderHooks, RecorderContract)


class PlainRecorder(InMemoryRecorder):
    """A right recorder."""


class DurableRecorder(InMemoryRecorder):
    """A right recorder with tickets."""

    def __init__(self) -> None:
        super().__init__(durable=True)


@sync
class EventsOfAnother(PlainRecorder):
    """Returns the events of every run whose id begins as the one does that is asked for."""

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        alike = sorted(other for other in self._all() if other.startswith(run_id))
        return tuple(event for other in alike for event in super(EventsOfAnother, self).events(other))


@sync
class OldestFirst(PlainRecorder):
    """Yields the oldest run first."""

    def runs(self, *, limit: int | None = None, **filters: Any) -> Iterator[RunSummary]:
        super().runs(limit=limit)
        oldest = reversed(list(super().runs(**filters)))
        return oldest if limit is None else islice(oldest, max(limit, 0))


@sync
class OneRunTooMany(PlainRecorder):
    """Yields one run more than its limit."""

    def runs(self, *, limit: int | None = None, **filters: Any) -> Iterator[RunSummary]:
        return super().runs(limit=limit if limit is None else limit + 1, **filters)


@sync
class LimitBeforeTheFilter(PlainRecorder):
    """Takes the latest runs up to the limit first, and filters those."""

    def runs(self, *, limit: int | None = None, **filters: Any) -> Iterator[RunSummary]:
        latest = [run.run_id for run in super().runs(limit=limit)]
        fitting = super().runs(**filters)
        return (run for run in fitting if run.run_id in latest)


@sync
class SinceIsExclusive(PlainRecorder):
    """Leaves out the run that started at the very moment that is given."""

    def runs(self, *, since: datetime | None = None, limit: int | None = None, **filters: Any) -> Iterator[RunSummary]:
        if not isinstance(since, datetime):
            return super().runs(since=since, limit=limit, **filters)
        return super().runs(since=since + timedelta(microseconds=1), limit=limit, **filters)


@sync
class LocalTimeIsUtc(PlainRecorder):
    """Takes a time without a zone for UTC."""

    def runs(self, *, since: datetime | None = None, **filters: Any) -> Iterator[RunSummary]:
        known = since.replace(tzinfo=UTC) if isinstance(since, datetime) and since.tzinfo is None else since
        return super().runs(since=known, **filters)


@sync
class AnyTagWillDo(PlainRecorder):
    """Yields runs that have any of the tags, not all."""

    def runs(
        self, *, tags: Mapping[str, str] | None = None, limit: int | None = None, **filters: Any
    ) -> Iterator[RunSummary]:
        fitting = super().runs(tags=tags, limit=limit, **filters)
        if tags is None or limit is not None:
            return fitting
        return (run for run in super().runs(**filters) if not tags or tags.items() & run.tags.items())


@sync
class ResumedIsStillEnded(PlainRecorder):
    """Forgets on a resumption that the run goes on again."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        kept = list(events)
        self.resumptions = getattr(self, "resumptions", [])
        self.resumptions += [event for event in kept if isinstance(event, RunResumed)]
        return super().append(kept)

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        for run in super().runs(**filters):
            events = [event for event in self.events(run.run_id) if not isinstance(event, RunResumed)]
            yield summarize(events) or run


@sync
class InsideOfInside(PlainRecorder):
    """Counts a run inside a run inside another as one of the other."""

    def runs(self, *, parent_id: str | None = None, limit: int | None = None, **filters: Any) -> Iterator[RunSummary]:
        if parent_id is None:
            return super().runs(limit=limit, **filters)
        super().runs(parent_id=parent_id)
        inside = {parent_id}
        everything = list(super().runs())
        for _ in everything:
            inside |= {run.run_id for run in everything if run.parent_id in inside}
        fitting = (run for run in super().runs(**filters) if run.parent_id in inside)
        return fitting if limit is None else islice(fitting, max(limit, 0))


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
class BlobEachTime(PlainRecorder):
    """Returns a blob as often as it was appended."""

    def append(self, events: Sequence[RunEvent]) -> Ticket:
        self.__dict__.setdefault("blobs", []).extend(event for event in events if isinstance(event, Blob))
        return super().append(events)

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        rest = [event for event in super().events(run_id) if not isinstance(event, Blob)]
        return (*(blob for blob in self.__dict__.get("blobs", ()) if blob.run_id == run_id), *rest)


class _Claim:
    def __init__(self, held: set[str], run_id: str) -> None:
        self.held, self.run_id = held, run_id

    def release(self) -> None:
        self.held.discard(self.run_id)


@sync
class ReleasesForAnother(PlainRecorder):
    """Releases a run by its id, whoever has it by then."""

    def claim(self, run_id: str) -> Any:
        claim = super().claim(run_id)
        held: Any = self._held

        class Claim:
            def release(self) -> None:
                held.pop(run_id, None)

            def __del__(self) -> None:
                claim.release()

        return Claim()


@sync
class NeverBusy(PlainRecorder):
    """Gives a run to everybody who asks."""

    def claim(self, run_id: str) -> Any:
        return _Claim(set(), run_id)


@sync
class ForgottenIsHeld(PlainRecorder):
    """Keeps a claim that nobody holds any longer."""

    def claim(self, run_id: str) -> Any:
        claim = super().claim(run_id)
        self.__dict__.setdefault("claims", []).append(claim)
        return claim


@sync
class ChecksThenTakes(PlainRecorder):
    """Looks whether a run is free, and takes it then, so that two threads may have it."""

    def claim(self, run_id: str) -> Any:
        super().claim(run_id).release()
        threading.Event().wait(0.0005)
        mark = self._held[run_id] = object()
        return _Marked(self._held, run_id, mark)


class _Marked:
    def __init__(self, held: dict[str, object], run_id: str, mark: object) -> None:
        self.held, self.run_id, self.mark = held, run_id, mark

    def release(self) -> None:
        if self.held.get(self.run_id) is self.mark:
            del self.held[self.run_id]

    def __del__(self) -> None:
        self.release()


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
class UnknownStatusIsNothing(PlainRecorder):
    """Finds nothing for a status that does not exist."""

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        try:
            yield from super().runs(**filters)
        except UsageError:
            return


@sync
class RunsWithoutAStart(PlainRecorder):
    """Yields runs of which nothing is known but blobs or effects."""

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        yield from super().runs(**filters)
        if not any(filters.values()):
            for run_id in self._all():
                if not any(isinstance(event, RunStarted) for event in self.events(run_id)):
                    start = RunStarted(run_id, 0, schema=1, kind="bot", bot="?")  # type: ignore[arg-type]  # its text serves here
                    summary = summarize([start])
                    if summary:
                        yield summary


@sync
class FirstEndCounts(PlainRecorder):
    """Says of a run that was resumed how it stood at its first end."""

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        for run in super().runs(**filters):
            ends = [event for event in self.events(run.run_id) if isinstance(event, RunFinished)]
            yield replaced(run, status=ends[0].status) if ends else run


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
