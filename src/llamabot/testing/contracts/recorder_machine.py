"""A recorder against a dictionary, in any order of operations."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from llamabot.ports.recorder import RunEvent, RunStatus
from llamabot.ports.summary import summarize
from llamabot.testing.contracts.recorder_events import RUN_IDS, events, tags
from llamabot.testing.runs import LONG_AGO_NS, NOW_NS, in_order, moment

if TYPE_CHECKING:
    from llamabot.testing.contracts.recorder import RecorderContract

KEPT_SINCE_NS = NOW_NS - 45 * 86_400 * 10**9
"""A moment between the past and the present of these runs."""

__all__ = ["KEPT_SINCE_NS", "RecorderMachine"]

_run_ids = st.sampled_from(RUN_IDS)


class RecorderMachine(RuleBasedStateMachine):
    """The model: what was appended to each run and not deleted, in order."""

    def __init__(self, contract: RecorderContract) -> None:
        super().__init__()
        self.contract = contract
        self.lending = contract.made()
        self.recorder: Any = self.lending.__enter__()
        self.appended: dict[str, list[RunEvent]] = {}
        self.clock = count(LONG_AGO_NS)
        self.long_ago = True

    def teardown(self) -> None:
        """Give the recorder back."""
        self.lending.__exit__(None, None, None)

    @rule(data=st.data(), run_id=_run_ids, size=st.integers(1, 3))
    def append(self, data: st.DataObject, run_id: str, size: int) -> None:
        """One run at a time, as a bot does."""
        drawn = [data.draw(events(run_id, next(self.clock))) for _ in range(size)]
        self.recorder.append(drawn)
        self._note(drawn)

    @rule(data=st.data(), runs=st.lists(_run_ids, min_size=2, max_size=3))
    def append_several(self, data: st.DataObject, runs: list[str]) -> None:
        """Several runs in one append."""
        drawn = [data.draw(events(run_id, next(self.clock))) for run_id in runs]
        self.recorder.append(drawn)
        self._note(drawn)

    @precondition(lambda self: self.long_ago)
    @rule()
    def time_passes(self) -> None:
        """From now on what is written is of today."""
        self.clock, self.long_ago = count(NOW_NS), False

    @rule(run_id=_run_ids)
    def events(self, run_id: str) -> None:
        """Everything of one run is there, blobs first."""
        assert in_order(self.recorder.events(run_id)) == self.kept_of(run_id)

    @rule(
        tags=st.none() | tags,
        status=st.none() | st.sampled_from(RunStatus),
        parent_id=st.none() | _run_ids,
        since=st.booleans(),
        limit=st.none() | st.integers(0, 3),
    )
    def runs(
        self, tags: dict[str, str] | None, status: str | None, parent_id: str | None, since: bool, limit: int | None
    ) -> None:
        """The filters pick what a plain loop would pick."""
        summaries = [run for run_id in self.appended if (run := summarize(self.kept_of(run_id)))]
        fitting = [
            run
            for run in sorted(summaries, key=lambda run: -run.started_ns)
            if (tags or {}).items() <= run.tags.items()
            and status in (None, run.status)
            and parent_id in (None, run.parent_id)
            and (not since or run.started_ns >= KEPT_SINCE_NS)
        ]
        found = self.recorder.runs(
            tags=tags,
            status=status,
            parent_id=parent_id,
            since=moment(KEPT_SINCE_NS) if since else None,
            limit=limit,
        )
        assert list(found) == fitting[:limit]

    @rule()
    def reopen(self) -> None:
        """What was closed is found again."""
        self.recorder = self.contract.reopened(self.recorder)

    def _note(self, drawn: list[RunEvent]) -> None:
        for event in drawn:
            if self.contract.seen(event) is not None:
                self.appended.setdefault(event.run_id, []).append(event)

    def kept_of(self, run_id: str) -> list[RunEvent]:
        """Return what the recorder must have of a run."""
        return self.contract.kept(self.appended.get(run_id, []))
