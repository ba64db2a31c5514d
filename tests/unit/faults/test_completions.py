"""What faults do to a model, alike in both colours and in both forms, and in no real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.kit.shrinking import minimal

import llamabot as lmb
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import (
    ScriptedCompletion,
    VirtualClock,
    strategies,
)
from llamabot.testing import faults as f

REQUEST = CompletionRequest("", (lmb.user("go"),), timeout_s=30)
ANSWER = "one two three"


async def _read(chunks: Any) -> list[Any]:
    return [chunk async for chunk in chunks]


WAYS: dict[str, Callable[[Any, CompletionRequest], Any]] = {
    "complete": lambda port, request: port.complete(request),
    "acomplete": lambda port, request: asyncio.run(port.acomplete(request)),
    "stream": lambda port, request: assemble(list(port.stream(request))),
    "astream": lambda port, request: assemble(asyncio.run(_read(port.astream(request)))),
}


def _told(error: lmb.errors.CompletionError) -> tuple[Any, ...]:
    partial = error.partial.text if error.partial else None
    return type(error), error.status_code, getattr(error, "retry_after_s", None), partial


FAILING: dict[str, tuple[f.Fault, tuple[Any, ...], float, int]] = {
    # fault, (error, status, retry after, partial), seconds on the clock, requests that reached the model
    "429": (f.RateLimit(), (lmb.errors.RateLimited, 429, None, None), 0, 0),
    "429 with Retry-After": (f.RateLimit(7), (lmb.errors.RateLimited, 429, 7, None), 0, 0),
    "5xx": (f.ServerError(500), (lmb.errors.ProviderUnavailable, 500, None, None), 0, 0),
    "refused": (f.ConnectionRefused(), (lmb.errors.ProviderUnavailable, None, None, None), 0, 0),
    "timed out": (f.TimedOut(), (lmb.errors.CompletionTimeout, None, None, None), 30, 0),
    "too slow": (f.Slow(31), (lmb.errors.CompletionTimeout, None, None, None), 30, 0),
    "malformed": (f.MalformedBody(), (lmb.errors.BadCompletion, None, None, None), 0, 1),
    "failing": (f.Failure(), (lmb.errors.ProviderUnavailable, None, None, None), 0, 0),
    "lost": (f.LostAnswer(), (lmb.errors.ProviderUnavailable, None, None, None), 0, 1),
    "cut at once": (f.CutStream(), (lmb.errors.StreamTruncated, None, None, ""), 0, 1),
    "cut": (f.CutStream(2), (lmb.errors.StreamTruncated, None, None, "one two "), 0, 1),
    "cut before its end": (f.CutStream(99), (lmb.errors.StreamTruncated, None, None, ANSWER), 0, 1),
    "without a reason": (f.NoFinishReason(), (lmb.errors.StreamTruncated, None, None, ANSWER), 0, 1),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAILING)
def test_a_call_that_fails_raises_the_same_in_every_way_and_the_next_is_well(name: str, way: str) -> None:
    fault, told, seconds, reached = FAILING[name]
    model, clock = ScriptedCompletion([ANSWER, ANSWER]), VirtualClock()
    port = f.faulty(model, [fault], clock=clock)
    with pytest.raises(lmb.errors.CompletionError) as caught:
        WAYS[way](port, REQUEST)
    assert _told(caught.value) == told
    assert clock.elapsed_s == seconds
    # A stream that is waited for in vain has been asked for: its request is out.
    assert len(model.requests) == (1 if name == "too slow" and "stream" in way else reached)
    assert (f.struck(port), f.left_over(port)) == ((fault,), ())
    assert WAYS[way](port, REQUEST).message.text == ANSWER


ODD: dict[str, tuple[f.Fault, str, float]] = {
    "a fragment twice": (f.DuplicateFragment(1), "one two two three", 0),
    "two fragments the wrong way round": (f.ReorderedFragments(0), "two one three", 0),
    "the last words after the end": (f.ReorderedFragments(2), ANSWER, 0),
    "a fragment that is not there": (f.DuplicateFragment(9), ANSWER, 0),
    "an end that waits": (f.ReorderedFragments(3), ANSWER, 0),
    "slow": (f.Slow(29.5), ANSWER, 29.5),
    "slow in the middle": (f.Slow(30, at=2), ANSWER, 30),
    "slow at the end": (f.Slow(3, at=99), ANSWER, 3),
    "well": (f.Slow(0), ANSWER, 0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ODD)
def test_a_call_that_is_only_odd_gives_the_same_in_every_way(name: str, way: str) -> None:
    fault, text, seconds = ODD[name]
    clock = VirtualClock()
    port = f.faulty(ScriptedCompletion([ANSWER]), [fault], clock=clock)
    completion = WAYS[way](port, REQUEST)
    assert (completion.message.text, completion.finish_reason) == (text, lmb.FinishReason.STOP)
    assert completion.usage == lmb.Usage(1, 3)
    assert clock.elapsed_s == seconds
    changes_nothing = name in ("a fragment that is not there", "an end that waits")
    assert (f.struck(port), f.left_over(port)) == (((), (fault,)) if changes_nothing else ((fault,), ()))


def test_a_fault_that_a_call_has_met_in_vain_is_left_over() -> None:
    broken = lmb.errors.ProviderUnavailable("by itself")
    script = [ANSWER, broken, [lmb.CompletionChunk(text="one")], "never"]
    schedule = [f.CutStream(2), f.LostAnswer(), f.NoFinishReason(), f.RateLimit(), f.Failure()]
    port = f.faulty(ScriptedCompletion(script), schedule)
    left = port.stream(REQUEST)
    next(left)
    left.close()
    for kind in (lmb.errors.ProviderUnavailable, lmb.errors.StreamTruncated, lmb.errors.RateLimited):
        with pytest.raises(kind):
            assemble(port.stream(REQUEST))
    assert f.struck(port) == (f.RateLimit(),)
    assert f.left_over(port) == (f.CutStream(2), f.LostAnswer(), f.NoFinishReason(), f.Failure())


def test_a_stream_that_does_not_say_itself_that_it_ended_is_cut_at_its_end() -> None:
    class Ends(ScriptedCompletion):
        def stream(self, request: CompletionRequest) -> Generator[lmb.CompletionChunk, None, None]:
            yield lmb.CompletionChunk(text="one")

    port = f.faulty(Ends(), [f.CutStream(9)])
    with pytest.raises(lmb.errors.StreamTruncated, match="broke in the middle"):
        list(port.stream(REQUEST))
    assert f.struck(port) == (f.CutStream(9),)


def test_a_late_fragment_is_a_time_out_that_holds_what_came_before_it() -> None:
    with pytest.raises(lmb.errors.CompletionTimeout) as caught:
        list(f.faulty(ScriptedCompletion([ANSWER]), [f.Slow(31, at=1)]).stream(REQUEST))
    assert caught.value.partial == lmb.AssistantMessage("one ")


class Closing:
    """A port whose streams count how often they are closed, and close by nothing else."""

    closed = 0

    def complete(self, request: CompletionRequest) -> Any:
        return assemble(self.stream(request))

    def stream(self, request: CompletionRequest) -> Any:
        return _Stream(self)

    def astream(self, request: CompletionRequest) -> Any:
        return _Stream(self)


class _Stream:
    def __init__(self, port: Closing) -> None:
        self._port = port
        self._chunks = ScriptedCompletion([ANSWER]).stream(REQUEST)

    def __iter__(self) -> Any:
        return self._chunks

    async def __aiter__(self) -> Any:
        for chunk in self._chunks:
            yield chunk

    def close(self) -> None:
        self._port.closed += 1

    async def aclose(self) -> None:
        self._port.closed += 1


def test_who_leaves_a_stream_closes_that_of_the_port() -> None:
    async def leave(stream: Any) -> None:
        assert (await anext(stream)).text == "one "
        await stream.aclose()

    model = Closing()
    port = f.faulty(model, [None, None, f.CutStream(1), f.CutStream(1)])
    stream = port.stream(REQUEST)
    assert next(stream).text == "one "
    stream.close()
    assert model.closed == 1
    asyncio.run(leave(port.astream(REQUEST)))
    assert model.closed == 2
    with pytest.raises(lmb.errors.StreamTruncated):
        list(port.stream(REQUEST))
    assert model.closed == 3
    with pytest.raises(lmb.errors.StreamTruncated):
        port.complete(REQUEST)
    assert model.closed == 4


def test_a_stream_without_a_reason_says_so_itself() -> None:
    with pytest.raises(lmb.errors.StreamTruncated):
        list(f.faulty(ScriptedCompletion([ANSWER]), [f.NoFinishReason()]).stream(REQUEST))
    told = f.faulty(ScriptedCompletion([ANSWER]), [f.NoFinishReason()]).stream(REQUEST)
    assert [next(told).finish_reason for _ in range(4)] == [None] * 4


@given(schedule=strategies.fault_schedules(slow=False), text=strategies.texts())
@settings(max_examples=60)
def test_any_schedule_is_the_same_in_every_way(schedule: list[f.Fault | None], text: str) -> None:
    def seen(way: str) -> list[Any]:
        port = f.faulty(ScriptedCompletion([text] * 5), schedule)
        return [_outcome(WAYS[way], port) for _ in range(len(schedule) + 1)]

    first, *others = map(seen, WAYS)
    for other in others:
        assert other == first
    assert first[-1].message.text == text


def _outcome(way: Any, port: Any) -> Any:
    try:
        return way(port, REQUEST)
    except lmb.errors.CompletionError as error:
        return _told(error), str(error)


def test_a_schedule_shrinks_to_the_fault_alone_and_prints_as_it_is_written() -> None:
    schedules = strategies.fault_schedules()
    assert minimal(schedules, lambda _: True) == []
    assert minimal(schedules, any) == [f.Failure()]
    assert repr(minimal(schedules, lambda some: f.CutStream(2) in some)) == "[CutStream(after=2)]"
    assert repr(minimal(schedules, lambda some: len(some) > 1 and some[1])) == "[None, Failure()]"
    assert repr([f.RateLimit(2.0), f.RateLimit(), f.Slow(5)]) == (
        "[RateLimit(retry_after_s=2.0), RateLimit(), Slow(seconds=5)]"
    )


@given(st.sampled_from(f.PortKind).flatmap(strategies.port_faults))
@settings(max_examples=30)
def test_a_fault_is_a_value(fault: f.Fault) -> None:
    assert eval(repr(fault), vars(f)) == fault  # noqa: S307 - what is shown can be written into a test
    assert hash(fault) == hash(msgspec.structs.replace(fault))
