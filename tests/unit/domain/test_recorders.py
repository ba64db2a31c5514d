"""Whatever a recorder does, no answer is lost; one that promises durability is believed only when it has committed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from tests.property.ways import WAYS

import llamabot as lmb
from llamabot.ports.errors import RecorderError
from llamabot.ports.recorder import Blob, EffectFinished, EffectStarted, RunEvent, RunFinished
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


class DurableRecorder(InMemoryRecorder):
    """Gives a ticket for every append, and does with it what it is told."""

    def __init__(self, commit: Callable[[list[RunEvent], Future[None]], Any]) -> None:
        super().__init__()
        self._commit = commit

    def append(self, events: Any) -> Future[None]:  # type: ignore[override]  # a durable one gives a ticket
        super().append(events)
        ticket: Future[None] = Future()
        ticket.set_running_or_notify_cancel()
        self._commit(list(events), ticket)
        return ticket


def _bot(way: str, recorder: Any, completion: Any = None, **settings: Any) -> Any:
    kind: Any = lmb.AsyncSimpleBot if "async" in way else lmb.SimpleBot
    return kind("Answer.", completion=completion or ScriptedCompletion(["yes"]), recorder=recorder, **settings)


def _finishes(kind: str) -> Callable[[list[RunEvent]], bool]:
    """Say of events whether they hold the end of an effect of this kind, or of the run."""

    def does(events: list[RunEvent]) -> bool:
        if kind == "run":
            return any(isinstance(event, RunFinished) for event in events)
        return any(isinstance(event, EffectFinished) and event.effect == kind for event in events)

    return does


@pytest.mark.parametrize("way", WAYS)
class TestRefusing:
    def test_an_append_that_raises_loses_no_answer_and_is_told_once_a_run(
        self, way: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Refusing(InMemoryRecorder):
            def append(self, events: Any) -> None:
                raise OSError("the disk is full")

        memory = lmb.ChatMemory()
        bot = _bot(way, Refusing(), ScriptedCompletion(["yes", "yes"]), memory=memory)
        with caplog.at_level(logging.WARNING, "llamabot"):
            assert WAYS[way](bot, ("?",)).text == "yes"
        assert [(record.name, record.levelname) for record in caplog.records] == [("llamabot", "WARNING")]
        assert "the disk is full" in caplog.text
        WAYS[way](bot, ("?",))
        assert len(caplog.records) == 2
        assert len(memory.recall()) == 4

    def test_no_recorder_is_no_trouble(self, way: str) -> None:
        with lmb.override(recorder=None):
            result = WAYS[way](_bot(way, None), ("?",))
        assert result.text == "yes"
        assert result.run_id


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["recall", "complete", "remember", "run"])
class TestFailedCommits:
    def test_a_commit_that_fails_stops_the_run_and_loses_nothing(self, way: str, kind: str) -> None:
        at_fault = _finishes(kind)

        def commit(events: list[RunEvent], ticket: Future[None]) -> None:
            if at_fault(events):
                ticket.set_exception(RecorderError("cannot commit"))
            else:
                ticket.set_result(None)

        completion, memory = ScriptedCompletion(["yes"]), lmb.ChatMemory()
        recorder = DurableRecorder(commit)
        with pytest.raises(RecorderError, match="cannot commit") as caught:
            WAYS[way](_bot(way, recorder, completion, memory=memory), ("?",))
        (run,) = recorder.runs()
        assert caught.value.run_id == run.run_id
        if kind == "recall":
            assert completion.requests == ()
            assert memory.recall() == ()
        else:
            assert caught.value.messages == (lmb.system("Answer."), lmb.user("?"), lmb.assistant("yes"))
            assert caught.value.usage == lmb.Usage(2, 1)
        if kind == "complete":
            assert memory.recall() == ()

    def test_runs_whose_commits_fail_together_each_get_an_error_of_their_own(self, way: str, kind: str) -> None:
        """A recorder commits in batches, and one error is set on all tickets of a batch."""
        at_fault, shared = _finishes(kind), RecorderError("cannot commit")

        def commit(events: list[RunEvent], ticket: Future[None]) -> None:
            if at_fault(events):
                ticket.set_exception(shared)
            else:
                ticket.set_result(None)

        recorder = DurableRecorder(commit)
        bot = _bot(way, recorder, ScriptedCompletion(["yes", "yes"]), memory=lmb.ChatMemory())
        run_ids = []
        for _ in range(2):
            with pytest.raises(RecorderError) as caught:
                WAYS[way](bot, ("?",))
            run_ids.append(caught.value.run_id)
        assert sorted(map(str, run_ids)) == sorted(run.run_id for run in recorder.runs())
        assert shared.run_id is None


@pytest.mark.parametrize("way", WAYS)
def test_an_outcome_is_not_committed_when_its_start_could_not_be(way: str) -> None:
    def commit(events: list[RunEvent], ticket: Future[None]) -> None:
        if any(isinstance(event, EffectStarted) for event in events):
            ticket.set_exception(RecorderError("cannot commit"))
        else:
            ticket.set_result(None)

    recorder = DurableRecorder(commit)
    with pytest.raises(RecorderError, match="cannot commit"):
        WAYS[way](_bot(way, recorder), ("?",))
    (run,) = recorder.runs()
    assert not any(isinstance(event, EffectFinished) for event in recorder.events(run.run_id))


class TestWaiting:
    def test_the_core_sees_no_outcome_before_it_is_committed(self) -> None:
        order: list[str] = []

        def commit(events: list[RunEvent], ticket: Future[None]) -> None:
            def later() -> None:
                time.sleep(0.02)
                order.append("committed")
                ticket.set_result(None)

            if _finishes("complete")(events):
                threading.Thread(target=later).start()
            else:
                ticket.set_result(None)

        class Noting(lmb.ChatMemory):
            def remember(self, turn: Any) -> None:
                order.append("seen by the core")
                super().remember(turn)

        for way in WAYS:
            order.clear()
            WAYS[way](_bot(way, DurableRecorder(commit), memory=Noting()), ("?",))
            assert order == ["committed", "seen by the core"], way

    def test_an_async_bot_waits_without_blocking_the_loop(self) -> None:
        turns = 0

        def commit(events: list[RunEvent], ticket: Future[None]) -> None:
            threading.Timer(0.03, ticket.set_result, [None]).start()

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def run() -> None:
            counting = asyncio.create_task(count_turns())
            await _bot("async", DurableRecorder(commit))("?")
            counting.cancel()

        asyncio.run(run())
        assert turns > 10

    def test_cancelling_while_it_waits_does_not_reach_into_the_recorder(self) -> None:
        """The ticket is the recorder's own: it is resolved later as if nobody had waited."""
        tickets: list[Future[None]] = []

        def commit(events: list[RunEvent], ticket: Future[None]) -> None:
            tickets.append(ticket)
            if not _finishes("complete")(events):
                ticket.set_result(None)

        class Unstarted(DurableRecorder):
            def append(self, events: Any) -> Future[None]:  # type: ignore[override]  # a durable one gives a ticket
                InMemoryRecorder.append(self, events)
                ticket: Future[None] = Future()
                self._commit(list(events), ticket)
                return ticket

        async def run() -> None:
            task = asyncio.create_task(_bot("async", Unstarted(commit))("?"))
            while not any(not ticket.done() for ticket in tickets):  # noqa: ASYNC110 - a thread's future has no event
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())
        (pending,) = [ticket for ticket in tickets if not ticket.done()]
        assert not pending.cancelled()
        pending.set_result(None)

    def test_a_ticket_that_resolves_after_its_loop_is_gone_is_no_trouble(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        tickets: list[Future[None]] = []

        async def run() -> None:
            recorder = DurableRecorder(lambda events, ticket: tickets.append(ticket))
            task = asyncio.create_task(_bot("async", recorder)("?"))
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())
        for ticket in tickets:
            ticket.set_result(None)
        assert caplog.records == []


class Markup(str):
    """Text of a kind of its own, as template engines have it."""

    __slots__ = ()


def test_text_of_a_subclass_is_text_in_the_log() -> None:
    recorder = InMemoryRecorder()
    bot = lmb.SimpleBot(completion=ScriptedCompletion(["yes"]), recorder=recorder)
    result = bot.run(Markup("<b>bold</b>"), tags={"page": Markup("home")})
    trace = lmb.read_trace(recorder.events(result.run_id))
    assert trace.messages[0].text == "<b>bold</b>"
    assert trace.summary.tags == {"page": "home"}


class Counting(InMemoryRecorder):
    """Keeps the kinds of what each append was given."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[list[str]] = []

    def append(self, events: Any) -> None:
        self.appends.append([type(event).__name__ for event in events if not isinstance(event, Blob)])
        super().append(events)


class TestTogether:
    @pytest.mark.parametrize("way", WAYS)
    def test_who_gives_no_tickets_is_given_an_outcome_with_what_follows_it(self, way: str) -> None:
        recorder = Counting()
        WAYS[way](_bot(way, recorder, memory=lmb.ChatMemory()), ("?",))
        assert recorder.appends == [
            ["RunStarted", "EffectStarted"],
            ["EffectFinished", "EffectStarted"],
            ["EffectFinished", "EffectStarted"],
            ["EffectFinished", "RunFinished"],
        ]

    def test_an_outcome_is_in_the_log_while_who_streams_stays_at_what_is_told_of_it(self) -> None:
        def add(a: int, b: int) -> int:
            """Add two numbers."""
            return a + b

        call = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("1", "add", '{"a": 1, "b": 2}'),))
        recorder = Counting()
        bot = lmb.ToolBot(tools=[add], completion=ScriptedCompletion([call]), recorder=recorder)
        with bot.stream("1 + 2?") as events:
            assert isinstance(next(iter(events)), lmb.Decided)
            assert recorder.appends[-1] == ["EffectFinished"]
