"""Whatever way an answer is cut into fragments, the same whole comes out, and nothing broken is told on the way."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamabot.ports.assembly import Assembler, assemble, mend_completion, mend_text
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ToolCallFragment
from llamabot.ports.errors import StreamTruncated
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall
from llamabot.testing import strategies


@st.composite
def _cut(draw: st.DrawFn) -> tuple[Completion, list[CompletionChunk]]:
    completion = draw(strategies.completions(strategies.broken_texts))
    return completion, draw(strategies.streams(completion))


@given(cut=_cut(), looked_at=st.integers(0, 5))
def test_any_split_is_the_same_answer_told_piece_by_piece(
    cut: tuple[Completion, list[CompletionChunk]], looked_at: int
) -> None:
    """Looking at the message on the way changes nothing."""
    completion, chunks = cut
    assembler, told = Assembler(), []
    for number, chunk in enumerate(chunks):
        if number == looked_at:
            msgspec.json.encode(assembler.message())
        told.append(assembler.feed(chunk))
    told.append(assembler.rest())
    assert assembler.completion() == assemble(chunks) == mend_completion(completion)
    assert "".join(text for text, _ in told) == assembler.message().text
    assert "".join(reasoning for _, reasoning in told) == (assembler.message().reasoning or "")
    for text, reasoning in told:
        (text + reasoning).encode()


@given(strategies.completions(strategies.broken_texts))
def test_a_mended_answer_can_be_sent_and_needs_no_more_mending(completion: Completion) -> None:
    mended = mend_completion(completion)
    msgspec.json.encode(mended)
    assert mend_completion(mended) is mended


@given(strategies.texts())
def test_whole_text_is_not_touched(text: str) -> None:
    assert mend_text(text) is text


@given(strategies.broken_texts())
def test_halves_are_joined_or_replaced_and_all_else_is_kept(text: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    assert mend_text(text).encode("utf-16-le") == _with_replacements(units)


@given(strategies.truncated_streams(strategies.broken_texts))
def test_a_stream_without_a_reason_is_truncated_and_keeps_what_arrived(chunks: list[CompletionChunk]) -> None:
    with pytest.raises(StreamTruncated) as caught:
        assemble(chunks)
    ended = [*chunks, CompletionChunk(finish_reason=FinishReason.STOP)]
    assert caught.value.partial == assemble(ended).message


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["a", "b", "c"])), max_size=5, unique=True))
def test_calls_that_share_an_index_are_told_apart_by_their_ids(calls: list[tuple[int, str]]) -> None:
    """Some servers number every call 0."""
    fragments = [
        piece
        for index, id_ in calls
        for piece in (ToolCallFragment(index, id_, "tool", '{"id": '), ToolCallFragment(index, arguments=f'"{id_}"}}'))
    ]
    message = assemble(
        [
            *(CompletionChunk(tool_calls=(piece,)) for piece in fragments),
            CompletionChunk(finish_reason=FinishReason.STOP),
        ]
    ).message
    in_order = sorted(calls, key=lambda call: call[0])
    assert message == AssistantMessage(tool_calls=tuple(ToolCall(i, "tool", f'{{"id": "{i}"}}') for _, i in in_order))


def test_broken_text_in_the_data_of_a_provider_is_mended_too() -> None:
    data = {"signature": ["\ud83d", {"\ude00": "\ud83d\ude00"}]}
    chunks = [CompletionChunk(provider_data=data), CompletionChunk(finish_reason=FinishReason.STOP)]
    assert assemble(chunks).message.provider_data == {"signature": ["\ufffd", {"\ufffd": "😀"}]}


def test_broken_text_in_the_name_of_a_call_is_mended_too() -> None:
    call = ToolCall("\ud83d", "\ude00", "{}")
    completion = Completion(AssistantMessage(tool_calls=(call,)), FinishReason.TOOL_CALLS)
    assert mend_completion(completion).message.tool_calls == (ToolCall("\ufffd", "\ufffd", "{}"),)


def _with_replacements(units: bytes) -> bytes:
    """Return UTF-16 text with each half that has no other half replaced, worked out one unit at a time."""
    numbers = [int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2)]
    whole: list[int] = []
    for at, number in enumerate(numbers):
        before = numbers[at - 1] if at else 0
        after = numbers[at + 1] if at + 1 < len(numbers) else 0
        first, second = 0xD800 <= number < 0xDC00, 0xDC00 <= number < 0xE000
        paired = (first and 0xDC00 <= after < 0xE000) or (second and 0xD800 <= before < 0xDC00)
        whole.append(number if paired or not (first or second) else 0xFFFD)
    return b"".join(number.to_bytes(2, "little") for number in whole)
