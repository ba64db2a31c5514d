"""The contract of recorders."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis.stateful import run_state_machine_as_test

from llamabot.ports.errors import RecorderError, UsageError
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
from llamabot.testing.contracts.at_once import all_at_once
from llamabot.testing.contracts.contract import needs
from llamabot.testing.contracts.kept_runs import KeptRuns
from llamabot.testing.contracts.recorder_events import RUN_IDS, TAG_KEYS, TAG_VALUES, histories
from llamabot.testing.contracts.recorder_machine import RecorderMachine
from llamabot.testing.runs import NOW_NS, a_run, in_order, moment

__all__ = ["RecorderContract"]

_WAIT_S = 10


class RecorderContract(KeptRuns):
    """Promises of `RecorderPort`: `append`, `events`, `runs`, `claim` and `durable`.

        class TestMyRecorder(RecorderContract):
            def make(self):
                return MyRecorder(self.folder / "runs.db")

    In any order of operations a recorder agrees with a dictionary of what was appended to each run:

    - `append` takes events of one run or of several, after all that were appended before; `[]` adds nothing. They are
      taken as they are at that moment: what is changed later, in a dictionary that an event holds, changes nothing.
    - `events(run_id)` gives them back in their order, and no other run's: first the run's blobs, each digest once, in
      any order. `input`, `outcome` and `partial` come back as plain JSON: what has no JSON form as its type's name,
      `"<object>"`, bytes as base64. Contents may be nested 400 deep. A run that is not known has `()`.
    - Two runs may append one blob; each has it.
    - `runs()` gives for each run that has a start what `summarize(events)` says of it, the latest start first; of those
      only what fits every filter that is given: `tags` (all of these, with these values), `status`, `since` (inclusive;
      a time without a zone is local), `parent_id` (directly inside), and no more than `limit`.
    - How a run stands is what its last start, pause, resumption or end says; one that waits or goes on has no end.
    - A filter of the wrong type, a status that does not exist, a limit that is no whole number, are `UsageError`.
    - `claim(run_id)` of any id, known or not, gives a claim; a second one is `RunBusy` until the first is released or
      forgotten. Releasing twice does nothing, also when somebody else has it by then. One of many threads has it.
    - A durable recorder gives a ticket, whose `result` is None once the events are committed, so that who
      makes a recorder on the same file finds them, also before this one is closed; any other gives None.
    - What cannot be kept (half a character that UTF-8 does not carry) is never raised by `append`: a ticket fails with
      `RecorderError`, a recorder without tickets loses that append, whole, and goes on; its
      `close` may tell of it by a `RecorderError`.
    - Threads share it; nothing of theirs is lost or out of order.
    - What was closed is found again by who opens it (`reopen`).

    Attributes:
        folder: an empty folder for what the recorder keeps on a disk; of one example, and gone after it.
        machine: the state machine that is run; one of your own adds rules to `RecorderMachine`.
    """

    capabilities: ClassVar = {
        "any tags": "NUL, quotes and line ends in tags and their values",
        "contents": "what effects were given, and what they gave, is kept",
    }
    machine: ClassVar[type[RecorderMachine]] = RecorderMachine
    folder: Path

    def seen(self, event: RunEvent) -> RunEvent | None:
        """Return what is kept of an event: all, but for a recorder that keeps less by design; None for nothing."""
        return decode_event(encode_event(event))

    def kept(self, appended: Iterable[RunEvent]) -> list[RunEvent]:
        """Return what is kept of the events of one run: its blobs, each once, by their digests, and then the rest."""
        seen = [event for event in map(self.seen, appended) if event is not None]
        blobs = {event.digest: event for event in seen if isinstance(event, Blob)}
        return [*(blobs[digest] for digest in sorted(blobs)), *(event for event in seen if not isinstance(event, Blob))]

    def reopened(self, recorder: Any) -> Any:
        """Return a recorder reopened; it is what is closed in the end."""
        self._open = self.reopen(recorder)
        return self._open

    @contextmanager
    def made(self) -> Iterator[Any]:
        """Lend a recorder to one example."""
        with TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self._open = self.make()
            try:
                yield self._open
            finally:
                _close(self._open)

    def test_knows_nothing_at_first(self) -> None:
        with self.made() as recorder:
            assert recorder.events("nobody") == ()
            assert list(recorder.runs()) == []

    def test_gives_back_what_was_appended_and_what_it_adds_up_to(self) -> None:
        @self.searching
        @given(history=histories())
        def check(history: list[list[RunEvent]]) -> None:
            with self.made() as recorder:
                for appended in history:
                    recorder.append(appended)
                summaries: list[Any] = []
                for run_id in RUN_IDS:
                    expected = self.kept(event for some in history for event in some if event.run_id == run_id)
                    assert in_order(recorder.events(run_id)) == expected
                    summaries += filter(None, [summarize(expected)])
                assert list(recorder.runs()) == sorted(summaries, key=lambda run: -run.started_ns)

        check()

    def test_agrees_with_a_dictionary_whatever_is_done_in_whatever_order(self) -> None:
        run_state_machine_as_test(
            lambda: self.machine(self),  # type: ignore[arg-type]  # a factory serves too
            settings=settings(
                self.searching, max_examples=max(1, self.searching.max_examples // 2), stateful_step_count=25
            ),
        )

    def test_freezes_what_it_is_given(self) -> None:
        tags, content = {"user": "7"}, {"text": ["hi"]}
        started = RunStarted("run", NOW_NS, 1, RunKind.BOT, "Bot", tags=tags)
        effect = EffectStarted("run", NOW_NS, "1", "complete", input=content)
        expected = self.kept([decode_event(encode_event(started)), decode_event(encode_event(effect))])
        with self.made() as recorder:
            recorder.append([started, effect])
            tags["user"] = "8"
            content["text"].append("there")
            assert list(recorder.events("run")) == expected
            assert [run.run_id for run in recorder.runs(tags={"user": "7"})] == ["run"]

    def test_writes_the_type_of_what_has_no_json_form(self) -> None:
        expected = EffectStarted("run", NOW_NS, "1", "call", input={"frame": "<object>", "bytes": "YWJj"})
        with self.made() as recorder:
            recorder.append([EffectStarted("run", NOW_NS, "1", "call", input={"frame": object(), "bytes": b"abc"})])
            assert list(recorder.events("run")) == self.kept([expected])

    def test_keeps_contents_nested_as_deeply_as_they_can_be_encoded(self) -> None:
        content: Any = "core"
        for _ in range(400):
            content = [content]
        with self.made() as recorder:
            recorder.append([nested := EffectStarted("run", NOW_NS, "1", "call", input=content)])
            assert list(recorder.events("run")) == self.kept([nested])

    def test_yields_the_latest_start_first_and_no_more_than_asked_for(self) -> None:
        with self.made() as recorder:
            for number in (2, 0, 3, 1):
                recorder.append(a_run(f"run-{number}", NOW_NS + number))
            assert _ids(recorder.runs()) == ["run-3", "run-2", "run-1", "run-0"]
            assert _ids(recorder.runs(limit=2)) == ["run-3", "run-2"]
            assert _ids(recorder.runs(limit=0)) == []

    def test_finds_runs_by_every_filter_at_once(self) -> None:
        tags: dict[str, Any] = {"tags": {"user": "7"}}
        inside: dict[str, Any] = {"parent_id": "outer"}
        failed: dict[str, Any] = {"status": RunStatus.FAILED}
        with self.made() as recorder:
            recorder.append(a_run("outer", **tags) + a_run("found", NOW_NS + 10**12, **failed, **inside, **tags))
            recorder.append(a_run("early", NOW_NS - 1000, **failed, **inside, **tags))
            recorder.append(a_run("well", NOW_NS, **inside, **tags))
            recorder.append(a_run("other", NOW_NS, **failed, **inside, tags={"user": "8"}))
            recorder.append(a_run("outside", NOW_NS, **failed, **tags))
            wanted = {**tags, **inside, "status": "failed", "since": moment(NOW_NS)}
            assert _ids(recorder.runs(**wanted)) == ["found"]

    @pytest.mark.parametrize("status", [*RunStatus, "running"])
    def test_finds_runs_by_how_they_stand(self, status: str) -> None:
        with self.made() as recorder:
            recorder.append([*a_run("paused")[:-1], RunPaused("paused", NOW_NS + 3, ErrorRecord("ApprovalNeeded", ""))])
            for known in set(RunStatus) - {RunStatus.RUNNING, RunStatus.PAUSED}:
                recorder.append(a_run(known.value, status=known))
            recorder.append(a_run("running")[:-1])
            assert _ids(recorder.runs(status=status)) == [str(status)]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"status": "no status"},
            {"since": "today"},
            {"since": 3},
            {"tags": ["x"]},
            {"limit": "3"},
            {"limit": 1.5},
        ],
        ids=str,
    )
    def test_refuses_a_filter_that_could_find_nothing(self, wrong: dict[str, Any]) -> None:
        with self.made() as recorder, pytest.raises(UsageError):
            list(recorder.runs(**wrong))

    def test_a_run_that_waits_or_goes_on_again_has_no_end(self) -> None:
        paused = RunPaused("run", NOW_NS + 10, ErrorRecord("ApprovalNeeded", "delete?"))
        steps: list[tuple[RunEvent, str, int | None]] = [
            (paused, "paused", None),
            (RunResumed("run", NOW_NS + 20, LOG_SCHEMA_VERSION), "running", None),
            (RunFinished("run", NOW_NS + 30, RunStatus.FAILED), "failed", NOW_NS + 30),
            (RunResumed("run", NOW_NS + 40, LOG_SCHEMA_VERSION), "running", None),
            (RunFinished("run", NOW_NS + 50, RunStatus.CANCELLED), "cancelled", NOW_NS + 50),
            (RunFinished("run", NOW_NS + 60, RunStatus.COMPLETED), "completed", NOW_NS + 60),
        ]
        with self.made() as recorder:
            recorder.append(a_run("run")[:-1])
            for event, status, finished_ns in steps:
                recorder.append([event])
                (found,) = recorder.runs(status=status)
                assert (found.status, found.finished_ns) == (status, finished_ns)
                assert len([other for other in RunStatus if list(recorder.runs(status=other))]) == 1

    def test_a_durable_one_gives_tickets(self) -> None:
        with self.made() as recorder:
            for events in (a_run("run"), []):
                ticket = recorder.append(events)
                assert recorder.durable is (ticket is not None)
                assert ticket is None or ticket.result(_WAIT_S) is None

    @needs("contents")
    def test_what_cannot_be_kept_is_no_error_of_the_run(self, caplog: pytest.LogCaptureFixture) -> None:
        broken = EffectStarted("other", NOW_NS, "1", "call", input="\ud800")
        with self.made() as recorder, caplog.at_level(logging.CRITICAL, "llamabot"):
            recorder.append(a_run("run"))
            ticket = recorder.append([*a_run("other")[:1], broken])
            if ticket is not None:
                with pytest.raises(RecorderError):
                    ticket.result(_WAIT_S)
            assert recorder.events("other") == ()
            recorder.append(a_run("after"))
            assert sorted(_ids(recorder.runs())) == ["after", "run"]
            with suppress(RecorderError):  # who closes may be told that something is lost
                _close(recorder)

    def test_since_is_inclusive_and_without_a_zone_local(self) -> None:
        with self.made() as recorder:
            recorder.append(a_run("run"))
            start = moment(NOW_NS)
            for since in (start, start.astimezone().replace(tzinfo=None)):
                assert _ids(recorder.runs(since=since)) == ["run"]
                assert list(recorder.runs(since=since + timedelta(microseconds=1))) == []

    @needs("any tags")
    def test_finds_odd_tags_and_none_like_them(self) -> None:
        with self.made() as recorder:
            for number, (key, value) in enumerate(zip(TAG_KEYS, TAG_VALUES, strict=False)):
                recorder.append(a_run(f"{key!r} {value!r}", NOW_NS + number, tags={key: value}))
            for key in TAG_KEYS:
                for value in TAG_VALUES:
                    found = _ids(recorder.runs(tags={key: value}, limit=3))
                    assert found == [run.run_id for run in recorder.runs() if run.tags.get(key) == value]

    def test_is_shared_by_threads(self) -> None:
        def work(thread: int) -> None:
            for number in range(50):
                run = a_run(f"{thread}.{number}")
                recorder.append(run[:3])
                recorder.append(run[3:])

        with self.made() as recorder:
            all_at_once(work, 8)
            assert set(_ids(recorder.runs())) == {f"{t}.{n}" for t in range(8) for n in range(50)}
            for run in recorder.runs(limit=20):
                assert in_order(recorder.events(run.run_id)) == self.kept(a_run(run.run_id))


def _ids(runs: Any) -> list[str]:
    return [run.run_id for run in runs]


def _close(recorder: Any) -> None:
    if hasattr(recorder, "close"):
        recorder.close()
