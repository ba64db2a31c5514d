"""What every recorder does: a class of tests to inherit.

Beyond `RecorderPort` the recorders of this library can all `prune`, `delete`, `flush` and `close`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.contract.recorder_events import RUN_IDS, TAG_KEYS, TAG_VALUES, histories
from tests.contract.recorder_machine import RecorderMachine
from tests.contract.runs import LONG_AGO_NS, NOW_NS, a_run, in_order, moment

from llamabot.ports.errors import RunBusy, UsageError
from llamabot.ports.exports import read_export
from llamabot.ports.recorder import (
    LOG_SCHEMA_VERSION,
    Blob,
    EffectStarted,
    ErrorRecord,
    RunEvent,
    RunFinished,
    RunKind,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStatus,
    decode_event,
    encode_event,
)
from llamabot.ports.summary import summarize

_HOUR_NS = 3600 * 10**9


class RecorderContract:
    """Say how a recorder is made; for one that keeps things on a disk, also how it is made again."""

    examples = 60

    def make(self, folder: Path) -> Any:
        """Return a recorder; what it keeps on a disk is in the folder."""
        raise NotImplementedError

    def reopen(self, recorder: Any, folder: Path) -> Any:
        """Return what goes on from a recorder that was closed: itself, if it lives in memory."""
        return recorder

    def seen(self, event: RunEvent) -> RunEvent | None:
        """Return what is kept of an event."""
        return decode_event(encode_event(event))

    def kept(self, appended: Iterable[RunEvent]) -> list[RunEvent]:
        """Return what is kept of the events of one run: its blobs, each once, in any order, and then the rest."""
        seen = [event for event in map(self.seen, appended) if event is not None]
        blobs = {event.digest: event for event in seen if isinstance(event, Blob)}
        return [*(blobs[digest] for digest in sorted(blobs)), *(event for event in seen if not isinstance(event, Blob))]

    @contextmanager
    def made(self) -> Iterator[Any]:
        """Lend a recorder to one example."""
        with TemporaryDirectory() as folder:
            recorder = self.make(Path(folder))
            try:
                yield recorder
            finally:
                recorder.close()

    @pytest.fixture
    def recorder(self) -> Iterator[Any]:
        with self.made() as recorder:
            yield recorder

    def test_knows_nothing_at_first(self, recorder: Any) -> None:
        assert recorder.events("nobody") == ()
        assert list(recorder.runs()) == []
        assert recorder.prune() == 0
        assert recorder.delete("nobody") is False

    def test_gives_back_what_was_appended_and_what_it_adds_up_to(self) -> None:
        @settings(max_examples=self.examples)
        @given(history=histories())
        def check(history: list[list[RunEvent]]) -> None:
            with self.made() as recorder:
                for appended in history:
                    recorder.append(appended)
                summaries = []
                for run_id in RUN_IDS:
                    expected = self.kept(event for appended in history for event in appended if event.run_id == run_id)
                    assert in_order(recorder.events(run_id)) == expected
                    summaries += filter(None, [summarize(expected)])
                assert list(recorder.runs()) == sorted(summaries, key=lambda run: -run.started_ns)

        check()

    def test_agrees_with_a_dictionary_whatever_is_done_in_whatever_order(self) -> None:
        run_state_machine_as_test(
            lambda: RecorderMachine(self), settings=settings(max_examples=self.examples // 2, stateful_step_count=25)
        )

    def test_freezes_what_it_is_given(self, recorder: Any) -> None:
        tags, content = {"user": "7"}, {"text": ["hi"]}
        started = RunStarted("run", NOW_NS, 1, RunKind.BOT, "Bot", tags=tags)
        effect = EffectStarted("run", NOW_NS, "1", "complete", input=content)
        expected = self.kept([decode_event(encode_event(started)), decode_event(encode_event(effect))])
        recorder.append([started, effect])
        tags["user"] = "8"
        content["text"].append("there")
        assert list(recorder.events("run")) == expected
        assert [run.run_id for run in recorder.runs(tags={"user": "7"})] == ["run"]

    def test_writes_the_type_of_what_has_no_json_form(self, recorder: Any) -> None:
        recorder.append([EffectStarted("run", NOW_NS, "1", "call", input={"frame": object(), "bytes": b"abc"})])
        expected = EffectStarted("run", NOW_NS, "1", "call", input={"frame": "<object>", "bytes": "YWJj"})
        assert list(recorder.events("run")) == self.kept([expected])

    def test_keeps_contents_nested_as_deeply_as_they_can_be_encoded(self, recorder: Any) -> None:
        content: Any = "core"
        for _ in range(400):
            content = [content]
        recorder.append([EffectStarted("run", NOW_NS, "1", "call", input=content)])
        assert list(recorder.events("run")) == self.kept([EffectStarted("run", NOW_NS, "1", "call", input=content)])

    def test_stores_a_blob_once_however_many_runs_use_it(self, recorder: Any) -> None:
        for run_id in ("one", "two"):
            recorder.append(a_run(run_id))
            recorder.append([Blob(run_id, "settings", '{"model":"m"}')])
        assert recorder.delete("one")
        assert in_order(recorder.events("two")) == self.kept(a_run("two"))

    def test_yields_the_latest_start_first_and_no_more_than_asked_for(self, recorder: Any) -> None:
        for number in (2, 0, 3, 1):
            recorder.append(a_run(f"run-{number}", NOW_NS + number))
        assert [run.run_id for run in recorder.runs()] == ["run-3", "run-2", "run-1", "run-0"]
        assert [run.run_id for run in recorder.runs(limit=2)] == ["run-3", "run-2"]
        assert list(recorder.runs(limit=0)) == []

    def test_finds_runs_by_every_filter_at_once(self, recorder: Any) -> None:
        outer = a_run("outer", NOW_NS, tags={"user": "7"})
        found = a_run("found", NOW_NS + _HOUR_NS, status=RunStatus.FAILED, parent_id="outer", tags={"user": "7"})
        recorder.append(outer + found)
        recorder.append(a_run("early", NOW_NS - 1, status=RunStatus.FAILED, parent_id="outer", tags={"user": "7"}))
        recorder.append(a_run("well", NOW_NS, parent_id="outer", tags={"user": "7"}))
        recorder.append(a_run("other", NOW_NS, status=RunStatus.FAILED, parent_id="outer", tags={"user": "8"}))
        recorder.append(a_run("outside", NOW_NS, status=RunStatus.FAILED, tags={"user": "7"}))
        wanted = {"tags": {"user": "7"}, "status": "failed", "since": moment(NOW_NS), "parent_id": "outer"}
        assert [run.run_id for run in recorder.runs(**wanted)] == ["found"]

    @pytest.mark.parametrize("status", [*RunStatus, "running"])
    def test_finds_runs_by_how_they_stand(self, recorder: Any, status: str) -> None:
        recorder.append([*a_run("paused")[:-1], RunPaused("paused", NOW_NS + 3, ErrorRecord("ApprovalNeeded", ""))])
        for known in set(RunStatus) - {RunStatus.RUNNING, RunStatus.PAUSED}:
            recorder.append(a_run(known.value, status=known))
        recorder.append(a_run("running")[:-1])
        assert [run.run_id for run in recorder.runs(status=status)] == [str(status)]

    @pytest.mark.parametrize(
        "wrong", [{"status": "no status"}, {"since": "yesterday"}, {"since": 3}, {"tags": ["x"]}, {"tags": {"a": 1}}]
    )
    def test_refuses_a_filter_that_could_find_nothing(self, recorder: Any, wrong: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match=next(iter(wrong))):
            list(recorder.runs(**wrong))

    @pytest.mark.parametrize("limit", ["3", 1.5])
    def test_refuses_a_limit_that_counts_no_runs(self, recorder: Any, limit: Any) -> None:
        with pytest.raises(UsageError, match="limit="):
            list(recorder.runs(limit=limit))

    def test_takes_the_latest_end_for_how_a_run_stands(self, recorder: Any) -> None:
        recorder.append(a_run("resumed", NOW_NS, status=RunStatus.FAILED))
        recorder.append(a_run("resumed", NOW_NS + 10, status=RunStatus.COMPLETED)[-1:])
        assert [run.status for run in recorder.runs()] == ["completed"]
        assert list(recorder.runs(status="failed")) == []

    def test_a_run_that_waits_or_goes_on_again_has_no_end(self, recorder: Any) -> None:
        paused = RunPaused("run", NOW_NS + 10, ErrorRecord("ApprovalNeeded", "delete?"))
        steps: list[tuple[RunEvent, str, int | None]] = [
            (paused, "paused", None),
            (RunResumed("run", NOW_NS + 20, LOG_SCHEMA_VERSION), "running", None),
            (RunFinished("run", NOW_NS + 30, RunStatus.FAILED), "failed", NOW_NS + 30),
            (RunResumed("run", NOW_NS + 40, LOG_SCHEMA_VERSION), "running", None),
            (RunFinished("run", NOW_NS + 50, RunStatus.COMPLETED), "completed", NOW_NS + 50),
        ]
        recorder.append(a_run("run")[:-1])
        for event, status, finished_ns in steps:
            recorder.append([event])
            (found,) = recorder.runs(status=status)
            assert (found.status, found.finished_ns) == (status, finished_ns)
            assert len([other for other in RunStatus if list(recorder.runs(status=other))]) == 1

    def test_a_run_is_in_one_hand_at_a_time(self, recorder: Any) -> None:
        claim = recorder.claim("run")
        with pytest.raises(RunBusy, match=r"'run' is in .*wait until it has ended or paused"):
            recorder.claim("run")
        other = recorder.claim("another")
        claim.release()
        second = recorder.claim("run")
        claim.release()
        with pytest.raises(RunBusy):
            recorder.claim("run")
        second.release()
        other.release()
        recorder.claim("run").release()

    def test_a_claim_that_is_forgotten_is_given_back(self, recorder: Any) -> None:
        claim = recorder.claim("run")
        del claim
        recorder.claim("run").release()

    @pytest.mark.parametrize("run_id", [*RUN_IDS, "../../run", "r" * 5_000, "\ud800"])
    def test_any_run_id_can_be_claimed(self, recorder: Any, run_id: str) -> None:
        claim = recorder.claim(run_id)
        with pytest.raises(RunBusy):
            recorder.claim(run_id)
        claim.release()

    def test_one_of_many_threads_gets_the_claim(self, recorder: Any) -> None:
        held: list[Any] = []
        refused: list[int] = []

        def work(thread: int) -> None:
            for number in range(20):
                try:
                    held.append((number, recorder.claim(f"run-{number}")))
                except RunBusy:
                    refused.append(thread)

        _all_at_once(work, 4)
        assert sorted(number for number, _ in held) == list(range(20))
        assert len(refused) == 60

    def test_never_two_hold_a_claim_that_changes_hands(self, recorder: Any) -> None:
        inside: list[int] = []

        def work(thread: int) -> None:
            for _ in range(60):
                try:
                    claim = recorder.claim("run")
                except RunBusy:
                    continue
                inside.append(thread)
                assert inside == [thread]
                inside.clear()
                claim.release()

        _all_at_once(work, 4)

    def test_a_durable_one_gives_tickets(self, recorder: Any) -> None:
        ticket = recorder.append(a_run("run"))
        assert recorder.durable is (ticket is not None)
        assert ticket is None or ticket.result(10) is None

    def test_exports_a_run_with_those_inside_it(self, recorder: Any, tmp_path: Path) -> None:
        recorder.append(a_run("outer", NOW_NS))
        recorder.append(a_run("inner", NOW_NS + 1, parent_id="outer") + a_run("inmost", NOW_NS + 2, parent_id="inner"))
        recorder.append(a_run("other"))
        recorder.export("outer", tmp_path / "run.json")
        export = read_export(tmp_path / "run.json")
        assert (export.run_id, export.run_ids) == ("outer", ("inmost", "inner", "outer"))
        for run_id in export.run_ids:
            assert export.events(run_id) == recorder.events(run_id)

    def test_exports_no_run_that_it_does_not_know(self, recorder: Any, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no run 'nobody' to export"):
            recorder.export("nobody", tmp_path / "run.json")
        assert list(tmp_path.glob("*.json")) == []

    def test_since_is_inclusive_and_without_a_zone_local(self, recorder: Any) -> None:
        recorder.append(a_run("run"))
        start = moment(NOW_NS)
        for since in (start, start.astimezone().replace(tzinfo=None)):
            assert [run.run_id for run in recorder.runs(since=since)] == ["run"]
            assert list(recorder.runs(since=since + timedelta(microseconds=1))) == []
        assert len(list(recorder.runs(since=datetime(1969, 1, 1, tzinfo=UTC)))) == 1

    def test_finds_odd_tags_and_none_like_them(self, recorder: Any) -> None:
        for number, (key, value) in enumerate(zip(TAG_KEYS, TAG_VALUES, strict=False)):
            recorder.append(a_run(f"{key!r} {value!r}", NOW_NS + number, tags={key: value}))
        for key in TAG_KEYS:
            for value in TAG_VALUES:
                found = [run.run_id for run in recorder.runs(tags={key: value}, limit=3)]
                assert found == [run.run_id for run in recorder.runs() if run.tags.get(key) == value]

    def test_deletes_a_run_with_those_inside_it_and_no_other(self, recorder: Any) -> None:
        recorder.append(a_run("outer") + a_run("inner", parent_id="outer") + a_run("innermost", parent_id="inner"))
        recorder.append(a_run("other"))
        assert recorder.delete("outer") is True
        assert recorder.delete("outer") is False
        assert [run.run_id for run in recorder.runs()] == ["other"]
        assert recorder.events("innermost") == ()

    def test_deletes_runs_that_lie_inside_each_other(self, recorder: Any) -> None:
        recorder.append(a_run("egg", parent_id="hen") + a_run("hen", parent_id="egg"))
        assert recorder.delete("hen") is True
        assert list(recorder.runs()) == []

    def test_prunes_what_nothing_was_written_to_for_long(self, recorder: Any) -> None:
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

    def test_prunes_what_has_no_start(self, recorder: Any) -> None:
        recorder.append(a_run("headless", LONG_AGO_NS)[2:])
        assert list(recorder.runs()) == []
        assert recorder.prune() == 1
        assert recorder.events("headless") == ()

    def test_is_shared_by_threads(self, recorder: Any) -> None:
        def work(thread: int) -> None:
            for number in range(50):
                run = a_run(f"{thread}.{number}")
                recorder.append(run[:3])
                recorder.append(run[3:])

        _all_at_once(work, 8)
        assert {run.run_id for run in recorder.runs()} == {f"{t}.{n}" for t in range(8) for n in range(50)}
        for run in recorder.runs(limit=20):
            assert in_order(recorder.events(run.run_id)) == self.kept(a_run(run.run_id))

    def test_a_nothing_appended_leaves_nothing(self, recorder: Any) -> None:
        ticket = recorder.append([])
        assert ticket is None or ticket.result(5) is None
        assert list(recorder.runs()) == []

    def test_can_be_closed_twice_and_go_on(self, recorder: Any) -> None:
        recorder.append(a_run("before"))
        recorder.close()
        recorder.close()
        recorder.append(a_run("after", NOW_NS + 9))
        assert [run.run_id for run in recorder.runs()] == ["after", "before"]


def _all_at_once(work: Any, count: int) -> None:
    failures: list[BaseException] = []

    def watched(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=watched, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not failures, failures
