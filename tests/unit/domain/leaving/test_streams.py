"""A stream that is left closes the provider and the core, and its log says so."""

from __future__ import annotations

import gc
import signal
import threading
import time
import warnings
from contextvars import ContextVar
from typing import Any

import pytest
from tests.property.cores import assert_orderly, world_of
from tests.unit.domain.leaving.watching import QUESTION, assert_cancelled, run_core
from tests.unit.domain.noting import AwaitingMemory, NotingCompletion, statuses

import llamabot as lmb
from llamabot.domain.drivers import drive, drive_stream
from llamabot.domain.effects import Complete, Core, Together
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import InMemoryRecorder

_MARK: ContextVar[str] = ContextVar("mark", default="nobody's")


@pytest.fixture
def bot(port: Any, recorder: InMemoryRecorder, memory: AwaitingMemory) -> lmb.SimpleBot:
    return lmb.SimpleBot("Spell.", completion=port, recorder=recorder, memory=memory)


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
        assert_cancelled(recorder, "abc"[:taken])

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
        assert_cancelled(recorder, "a")
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
        assert_cancelled(recorder, "a")

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

    @pytest.mark.parametrize("deadline_s", [None, 60.0])
    def test_what_a_port_sets_in_its_context_stays_there_until_it_is_closed(
        self, deadline_s: float | None, recorder: InMemoryRecorder
    ) -> None:
        seen: list[str] = []

        class Marking(NotingCompletion):
            def stream(self, request: CompletionRequest) -> Any:
                before = _MARK.get()
                token = None if deadline_s else _MARK.set("the port's")  # each fragment is waited for in its own thread
                try:
                    for chunk in super().stream(request):
                        seen.append(f"{before} {_MARK.get()}")
                        yield chunk
                finally:
                    if token is not None:
                        _MARK.reset(token)
                    seen.append(_MARK.get())

        port: Any = Marking("abc")
        bot = lmb.SimpleBot(completion=port, recorder=recorder, limits=lmb.Limits(deadline_s=deadline_s))
        mine = _MARK.set("the reader's")
        with bot.stream("?") as events:
            next(events)
            assert _MARK.get() == "the reader's"
            next(events)
        _MARK.reset(mine)
        inside = "the reader's" if deadline_s else "the port's"
        assert seen == [f"the reader's {inside}"] * 2 + ["the reader's"]

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

        events = drive_stream(*run_core(core(), world_of(port, recorder=recorder)))
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
                drive(*run_core(core(), world_of(Stuck(), recorder=recorder)))
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
