"""Agents of both colours whose model says what it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.property.agents import assert_valid

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

__all__ = ["KINDS", "act", "awaited", "both", "calls", "told", "total"]

KINDS = (lmb.AgentBot, lmb.AsyncAgentBot)
both = pytest.mark.parametrize("kind", KINDS)


@lmb.tool
async def total(numbers: list[int]) -> int:
    """Add numbers."""
    return sum(numbers)


def calls(*made: tuple[str, str, str], text: str = "") -> lmb.AssistantMessage:
    """Return a decision: id, name, arguments of each call."""
    return lmb.AssistantMessage(text, tool_calls=tuple(lmb.ToolCall(*call) for call in made))


def act(kind: Any, tools: list[Any], *script: Any, **settings: Any) -> Any:
    """Run an agent of either colour on a script and return its result, after checking all that was sent and logged."""
    completion, recorder = ScriptedCompletion(script), InMemoryRecorder()
    call = {name: settings.pop(name) for name in ("state",) if name in settings}
    bot = kind("Act.", tools=tools, completion=completion, recorder=recorder, **settings)
    gone = bot.run("go", **call)
    result = asyncio.run(awaited(gone)) if asyncio.iscoroutine(gone) else gone
    for request in completion.requests:
        assert_valid(request.messages)
    assert_valid(result.messages)
    completion.assert_finished()
    assert recorder.lost_events == 0
    told_again = lmb.AgentBot("Act.", tools=tools, recorder=recorder, **settings).replay(result.run_id)
    assert told_again.messages == result.messages
    return result


async def awaited(coming: Any) -> Any:
    return await coming


def told(result: Any) -> list[tuple[str, bool]]:
    """Return what the model was told by tools."""
    return [(message.text, message.is_error) for message in result.messages if isinstance(message, lmb.ToolMessage)]
