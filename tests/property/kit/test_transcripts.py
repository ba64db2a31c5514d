"""Transcripts are valid, or broken in the one way that they are asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.property.agents import assert_valid
from tests.property.kit.shrinking import minimal

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Text, ToolMessage
from llamabot.testing import Breakage, breakages, strategies
from llamabot.testing.transcripts import HUGE

CALL, RESULT = lmb.ToolCall("call-1-1", "look", "{}"), ToolMessage("ok", call_id="call-1-1")


@given(strategies.transcripts())
def test_a_transcript_is_one_that_every_provider_takes(transcript: tuple[lmb.Message, ...]) -> None:
    assert breakages(transcript) == set()
    assert_valid(transcript)
    assert isinstance(transcript[-1], lmb.UserMessage | ToolMessage)


@pytest.mark.parametrize("how", Breakage, ids=lambda how: how.name.lower())
def test_a_broken_transcript_is_broken_in_the_one_way_that_was_asked_for(how: Breakage) -> None:
    @given(strategies.broken_transcripts(how))
    @settings(max_examples=8)
    def check(transcript: tuple[lmb.Message, ...]) -> None:
        assert breakages(transcript) == {how}

    check()


@given(strategies.requests())
@settings(max_examples=20)
def test_a_request_is_one_that_a_bot_may_make(request: CompletionRequest) -> None:
    assert breakages(request.messages) == set()
    assert request.tool_choice in {"auto", "none", "required", *(tool.name for tool in request.tools)}
    assert request.tools or request.tool_choice == "auto"
    assert msgspec.json.decode(msgspec.json.encode(request), type=CompletionRequest).tools == request.tools


def _calling(*calls: lmb.ToolCall) -> lmb.AssistantMessage:
    return lmb.AssistantMessage("", tool_calls=calls)


GO = lmb.UserMessage("go")
OTHER = lmb.ToolCall("call-1-2", "look", "{}")
SMALLEST: dict[Breakage, tuple[Any, ...]] = {
    Breakage.ORPHAN_RESULT: (GO, _calling(), RESULT),
    Breakage.MISSING_RESULT: (GO, _calling(CALL)),
    Breakage.DUPLICATE_IDS: (GO, _calling(CALL, CALL), RESULT, RESULT),
    Breakage.EMPTY_ID: (GO, _calling(lmb.ToolCall("", "look", "{}")), ToolMessage("ok")),
    Breakage.RESULTS_OUT_OF_ORDER: (GO, _calling(CALL, OTHER), ToolMessage("ok", call_id="call-1-2"), RESULT),
    Breakage.EMPTY_PARTS: (lmb.UserMessage(()),),
    Breakage.LONE_SURROGATES: (lmb.UserMessage("\ud83d"),),
    Breakage.HUGE_TEXT: (lmb.UserMessage("x" * HUGE),),
}


@pytest.mark.parametrize("how", Breakage, ids=lambda how: how.name.lower())
def test_a_broken_transcript_shrinks_to_the_breakage_alone(how: Breakage) -> None:
    assert minimal(strategies.broken_transcripts(how), lambda _: True) == SMALLEST[how]
    assert breakages(SMALLEST[how]) == {how}


def test_a_huge_text_is_shown_without_its_middle() -> None:
    assert len(repr(minimal(strategies.broken_transcripts(Breakage.HUGE_TEXT), lambda _: True))) < 400


@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        ((GO, RESULT), {Breakage.ORPHAN_RESULT}),
        ((GO, _calling(CALL), GO, RESULT), {Breakage.MISSING_RESULT, Breakage.ORPHAN_RESULT}),
        ((GO, _calling(CALL), RESULT, RESULT), {Breakage.ORPHAN_RESULT}),
        ((GO, _calling(CALL), RESULT, _calling(CALL), RESULT), {Breakage.DUPLICATE_IDS}),
        ((lmb.UserMessage((Text("so"), Text(""))),), {Breakage.EMPTY_PARTS}),
        ((_calling(lmb.ToolCall("a", "look", '"\ud83d"')),), {Breakage.LONE_SURROGATES, Breakage.MISSING_RESULT}),
        ((lmb.AssistantMessage("", reasoning="x" * HUGE),), {Breakage.HUGE_TEXT}),
        ((lmb.UserMessage("😀" * 9),), set()),
    ],
)
def test_what_is_wrong_is_named(messages: tuple[lmb.Message, ...], wrong: set[Breakage]) -> None:
    assert breakages(messages) == wrong
