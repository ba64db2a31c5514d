"""What every completion port promises, as tests: an adapter subclasses these and says how it is made.

`CompletionContract` and `AsyncCompletionContract` ask nothing of the model behind the port but that it answers the
same request twice alike, so a real model passes them too. `ScriptedContract` and `AsyncScriptedContract` are for ports
whose model can be told what to say; there the laws of a stream are tried with generated ones. Classes here are not
collected: their names do not begin with `Test`.
"""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import (
    Completion,
    CompletionChunk,
    CompletionRequest,
    FinishReason,
    ModelCapabilities,
    ToolCallFragment,
    Usage,
)
from llamabot.ports.errors import LlamabotError, StreamTruncated
from llamabot.ports.messages import AssistantMessage, SystemMessage, UserMessage

__all__ = ["AsyncCompletionContract", "AsyncScriptedContract", "CompletionContract", "ScriptedContract", "streams"]

T = TypeVar("T")

# The classes of several adapters run one and the same test method: that is what a suite is for.
generated = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.differing_executors,
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)
LONGEST_STALL_S = 0.5


class _Contract:
    """What the suites share.

    Attributes:
        model: the name to put into requests; "" where the adapter has a model of its own.
    """

    model: str = ""

    def make(self) -> Any:
        """Return a port, ready to answer `self.request(…)` again and again."""
        raise NotImplementedError

    def request(self, text: str = "Say hello.", **changes: Any) -> CompletionRequest:
        """Return a short request; override it if the model needs another."""
        messages = (SystemMessage("You are brief."), UserMessage(text))
        return CompletionRequest(self.model, messages, **{"temperature": 0.0, "max_tokens": 12, **changes})


class CompletionContract(_Contract):
    """Promises of `CompletionPort`."""

    def test_answers_with_a_completion_that_can_be_stored(self) -> None:
        completion = self.make().complete(self.request())
        check_completion(completion)

    def test_streams_the_answer_it_gives_whole(self) -> None:
        port = self.make()
        whole, streamed = port.complete(self.request()), assemble(port.stream(self.request()))
        assert (streamed.message, streamed.finish_reason) == (whole.message, whole.finish_reason)
        check_completion(streamed)

    def test_says_once_why_a_stream_ended_and_then_no_more_text(self) -> None:
        chunks = list(self.make().stream(self.request()))
        reasons = [index for index, chunk in enumerate(chunks) if chunk.finish_reason is not None]
        assert len(reasons) == 1
        assert not any(chunk.text or chunk.reasoning or chunk.tool_calls for chunk in chunks[reasons[0] + 1 :])

    def test_can_be_left_in_the_middle_and_asked_again(self) -> None:
        port = self.make()
        with closing(port.stream(self.request())) as stream:
            next(stream)
        with closing(port.stream(self.request())):
            pass
        check_completion(port.complete(self.request()))

    def test_a_closed_stream_has_nothing_more(self) -> None:
        stream = self.make().stream(self.request())
        next(stream)
        stream.close()
        assert list(stream) == []

    def test_keeps_two_streams_apart(self) -> None:
        port = self.make()
        requests = [self.request("Say hello."), self.request("Count to three.")]
        alone = [assemble(port.stream(request)).message for request in requests]
        assert [assembled.message for assembled in interleaved(port, requests)] == alone

    def test_is_shared_by_threads(self) -> None:
        port = self.make()
        port.complete(self.request())
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(port.complete, [self.request()] * 8))
        assert {answer.message for answer in answers} == {answers[0].message}

    def test_leaves_the_request_as_it_is(self) -> None:
        request = self.request(options={})
        before = msgspec.json.encode(request)
        self.make().complete(request)
        assert msgspec.json.encode(request) == before

    def test_raises_nothing_but_errors_of_ours_when_there_is_no_time(self) -> None:
        hurried = self.request(timeout_s=0.001)
        port = self.make()
        for ask in (port.complete, lambda request: assemble(port.stream(request))):
            check_error_of_ours(lambda ask=ask: ask(hurried))

    @generated
    @given(st.text(st.characters(), max_size=30))
    def test_describes_any_model_without_an_error(self, model: str) -> None:
        assert isinstance(self.make().capabilities(model), ModelCapabilities)

    def test_answers_while_an_event_loop_runs(self) -> None:
        port, request = self.make(), self.request()

        async def in_a_notebook() -> Completion:
            assemble(port.stream(request))
            return port.complete(request)

        check_completion(asyncio.run(in_a_notebook()))


class AsyncCompletionContract(_Contract):
    """Promises of `AsyncCompletionPort`."""

    def test_answers_with_a_completion_that_can_be_stored_async(self) -> None:
        check_completion(asyncio.run(self.make().acomplete(self.request())))

    def test_streams_the_answer_it_gives_whole_async(self) -> None:
        port = self.make()

        async def both() -> tuple[Completion, Completion]:
            return await port.acomplete(self.request()), await acollected(port, self.request())

        whole, streamed = asyncio.run(both())
        assert (streamed.message, streamed.finish_reason) == (whole.message, whole.finish_reason)
        check_completion(streamed)

    def test_gives_the_same_answer_in_both_colours(self) -> None:
        port = self.make()
        whole = port.complete(self.request())
        assert asyncio.run(port.acomplete(self.request())).message == whole.message
        assert asyncio.run(acollected(port, self.request())).message == whole.message

    def test_can_be_left_in_the_middle_and_asked_again_async(self) -> None:
        port = self.make()

        async def leave_and_ask() -> Completion:
            async with aclosing(port.astream(self.request())) as stream:
                await anext(stream)
            async with aclosing(port.astream(self.request())):
                pass
            return await port.acomplete(self.request())

        check_completion(asyncio.run(leave_and_ask()))

    def test_can_be_cancelled_and_asked_again(self) -> None:
        port = self.make()

        async def cancel_and_ask() -> Completion:
            for ask in (lambda: port.acomplete(self.request()), lambda: acollected(port, self.request())):
                task = asyncio.ensure_future(ask())
                await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return await port.acomplete(self.request())

        check_completion(asyncio.run(cancel_and_ask()))

    def test_answers_in_one_event_loop_after_the_other(self) -> None:
        port = self.make()
        answers = [asyncio.run(port.acomplete(self.request())).message for _ in range(3)]
        streamed = [asyncio.run(acollected(port, self.request())).message for _ in range(3)]
        assert {*answers, *streamed} == {answers[0]}

    def test_answers_in_several_event_loops_at_once(self) -> None:
        port = self.make()
        asyncio.run(port.acomplete(self.request()))

        async def several() -> list[Completion]:
            whole = [port.acomplete(self.request()) for _ in range(2)]
            return list(await asyncio.gather(*whole, acollected(port, self.request())))

        with ThreadPoolExecutor(3) as threads:
            loops = list(threads.map(lambda _: asyncio.run(several()), range(3)))
        assert {answer.message for answers in loops for answer in answers} == {loops[0][0].message}

    def test_does_not_stop_the_event_loop(self) -> None:
        port = self.make()

        async def both() -> None:
            await port.acomplete(self.request())
            await acollected(port, self.request())

        asyncio.run(both())
        assert asyncio.run(longest_stall_s(both)) < LONGEST_STALL_S

    def test_raises_nothing_but_errors_of_ours_when_there_is_no_time_async(self) -> None:
        hurried = self.request(timeout_s=0.001)
        port = self.make()
        for ask in (port.acomplete, lambda request: acollected(port, request)):
            check_error_of_ours(lambda ask=ask: asyncio.run(ask(hurried)))


def fragments_of(text: str, cuts: Sequence[int]) -> list[str]:
    """Return the text in pieces, cut where the numbers say."""
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


# What models say: every kind of character but halves of one, which the adapters' own tests send.
texts = st.text(st.characters(codec="utf-8", exclude_characters="<>"), max_size=60)
cuts = st.lists(st.integers(0, 60), max_size=6)
reasons = st.sampled_from([FinishReason.STOP, FinishReason.LENGTH])
usages = st.none() | st.builds(
    Usage,
    prompt_tokens=st.integers(1, 999),
    completion_tokens=st.integers(0, 999),
    cached_tokens=st.integers(0, 9),
    reasoning_tokens=st.integers(0, 9),
)
arguments = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), texts, max_size=3).map(
    lambda value: msgspec.json.encode(value).decode()
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[CompletionChunk, ...]:
    """Return an answer in chunks: reasoning, then text, then calls whose pieces come mixed, then why it ended."""
    chunks = [CompletionChunk(reasoning=piece) for piece in fragments_of(draw(texts), draw(cuts)) if piece]
    chunks += [CompletionChunk(text=piece) for piece in fragments_of(draw(texts), draw(cuts)) if piece]
    calls = [draw(arguments) for _ in range(draw(st.integers(0, 3)))]
    chunks += [
        CompletionChunk(tool_calls=(ToolCallFragment(index, f"call_{index}", f"tool_{index}"),))
        for index in range(len(calls))
    ]
    pieces = [(index, piece) for index, call in enumerate(calls) for piece in fragments_of(call, draw(cuts)) if piece]
    order = draw(st.permutations(range(len(calls))))
    pieces.sort(key=lambda piece: order[piece[0]])
    chunks += [CompletionChunk(tool_calls=(ToolCallFragment(index, arguments=piece),)) for index, piece in pieces]
    chunks.append(CompletionChunk(finish_reason=FinishReason.TOOL_CALLS if calls else draw(reasons)))
    usage = draw(usages)
    return (*chunks, CompletionChunk(usage=usage)) if usage else tuple(chunks)


def without_its_end(chunks: Sequence[CompletionChunk]) -> list[CompletionChunk]:
    """Return a stream up to where it would say why it ended."""
    return [chunk for chunk in chunks if not (chunk.finish_reason or chunk.usage)]


class ScriptedContract(CompletionContract):
    """Promises of a port whose model says what the test wants."""

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        """Return a port whose model sends these chunks once, or what they add up to."""
        raise NotImplementedError

    @generated
    @given(streams())
    def test_gives_any_answer_whole(self, chunks: Sequence[CompletionChunk]) -> None:
        check_same(self.make_saying(chunks).complete(self.request()), assemble(chunks))

    @generated
    @given(streams())
    def test_streams_any_answer(self, chunks: Sequence[CompletionChunk]) -> None:
        check_same(assemble(self.make_saying(chunks).stream(self.request())), assemble(chunks))

    @generated
    @given(streams().map(without_its_end))
    def test_tells_a_stream_without_an_end_from_a_whole_one(self, chunks: Sequence[CompletionChunk]) -> None:
        with pytest.raises(StreamTruncated) as caught:
            assemble(self.make_saying(chunks).stream(self.request()))
        check_partial(caught.value, chunks)


class AsyncScriptedContract(AsyncCompletionContract):
    """Promises of an async port whose model says what the test wants."""

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        """Return a port whose model sends these chunks once, or what they add up to."""
        raise NotImplementedError

    @generated
    @given(streams())
    def test_gives_any_answer_whole_async(self, chunks: Sequence[CompletionChunk]) -> None:
        check_same(asyncio.run(self.make_saying(chunks).acomplete(self.request())), assemble(chunks))

    @generated
    @given(streams())
    def test_streams_any_answer_async(self, chunks: Sequence[CompletionChunk]) -> None:
        check_same(asyncio.run(acollected(self.make_saying(chunks), self.request())), assemble(chunks))

    @generated
    @given(streams().map(without_its_end))
    def test_tells_a_stream_without_an_end_from_a_whole_one_async(self, chunks: Sequence[CompletionChunk]) -> None:
        with pytest.raises(StreamTruncated) as caught:
            asyncio.run(acollected(self.make_saying(chunks), self.request()))
        check_partial(caught.value, chunks)


def check_completion(completion: Completion) -> None:
    """Whether a completion is made as the port says, and can be stored."""
    assert isinstance(completion.message, AssistantMessage)
    assert isinstance(completion.finish_reason, FinishReason)
    assert completion.usage is None or completion.usage.total_tokens > 0
    assert completion.cost_usd is None or completion.cost_usd >= 0
    assert msgspec.json.decode(msgspec.json.encode(completion), type=Completion) == completion


def check_same(got: Completion, said: Completion) -> None:
    """Whether a port gave what its model said; the price and the model's name are the adapter's to add."""
    assert (got.message, got.finish_reason, got.usage) == (said.message, said.finish_reason, said.usage)


def check_partial(error: StreamTruncated, chunks: Sequence[CompletionChunk]) -> None:
    """Whether an error holds all that had arrived, through pickling too."""
    ended = CompletionChunk(finish_reason=FinishReason.STOP)
    assert error.partial == assemble([*chunks, ended]).message
    assert pickle.loads(pickle.dumps(error)).partial == error.partial  # noqa: S301 - it is the test's own pickle


def check_error_of_ours(ask: Callable[[], Completion]) -> None:
    """Whether a request either succeeds or fails with an error of the published tree."""
    raised = None
    try:
        check_completion(ask())
    except LlamabotError as error:
        raised = error
    assert repr(pickle.loads(pickle.dumps(raised))) == repr(raised)  # noqa: S301 - it is the test's own pickle


async def acollected(port: Any, request: CompletionRequest) -> Completion:
    """Return a stream put together."""
    async with aclosing(port.astream(request)) as stream:
        return assemble([chunk async for chunk in stream])


def interleaved(port: Any, requests: Sequence[CompletionRequest]) -> list[Completion]:
    """Read several streams in turns, and return each put together."""
    streams_ = [port.stream(request) for request in requests]
    chunks: list[list[CompletionChunk]] = [[] for _ in requests]
    waiting = list(range(len(requests)))
    while waiting:
        for index in list(waiting):
            chunk = next(streams_[index], None)
            waiting.remove(index) if chunk is None else chunks[index].append(chunk)
    return [assemble(one) for one in chunks]


async def longest_stall_s(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the longest time in which nothing else of the loop ran while the work was done."""
    longest, last, ended = 0.0, time.perf_counter(), asyncio.Event()

    async def tick() -> None:
        nonlocal longest, last
        while not ended.is_set():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    ticking = asyncio.ensure_future(tick())
    await work()
    ended.set()
    await ticking
    return longest
