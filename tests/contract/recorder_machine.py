"""A recorder against a dictionary, in any order of operations."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.contract.recorder_events import RUN_IDS, events, tags
from tests.contract.runs import LONG_AGO_NS, NOW_NS, in_order, moment

from llamabot.ports.recorder import Blob, RunEvent, RunStarted, RunStatus
from llamabot.ports.summary import summarize

if TYPE_CHECKING:
    from tests.contract.recorder_contract import RecorderContract

_KEEP_DAYS = 30
_KEPT_SINCE_NS = NOW_NS - 45 * 86_400 * 10**9

run_ids = st.sampled_from(RUN_IDS)


class RecorderMachine(RuleBasedStateMachine):
    """The model: what was appended to each run and not deleted, in order."""

    def __init__(self, contract: RecorderContract) -> None:
        super().__init__()
        self.contract = contract
        self.folder = TemporaryDirectory()
        self.recorder = contract.make(Path(self.folder.name))
        self.appended: dict[str, list[RunEvent]] = {}
        self.clock = count(LONG_AGO_NS)
        self.long_ago = True

    def teardown(self) -> None:
        self.recorder.close()
        self.folder.cleanup()

    @rule(data=st.data(), run_id=run_ids, size=st.integers(1, 3))
    def append(self, data: st.DataObject, run_id: str, size: int) -> None:
        """One run at a time, as a bot does."""
        drawn = [data.draw(events(run_id, next(self.clock))) for _ in range(size)]
        self.recorder.append(drawn)
        self._note(drawn)

    @rule(data=st.data(), runs=st.lists(run_ids, min_size=2, max_size=3))
    def append_several(self, data: st.DataObject, runs: list[str]) -> None:
        """Several runs in one append."""
        drawn = [data.draw(events(run_id, next(self.clock))) for run_id in runs]
        self.recorder.append(drawn)
        self._note(drawn)

    @precondition(lambda self: self.long_ago)
    @rule()
    def time_passes(self) -> None:
        """From now on what is written is too young to be pruned."""
        self.clock, self.long_ago = count(NOW_NS), False

    @rule(run_id=run_ids)
    def events(self, run_id: str) -> None:
        """Everything of one run is there, blobs first."""
        assert in_order(self.recorder.events(run_id)) == self._kept(run_id)

    @rule(
        tags=st.none() | tags,
        status=st.none() | st.sampled_from(RunStatus),
        parent_id=st.none() | run_ids,
        since=st.booleans(),
        limit=st.none() | st.integers(0, 3),
    )
    def runs(
        self, tags: dict[str, str] | None, status: str | None, parent_id: str | None, since: bool, limit: int | None
    ) -> None:
        """The filters pick what a plain loop would pick."""
        summaries = [run for run_id in self.appended if (run := summarize(self._kept(run_id)))]
        fitting = [
            run
            for run in sorted(summaries, key=lambda run: -run.started_ns)
            if (tags or {}).items() <= run.tags.items()
            and status in (None, run.status)
            and parent_id in (None, run.parent_id)
            and (not since or run.started_ns >= _KEPT_SINCE_NS)
        ]
        found = self.recorder.runs(
            tags=tags,
            status=status,
            parent_id=parent_id,
            since=moment(_KEPT_SINCE_NS) if since else None,
            limit=limit,
        )
        assert list(found) == fitting[:limit]

    @rule(run_id=run_ids)
    def delete(self, run_id: str) -> None:
        """A run goes, and the runs inside it."""
        doomed = [run_id]
        for outer in doomed:
            doomed += [run for run in self.appended if self._parent(run) == outer and run not in doomed]
        assert self.recorder.delete(run_id) is (self._forget(doomed) > 0)

    @rule()
    def prune(self) -> None:
        """The old go, unless something young is inside of them."""
        kept = [run_id for run_id in self.appended if self._last_ns(run_id) >= _KEPT_SINCE_NS]
        for run_id in kept:
            parent = self._parent(run_id)
            kept += [parent] if parent in self.appended and parent not in kept else []
        doomed = [run_id for run_id in self.appended if run_id not in kept]
        assert self.recorder.prune(keep_days=_KEEP_DAYS) == self._forget(doomed)

    @rule()
    def reopen(self) -> None:
        """What was closed is found again."""
        self.recorder.close()
        self.recorder = self.contract.reopen(self.recorder, Path(self.folder.name))

    def _note(self, drawn: list[RunEvent]) -> None:
        for event in drawn:
            if self.contract.seen(event) is not None:
                self.appended.setdefault(event.run_id, []).append(event)

    def _kept(self, run_id: str) -> list[RunEvent]:
        return self.contract.kept(self.appended.get(run_id, []))

    def _forget(self, run_ids: list[str]) -> int:
        return sum(self.appended.pop(run_id, None) is not None for run_id in run_ids)

    def _parent(self, run_id: str) -> str | None:
        starts = [event for event in self.appended[run_id] if isinstance(event, RunStarted)]
        return starts[-1].parent_id if starts else None

    def _last_ns(self, run_id: str) -> int:
        return max((event.at_ns for event in self.appended[run_id] if not isinstance(event, Blob)), default=0)
