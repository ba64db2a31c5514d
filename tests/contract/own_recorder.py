"""What the recorders of this library can beside their port: prune, delete, export, and go on after a close."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from llamabot.ports.errors import RunBusy, UsageError
from llamabot.ports.exports import read_export
from llamabot.ports.recorder import Blob, RunStarted
from llamabot.testing.contracts import RecorderContract
from llamabot.testing.contracts.recorder_events import RUN_IDS
from llamabot.testing.contracts.recorder_machine import KEPT_SINCE_NS, RecorderMachine
from llamabot.testing.runs import LONG_AGO_NS, NOW_NS, a_run, in_order

_KEEP_DAYS = 30


class OwnRecorderMachine(RecorderMachine):
    """The model: what was appended to each run and neither deleted nor pruned, in order."""

    @rule(run_id=st.sampled_from(RUN_IDS))
    def delete(self, run_id: str) -> None:
        """A run goes, and the runs inside it."""
        doomed = [run_id]
        for outer in doomed:
            doomed += [run for run in self.appended if self._parent(run) == outer and run not in doomed]
        assert self.recorder.delete(run_id) is (self._forget(doomed) > 0)

    @rule()
    def prune(self) -> None:
        """The old go, unless something young is inside of them."""
        kept = [run_id for run_id in self.appended if self._last_ns(run_id) >= KEPT_SINCE_NS]
        for run_id in kept:
            parent = self._parent(run_id)
            kept += [parent] if parent in self.appended and parent not in kept else []
        doomed = [run_id for run_id in self.appended if run_id not in kept]
        assert self.recorder.prune(keep_days=_KEEP_DAYS) == self._forget(doomed)

    def _forget(self, run_ids: list[str]) -> int:
        return sum(self.appended.pop(run_id, None) is not None for run_id in run_ids)

    def _parent(self, run_id: str) -> str | None:
        starts = [event for event in self.appended[run_id] if isinstance(event, RunStarted)]
        return starts[-1].parent_id if starts else None

    def _last_ns(self, run_id: str) -> int:
        return max((event.at_ns for event in self.appended[run_id] if not isinstance(event, Blob)), default=0)


class OwnRecorderContract(RecorderContract):
    """A recorder of this library."""

    examples = 60
    machine = OwnRecorderMachine

    def test_has_nothing_to_prune_or_delete_at_first(self) -> None:
        with self.made() as recorder:
            assert recorder.prune() == 0
            assert recorder.delete("nobody") is False

    def test_a_run_that_is_busy_is_told_with_what_to_do(self) -> None:
        with self.made() as recorder:
            claim = recorder.claim("run")
            with pytest.raises(RunBusy, match=r"'run' is in .*wait until it has ended or paused"):
                recorder.claim("run")
            claim.release()

    def test_names_the_filter_that_is_wrong(self) -> None:
        with self.made() as recorder:
            for wrong in ({"status": "no status"}, {"since": 3}, {"tags": ["x"]}, {"tags": {"a": 1}}, {"limit": "3"}):
                with pytest.raises(UsageError, match=next(iter(wrong))):
                    list(recorder.runs(**wrong))

    def test_a_run_that_was_deleted_leaves_the_blobs_of_others(self) -> None:
        with self.made() as recorder:
            for run_id in ("one", "two"):
                recorder.append(a_run(run_id))
            assert recorder.delete("one")
            assert in_order(recorder.events("two")) == self.kept(a_run("two"))

    def test_finds_what_began_before_1970(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("run"))
            assert len(list(recorder.runs(since=datetime(1969, 1, 1, tzinfo=UTC)))) == 1

    def test_exports_a_run_with_those_inside_it(self, tmp_path: Path) -> None:
        with self.made() as recorder:
            recorder.append(a_run("outer", NOW_NS))
            recorder.append(
                a_run("inner", NOW_NS + 1, parent_id="outer") + a_run("inmost", NOW_NS + 2, parent_id="inner")
            )
            recorder.append(a_run("other"))
            recorder.export("outer", tmp_path / "run.json")
            export = read_export(tmp_path / "run.json")
            assert (export.run_id, export.run_ids) == ("outer", ("inmost", "inner", "outer"))
            for run_id in export.run_ids:
                assert export.events(run_id) == recorder.events(run_id)

    def test_exports_no_run_that_it_does_not_know(self, tmp_path: Path) -> None:
        with self.made() as recorder:
            with pytest.raises(UsageError, match="no run 'nobody' to export"):
                recorder.export("nobody", tmp_path / "run.json")
            assert list(tmp_path.glob("*.json")) == []

    def test_deletes_a_run_with_those_inside_it_and_no_other(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("outer") + a_run("inner", parent_id="outer") + a_run("innermost", parent_id="inner"))
            recorder.append(a_run("other"))
            assert recorder.delete("outer") is True
            assert recorder.delete("outer") is False
            assert [run.run_id for run in recorder.runs()] == ["other"]
            assert recorder.events("innermost") == ()

    def test_deletes_runs_that_lie_inside_each_other(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("egg", parent_id="hen") + a_run("hen", parent_id="egg"))
            assert recorder.delete("hen") is True
            assert list(recorder.runs()) == []

    def test_prunes_what_nothing_was_written_to_for_long(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("old", LONG_AGO_NS) + a_run("old-inner", LONG_AGO_NS, parent_id="fresh"))
            recorder.append(a_run("fresh"))
            recorder.append(a_run("taken-up", LONG_AGO_NS)[:-1])
            recorder.append(a_run("taken-up", NOW_NS)[-1:])
            recorder.append(a_run("holds", LONG_AGO_NS) + a_run("held", LONG_AGO_NS, parent_id="holds"))
            recorder.append(a_run("written", LONG_AGO_NS, parent_id="held")[:-1])
            recorder.append(a_run("written", NOW_NS)[-1:])
            assert recorder.prune(keep_days=90) == 0
            assert recorder.prune(keep_days=30) == 2
            assert {run.run_id for run in recorder.runs()} == {"fresh", "taken-up", "holds", "held", "written"}

    def test_prunes_what_has_no_start(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("headless", LONG_AGO_NS)[2:])
            assert list(recorder.runs()) == []
            assert recorder.prune() == 1
            assert recorder.events("headless") == ()

    def test_can_be_closed_twice_and_go_on(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("before"))
            recorder.close()
            recorder.close()
            recorder.append(a_run("after", NOW_NS + 9))
            assert [run.run_id for run in recorder.runs()] == ["after", "before"]
