"""However a run is left, nothing goes on: the core and the provider's stream are closed, and the log says so."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.property.cores import answered, assert_orderly, world_of
from tests.unit.domain.noting import AwaitingMemory, NotingCompletion, statuses

import llamabot as lmb
from llamabot.domain.drivers import adrive, adrive_stream, drive, drive_stream
from llamabot.domain.effects import Complete, Core, Recall, Remember, Together
from llamabot.domain.run import Run
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Message
from llamabot.ports.recorder import EffectFinished
from llamabot.testing import InMemoryRecorder

QUESTION = CompletionRequest("", (lmb.user("?"),))


@pytest.fixture
def port() -> NotingCompletion:
    return NotingCompletion("abc")


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def memory() -> AwaitingMemory:
    return AwaitingMemory()


@pytest.fixture
def bot(port: Any, recorder: InMemoryRecorder, memory: AwaitingMemory) -> lmb.SimpleBot:
    return lmb.SimpleBot("Spell.", completion=port, recorder=recorder, memory=memory)


@pytest.fixture
def abot(port: Any, recorder: InMemoryRecorder, memory: AwaitingMemory) -> lmb.AsyncSimpleBot:
    return lmb.AsyncSimpleBot("Spell.", completion=port, recorder=recorder, memory=memory)


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    before = set(threading.enumerate())  # what earlier tests have left may end meanwhile
    yield
    assert set(threading.enumerate()) <= before


def _assert_cancelled(recorder: InMemoryRecorder, partial: str | None) -> None:
    """Check that the only run was cancelled while it held this much of an answer."""
    (run,) = recorder.runs()
    assert run.status == "cancelled"
    events = recorder.events(run.run_id)
    assert_orderly(events)
    last = lmb.read_trace(events).effects[-1]
    assert (last.partial.text if last.partial else None) == partial


def _run(core: Core[Any], world: Any) -> Any:
    return Run(world, bot="core").steps(answered(core)), world


class TestStreams:
    @pytest.mark.parametrize("taken", [1, 2, 3])
    def test_leaving_after_any_event_closes_everything(
        self, taken: int, bot: lmb.SimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        with bot.stream("?") as events:
            for number, event in enumerate(events, 1):
                assert event == lmb.TextDelta("abc"[number - 1])
                if number == taken:
                    break
        assert port.events == ["opened", "closed"]
        _assert_cancelled(recorder, "abc"[:taken])

    def test_leaving_at_the_last_event_leaves_nothing_undone(
        self, bot: lmb.SimpleBot, memory: AwaitingMemory, recorder: InMemoryRecorder
    ) -> None:
        with bot.stream("?") as events:
            for event in events:
                if isinstance(event, lmb.Finished):
                    break
        assert statuses(recorder) == ["completed"]
        assert [message.text for message in memory.recall()] == ["?", "abc"]

    def test_an_error_of_the_reader_passes_and_closes_everything(
        self, bot: lmb.SimpleBot, port: NotingCompletion, recorder: InMemoryRecorder, memory: AwaitingMemory
    ) -> None:
        def fail() -> None:
            with bot.stream("?") as events:
                for _ in events:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert port.events == ["opened", "closed"]
        _assert_cancelled(recorder, "a")
        assert memory.recall() == ()

    def test_text_left_early_is_closed_with_its_stream(self, bot: lmb.SimpleBot, port: NotingCompletion) -> None:
        with bot.stream("?") as events:
            assert next(events.text()) == "a"
        assert port.events == ["opened", "closed"]

    def test_closing_again_and_asking_a_closed_stream_do_nothing(
        self, bot: lmb.SimpleBot, recorder: InMemoryRecorder
    ) -> None:
        events = bot.stream("?")
        next(events)
        events.close()
        events.close()
        assert list(events) == []
        with pytest.raises(lmb.errors.UsageError, match="not finished"):
            _ = events.result
        assert statuses(recorder) == ["cancelled"]

    def test_a_stream_that_is_dropped_closes_itself_and_warns(
        self, bot: lmb.SimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        events = bot.stream("?")
        next(events)
        with pytest.warns(ResourceWarning, match="dropped before it finished"):
            del events
        assert port.events == ["opened", "closed"]
        _assert_cancelled(recorder, "a")

    @pytest.mark.parametrize("end", ["read", "closed", "failed"])
    def test_a_stream_that_ended_is_dropped_in_silence(self, end: str, recorder: InMemoryRecorder) -> None:
        def fail(letter: str) -> None:
            if end == "failed" and letter == "b":
                raise ConnectionError

        port: Any = NotingCompletion("abc", on_letter=fail)
        events = lmb.SimpleBot(completion=port, recorder=recorder).stream("?")
        next(events)
        if end == "closed":
            events.close()
        elif end == "failed":
            with pytest.raises(ConnectionError):
                list(events)
        else:
            list(events)
        with warnings.catch_warnings(record=True) as caught:
            del events
            gc.collect()
        assert caught == []

    def test_a_stream_that_was_never_started_does_nothing(
        self, bot: lmb.SimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        with bot.stream("?"):
            pass
        bot.stream("?").close()
        bot.stream("?")
        gc.collect()
        assert port.events == []
        assert list(recorder.runs()) == []

    @pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
    @pytest.mark.parametrize("streamed", [False, True])
    def test_what_interrupts_a_port_passes_through(
        self, ending: type[BaseException], streamed: bool, recorder: InMemoryRecorder
    ) -> None:
        def interrupt(letters: str) -> None:
            if "b" in letters:
                raise ending

        port: Any = NotingCompletion("abc", on_letter=interrupt)
        bot = lmb.SimpleBot(completion=port, recorder=recorder)
        with pytest.raises(ending):
            list(bot.stream("?")) if streamed else bot("?")
        assert port.events == (["opened", "closed"] if streamed else ["complete"])
        expected = "cancelled" if ending in (KeyboardInterrupt, GeneratorExit) else "failed"
        assert statuses(recorder) == [expected]
        assert_orderly(recorder.events(next(recorder.runs()).run_id))

    def test_the_core_is_closed_too(self, port: NotingCompletion, recorder: InMemoryRecorder) -> None:
        closed = []

        def core() -> Core[None]:
            try:
                yield from Complete(QUESTION)
            finally:
                closed.append(True)

        events = drive_stream(*_run(core(), world_of(port, recorder=recorder)))
        next(events)
        events.close()
        assert closed == [True]

    def test_ctrl_c_does_not_wait_for_what_is_done_together(self, recorder: InMemoryRecorder) -> None:
        """Threads cannot be stopped: what they still give is ignored, and the log is complete when the call ends."""
        go_on, ended = threading.Event(), threading.Semaphore(0)

        class Stuck(NotingCompletion):
            def complete(self, request: CompletionRequest) -> Any:
                if request.model == "last":
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                go_on.wait(5)
                ended.release()
                return super().complete(request)

        def core() -> Core[None]:
            models = ["first", "last"]
            yield from Together([Complete(CompletionRequest(model, (lmb.user("?"),))) for model in models])

        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
        try:
            with pytest.raises(KeyboardInterrupt):
                drive(*_run(core(), world_of(Stuck(), recorder=recorder)))
        finally:
            signal.signal(signal.SIGINT, before)
        (run,) = recorder.runs()
        logged = recorder.events(run.run_id)
        assert_orderly(logged)
        assert run.status == "cancelled"
        go_on.set()
        for _ in range(2):
            ended.acquire(timeout=5)
        time.sleep(0.05)
        assert recorder.events(run.run_id) == logged


class TestAsyncStreams:
    @pytest.mark.parametrize("taken", [1, 2, 3])
    def test_leaving_after_any_event_closes_everything(
        self, taken: int, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def leave() -> None:
            number = 0
            async with abot.stream("?") as events:
                async for event in events:
                    assert event == lmb.TextDelta("abc"[number])
                    number += 1
                    if number == taken:
                        break
            assert port.events == ["opened", "closed"]

        asyncio.run(leave())
        _assert_cancelled(recorder, "abc"[:taken])

    def test_an_error_of_the_reader_passes_and_closes_everything(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def fail() -> None:
            async with abot.stream("?") as events:
                async for _ in events:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(fail())
        assert port.events == ["opened", "closed"]
        _assert_cancelled(recorder, "a")

    def test_text_left_early_is_closed_with_its_stream(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def leave() -> None:
            async with abot.stream("?") as events:
                async for text in events.text():
                    assert text == "a"
                    break
            assert port.events == ["opened", "closed"]

        asyncio.run(leave())
        _assert_cancelled(recorder, "a")

    @pytest.mark.parametrize("streamed", [False, True])
    def test_ctrl_c_in_a_port_passes_through(self, streamed: bool, recorder: InMemoryRecorder) -> None:
        def interrupt(letters: str) -> None:
            if "b" in letters:
                raise KeyboardInterrupt

        port: Any = NotingCompletion("abc", on_letter=interrupt)
        abot = lmb.AsyncSimpleBot(completion=port, recorder=recorder)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(_read(abot) if streamed else abot("?"))  # type: ignore[arg-type]  # either
        assert port.events == (["opened", "closed"] if streamed else ["complete"])
        _assert_cancelled(recorder, "a" if streamed else None)

    def test_a_stream_read_to_its_end_needs_no_block(
        self, abot: lmb.AsyncSimpleBot, recorder: InMemoryRecorder
    ) -> None:
        async def read() -> list[Any]:
            return [event async for event in abot.stream("?")]

        *_, last = asyncio.run(read())
        assert last.result.text == "abc"
        assert statuses(recorder) == ["completed"]

    def test_a_stream_that_is_dropped_closes_itself_and_warns(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def drop() -> None:
            events = abot.stream("?")
            await anext(events)
            with pytest.warns(ResourceWarning, match="dropped before it finished"):
                del events
            for _ in range(20):
                await asyncio.sleep(0)
            assert port.events == ["opened", "closed"]
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(drop())
        _assert_cancelled(recorder, "a")

    def test_a_stream_that_was_never_started_does_nothing(
        self, abot: lmb.AsyncSimpleBot, port: NotingCompletion, recorder: InMemoryRecorder
    ) -> None:
        async def never() -> None:
            async with abot.stream("?"):
                pass
            await abot.stream("?").aclose()
            abot.stream("?")
            gc.collect()

        asyncio.run(never())
        assert port.events == []
        assert list(recorder.runs()) == []

    def test_the_core_is_closed_too(self, port: NotingCompletion, recorder: InMemoryRecorder) -> None:
        closed = []

        def core() -> Core[None]:
            try:
                yield from Complete(QUESTION)
            finally:
                closed.append(True)

        async def leave() -> None:
            events = adrive_stream(*_run(core(), world_of(port, recorder=recorder)))
            await anext(events)
            await events.aclose()

        asyncio.run(leave())
        assert closed == [True]


async def _read(abot: lmb.AsyncSimpleBot) -> list[Any]:
    async with abot.stream("?") as events:
        return [event async for event in events]


class TestCancelling:
    """The task is cancelled after 0, 1, 2, … turns of the loop, until it is too late to cancel it."""

    @pytest.mark.parametrize("streamed", [False, True])
    def test_at_any_await(self, streamed: bool) -> None:
        async def cancelled_after(turns: int) -> bool:
            port, recorder, memory = NotingCompletion("abc"), InMemoryRecorder(), AwaitingMemory()
            abot = lmb.AsyncSimpleBot(completion=port, recorder=recorder, memory=memory)  # type: ignore[arg-type]  # it serves both colours
            task = asyncio.create_task(_read(abot) if streamed else abot("?"))  # type: ignore[arg-type]  # either
            was_cancelled = await _cancel_after(turns, task)
            assert len(asyncio.all_tasks()) == 1
            assert port.events.count("opened") == port.events.count("closed")
            for run in recorder.runs():
                assert_orderly(recorder.events(run.run_id))
                assert run.status == ("cancelled" if was_cancelled else "completed")
            assert [message.text for message in memory.recall()] in ([], ["?", "abc"])
            return was_cancelled

        assert _turns_until_too_late(cancelled_after) > 5

    def test_at_any_await_of_things_done_together(self) -> None:
        async def cancelled_after(turns: int) -> bool:
            port, recorder = NotingCompletion("abc", awaits=3), InMemoryRecorder()
            closed = []

            def core() -> Core[None]:
                try:
                    yield from Together([Complete(QUESTION), Recall(), Remember((lmb.user("?"),)), Complete(QUESTION)])
                finally:
                    closed.append(True)

            world = world_of(port, AwaitingMemory(), recorder)
            task = asyncio.create_task(adrive(*_run(core(), world)))
            was_cancelled = await _cancel_after(turns, task)
            assert len(asyncio.all_tasks()) == 1
            for run in recorder.runs():
                assert closed == [True]
                assert_orderly(recorder.events(run.run_id))
                assert run.status == ("cancelled" if was_cancelled else "completed")
            return was_cancelled

        assert _turns_until_too_late(cancelled_after) > 4

    def test_before_anything_done_together_has_begun(self) -> None:
        """The tasks exist, none has had its turn: each effect that was logged as started is logged as finished."""
        recorder = InMemoryRecorder()

        class Cancelling(NotingCompletion):
            async def acomplete(self, request: CompletionRequest) -> Any:
                asyncio.get_running_loop().call_soon(task.cancel)
                return await super().acomplete(request)

        def core() -> Core[None]:
            yield from Complete(QUESTION)
            yield from Together([Complete(QUESTION), Complete(QUESTION)])

        async def run() -> None:
            nonlocal task
            task = asyncio.create_task(adrive(*_run(core(), world_of(Cancelling(awaits=0), recorder=recorder))))
            with pytest.raises(asyncio.CancelledError):
                await task

        task: Any = None
        asyncio.run(run())
        (run_of_core,) = recorder.runs()
        events = recorder.events(run_of_core.run_id)
        assert_orderly(events)
        assert [event.path for event in events if isinstance(event, EffectFinished)] == ["1", "2.1", "2.2"]

    def test_a_deadline_of_the_callers_own_is_a_cancellation(self, recorder: InMemoryRecorder) -> None:
        class Hanging(NotingCompletion):
            async def acomplete(self, request: CompletionRequest) -> Any:
                await asyncio.Event().wait()

        async def run() -> None:
            port: Any = Hanging()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await lmb.AsyncSimpleBot(completion=port, recorder=recorder)("?")

        asyncio.run(run())
        assert statuses(recorder) == ["cancelled"]


async def _cancel_after(turns: int, task: asyncio.Task[Any]) -> bool:
    """Cancel a task after so many turns of the loop; say whether it was still to be cancelled."""
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


def _turns_until_too_late(cancelled_after: Callable[[int], Any]) -> int:
    for turns in range(200):
        if not asyncio.run(cancelled_after(turns)):
            return turns
    raise AssertionError("the task never ended")


def test_a_slow_memory_is_not_left_half_written(recorder: InMemoryRecorder, port: Any) -> None:
    """A sync-only memory under an async bot: cancelled while its thread writes, the turn is stored whole."""
    writing, go_on, written = threading.Event(), threading.Event(), threading.Event()
    stored: list[Message] = []

    class SyncOnly:
        def recall(self) -> tuple[Message, ...]:
            return ()

        def remember(self, turn: Any) -> None:
            writing.set()
            go_on.wait(5)
            stored.extend(turn)
            written.set()

    async def run() -> None:
        memory: Any = SyncOnly()
        task = asyncio.create_task(lmb.AsyncSimpleBot(completion=port, recorder=recorder, memory=memory)("?"))
        await asyncio.to_thread(writing.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(run())
    assert written.wait(5)
    assert [message.text for message in stored] == ["?", "abc"]
    assert statuses(recorder) == ["cancelled"]
