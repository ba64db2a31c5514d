"""What is promised of completion ports of either colour: one body, asked in two ways."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import CompletionChunk, FinishReason, ModelCapabilities
from llamabot.ports.errors import CompletionError, StreamTruncated
from llamabot.testing.contracts.answers import (
    FAILURES,
    KEYS,
    check_completion,
    check_cost,
    check_error_of_ours,
    check_failure,
    check_no_key,
    check_partial,
    check_same,
    without_its_end,
)
from llamabot.testing.contracts.contract import needs
from llamabot.testing.contracts.sending_promises import SendingPromises

__all__ = ["CompletionPromises"]

# Rare among those that are generated, and not among vendors.
_ENDS_WITH_ITS_TEXT = (CompletionChunk(text="Hello, "), CompletionChunk(text="Ana", finish_reason=FinishReason.STOP))


class CompletionPromises(SendingPromises):
    """The tests that both contracts of completions have."""

    def test_answers_with_a_completion_that_can_be_stored(self) -> None:
        port, request = self.make(), self.request()
        completion = self.whole(port, request)
        check_completion(completion)
        check_cost(port, request, completion)

    @needs("streaming", "repeatable")
    def test_streams_the_answer_it_gives_whole(self) -> None:
        port = self.make()
        whole, streamed = self.whole(port, self.request()), assemble(self.fragments(port, self.request()))
        assert (streamed.message, streamed.finish_reason) == (whole.message, whole.finish_reason)
        check_completion(streamed)

    @needs("streaming")
    def test_says_once_why_a_stream_ended_and_then_no_more_text(self) -> None:
        chunks = self.fragments(self.make(), self.request())
        reasons = [index for index, chunk in enumerate(chunks) if chunk.finish_reason is not None]
        assert len(reasons) == 1
        assert not any(chunk.text or chunk.reasoning or chunk.tool_calls for chunk in chunks[reasons[0] + 1 :])

    def test_leaves_the_request_as_it_is(self) -> None:
        request = self.request(options={"seed": 7})
        before = msgspec.json.encode(request)
        self.whole(self.make(), request)
        assert msgspec.json.encode(request) == before

    def test_raises_nothing_but_errors_of_ours_when_there_is_no_time(self) -> None:
        hurried, port = self.request(timeout_s=0.001), self.make()
        check_error_of_ours(lambda: self.whole(port, hurried))
        if self.supports("streaming"):
            check_error_of_ours(lambda: assemble(self.fragments(port, hurried)))
        if self.supports("counting"):
            most = 2 if self.supports("streaming") else 1
            assert self.requests_made(port) <= most, "what had no time was asked again"

    def test_describes_any_model_without_an_error(self) -> None:
        port = self.make()

        @self.searching
        @given(st.text(st.characters(), max_size=30))
        def check(model: str) -> None:
            assert isinstance(port.capabilities(model), ModelCapabilities)

        check()

    @needs("scripting")
    def test_gives_any_answer_whole(self) -> None:
        @self.searching
        @given(self.answers())
        @example(_ENDS_WITH_ITS_TEXT)
        def check(chunks: Sequence[CompletionChunk]) -> None:
            port, whole = self.make_saying(chunks), assemble(chunks)
            check_same(self.whole(port, self.request()), whole)
            check_same(self.whole(port, self.request()), whole)  # nothing of the first answer is in the second

        check()

    @needs("scripting", "streaming")
    def test_streams_any_answer(self) -> None:
        @self.searching
        @given(self.answers())
        @example(_ENDS_WITH_ITS_TEXT)
        def check(chunks: Sequence[CompletionChunk]) -> None:
            port, whole = self.make_saying(chunks), assemble(chunks)
            for _ in range(2):
                check_same(assemble(self.fragments(port, self.request())), whole)

        check()

    @needs("scripting", "streaming")
    def test_tells_a_stream_without_an_end_from_a_whole_one(self) -> None:
        @self.searching
        @given(self.answers().map(without_its_end))
        def check(chunks: Sequence[CompletionChunk]) -> None:
            port = self.make_saying(chunks)
            before = self.requests_made(port) if self.supports("counting") else 0  # a server may count for all ports
            with pytest.raises(StreamTruncated) as caught:
                self.fragments(port, self.request())
            check_partial(caught.value, chunks)
            if self.supports("counting"):
                assert self.requests_made(port) == before + 1

        check()

    @needs("scripting", "reasons")
    @pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "other"])
    def test_says_in_our_words_why_an_answer_ended(self, reason: str) -> None:
        chunks = (CompletionChunk(text="That is"), CompletionChunk(finish_reason=FinishReason(reason)))
        port = self.make_saying(chunks)
        check_same(self.whole(port, self.request()), assemble(chunks))
        if self.supports("streaming"):
            check_same(assemble(self.fragments(port, self.request())), assemble(chunks))

    def test_keeps_a_key_to_a_copy_of_itself(self) -> None:
        port = self.make()
        if hasattr(port, "with_secrets"):
            keyed = port.with_secrets(KEYS)
            assert keyed is not port, "who shares the port shares the key"
            check_no_key(port, keyed, msgspec.json.encode(self.whole(keyed, self.request())))

    @needs("failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_says_no_key_in_an_error(self, status: int) -> None:
        port = self.make_failing(status)
        if hasattr(port, "with_secrets"):
            with pytest.raises(CompletionError) as caught:
                self.whole(port.with_secrets(KEYS), self.request())
            check_no_key(caught.value, caught.value.args)

    @needs("failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_raises_a_failure_of_the_vendor_as_its_kind(self, status: int) -> None:
        check_failure(lambda: self.whole(self.make_failing(status), self.request()), status)
        if self.supports("streaming"):
            check_failure(lambda: assemble(self.fragments(self.make_failing(status), self.request())), status)

    @needs("counting")
    def test_makes_one_request_a_call(self) -> None:
        port = self.make()
        self.whole(port, self.request())
        assert self.requests_made(port) == 1
        if self.supports("streaming"):
            self.fragments(port, self.request())
            assert self.requests_made(port) == 2

    @needs("counting", "failing")
    @pytest.mark.parametrize("status", FAILURES)
    def test_asks_no_second_time_where_it_failed(self, status: int) -> None:
        port = self.make_failing(status)
        check_failure(lambda: self.whole(port, self.request()), status)
        assert self.requests_made(port) == 1
