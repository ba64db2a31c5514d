"""A deadline ends a call: before an effect, in the midst of one, in both colours and in streams."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.property.cores import DRIVERS, assert_orderly, perform, world_of
from tests.property.ways import WAYS
from tests.unit.domain.noting import NotingCompletion, SlowCompletion, answer_of

import llamabot as lmb
from llamabot.domain.effects import Complete, Together
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, FinishReason
from llamabot.ports.errors import CompletionTimeout, LimitReached, PortError
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, TickingClock

SOON = lmb.Limits(deadline_s=0.05)
LATER = lmb.Limits(deadline_s=30)


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def slow() -> Iterator[SlowCompletion]:
    """A model that takes half a minute, which nobody waits for; set free after the test."""
    port = SlowCompletion(30)
    yield port
    waited = port.waited.is_set()
    port.freed.set()
    _wait_for_threads()
    assert not waited


def _wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "llamabot":
            thread.join(5)


def _bot(way: str, completion: Any, recorder: InMemoryRecorder, **settings: Any) -> Any:
    kind: Any = lmb.AsyncSimpleBot if "async" in way else lmb.SimpleBot
    return kind("Answer.", completion=completion, recorder=recorder, **settings)


def _run_limited(way: str, bot: Any, recorder: InMemoryRecorder) -> tuple[LimitReached, Any]:
    """Run until the limit; return the error, after checking what holds for each, and the trace."""
    with pytest.raises(LimitReached, match="deadline_s=") as caught:
        WAYS[way](bot, ("?",))
    (run,) = recorder.runs()
    assert run.status == "limited"
    assert run.error is not None
    assert (run.error.type, run.error.attributes) == ("LimitReached", {"limit": "deadline_s"})
    assert (caught.value.limit, caught.value.run_id) == ("deadline_s", run.run_id)
    assert caught.value.usage == run.usage
    events = recorder.events(run.run_id)
    assert_orderly(events)
    return caught.value, lmb.read_trace(events)


@pytest.mark.parametrize("way", WAYS)
class TestInFlight:
    def test_a_model_that_takes_too_long(self, way: str, slow: SlowCompletion, recorder: InMemoryRecorder) -> None:
        error, _ = _run_limited(way, _bot(way, slow, recorder, limits=SOON), recorder)
        assert error.messages == (lmb.system("Answer."), lmb.user("?"))
        assert len(slow.requests) == 1

    def test_a_memory_that_takes_too_long(self, way: str, recorder: InMemoryRecorder) -> None:
        go_on, waited = threading.Event(), threading.Event()

        class Slow(lmb.ChatMemory):
            def recall(self) -> tuple[lmb.Message, ...]:
                if not go_on.wait(30):
                    waited.set()
                return ()

            async def arecall(self) -> tuple[lmb.Message, ...]:
                await asyncio.sleep(30)
                waited.set()
                return ()

        completion = ScriptedCompletion(["never"])
        _run_limited(way, _bot(way, completion, recorder, limits=SOON, memory=Slow()), recorder)
        assert completion.requests == ()
        assert not waited.is_set()
        go_on.set()
        _wait_for_threads()

    def test_the_time_that_is_left_bounds_the_request(self, way: str, recorder: InMemoryRecorder) -> None:
        seen: list[float] = []

        def note(request: CompletionRequest) -> str:
            seen.append(request.timeout_s)
            return "yes"

        for timeout_s in (0.5, 600):
            bot = _bot(way, ScriptedCompletion([note]), recorder, limits=LATER, timeout_s=timeout_s)
            WAYS[way](bot, ("?",))
        assert seen[0] == 0.5
        assert 29 < seen[1] <= 30

    def test_an_adapter_that_gives_up_at_the_deadline_has_reached_the_limit(
        self, way: str, recorder: InMemoryRecorder
    ) -> None:
        clock = TickingClock()

        def give_up(request: CompletionRequest) -> Any:
            clock.advance(request.timeout_s)
            return CompletionTimeout("no answer", partial=lmb.assistant("ab"))

        bot = _bot(way, ScriptedCompletion([give_up]), recorder, limits=LATER, clock=clock)
        error, trace = _run_limited(way, bot, recorder)
        assert isinstance(error.__cause__, CompletionTimeout)
        assert trace.effects[0].partial == lmb.assistant("ab")

    def test_an_adapter_that_gives_up_before_has_not(self, way: str, recorder: InMemoryRecorder) -> None:
        bot = _bot(way, ScriptedCompletion([CompletionTimeout("no answer")]), recorder, limits=LATER, timeout_s=1)
        with pytest.raises(CompletionTimeout):
            WAYS[way](bot, ("?",))

    def test_a_timeout_of_the_ports_own_is_no_deadline(self, way: str, recorder: InMemoryRecorder) -> None:
        bot = _bot(way, ScriptedCompletion([TimeoutError("a socket's")]), recorder, limits=LATER)
        with pytest.raises(TimeoutError, match="a socket's"):
            WAYS[way](bot, ("?",))


@pytest.mark.parametrize("way", ["stream", "async stream"])
def test_a_stream_that_stops_in_the_middle(way: str, slow: SlowCompletion, recorder: InMemoryRecorder) -> None:
    bot = _bot(way, slow, recorder, limits=lmb.Limits(deadline_s=0.4))
    error, trace = _run_limited(way, bot, recorder)
    assert trace.effects[0].partial == lmb.assistant("a")
    assert error.messages == (lmb.system("Answer."), lmb.user("?"))
    slow.freed.set()
    assert slow.ended.wait(10), "the provider's stream was not closed"


@pytest.mark.parametrize("way", WAYS)
class TestBeforeAnEffect:
    def test_what_comes_after_the_deadline_is_not_done(self, way: str, recorder: InMemoryRecorder) -> None:
        """The answer was paid for: the error carries it, and the turn is not stored."""
        clock, memory = TickingClock(), lmb.ChatMemory()

        def take_long(request: CompletionRequest) -> str:
            clock.advance(31)
            return "late"

        completion = ScriptedCompletion([take_long])
        bot = _bot(way, completion, recorder, limits=LATER, clock=clock, memory=memory)
        error, trace = _run_limited(way, bot, recorder)
        assert error.messages == (lmb.system("Answer."), lmb.user("?"), lmb.assistant("late"))
        assert error.usage == lmb.Usage(2, 1)
        assert [effect.effect for effect in trace.effects] == ["recall", "complete"]
        assert memory.recall() == ()

    @pytest.mark.parametrize("deadline_s", [0, -1, 0.000001])
    def test_no_time_at_all_asks_nothing(self, way: str, deadline_s: float, recorder: InMemoryRecorder) -> None:
        completion = ScriptedCompletion(["never"])
        limits = lmb.Limits(deadline_s=deadline_s)
        _, trace = _run_limited(way, _bot(way, completion, recorder, limits=limits, clock=TickingClock()), recorder)
        assert trace.effects == ()
        assert completion.requests == ()

    def test_time_enough_changes_nothing(self, way: str, recorder: InMemoryRecorder) -> None:
        for limits in (LATER, lmb.Limits()):
            bot = _bot(way, ScriptedCompletion(["yes"]), recorder, limits=limits)
            assert WAYS[way](bot, ("?",)).text == "yes"

    def test_the_limits_of_a_call_count_instead_of_the_bots(self, way: str, recorder: InMemoryRecorder) -> None:
        bot = _bot(way, ScriptedCompletion(["yes"]), recorder, limits=lmb.Limits(deadline_s=0))
        run = bot.run("?", limits=LATER)
        assert (asyncio.run(run) if "async" in way else run).text == "yes"

    def test_a_structured_bot_asks_no_more_when_time_is_up(self, way: str, recorder: InMemoryRecorder) -> None:
        clock = TickingClock()

        def take_long(request: CompletionRequest) -> str:
            clock.advance(11)
            return "no"

        completion = ScriptedCompletion([take_long] * 9)
        kind: Any = lmb.AsyncStructuredBot if "async" in way else lmb.StructuredBot
        bot = kind(output=int, max_attempts=9, completion=completion, recorder=recorder, limits=LATER, clock=clock)
        _run_limited(way, bot, recorder)
        assert len(completion.requests) == 3


@pytest.mark.parametrize("driver", DRIVERS)
def test_all_that_is_done_together_ends_at_the_deadline(driver: str, slow: SlowCompletion) -> None:
    world = world_of(slow)
    effects = [Complete(CompletionRequest("", (lmb.user(text),))) for text in "ab"]
    with pytest.raises(LimitReached):
        perform(driver, Together(effects).__iter__(), world, SOON)
    events = world.recorder.events("run-1")  # type: ignore[union-attr]  # there is one
    assert_orderly(events)
    assert [effect.error is not None for effect in lmb.read_trace(events).effects] == [True, True]


def test_a_slow_reader_of_a_fast_stream_reaches_the_limit_too(recorder: InMemoryRecorder) -> None:
    """Time also passes while the reader thinks; the stream that is busy in another thread is left to close itself."""
    for _ in range(3):
        port: Any = NotingCompletion("abc")
        bot = lmb.SimpleBot(completion=port, recorder=recorder, limits=lmb.Limits(deadline_s=0.2))
        with pytest.raises(LimitReached), bot.stream("?") as events:
            _read_slowly(events)
        _wait_for_threads()
        assert port.events == ["opened", "closed"]


def test_a_slow_reader_of_a_fast_async_stream_reaches_the_limit_too(recorder: InMemoryRecorder) -> None:
    async def read_slowly() -> None:
        bot = lmb.AsyncSimpleBot(completion=port, recorder=recorder, limits=lmb.Limits(deadline_s=0.2))
        async with bot.stream("?") as events:
            async for _ in events:
                time.sleep(0.3)  # noqa: ASYNC251 - a reader that blocks the loop

    port: Any = NotingCompletion("abc", awaits=0)
    with pytest.raises(LimitReached):
        asyncio.run(read_slowly())
    assert port.events == ["opened", "closed"]


def _read_slowly(events: Any) -> None:
    for _ in events:
        time.sleep(0.3)


def test_a_port_whose_own_close_fails_is_heard(recorder: InMemoryRecorder) -> None:
    class Failing:
        def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
            try:
                yield CompletionChunk(text="a")
                yield CompletionChunk(finish_reason=FinishReason.STOP)
            finally:
                raise ValueError("cannot close")

        def complete(self, request: CompletionRequest) -> Completion:
            return answer_of("a")

    port: Any = Failing()
    events = lmb.SimpleBot(completion=port, recorder=recorder).stream("?")
    next(events)
    with pytest.raises(ValueError, match="cannot close"):
        events.close()


def test_a_late_answer_changes_nothing(slow: SlowCompletion, recorder: InMemoryRecorder) -> None:
    memory = lmb.ChatMemory()
    bot = lmb.SimpleBot(completion=slow, recorder=recorder, memory=memory, limits=SOON)  # type: ignore[arg-type]  # it serves both colours
    with pytest.raises(LimitReached) as caught:
        bot("?")
    logged = recorder.events(caught.value.run_id or "")
    slow.freed.set()
    _wait_for_threads()
    assert recorder.events(caught.value.run_id or "") == logged
    assert memory.recall() == ()


def test_a_failing_port_fails_as_ever_under_a_deadline(recorder: InMemoryRecorder) -> None:
    bot = lmb.SimpleBot(completion=ScriptedCompletion([PortError("no")]), recorder=recorder, limits=LATER)
    with pytest.raises(PortError, match="no"):
        bot("?")
