"""The contract of completion ports that are awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.errors import StreamTruncated
from llamabot.testing.contracts.answers import (
    FAILURES,
    AnyCompletionContract,
    check_completion,
    check_error_of_ours,
    check_failure,
    check_partial,
    check_same,
    without_its_end,
)
from llamabot.testing.contracts.contract import needs

__all__ = ["AsyncCompletionContract", "acollected"]

_LONGEST_STALL_S = 0.5


class AsyncCompletionContract(AnyCompletionContract):
    """Promises of `AsyncCompletionPort`: `acomplete`, `astream` and `capabilities`.

    What `CompletionContract` says of `complete` and `stream` is promised of `acomplete` and `astream`, with the same
    hooks. And beside it:

    - A task that is cancelled ends as one, and leaves a port that answers the next request.
    - One port serves event loops one after the other, and several at once in threads; the same request has the same
      answer in all of them.
    - The loop is never kept waiting for half a second.
    - A port that has both colours gives the same message in both.
    """

    def test_answers_with_a_completion_that_can_be_stored_async(self) -> None:
        port = self.make()
        check_completion(asyncio.run(port.acomplete(self.request())))
        assert isinstance(port.capabilities("no/such model"), ModelCapabilities)

    @needs("streaming", "repeatable")
    def test_streams_the_answer_it_gives_whole_async(self) -> None:
        port = self.make()

        async def both() -> tuple[Completion, Completion]:
            return await port.acomplete(self.request()), await acollected(port, self.request())

        whole, streamed = asyncio.run(both())
        assert (streamed.message, streamed.finish_reason) == (whole.message, whole.finish_reason)
        check_completion(streamed)

    @needs("streaming")
    def test_says_once_why_a_stream_ended_and_then_no_more_text_async(self) -> None:
        async def read(port: Any) -> list[CompletionChunk]:
            return [chunk async for chunk in port.astream(self.request())]

        chunks = asyncio.run(read(self.make()))
        reasons = [index for index, chunk in enumerate(chunks) if chunk.finish_reason is not None]
        assert len(reasons) == 1
        assert not any(chunk.text or chunk.reasoning or chunk.tool_calls for chunk in chunks[reasons[0] + 1 :])

    @needs("repeatable")
    def test_gives_the_same_answer_in_both_colours(self) -> None:
        port = self.make()
        if hasattr(port, "complete"):
            whole = port.complete(self.request())
            assert asyncio.run(port.acomplete(self.request())).message == whole.message
            if self.supports("streaming"):
                assert asyncio.run(acollected(port, self.request())).message == whole.message

    @needs("streaming")
    def test_can_be_left_in_the_middle_and_asked_again_async(self) -> None:
        port = self.make()

        async def leave_and_ask() -> Completion:
            async with aclosing(port.astream(self.request())) as stream:
                await anext(stream)
            async with aclosing(port.astream(self.request())):
                pass
            completion: Completion = await port.acomplete(self.request())
            return completion

        check_completion(asyncio.run(leave_and_ask()))

    @needs("streaming")
    def test_a_closed_stream_has_nothing_more_async(self) -> None:
        async def close_and_read(port: Any) -> list[CompletionChunk]:
            stream = port.astream(self.request())
            await anext(stream)
            await stream.aclose()
            return [chunk async for chunk in stream]

        assert asyncio.run(close_and_read(self.make())) == []

    @needs("streaming", "repeatable")
    def test_keeps_two_streams_apart_async(self) -> None:
        port = self.make()
        requests = [self.request("Say hello."), self.request("Count to three.")]

        async def both() -> list[Completion]:
            return list(await asyncio.gather(*(acollected(port, request) for request in requests)))

        alone = [asyncio.run(acollected(port, request)).message for request in requests]
        assert [completion.message for completion in asyncio.run(both())] == alone

    def test_leaves_the_request_as_it_is_async(self) -> None:
        request = self.request(options={"seed": 7})
        before = msgspec.json.encode(request)
        asyncio.run(self.make().acomplete(request))
        assert msgspec.json.encode(request) == before

    def test_can_be_cancelled_and_asked_again(self) -> None:
        port = self.make()

        async def cancel_and_ask() -> Completion:
            for ask in self.ways(port):
                task = asyncio.ensure_future(ask(self.request()))
                await asyncio.sleep(0.01)
                has_ended = not task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert has_ended or task.cancelled(), "a task that is cancelled ends so, not with another error"
            completion: Completion = await port.acomplete(self.request())
            return completion

        check_completion(asyncio.run(cancel_and_ask()))

    @needs("repeatable")
    def test_answers_in_one_event_loop_after_the_other(self) -> None:
        port = self.make()
        answers = [asyncio.run(_asked(ask, self.request())).message for ask in self.ways(port) for _ in range(3)]
        assert all(answer == answers[0] for answer in answers)

    @needs("repeatable")
    def test_answers_in_several_event_loops_at_once(self) -> None:
        port = self.make()
        asyncio.run(port.acomplete(self.request()))

        async def several() -> list[Completion]:
            return list(await asyncio.gather(*(ask(self.request()) for ask in (port.acomplete, *self.ways(port)))))

        with ThreadPoolExecutor(3) as threads:
            loops = list(threads.map(lambda _: asyncio.run(several()), range(3)))
        assert all(answer.message == loops[0][0].message for answers in loops for answer in answers)

    def test_does_not_stop_the_event_loop(self) -> None:
        port = self.make()

        async def all_ways() -> None:
            for ask in self.ways(port):
                await ask(self.request())

        asyncio.run(all_ways())
        assert asyncio.run(longest_stall_s(all_ways)) < _LONGEST_STALL_S

    def test_raises_nothing_but_errors_of_ours_when_there_is_no_time_async(self) -> None:
        hurried = self.request(timeout_s=0.001)
        for ask in self.ways(self.make()):
            check_error_of_ours(lambda ask=ask: asyncio.run(_asked(ask, hurried)))  # type: ignore[misc]  # bound at once

    @needs("scripting")
    def test_gives_any_answer_whole_async(self) -> None:
        @self.searching
        @given(self.answers())
        def check(chunks: Sequence[CompletionChunk]) -> None:
            check_same(asyncio.run(self.make_saying(chunks).acomplete(self.request())), assemble(chunks))

        check()

    @needs("scripting", "streaming")
    def test_streams_any_answer_async(self) -> None:
        @self.searching
        @given(self.answers())
        def check(chunks: Sequence[CompletionChunk]) -> None:
            check_same(asyncio.run(acollected(self.make_saying(chunks), self.request())), assemble(chunks))

        check()

    @needs("scripting", "streaming")
    def test_tells_a_stream_without_an_end_from_a_whole_one_async(self) -> None:
        async def read(port: Any) -> None:
            async for _ in port.astream(self.request()):
                pass

        @self.searching
        @given(self.answers().map(without_its_end))
        def check(chunks: Sequence[CompletionChunk]) -> None:
            with pytest.raises(StreamTruncated) as caught:
                asyncio.run(read(self.make_saying(chunks)))
            check_partial(caught.value, chunks)

        check()

    @needs("failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_raises_a_failure_of_the_vendor_as_its_kind_async(self, status: int) -> None:
        for way in range(1 + self.supports("streaming")):
            ask = self.ways(self.make_failing(status))[way]
            check_failure(lambda ask=ask: asyncio.run(_asked(ask, self.request())), status)  # type: ignore[misc]  # bound at once

    @needs("counting")
    def test_makes_one_request_a_call_async(self) -> None:
        port = self.make()
        for number, ask in enumerate(self.ways(port), 1):
            asyncio.run(_asked(ask, self.request()))
            assert self.requests_made(port) == number

    @needs("counting", "failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_asks_no_second_time_where_it_failed_async(self, status: int) -> None:
        port = self.make_failing(status)
        check_failure(lambda: asyncio.run(port.acomplete(self.request())), status)
        assert self.requests_made(port) == 1

    @needs("counting", "streaming")
    def test_makes_no_request_before_the_first_next_async(self) -> None:
        port = self.make()

        async def ask() -> int:
            stream = port.astream(self.request())
            await asyncio.sleep(0)
            before = self.requests_made(port)
            await anext(stream)
            await stream.aclose()
            return before

        assert asyncio.run(ask()) == 0
        assert self.requests_made(port) == 1

    def ways(self, port: Any) -> list[Callable[[CompletionRequest], Awaitable[Completion]]]:
        """Return the ways to ask a port: whole, and streamed where it can."""
        streamed = [lambda request: acollected(port, request)] if self.supports("streaming") else []
        return [port.acomplete, *streamed]


async def acollected(port: Any, request: CompletionRequest) -> Completion:
    """Return a stream put together."""
    async with aclosing(port.astream(request)) as stream:
        return assemble([chunk async for chunk in stream])


async def _asked(ask: Callable[[CompletionRequest], Awaitable[Completion]], request: CompletionRequest) -> Completion:
    return await ask(request)


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
    longest = max(longest, time.perf_counter() - last)  # the whole of it, where nothing else ever ran
    ended.set()
    await ticking
    return longest
