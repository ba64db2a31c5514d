"""Waiting for one's turn: in order, in time, and not in vain."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wrap.four_ways import WAYS, outcome, request

import llamabot as lmb
from llamabot.adapters.fake.shared import InMemoryTurns
from llamabot.adapters.wrap.ratelimit import RateLimit
from llamabot.ports.completion import Completion, FinishReason, Usage
from llamabot.ports.errors import ConfigurationError, RateLimited
from llamabot.ports.messages import AssistantMessage
from llamabot.testing import FunctionCompletion, HashedEmbedding, InMemoryRecorder, ScriptedCompletion, VirtualClock


def limited(clock: Any, **most: Any) -> Any:
    return lmb.RateLimit(FunctionCompletion(lambda asked: "Hi!"), clock=clock, **most)


def using(tokens: int) -> Any:
    """Return a port whose every answer takes so many tokens, half of them sent."""
    usage = Usage(tokens // 2, tokens - tokens // 2)
    return FunctionCompletion(lambda asked: Completion(AssistantMessage("Hi!"), FinishReason.STOP, usage))


@pytest.mark.parametrize("way", WAYS)
def test_starts_as_many_a_minute_as_it_may(way: str) -> None:
    clock = VirtualClock()
    port = limited(clock, rpm=2)
    times = []
    for _ in range(5):
        assert outcome(way, port, request()) == "Hi!"
        times.append(clock.elapsed_s)
    assert times == [0, 0, 60, 60, 120]


@pytest.mark.parametrize("way", WAYS)
def test_corrects_what_it_thought_of_the_tokens(way: str) -> None:
    clock = VirtualClock()
    port = lmb.RateLimit(using(100), tpm=310, clock=clock)
    for _ in range(3):
        outcome(way, port, request(max_tokens=200))  # each is thought to take more than 200, and takes 100
    assert clock.elapsed_s == 60  # the third did not fit beside 100 + 100, as far as one could tell before
    outcome(way, port, request(max_tokens=10))
    assert clock.elapsed_s == 60


@pytest.mark.parametrize("way", WAYS)
def test_one_that_is_larger_than_a_minute_gets_one_of_its_own(way: str) -> None:
    clock = VirtualClock()
    port = lmb.RateLimit(using(500), tpm=100, clock=clock)
    for _ in range(3):
        assert outcome(way, port, request(max_tokens=400)) == "Hi!"
    assert clock.elapsed_s == 120


@pytest.mark.parametrize("way", WAYS)
def test_refuses_at_once_what_would_wait_too_long(way: str) -> None:
    clock = VirtualClock()
    port = limited(clock, rpm=1)
    outcome(way, port, request())
    with pytest.raises(RateLimited, match="raise the limit") as caught:
        WAYS[way](port, request(timeout_s=59.0))
    assert (caught.value.retry_after_s, caught.value.retryable) == (60.0, True)
    assert clock.elapsed_s == 0
    assert outcome(way, port, request(timeout_s=61.0)) == "Hi!"


def test_refuses_what_would_wait_beyond_the_deadline_of_the_call() -> None:
    clock = VirtualClock()
    bot = lmb.SimpleBot("", completion=limited(clock, rpm=1), clock=clock, limits=lmb.Limits(deadline_s=30.0))
    bot("Hi")
    with pytest.raises(RateLimited):
        bot("Hi")


def test_whoever_has_waited_waits_for_the_answer_that_much_shorter() -> None:
    clock, inner = VirtualClock(), ScriptedCompletion(["a", "b"])
    port = lmb.RateLimit(inner, rpm=1, clock=clock)
    port.complete(request(timeout_s=100.0))
    port.complete(request(timeout_s=100.0))
    assert [asked.timeout_s for asked in inner.requests] == [100.0, 40.0]


def test_the_log_says_how_long_it_waited() -> None:
    clock, recorder = VirtualClock(), InMemoryRecorder()
    bot = lmb.SimpleBot("", completion=limited(clock, rpm=1), recorder=recorder)
    bot("Hi")
    bot("Hi")
    (run, _) = recorder.runs()
    (one,) = lmb.read_trace(recorder.events(run.run_id)).effects[0].tried
    assert (one.by, one.waited_s, one.error) == ("rate_limit", 60.0, None)


def test_first_come_first_served_across_tasks() -> None:
    served: list[str] = []
    port = lmb.RateLimit(FunctionCompletion(lambda asked: served.append(asked.messages[0].text) or "Hi!"), rpm=1)

    class OnlyTheLoopsClock(VirtualClock):
        """Wakes sleepers in the order of their waking, in no time."""

        def __init__(self) -> None:
            super().__init__()
            self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

        async def asleep(self, seconds: float) -> None:
            waking = asyncio.get_running_loop().create_future()
            self.sleepers.append((seconds, waking))
            if len(self.sleepers) == 9:
                asyncio.get_running_loop().call_soon(self.wake)
            await waking

        def wake(self) -> None:
            for _, one in sorted(self.sleepers, key=lambda sleeper: sleeper[0]):
                one.set_result(None)

    async def all_of_them() -> None:
        with lmb.override(clock=OnlyTheLoopsClock()):
            await asyncio.gather(*(port.acomplete(request(str(number), timeout_s=9999.0)) for number in range(10)))

    asyncio.run(all_of_them())
    assert served == [str(number) for number in range(10)]


def test_a_task_that_is_cancelled_while_it_waits_gives_its_turn_back() -> None:
    turns = InMemoryTurns()
    port = RateLimit(FunctionCompletion(lambda asked: "Hi!"), turns, rpm=1)

    async def cancel() -> None:
        await port.acomplete(request())
        waiting = asyncio.ensure_future(port.acomplete(request()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()

    asyncio.run(cancel())
    assert len(turns._queues[""]) == 1


def test_threads_never_start_more_than_they_may() -> None:
    clock, starts = VirtualClock(), []
    inner = FunctionCompletion(lambda asked: starts.append(1) or "Hi!")
    port = lmb.RateLimit(inner, rpm=5, clock=clock)
    refused = []

    def ask() -> None:
        try:
            port.complete(request(timeout_s=1.0))
        except RateLimited:
            refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(starts), len(refused)) == (5, 7)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 70), max_size=6))
def test_is_the_same_in_all_colours(gaps: list[int]) -> None:
    seen = set()
    for way in WAYS:
        clock = VirtualClock()
        port = limited(clock, rpm=2, tpm=2500)
        told = []
        for gap in gaps:
            clock.advance(gap)
            told.append((outcome(way, port, request(timeout_s=50.0)), clock.elapsed_s))
        seen.add(tuple(told))
    assert len(seen) == 1


def test_holds_an_embedder_back_too() -> None:
    clock = VirtualClock()
    port = lmb.RateLimit(HashedEmbedding(), rpm=1, tpm=100, clock=clock)
    port.embed(["a"])
    asyncio.run(port.aembed(["a"]))
    assert clock.elapsed_s == 60


def test_those_with_one_file_and_name_share_a_limit(tmp_path: Any) -> None:
    clock = VirtualClock()
    path = tmp_path / "limits.db"
    one, other, apart = (limited(clock, rpm=1, path=path, name=name) for name in ("", "", "apart"))
    one.complete(request())
    apart.complete(request())
    with pytest.raises(RateLimited):
        other.complete(request(timeout_s=1.0))
    assert asyncio.run(other.acomplete(request())).message.text == "Hi!"


def test_needs_a_limit() -> None:
    with pytest.raises(ConfigurationError, match="rpm="):
        lmb.RateLimit(ScriptedCompletion())
