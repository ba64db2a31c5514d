"""Recorders with one bug each in which runs they find, how those stand, and in whose hand they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from tests.falsify.plain_recorder import (
    PlainRecorder,
    Ticket,
    replaced,
    sync,
)

from llamabot.ports.errors import UsageError
from llamabot.ports.recorder import RunEvent, RunFinished, RunResumed, RunStarted
from llamabot.ports.summary import RunSummary, summarize


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
class ParentIgnored(PlainRecorder):
    """Yields runs wherever they are, whatever `parent_id` says."""

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        return super().runs(**{**filters, "parent_id": None})


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
