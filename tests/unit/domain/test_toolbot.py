"""A bot that chooses tools and runs none of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.toolboxes import Kit, tools
from tests.property.ways import WAYS, see

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, strategies

BOTS = (lmb.ToolBot, lmb.AsyncToolBot)


@lmb.tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    raise AssertionError("a tool was run")


def _bot(*script: Any, **settings: Any) -> tuple[lmb.ToolBot, ScriptedCompletion]:
    completion = ScriptedCompletion(script)
    return lmb.ToolBot(
        "Choose.", tools=[add], completion=completion, recorder=InMemoryRecorder(), **settings
    ), completion


def _calls(*ids: str) -> lmb.AssistantMessage:
    return lmb.AssistantMessage("so", tool_calls=tuple(lmb.ToolCall(id_, "add", '{"a": 1}') for id_ in ids))


@given(
    behaviour=strategies.replies(strategies.broken_texts),
    said=strategies.user_messages(),
    choice=st.sampled_from(["auto", "look"]),
)
def test_is_the_same_in_all_four_ways(behaviour: Any, said: lmb.UserMessage, choice: str) -> None:
    kit = Kit(tools("look", "asks", "once"))  # which only agents need a durable log for
    runs = [see(way, BOTS, [behaviour], said, tools=[kit], tool_choice=choice) for way in WAYS]
    first, *others = map(msgspec.structs.asdict, runs)
    assert all(other == first for other in others)
    assert kit.ran == []


def test_returns_the_calls_and_runs_none() -> None:
    bot, completion = _bot(_calls("a", "a", ""))
    result = bot.run("go")
    assert result.value == tuple(lmb.ToolCall(id_, "add", '{"a": 1}') for id_ in ("a", "a-2", "call-2"))
    assert result.text == "so"
    assert result.messages[-1] == lmb.AssistantMessage("so", tool_calls=result.value)
    (request,) = completion.requests
    assert [spec.name for spec in request.tools] == ["add"]


def test_none_is_a_legal_answer() -> None:
    bot, _ = _bot("There is nothing to do.")
    assert bot("go") == ()


@pytest.mark.parametrize("choice", ["auto", "required", "none", "add"])
def test_says_what_may_be_chosen(choice: str) -> None:
    bot, completion = _bot(_calls("a"), tool_choice=choice)
    bot("go")
    assert completion.requests[0].tool_choice == choice


@pytest.mark.parametrize("choice", ["any", "", "subtract"])
def test_refuses_a_choice_that_there_is_not(choice: str) -> None:
    with pytest.raises(lmb.errors.ConfigurationError, match="auto, required, none, add"):
        _bot(tool_choice=choice)


def test_adds_to_a_conversation_only_turns_that_are_whole() -> None:
    memory = lmb.ChatMemory()
    bot, completion = _bot(_calls("a"), "done", memory=memory)
    bot("first")
    assert memory.recall() == ()
    bot("second")
    assert [message.text for message in memory.recall()] == ["second", "done"]
    assert [message.text for message in completion.requests[1].messages] == ["Choose.", "second"]


@pytest.mark.parametrize("kind", [lmb.ToolBot, lmb.AsyncToolBot, lmb.AgentBot, lmb.AsyncAgentBot])
def test_tools_may_come_from_any_iterable_and_from_nothing_else(kind: Any) -> None:
    assert kind(tools=(tool for tool in [add]))._known == kind(tools=[add])._known != ()
    for wrong in (None, 5, add, "add", [5]):
        with pytest.raises(lmb.errors.ConfigurationError, match="tools="):
            kind(tools=wrong)
