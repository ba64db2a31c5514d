"""What the recorder in memory keeps of a run, and how runs lie inside each other."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from llamabot.ports.errors import RunBusy
from llamabot.ports.recorder import Blob, decode_event
from llamabot.ports.summary import RunSummary, summarize

__all__ = ["EVENT_OVERHEAD", "HeldRun", "RunBlobs", "RunLog", "upwards", "with_inner"]

EVENT_OVERHEAD = 48  # bytes that CPython adds to an encoded event: the object's header and its place in a list
_RUN_OVERHEAD = 600


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
    """The log of one run."""

    __slots__ = ("_summary", "digests", "events", "number", "parent_id", "run_id", "size_bytes", "started_ns")

    def __init__(self, run_id: str, number: int) -> None:
        self.run_id = run_id
        self.number = number
        self.events: list[bytes] = []
        self.digests: dict[str, None] = {}
        self.size_bytes = _RUN_OVERHEAD
        self.started_ns: int | None = None
        self.parent_id: str | None = None
        self._summary: tuple[int, RunSummary | None] = (0, None)

    def last_ns(self) -> int:
        """Return when something was last written to the run; 0 if it has blobs alone."""
        return decode_event(self.events[-1]).at_ns if self.events else 0  # type: ignore[union-attr]  # never a blob

    def summary(self) -> RunSummary | None:
        """Return what the events add up to, computed again only when there are more of them."""
        data = self.events[:]
        if self._summary[0] != len(data):
            self._summary = (len(data), summarize(map(decode_event, data)))
        return self._summary[1]


class RunBlobs:
    """What runs share, each value once, for as long as a run refers to it."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.size_bytes = 0
        self._references: Counter[str] = Counter()

    def add(self, blob: Blob) -> None:
        """Count one more run that refers to the blob, and keep its data."""
        if blob.digest not in self.data:
            self.data[blob.digest] = blob.data
            self.size_bytes += sys.getsizeof(blob.data)
        self._references[blob.digest] += 1

    def release(self, digests: Iterable[str]) -> None:
        """Count one run less for each, and let go of those that no run refers to."""
        for digest in digests:
            self._references[digest] -= 1
            if not self._references[digest]:
                del self._references[digest]
                self.size_bytes -= sys.getsizeof(self.data.pop(digest))


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
