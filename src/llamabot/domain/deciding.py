"""A decision: what the model answers, and which tools it asks for.

The body of `ToolBot`, and of an agent's decide step.
"""

from __future__ import annotations

from llamabot.domain.asking import ask
from llamabot.domain.effects import Core, Emit
from llamabot.domain.result import Decided
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.messages import Message

__all__ = ["decide"]


def decide(request: CompletionRequest, messages: tuple[Message, ...]) -> Core[Completion]:
    """Return the model's answer; the ids of its calls differ from each other and from those before."""
    completion = yield from ask(request, messages)
    if completion.message.tool_calls:
        yield from Emit(Decided(completion.message.tool_calls))
    return completion
