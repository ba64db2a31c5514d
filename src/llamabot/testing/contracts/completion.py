"""The contract of completion ports that block."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, ModelCapabilities
from llamabot.ports.errors import StreamTruncated
from llamabot.testing.contracts.answers import (
    FAILURES,
    AnyCompletionContract,
    check_completion,
    check_cost,
    check_error_of_ours,
    check_failure,
    check_partial,
    check_same,
    without_its_end,
)
from llamabot.testing.contracts.contract import needs

__all__ = ["CompletionContract"]


class CompletionContract(AnyCompletionContract):
    """Promises of `CompletionPort`: `complete`, `stream` and `capabilities`.

        class TestMyCompletion(CompletionContract):
            def make(self):
                return MyCompletion(address_of_a_server)

    `make` alone asks nothing of the model but that it answers the same request twice alike, so a real model passes:

    - `complete` returns a `Completion` of an `AssistantMessage` and a `FinishReason`, which JSON does not change.
      `usage` is None where nothing was counted, never noughts; `cost_usd` is None where the price is unknown.
    - The fragments of `stream` put together (`assemble`) are the message and finish reason that `complete` gives.
    - A stream says why it ended exactly once, and after that there is no more text, reasoning or call.
    - A stream can be closed before its first fragment or in the middle: it then has nothing more, and the port answers
      the next request.
    - Streams of one port that are read in turns, and calls from threads, get each their own answer.
    - The request is left as it is.
    - Where there is no time (`timeout_s=0.001`) nothing but errors of ours leaves the port; they can be pickled.
    - `capabilities` returns `ModelCapabilities` for any name of a model, and never raises.
    - It works on a thread that runs an event loop too, as in a notebook.

    Where the vendor can be stood in for, override `make_saying(chunks)`; then generated answers are tried:

    - Text, reasoning, calls (ids, names, arguments, order), finish reason and usage come through unchanged, to the last
      character, whole and streamed, however they are cut; what the vendor did not count is None.
    - A stream that ends without saying why is `StreamTruncated`, whose `partial` holds all that had arrived.

    `make_failing(status)`: a vendor's failure is an error of ours, whole and streamed: `RequestRejected` for 400,
    `AuthenticationFailed` for 401, `RateLimited` for 429, `ProviderUnavailable` for 500 and 503, each with its
    `status_code`. With `requests_made(port)` too:

    - One request a call, also where it fails: nothing is asked twice.
    - A stream makes its request at the first `next`, and none before.
    """

    def test_answers_with_a_completion_that_can_be_stored(self) -> None:
        port, request = self.make(), self.request()
        completion = port.complete(request)
        check_completion(completion)
        check_cost(port, request, completion)

    @needs("streaming", "repeatable")
    def test_streams_the_answer_it_gives_whole(self) -> None:
        port = self.make()
        whole, streamed = port.complete(self.request()), assemble(port.stream(self.request()))
        assert (streamed.message, streamed.finish_reason) == (whole.message, whole.finish_reason)
        check_completion(streamed)

    @needs("streaming")
    def test_says_once_why_a_stream_ended_and_then_no_more_text(self) -> None:
        chunks = list(self.make().stream(self.request()))
        reasons = [index for index, chunk in enumerate(chunks) if chunk.finish_reason is not None]
        assert len(reasons) == 1
        assert not any(chunk.text or chunk.reasoning or chunk.tool_calls for chunk in chunks[reasons[0] + 1 :])

    @needs("streaming")
    def test_can_be_left_in_the_middle_and_asked_again(self) -> None:
        port = self.make()
        with closing(port.stream(self.request())) as stream:
            next(stream)
        with closing(port.stream(self.request())):
            pass
        check_completion(port.complete(self.request()))

    @needs("streaming")
    def test_a_closed_stream_has_nothing_more(self) -> None:
        stream = self.make().stream(self.request())
        next(stream)
        stream.close()
        assert list(stream) == []

    @needs("streaming", "repeatable")
    def test_keeps_two_streams_apart(self) -> None:
        port = self.make()
        requests = [self.request("Say hello."), self.request("Count to three.")]
        alone = [assemble(port.stream(request)).message for request in requests]
        assert [assembled.message for assembled in interleaved(port, requests)] == alone

    @needs("repeatable")
    def test_is_shared_by_threads(self) -> None:
        port = self.make()
        requests = [self.request("Say hello."), self.request("Count to three.")] * 4
        alone = [port.complete(request).message for request in requests[:2]] * 4
        with ThreadPoolExecutor(4) as threads:
            assert [answer.message for answer in threads.map(port.complete, requests)] == alone

    def test_leaves_the_request_as_it_is(self) -> None:
        request = self.request(options={"seed": 7})
        before = msgspec.json.encode(request)
        self.make().complete(request)
        assert msgspec.json.encode(request) == before

    def test_raises_nothing_but_errors_of_ours_when_there_is_no_time(self) -> None:
        hurried, port = self.request(timeout_s=0.001), self.make()
        check_error_of_ours(lambda: port.complete(hurried))
        if self.supports("streaming"):
            check_error_of_ours(lambda: assemble(port.stream(hurried)))

    def test_describes_any_model_without_an_error(self) -> None:
        port = self.make()

        @self.searching
        @given(st.text(st.characters(), max_size=30))
        def check(model: str) -> None:
            assert isinstance(port.capabilities(model), ModelCapabilities)

        check()

    def test_answers_while_an_event_loop_runs(self) -> None:
        port, request = self.make(), self.request()

        async def in_a_notebook() -> Completion:
            if self.supports("streaming"):
                assemble(port.stream(request))
            completion: Completion = port.complete(request)
            return completion

        check_completion(asyncio.run(in_a_notebook()))

    @needs("scripting")
    def test_gives_any_answer_whole(self) -> None:
        @self.searching
        @given(self.answers())
        def check(chunks: Sequence[CompletionChunk]) -> None:
            port, whole = self.make_saying(chunks), assemble(chunks)
            check_same(port.complete(self.request()), whole)
            check_same(port.complete(self.request()), whole)  # nothing of the first answer is in the second

        check()

    @needs("scripting", "streaming")
    def test_streams_any_answer(self) -> None:
        @self.searching
        @given(self.answers())
        def check(chunks: Sequence[CompletionChunk]) -> None:
            check_same(assemble(self.make_saying(chunks).stream(self.request())), assemble(chunks))

        check()

    @needs("scripting", "streaming")
    def test_tells_a_stream_without_an_end_from_a_whole_one(self) -> None:
        @self.searching
        @given(self.answers().map(without_its_end))
        def check(chunks: Sequence[CompletionChunk]) -> None:
            with pytest.raises(StreamTruncated) as caught:
                list(self.make_saying(chunks).stream(self.request()))
            check_partial(caught.value, chunks)

        check()

    @needs("failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_raises_a_failure_of_the_vendor_as_its_kind(self, status: int) -> None:
        check_failure(lambda: self.make_failing(status).complete(self.request()), status)
        if self.supports("streaming"):
            check_failure(lambda: assemble(self.make_failing(status).stream(self.request())), status)

    @needs("counting")
    def test_makes_one_request_a_call(self) -> None:
        port = self.make()
        port.complete(self.request())
        assert self.requests_made(port) == 1
        if self.supports("streaming"):
            list(port.stream(self.request()))
            assert self.requests_made(port) == 2

    @needs("counting", "failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_asks_no_second_time_where_it_failed(self, status: int) -> None:
        port = self.make_failing(status)
        check_failure(lambda: port.complete(self.request()), status)
        assert self.requests_made(port) == 1

    @needs("counting", "streaming")
    def test_makes_no_request_before_the_first_next(self) -> None:
        port = self.make()
        stream = port.stream(self.request())
        assert self.requests_made(port) == 0
        next(stream)
        stream.close()
        assert self.requests_made(port) == 1


def interleaved(port: Any, requests: Sequence[CompletionRequest]) -> list[Completion]:
    """Read several streams in turns, and return each put together."""
    streams = [port.stream(request) for request in requests]
    chunks: list[list[CompletionChunk]] = [[] for _ in requests]
    waiting = list(range(len(requests)))
    while waiting:
        for index in list(waiting):
            chunk = next(streams[index], None)
            waiting.remove(index) if chunk is None else chunks[index].append(chunk)
    return [assemble(one) for one in chunks]
