"""The demo's agent: two tools over a text, for a model that is too small for more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from llamabot.adapters.local import tool
from llamabot.app.demo.excerpts import Excerpt, choose_excerpts
from llamabot.app.demo.questions import STOPS, posed
from llamabot.app.demo.texts import Source
from llamabot.domain.agent import AgentBot
from llamabot.domain.graph.nodes import DecideNode
from llamabot.domain.graph.state import AgentState
from llamabot.domain.limits import Limits
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Message, ToolMessage, UserMessage
from llamabot.ports.tools import RunContext, StopRun

__all__ = ["Material", "reader"]

_LONGEST_WORD = 30
_MOST_TOKENS = 60
_MOST_DECISIONS = 3


class Material(msgspec.Struct, frozen=True):
    """What the tools work on: the agent's `state`, which the model does not see."""

    source: Source
    question: str
    most_tokens: int
    count_tokens: Callable[[str], int]


@tool(terminal=True)
def count_word(word: Annotated[str, Meta(max_length=_LONGEST_WORD)], context: RunContext[Material]) -> str:
    """Count how often one word occurs in the text."""
    found = re.findall(rf"\b{re.escape(word)}\b", context.state.source.text, re.IGNORECASE)
    return f"The word “{word}” occurs {len(found)} {'time' if len(found) == 1 else 'times'}."


@tool
def find_passage(context: RunContext[Material]) -> str:
    """Find the passage that answers the question of the user."""
    material = context.state
    source, tokens = material.source, material.most_tokens
    found = choose_excerpts(
        source.text,
        material.question,
        most_tokens=tokens,
        count_tokens=material.count_tokens,
        markdown=source.markdown,
    )
    if not found.chosen:
        raise StopRun("Nothing in the text matches the question.")
    return found.chosen[0].text


class Decide(DecideNode):
    """Has the model choose a tool, and then say what the passage says. Larger models need no such help."""

    def prep(self, shared: AgentState) -> tuple[CompletionRequest, tuple[Message, ...]]:
        """Return what the model is asked next."""
        request, messages = super().prep(shared)
        result = messages[-1]
        if not isinstance(result, ToolMessage) or result.is_error:
            return msgspec.structs.replace(request, tool_choice="required"), messages
        answering = msgspec.structs.replace(request, tools=(), tool_choice="auto", options={"stop": STOPS})
        return answering, posed(_question(messages), (Excerpt(result.text, 1),))


def reader(model: str) -> AgentBot:
    """Return an agent that answers questions about a text, which is its `state`."""
    return AgentBot(
        "You answer questions about a text.",
        tools=[count_word, find_passage],
        decide=Decide(),
        model=model,
        temperature=0,
        max_tokens=_MOST_TOKENS,
        name="reader",
        limits=Limits(decisions=_MOST_DECISIONS),
    )


def _question(messages: tuple[Message, ...]) -> str:
    return next(message.text for message in messages if isinstance(message, UserMessage))
