"""What is asked once, what is not, and what is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import aclosing, closing
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from tests.unit.wrap.four_ways import WAYS, outcome, request

import llamabot as lmb
from llamabot.ports.assembly import as_chunk, assemble, mend_completion
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, OutputSchema, Usage
from llamabot.ports.errors import ConfigurationError, ProviderUnavailable, StreamTruncated
from llamabot.ports.messages import AssistantMessage, UserMessage
from llamabot.ports.tools import ToolSpec
from llamabot.testing import FunctionCompletion, HashedEmbedding, InMemoryRecorder, ScriptedCompletion, VirtualClock
from llamabot.testing.contracts.answers import said

PRICED = Completion(AssistantMessage("Hi!"), FinishReason.STOP, Usage(3, 4), cost_usd=0.25, model="m-2026")


def counted(script: Sequence[Any] = ("Hi!",) * 9) -> tuple[Any, ScriptedCompletion]:
    port = ScriptedCompletion(script)
    return lmb.Cache(port), port


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_asks_once_however_it_is_asked(first: str, second: str) -> None:
    cache, port = counted([PRICED])
    asked, again = WAYS[first](cache, request()), WAYS[second](cache, request())
    assert len(port.requests) == 1
    assert (asked.from_cache, asked.cost_usd) == (False, 0.25)
    assert (again.from_cache, again.cost_usd) == (True, 0.0)
    assert (again.message, again.finish_reason, again.usage, again.model) == (
        asked.message,
        asked.finish_reason,
        asked.usage,
        asked.model,
    )


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_comes_in_the_fragments_that_it_came_in(way: str) -> None:
    cache, _ = counted(["one two three"])
    first = list(cache.stream(request()))

    async def listed() -> list[CompletionChunk]:
        async with aclosing(cache.astream(request())) as stream:
            return [chunk async for chunk in stream]

    again = list(cache.stream(request())) if way == "stream" else asyncio.run(listed())
    assert [chunk.text for chunk in again] == [chunk.text for chunk in first] == ["one ", "two ", "three", ""]


CHANGES: list[dict[str, Any]] = [
    {"model": "other"},
    {"temperature": 0.5},
    {"max_tokens": 7},
    {"tools": (ToolSpec("add", "Adds.", {}),)},
    {"tool_choice": "none"},
    {"output": OutputSchema("Person", {})},
    {"options": {"seed": 7}},
    {"text": "Ho"},
]


@pytest.mark.parametrize("change", CHANGES, ids=[next(iter(change)) for change in CHANGES])
def test_asks_anew_what_differs_in_anything(change: dict[str, Any]) -> None:
    cache, port = counted()
    cache.complete(request())
    cache.complete(request(**change))
    cache.complete(request(**change))
    assert len(port.requests) == 2


def test_what_differs_in_its_patience_alone_is_the_same() -> None:
    cache, port = counted()
    cache.complete(request(timeout_s=1.0))
    cache.complete(request(timeout_s=2.0))
    assert len(port.requests) == 1


@pytest.mark.parametrize("way", WAYS)
def test_errors_are_not_kept(way: str) -> None:
    cache, port = counted([ProviderUnavailable("no"), "Hi!"])
    assert outcome(way, cache, request()) == "ProviderUnavailable"
    assert outcome(way, cache, request()) == "Hi!"
    assert len(port.requests) == 2


@pytest.mark.parametrize("way", WAYS)
def test_what_the_filter_ended_is_not_kept(way: str) -> None:
    cache, port = counted([Completion(AssistantMessage("Hi"), FinishReason.CONTENT_FILTER), "Hi!"])
    WAYS[way](cache, request())
    assert outcome(way, cache, request()) == "Hi!"
    assert len(port.requests) == 2


def test_streams_that_were_left_or_broke_are_not_kept() -> None:
    broken = [CompletionChunk(text="one"), StreamTruncated("cut")]
    cache, port = counted(["one two", "one two", broken, "whole"])
    with closing(cache.stream(request())) as stream:
        next(stream)

    async def leave() -> None:
        async with aclosing(cache.astream(request())) as stream:
            await anext(stream)

    asyncio.run(leave())
    assert outcome("stream", cache, request()) == "StreamTruncated"
    assert outcome("stream", cache, request()) == "whole"
    assert len(port.requests) == 4


def test_a_stream_that_never_said_why_it_ended_is_not_kept() -> None:
    asked = []

    class Mute:
        complete = None

        def stream(self, request: Any) -> Any:
            asked.append(request)
            yield CompletionChunk(text="one")

    cache = lmb.Cache(Mute())
    assert [list(cache.stream(request())) for _ in range(2)] == [[CompletionChunk(text="one")]] * 2
    assert len(asked) == 2


@settings(max_examples=30)
@given(said())
def test_any_answer_comes_back_as_it_was(chunks: Sequence[CompletionChunk]) -> None:
    whole = assemble(chunks)
    for first in ("complete", "stream"):
        for second in ("complete", "stream"):
            cache = lmb.Cache(ScriptedCompletion([list(chunks)]))
            WAYS[first](cache, request())
            again = WAYS[second](cache, request())
            assert (again.message, again.finish_reason, again.usage) == (
                whole.message,
                whole.finish_reason,
                whole.usage,
            )


@settings(max_examples=30)
@given(said())
def test_an_answer_is_the_same_as_one_fragment(chunks: Sequence[CompletionChunk]) -> None:
    whole = mend_completion(assemble(chunks))
    assert assemble([as_chunk(whole)]) == whole


def test_half_a_character_at_the_end_of_a_fragment_is_kept_with_its_other_half() -> None:
    halves = [CompletionChunk(text="\ud83d"), CompletionChunk(text="\ude00", finish_reason=FinishReason.STOP)]
    cache, port = counted([halves])
    assert outcome("stream", cache, request()) == outcome("stream", cache, request()) == "\U0001f600"
    assert len(port.requests) == 1


def test_what_json_cannot_hold_is_asked_each_time() -> None:
    cache, port = counted()
    for _ in range(2):
        assert outcome("complete", cache, request(options={"callback": object()})) == "Hi!"
    assert len(port.requests) == 2


def test_asks_anew_what_has_become_too_old() -> None:
    clock, port = VirtualClock(), ScriptedCompletion(["old", "new"])
    cache = lmb.Cache(port, max_age_s=60, clock=clock)
    cache.complete(request())
    clock.advance(60)
    assert outcome("complete", cache, request()) == "old"
    clock.advance(1)
    assert outcome("complete", cache, request()) == "new"


def test_forgets_when_told_to() -> None:
    cache, port = counted()
    cache.complete(request())
    cache.clear()
    cache.complete(request())
    assert len(port.requests) == 2


@pytest.mark.parametrize("colour", ["threads", "tasks"])
def test_equal_requests_at_once_are_asked_once(colour: str) -> None:
    arrived = threading.Barrier(2, timeout=10)

    class Slow(FunctionCompletion):
        def complete(self, asked: Any) -> Any:
            arrived.wait()  # until the other has begun too
            return super().complete(asked)

        async def acomplete(self, asked: Any) -> Any:
            await asyncio.sleep(0.01)
            return super().complete(asked)

    port = Slow(lambda asked: "echo")
    cache = lmb.Cache(port)
    if colour == "tasks":

        async def both() -> None:
            await asyncio.gather(*(cache.acomplete(request()) for _ in range(5)))

        asyncio.run(both())
    else:
        asking = [threading.Thread(target=cache.complete, args=(request(),)) for _ in range(5)]
        for thread in asking:
            thread.start()
        arrived.wait()
        for thread in asking:
            thread.join()
    assert len(port.requests) == 1


def test_whoever_waits_goes_on_alone_where_the_first_one_fails() -> None:
    answers = iter([ProviderUnavailable("no"), "Hi!", "Hi!"])

    class Slow(FunctionCompletion):
        async def acomplete(self, asked: Any) -> Any:
            await asyncio.sleep(0.01)
            return super().complete(asked)

    cache = lmb.Cache(Slow(lambda asked: next(answers)))

    async def both() -> list[Any]:
        return await asyncio.gather(*(cache.acomplete(request()) for _ in range(3)), return_exceptions=True)

    first, *rest = asyncio.run(both())
    assert isinstance(first, ProviderUnavailable)
    assert [one.message.text for one in rest] == ["Hi!", "Hi!"]


def test_a_run_costs_what_was_paid_once() -> None:
    recorder = InMemoryRecorder()
    bot = lmb.SimpleBot("", completion=lmb.Cache(ScriptedCompletion([PRICED])), recorder=recorder)
    assert [bot.run("Hi").cost_usd, bot.run("Hi").cost_usd] == [0.25, 0.0]
    assert sorted(run.cost_usd or 0 for run in recorder.runs()) == [0.0, 0.25]
    with bot.stream("Hi") as events:
        list(events)
    assert events.result.cost_usd == 0.0
    kept = [lmb.read_trace(recorder.events(run.run_id)).effects[0].completion for run in recorder.runs()]
    assert [one.from_cache for one in kept if one is not None] == [True, True, False]


def test_embeds_each_text_once() -> None:
    asked: list[list[str]] = []

    class Counting(HashedEmbedding):
        def embed(self, texts: Sequence[str]) -> Any:
            asked.append(list(texts))
            return super().embed(texts)

        async def aembed(self, texts: Sequence[str]) -> Any:
            return self.embed(texts)

    cache, plain = lmb.Cache(Counting()), HashedEmbedding()
    for texts in (["a", "b", "a"], ["b", "c"], ["c", "a"]):
        assert numpy.array_equal(cache.embed(texts), plain.embed(texts))
    assert numpy.array_equal(asyncio.run(cache.aembed(["d", "a"])), plain.embed(["d", "a"]))
    assert asked == [["a", "b"], ["c"], ["d"]]
    assert cache.embed([]).shape == (0, plain.dimensions)


@pytest.mark.parametrize("age", [-1, float("nan")])
def test_refuses_an_age_that_is_none(age: float) -> None:
    with pytest.raises(ConfigurationError, match="max_age_s"):
        lmb.Cache(ScriptedCompletion(), max_age_s=age)


def test_remembers_by_what_was_said_and_not_by_who_said_it_when() -> None:
    cache, port = counted()
    bot = lmb.SimpleBot("You are brief.", completion=cache)
    bot("Hi")
    lmb.SimpleBot("You are brief.", completion=cache)(UserMessage("Hi"))
    assert len(port.requests) == 1
