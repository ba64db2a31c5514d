"""Steps of a script that ask for tools, and an agent on such a script."""

from __future__ import annotations

import json
from typing import Any

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

__all__ = ["agent_of", "asks", "told"]


def asks(*calls: tuple[str, dict[str, Any]], ids: str = "abcdef", text: str = "") -> lmb.AssistantMessage:
    """Return a message that asks for calls, the first with the first letter for its id."""
    made = [lmb.ToolCall(id_, name, json.dumps(given)) for id_, (name, given) in zip(ids, calls, strict=False)]
    return lmb.AssistantMessage(text, tool_calls=tuple(made))


def agent_of(*script: Any, durable: bool = True, **arguments: Any) -> tuple[lmb.AgentBot, ScriptedCompletion]:
    """Return an agent that answers from a script, with a log of its own, and the script."""
    model = ScriptedCompletion(script)
    arguments.setdefault("recorder", InMemoryRecorder(durable=durable))
    return lmb.AgentBot("You are an agent.", completion=model, **arguments), model


def told(messages: tuple[lmb.Message, ...]) -> list[str]:
    """Return what the model was told by tools, in order."""
    return [message.text for message in messages if isinstance(message, lmb.ToolMessage)]
