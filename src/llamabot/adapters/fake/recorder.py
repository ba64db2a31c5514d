"""The log in memory: the recorder of who has configured none, and of tests.

Events are kept encoded, so that what was appended cannot change afterwards and its size is known.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import TypeAlias

from llamabot.adapters.fake.forks import FORKS
from llamabot.adapters.fake.runs import APPEND_OVERHEAD, HeldRun, RunBlobs, RunLog, blobs_first, upwards, with_inner
from llamabot.ports.closing import Closing
from llamabot.ports.errors import ConfigurationError, RecorderError
from llamabot.ports.exports import export_run
from llamabot.ports.recorder import Blob, RunEvent, RunFinished, RunResumed, RunStatus, encode_events
from llamabot.ports.summary import RunFilter, RunSummary

__all__ = ["InMemoryRecorder"]

_LOG = logging.getLogger("llamabot")
_RUN_ID = attrgetter("run_id")
_WORTH_SHARING = 2048  # bytes of an append: the blobs in a smaller one take less than what it takes to share them
_NS_PER_DAY = 86_400 * 10**9

_Part: TypeAlias = tuple[tuple[RunEvent, ...], tuple[Blob, ...], bytes]
"""Events of one run that were appended at once, the blobs among them that are worth sharing, and the rest encoded."""


class InMemoryRecorder(Closing):
    """Keeps the last runs, within a bound on their number and one on their bytes.

    Beyond a bound whole runs go: those that finished longest ago first, then those that began to be recorded longest
    ago. A run that is larger than `max_bytes` by itself is not kept.

    Args:
        max_runs: most runs to keep.
        max_bytes: most bytes to keep, blobs included.
        durable: `append` returns tickets, resolved already: for tests of what waits for them. It survives nothing.

    Attributes:
        durable: as given.
        resumable: as `durable`: what is kept here passes for outliving the process in tests alone.
        lost_events: how many could not be kept because they have no JSON form.
    """

    def __init__(self, max_runs: int = 1000, max_bytes: int = 64 * 2**20, *, durable: bool = False) -> None:
        if max_runs < 1 or max_bytes < 1:
            raise ConfigurationError(f"max_runs and max_bytes must be at least 1; got {max_runs!r} and {max_bytes!r}")
        self.durable = self.resumable = durable
        self.lost_events = 0
        self._max_runs = max_runs
        self._max_bytes = max_bytes
        # What was appended waits here until the lock is free: an append never waits for a lock, since the garbage
        # collector may make one (a dropped stream ends its run) on a thread that holds the lock already.
        self._inbox: deque[_Part] = deque()
        self._lock = threading.Lock()
        self._running: OrderedDict[str, RunLog] = OrderedDict()
        self._finished: OrderedDict[str, RunLog] = OrderedDict()
        self._blobs = RunBlobs()
        self._size_bytes = 0
        self._numbered = 0
        self._held: dict[str, object] = {}
        FORKS.guard(self._lock)

    def append(self, events: Sequence[RunEvent]) -> Future[None] | None:
        """Take events in, all or none. Never raises: what cannot be encoded is counted and told once.

        Returns:
            A ticket, resolved or failed already, if the recorder is durable.
        """
        failure: Exception | None = None
        try:
            self._inbox.extend(_parts(events))
        except Exception as error:  # noqa: BLE001  # a recorder never fails a bot, whatever a tool has returned
            failure = error
            self._lose(len(events), error)
        # The inbox is looked at again after the lock was let go, for who came meanwhile and went on.
        while self._inbox and self._lock.acquire(False):
            try:
                self._take_in()
            finally:
                self._lock.release()
        return _ticket(failure) if self.durable else None

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return a run's blobs and then its events in the order of appending; () for a run that is not known."""
        with self._settled():
            run = self._find(run_id)
            if run is None:
                return ()
            shared = [Blob(run_id, digest, self._blobs.data[digest]) for digest in run.shared]
            events = run.events()
        return blobs_first((*shared, *events))

    def runs(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        status: RunStatus | str | None = None,
        since: datetime | None = None,
        parent_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[RunSummary]:
        """Yield summaries of the runs that fit every filter, the latest start first."""
        wanted = RunFilter(tags, status, since, parent_id, limit)
        fitting = (summary for summary in self._started() if wanted.fits(summary))
        return islice(fitting, None if limit is None else max(limit, 0))

    def claim(self, run_id: str) -> HeldRun:
        """Take a run in hand.

        Raises:
            RunBusy: somebody has it.
        """
        return HeldRun(self._held, run_id)

    def export(self, run_id: str, path: str | os.PathLike[str]) -> None:
        """Write a run and the runs inside it to one JSON file, readable by its owner alone, credentials taken out.

        Raises:
            UsageError: there is no such run.
            RecorderError: the log cannot be read, or the file not be written.
        """
        export_run(self, run_id, path)

    def prune(self, keep_days: float = 30) -> int:
        """Delete the runs that nothing was written to for so long, neither to them nor to a run inside them.

        Returns:
            How many runs were deleted.
        """
        oldest_ns = time.time_ns() - int(keep_days * _NS_PER_DAY)
        with self._settled():
            everything = self._all()
            kept: set[str] = set()
            for run_id, run in everything.items():
                if run.last_ns() >= oldest_ns:
                    kept.update(upwards(run_id, everything, kept))
            return self._forget_all(run_id for run_id in everything if run_id not in kept)

    def delete(self, run_id: str) -> bool:
        """Delete a run and the runs inside it; say whether it was known."""
        with self._settled():
            return self._forget_all(with_inner(run_id, self._all())) > 0

    def flush(self, timeout_s: float | None = None) -> None:
        """Do nothing: what was appended is kept already."""

    def close(self) -> None:
        """Do nothing: there is nothing to let go."""

    def __repr__(self) -> str:
        return f"InMemoryRecorder(max_runs={self._max_runs}, max_bytes={self._max_bytes})"

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Hold the lock, with all that was appended before taken in."""
        with self._lock:
            self._take_in()
            yield

    def _take_in(self) -> None:
        while self._inbox:
            self._take(*self._inbox.popleft())
        while self._size_bytes > self._max_bytes or len(self._running) + len(self._finished) > self._max_runs:
            self._forget((self._finished or self._running).popitem(last=False)[1])

    def _take(self, events: tuple[RunEvent, ...], blobs: tuple[Blob, ...], data: bytes) -> None:
        run_id = events[0].run_id
        run = self._running.get(run_id) or self._finished.get(run_id) or self._begin(run_id)
        for blob in blobs:
            self._share(run, blob)
        run.appended.append(data)
        grown = len(data) + APPEND_OVERHEAD
        run.size_bytes += grown
        self._size_bytes += grown
        if RunFinished in map(type, events) or RunResumed in map(type, events):
            self._take_ends(run, events)

    def _share(self, run: RunLog, blob: Blob) -> None:
        """Keep a blob once for all runs."""
        if blob.digest not in run.shared:
            run.shared[blob.digest] = None
            self._size_bytes += self._blobs.add(blob)

    def _take_ends(self, run: RunLog, events: tuple[RunEvent, ...]) -> None:
        """Put a run that ended behind those that did before; one that goes on again is among those that run."""
        for event in events:
            if isinstance(event, RunFinished):
                if not self._running.pop(run.run_id, None):
                    del self._finished[run.run_id]
                self._finished[run.run_id] = run
            elif isinstance(event, RunResumed) and run.run_id in self._finished:
                del self._finished[run.run_id]
                self._running[run.run_id] = run

    def _begin(self, run_id: str) -> RunLog:
        self._numbered += 1
        run = self._running[run_id] = RunLog(run_id, self._numbered)
        self._size_bytes += run.size_bytes
        return run

    def _forget_all(self, run_ids: Iterable[str]) -> int:
        forgotten = [run for run_id in run_ids if (run := self._find(run_id))]
        for run in forgotten:
            (self._running if run.run_id in self._running else self._finished).pop(run.run_id)
            self._forget(run)
        return len(forgotten)

    def _forget(self, run: RunLog) -> None:
        self._size_bytes -= run.size_bytes + self._blobs.release(run.shared)

    def _find(self, run_id: str) -> RunLog | None:
        return self._running.get(run_id) or self._finished.get(run_id)

    def _all(self) -> dict[str, RunLog]:
        return {**self._running, **self._finished}

    def _started(self) -> list[RunSummary]:
        """Return the summaries of the runs whose start is known, the latest first."""
        with self._settled():
            runs = self._all().values()
        started = [(summary.started_ns, run.number, summary) for run in runs if (summary := run.summary())]
        return [summary for *_, summary in sorted(started, key=itemgetter(0, 1), reverse=True)]

    def _lose(self, count: int, error: Exception) -> None:
        self.lost_events += count
        if self.lost_events == count:
            _LOG.warning("an event of a run has no JSON form and is not recorded: %s", error)


def _parts(events: Sequence[RunEvent]) -> list[_Part]:
    if len(set(map(_RUN_ID, events))) == 1:  # a run sends its own alone
        return [_part(tuple(events))]
    return [_part(tuple(group)) for _, group in groupby(events, _RUN_ID)]


def _part(events: tuple[RunEvent, ...]) -> _Part:
    data = encode_events(events)
    if len(data) <= _WORTH_SHARING or Blob not in map(type, events):
        return events, (), data
    blobs = tuple(event for event in events if isinstance(event, Blob))
    return events, blobs, encode_events([event for event in events if not isinstance(event, Blob)])


def _ticket(failure: Exception | None) -> Future[None]:
    ticket: Future[None] = Future()
    if failure is None:
        ticket.set_result(None)
    else:
        ticket.set_exception(RecorderError(f"an event of a run has no JSON form: {failure}"))
    return ticket
