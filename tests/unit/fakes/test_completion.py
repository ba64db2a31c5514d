"""The scripted model: it says what the script says, notes what it was asked, and refuses what goes beyond."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given

import llamabot as lmb
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, FinishReason, ModelCapabilities
from llamabot.ports.errors import CompletionError, ProviderUnavailable, StreamTruncated, UsageError
from llamabot.ports.tools import ToolCall
from llamabot.testing import FunctionCompletion, ScriptedCompletion, strategies

QUESTION = CompletionRequest("model", (lmb.system("Be brief."), lmb.user("How are you?")))


async def _collected(port: Any) -> list[CompletionChunk]:
    return [chunk async for chunk in port.astream(QUESTION)]


def _whole(step: Any) -> Completion:
    return ScriptedCompletion([step]).complete(QUESTION)


class TestSteps:
    def test_text_is_an_answer_with_countable_usage(self) -> None:
        assert _whole("Fine, thank you!") == Completion(
            lmb.assistant("Fine, thank you!"), FinishReason.STOP, lmb.Usage(5, 3), None, "model"
        )

    def test_a_message_with_calls_ends_for_them(self) -> None:
        message = lmb.AssistantMessage(tool_calls=(ToolCall("1", "search", "{}"),))
        assert _whole(message).finish_reason is FinishReason.TOOL_CALLS
        assert _whole(message).message == message

    def test_a_completion_is_given_as_it_is(self) -> None:
        completion = Completion(lmb.assistant("yes"), FinishReason.LENGTH, None, 0.5, "other")
        assert _whole(completion) is completion

    def test_an_error_is_raised_as_a_copy(self) -> None:
        """A bot writes its run into the error."""
        error = ProviderUnavailable("down", status_code=503)
        with pytest.raises(ProviderUnavailable, match="down") as caught:
            _whole(error)
        assert caught.value is not error
        assert caught.value.status_code == 503

    def test_a_function_is_asked_with_the_request(self) -> None:
        assert _whole(lambda request: request.messages[-1].text.upper()).message.text == "HOW ARE YOU?"

    def test_chunks_are_streamed_as_they_stand(self) -> None:
        chunks = [CompletionChunk(text="a"), CompletionChunk(), CompletionChunk("b", finish_reason=FinishReason.STOP)]
        assert list(ScriptedCompletion([chunks]).stream(QUESTION)) == chunks
        assert asyncio.run(_collected(ScriptedCompletion([chunks]))) == chunks
        assert _whole(chunks).message.text == "ab"

    @pytest.mark.parametrize(
        ("chunks", "partial"),
        [
            ([CompletionChunk(text="a"), ProviderUnavailable("cut")], lmb.assistant("a")),
            ([ProviderUnavailable("cut")], None),
            (
                [CompletionChunk(text="a"), ProviderUnavailable("cut", partial=lmb.assistant("own"))],
                lmb.assistant("own"),
            ),
        ],
    )
    def test_an_error_among_chunks_holds_what_came_before(self, chunks: Any, partial: Any) -> None:
        with pytest.raises(ProviderUnavailable) as whole:
            _whole(chunks)
        with pytest.raises(ProviderUnavailable) as streamed:
            list(ScriptedCompletion([chunks]).stream(QUESTION))
        assert whole.value.partial == streamed.value.partial == partial

    def test_a_foreign_error_among_chunks_is_raised_too(self) -> None:
        with pytest.raises(ConnectionResetError):
            list(ScriptedCompletion([[CompletionChunk(text="a"), ConnectionResetError()]]).stream(QUESTION))

    def test_no_chunks_at_all_are_a_truncated_stream(self) -> None:
        with pytest.raises(StreamTruncated):
            _whole([])

    @pytest.mark.parametrize("script", ["hi", 7, None, lmb.AssistantMessage("hi")])
    def test_a_script_that_is_no_list_is_refused_before_its_letters_answer(self, script: Any) -> None:
        with pytest.raises(UsageError, match="a list of steps"):
            ScriptedCompletion(script)

    @pytest.mark.parametrize("step", [7, None, {"text": "a"}, lmb.user("a")])
    def test_what_is_no_step_is_refused_by_its_type(self, step: Any) -> None:
        with pytest.raises(UsageError, match=type(step).__name__):
            _whole(step)

    def test_a_message_in_parts_is_given_as_text_in_every_form(self) -> None:
        """A model's answer is text; a stream could carry nothing else."""
        message = lmb.assistant("a", lmb.Text("b"))
        chunks = list(ScriptedCompletion([message]).stream(QUESTION))
        assert assemble(chunks) == _whole(message)
        assert _whole(message).message == lmb.assistant("a\nb")


@given(strategies.replies(strategies.broken_texts))
def test_the_same_is_said_whole_and_streamed_in_both_colours(step: Any) -> None:
    told = []
    for ask in (
        lambda port: port.complete(QUESTION),
        lambda port: assemble(port.stream(QUESTION)),
        lambda port: asyncio.run(port.acomplete(QUESTION)),
        lambda port: assemble(asyncio.run(_collected(port))),
    ):
        try:
            told.append(ask(ScriptedCompletion([step])))
        except CompletionError as error:
            told.append((type(error), str(error), error.partial))
    assert told[1:] == told[:1] * 3


class TestScripts:
    def test_steps_are_used_in_order_and_requests_noted(self) -> None:
        port = ScriptedCompletion(["a", "b"])
        other = CompletionRequest("", (lmb.user("second"),))
        assert [port.complete(QUESTION).message.text, port.complete(other).message.text] == ["a", "b"]
        assert port.requests == (QUESTION, other)
        port.assert_finished()

    def test_the_steps_left_over_are_told(self) -> None:
        port = ScriptedCompletion(["a", "b", "c"])
        port.complete(QUESTION)
        assert port.left_over == ("b", "c")
        with pytest.raises(AssertionError, match=r"2 of 3 steps were not used: \['b', 'c'\]"):
            port.assert_finished()

    @pytest.mark.parametrize("form", ["complete", "stream", "acomplete", "astream"])
    def test_a_request_beyond_the_script_is_refused_and_quoted(self, form: str) -> None:
        port = ScriptedCompletion(["a"])
        port.complete(QUESTION)
        with pytest.raises(UsageError, match=r"has 1 steps and this is request 2: 'How are you\?'"):
            _used(getattr(port, form)(QUESTION))

    def test_a_stream_asks_when_it_is_first_read(self) -> None:
        port = ScriptedCompletion(["a"])
        stream = port.stream(QUESTION)
        assert port.requests == ()
        next(stream)
        assert port.requests == (QUESTION,)

    def test_it_takes_a_schema_unless_it_is_told_not_to(self) -> None:
        assert ScriptedCompletion().capabilities("any") == ModelCapabilities(output_schema=True)
        assert ScriptedCompletion(capabilities=ModelCapabilities()).capabilities("any") == ModelCapabilities()

    def test_a_function_answers_again_and_again(self) -> None:
        port = FunctionCompletion(lambda request: "yes", capabilities=ModelCapabilities(False))
        assert [port.complete(QUESTION).message.text for _ in range(3)] == ["yes"] * 3
        assert len(port.requests) == 3
        assert port.capabilities("") == ModelCapabilities(False)


def _used(what: Any) -> None:
    """Read a stream or await an answer to its end."""
    if hasattr(what, "__await__"):

        async def wait() -> None:
            await what

        asyncio.run(wait())
    elif hasattr(what, "__aiter__"):

        async def read() -> None:
            async for _ in what:
                pass

        asyncio.run(read())
    else:
        list(what)
