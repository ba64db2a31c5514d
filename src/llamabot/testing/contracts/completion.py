"""The contract of completion ports that block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.testing.contracts.answers import check_completion
from llamabot.testing.contracts.completion_promises import CompletionPromises
from llamabot.testing.contracts.contract import needs

__all__ = ["CompletionContract"]


class CompletionContract(CompletionPromises):
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
    - `with_secrets`, where there is one, returns a copy; the key is shown by neither of the two, nor in an answer or,
      with `make_failing`, in an error.

    Where the vendor can be stood in for, override `make_saying(chunks)`; then generated answers are tried:

    - Text, reasoning, calls (ids, names, arguments, order), finish reason and usage come through unchanged, to the last
      character, whole and streamed, however they are cut; what the vendor did not count is None.
    - A reason is one of ours: `content_filter` where a filter has ended an answer, `other` for one that we have no word
      for.
    - A stream that ends without saying why is `StreamTruncated`, whose `partial` holds all that had arrived.

    `make_failing(status)`: a vendor's failure is an error of ours, whole and streamed: `RequestRejected` for 400,
    `AuthenticationFailed` for 401, `RateLimited` for 429, `ProviderUnavailable` for 500 and 503, each with its
    `status_code`. With `requests_made(port)` too:

    - One request a call, also where it fails or there is no time: nothing is asked twice.
    - A stream makes its request at the first `next`, and none before.

    `sent(port)`: all that is asked is sent, whole and streamed, in the vendor's own words, which may be any: the
    contract knows each text and number that it gave, and looks for it.

    - Every message once, in order, unchanged to the last character, and in nobody else's name: where objects have a
      `role`, that of the user does not say what the model said. `SystemMessage` is not sent as a user's.
    - Calls with their names and arguments, results with the ids of their calls.
    - Pictures, as base64 or URLs, and the text around them in its order.
    - Tools with descriptions and parameters; each `tool_choice` (`auto`, `required`, `none`, a name) is sent otherwise.
    - `temperature`, `max_tokens` and `options`; a temperature of 0 is sent, and none where none is given.
    - Nothing of an earlier request.
    - The schema of `output`, where `capabilities` says that the model takes one.
    - `provider_data` of an answer goes back with it.

    `make_live(chunks)`: each fragment is passed on before the next one is waited for.
    """

    def whole(self, port: Any, request: CompletionRequest) -> Completion:
        """Return what `complete` gives."""
        completion: Completion = port.complete(request)
        return completion

    def fragments(
        self, port: Any, request: CompletionRequest, heard: Callable[[CompletionChunk], object] = bool
    ) -> list[CompletionChunk]:
        """Return what `stream` gives."""
        chunks = []
        for chunk in port.stream(request):
            heard(chunk)
            chunks.append(chunk)
        return chunks

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

    def test_answers_while_an_event_loop_runs(self) -> None:
        port, request = self.make(), self.request()

        async def in_a_notebook() -> Completion:
            if self.supports("streaming"):
                assemble(port.stream(request))
            completion: Completion = port.complete(request)
            return completion

        check_completion(asyncio.run(in_a_notebook()))

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
