"""The contract of completion ports that are awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.testing.contracts.answers import check_completion
from llamabot.testing.contracts.completion_promises import CompletionPromises
from llamabot.testing.contracts.contract import needs

__all__ = ["AsyncCompletionContract", "acollected"]

_LONGEST_STALL_S = 0.5


class AsyncCompletionContract(CompletionPromises):
    """Promises of `AsyncCompletionPort`: `acomplete`, `astream` and `capabilities`.

    What `CompletionContract` says of `complete` and `stream` is promised of `acomplete` and `astream`, with the same
    hooks. And beside it:

    - A task that is cancelled ends as one, and leaves a port that answers the next request.
    - One port serves event loops one after the other, and several at once in threads; the same request has the same
      answer in all of them.
    - The loop is never kept waiting for half a second.
    - A port that has both colours gives the same message in both.
    """

    def whole(self, port: Any, request: CompletionRequest) -> Completion:
        """Return what `acomplete` gives, in an event loop of its own."""
        return asyncio.run(_asked(port.acomplete, request))

    def fragments(
        self, port: Any, request: CompletionRequest, heard: Callable[[CompletionChunk], object] = bool
    ) -> list[CompletionChunk]:
        """Return what `astream` gives, in an event loop of its own."""
        return asyncio.run(_listed(port, request, heard))

    @needs("repeatable")
    def test_gives_the_same_answer_in_both_colours(self) -> None:
        port = self.make()
        if hasattr(port, "complete"):
            whole = port.complete(self.request())
            assert asyncio.run(port.acomplete(self.request())).message == whole.message
            if self.supports("streaming"):
                assert asyncio.run(acollected(port, self.request())).message == whole.message

    @needs("streaming")
    def test_can_be_left_in_the_middle_and_asked_again(self) -> None:
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
    def test_a_closed_stream_has_nothing_more(self) -> None:
        async def close_and_read(port: Any) -> list[CompletionChunk]:
            stream = port.astream(self.request())
            await anext(stream)
            await stream.aclose()
            return [chunk async for chunk in stream]

        assert asyncio.run(close_and_read(self.make())) == []

    @needs("streaming", "repeatable")
    def test_keeps_two_streams_apart(self) -> None:
        port = self.make()
        requests = [self.request("Say hello."), self.request("Count to three.")]

        async def both() -> list[Completion]:
            return list(await asyncio.gather(*(acollected(port, request) for request in requests)))

        alone = [asyncio.run(acollected(port, request)).message for request in requests]
        assert [completion.message for completion in asyncio.run(both())] == alone

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

    @needs("counting", "streaming")
    def test_makes_no_request_before_the_first_next(self) -> None:
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
    return assemble(await _listed(port, request))


async def _listed(
    port: Any, request: CompletionRequest, heard: Callable[[CompletionChunk], object] = bool
) -> list[CompletionChunk]:
    chunks = []
    async with aclosing(port.astream(request)) as stream:
        async for chunk in stream:
            heard(chunk)
            chunks.append(chunk)
    return chunks


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
