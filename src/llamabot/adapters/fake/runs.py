"""What the recorder in memory keeps of a run, and how runs lie inside each other."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from llamabot.ports.errors import RunBusy
from llamabot.ports.recorder import Blob, RunEvent, decode_events
from llamabot.ports.summary import RunSummary, summarize

__all__ = ["APPEND_OVERHEAD", "HeldRun", "RunBlobs", "RunLog", "blobs_first", "upwards", "with_inner"]

APPEND_OVERHEAD = 48  # bytes that CPython adds to what was encoded: the object's header and its place in a list
_RUN_OVERHEAD = 600
_NO_SUMMARY: tuple[int, RunSummary | None] = (0, None)


class HeldRun:
    """A claim on a run of a recorder in memory; it ends when it is released or forgotten.

    Args:
        held: who has which run; each claim puts a mark of its own there. One step and no lock, since a claim may be
            given back by the garbage collector.
    """

    __slots__ = ("_held", "_mark", "_run_id")

    def __init__(self, held: dict[str, object], run_id: str) -> None:
        self._held = held
        self._run_id = run_id
        self._mark = object()
        if held.setdefault(run_id, self._mark) is not self._mark:
            raise RunBusy(f"run {run_id!r} is in hand already in this process: wait until it has ended or paused")

    def release(self) -> None:
        """Give it back. A second time does nothing."""
        if self._held.get(self._run_id) is self._mark:
            del self._held[self._run_id]

    def __del__(self) -> None:
        self.release()


class RunLog:
    """The log of one run.

    Attributes:
        appended: its events, encoded, as many together as were appended together; small blobs are among them.
        shared: digests of the blobs that are kept once for all runs.
        size_bytes: of all this but the shared blobs.
    """

    __slots__ = ("_summary", "appended", "number", "run_id", "shared", "size_bytes")

    def __init__(self, run_id: str, number: int) -> None:
        self.run_id = run_id
        self.number = number
        self.appended: list[bytes] = []
        self.shared: dict[str, None] = {}
        self.size_bytes = _RUN_OVERHEAD
        self._summary: tuple[int, RunSummary | None] = _NO_SUMMARY

    def events(self) -> Iterator[RunEvent]:
        """Return what was appended, decoded one after the other."""
        return chain.from_iterable(map(decode_events, self.appended[:]))

    def last_ns(self) -> int:
        """Return when something was last written to the run; 0 if it has blobs alone."""
        latest_first = (event for data in reversed(self.appended) for event in reversed(decode_events(data)))
        return next((event.at_ns for event in latest_first if not isinstance(event, Blob)), 0)

    def summary(self) -> RunSummary | None:
        """Return what the events add up to, computed again only when there are more of them; None without a start."""
        appended = len(self.appended)
        if self._summary[0] != appended:
            self._summary = (appended, summarize(event for event in self.events() if not isinstance(event, Blob)))
        return self._summary[1]

    @property
    def parent_id(self) -> str | None:
        """The run that it lies in."""
        summary = self.summary()
        return None if summary is None else summary.parent_id


class RunBlobs:
    """What runs share, each value once, for as long as a run refers to it."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self._references: Counter[str] = Counter()

    def add(self, blob: Blob) -> int:
        """Count one more run that refers to the blob, and keep its data; return by how many bytes that has grown."""
        self._references[blob.digest] += 1
        if blob.digest in self.data:
            return 0
        self.data[blob.digest] = blob.data
        return sys.getsizeof(blob.data)

    def release(self, digests: Iterable[str]) -> int:
        """Count one run less for each, and let go of those that no run refers to; return how many bytes they had."""
        released = 0
        for digest in digests:
            self._references[digest] -= 1
            if not self._references[digest]:
                del self._references[digest]
                released += sys.getsizeof(self.data.pop(digest))
        return released


def blobs_first(events: Iterable[RunEvent]) -> tuple[RunEvent, ...]:
    """Return events with the blobs before the others, each once."""
    blobs: dict[str, RunEvent] = {}
    others: list[RunEvent] = []
    for event in events:
        if isinstance(event, Blob):
            blobs.setdefault(event.digest, event)
        else:
            others.append(event)
    return (*blobs.values(), *others)


def upwards(run_id: str, runs: Mapping[str, RunLog], known: set[str]) -> Iterator[str]:
    """Yield a run and the runs it is in, up to one that is known already."""
    upper: str | None = run_id
    seen: set[str] = set()
    while upper is not None and upper in runs and upper not in known and upper not in seen:
        seen.add(upper)
        yield upper
        upper = runs[upper].parent_id


def with_inner(run_id: str, runs: Mapping[str, RunLog]) -> list[str]:
    """Return a run and the runs inside it, the ones inside those too."""
    inner = [run_id]
    for outer in inner:
        inner += [other for other, run in runs.items() if run.parent_id == outer and other not in inner]
    return inner
