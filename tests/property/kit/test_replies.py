"""Replies and fragments reach what they promise, and what they find shrinks to something that can be read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from tests.property.kit.shrinking import minimal

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ToolCallFragment
from llamabot.ports.errors import ProviderUnavailable
from llamabot.ports.tools import ToolCall
from llamabot.testing import strategies

NOTHING = Completion(lmb.AssistantMessage(), FinishReason.STOP)
END = CompletionChunk(finish_reason=FinishReason.STOP)


def _streams_of(text: str, **message: Any) -> st.SearchStrategy[list[CompletionChunk]]:
    return strategies.streams(Completion(lmb.AssistantMessage(text, **message), FinishReason.STOP))


def test_the_simplest_of_everything_is_nothing() -> None:
    assert minimal(strategies.replies(), lambda _: True) == ""
    assert minimal(strategies.streams(NOTHING), lambda chunks: True) == [CompletionChunk(), CompletionChunk(), END]


def test_a_text_shrinks_to_one_piece_and_then_to_two() -> None:
    assert minimal(strategies.fragmentations("abcdef"), lambda pieces: True) == ["abcdef"]
    assert minimal(strategies.fragmentations("abcdef"), lambda pieces: len(pieces) > 1) == ["a", "bcdef"]


@pytest.mark.parametrize(
    ("strategy", "condition", "smallest"),
    [
        (
            strategies.replies(),
            lambda step: isinstance(step, list) and any(isinstance(part, Exception) for part in step[1:]),
            lambda step: len(step) == 2 and isinstance(step[1], ProviderUnavailable),
        ),
        (
            strategies.replies(),
            lambda step: isinstance(step, list) and len(step) == 1 and isinstance(step[0], Exception),
            lambda step: isinstance(step[0], ProviderUnavailable),
        ),
        (
            strategies.replies(),
            lambda step: isinstance(step, list) and step and not any(getattr(c, "finish_reason", 1) for c in step),
            lambda step: step == [CompletionChunk()],
        ),
        (
            strategies.replies(strategies.broken_texts),
            lambda step: isinstance(step, str) and "\ud83d" in step,
            lambda step: step == "\ud83d",
        ),
        (
            _streams_of("a😀"),
            lambda chunks: any(chunk.text.endswith("\ud83d") for chunk in chunks),
            lambda chunks: len([chunk for chunk in chunks if chunk.text]) <= 3,
        ),
        (
            _streams_of("", tool_calls=(ToolCall("call-0", "search", "{}"),)),
            lambda chunks: sum(len(chunk.tool_calls) for chunk in chunks) > 1,
            lambda chunks: (
                [chunk.tool_calls[0] for chunk in chunks if chunk.tool_calls]
                == [ToolCallFragment(0, "call-0", "search", "{"), ToolCallFragment(0, arguments="}")]
            ),
        ),
        (
            _streams_of("a", reasoning="b"),
            lambda chunks: [bool(chunk.text) for chunk in chunks if chunk.text or chunk.reasoning] == [False, True],
            lambda chunks: len(chunks) == 3,
        ),
        (
            strategies.messages(long=50),
            lambda message: len(message.text) == 50,
            lambda message: message == lmb.UserMessage("0" * 50),
        ),
    ],
)
def test_what_is_looked_for_is_found_and_shrinks(strategy: Any, condition: Any, smallest: Any) -> None:
    found = minimal(strategy, condition)
    assert smallest(found), found
