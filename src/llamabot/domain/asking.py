"""The part of a core that every bot with a conversation has: recall, ask, remember."""

from __future__ import annotations

import msgspec

from llamabot.domain.bot import Call
from llamabot.domain.effects import Complete, Core, Recall, Remember
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason
from llamabot.ports.errors import ContentRefused
from llamabot.ports.messages import AssistantMessage, Message

__all__ = ["ask", "recall", "remember"]


def recall(call: Call) -> Core[tuple[Message, ...]]:
    """Return the conversation so far, () without a memory."""
    if not call.has_memory:
        return ()
    return (yield from Recall())


def ask(request: CompletionRequest, messages: tuple[Message, ...]) -> Core[Completion]:
    """Return the model's answer to these messages.

    Raises:
        ContentRefused: the provider's filter ended it; `partial` holds what came before.
    """
    completion = yield from Complete(msgspec.structs.replace(request, messages=messages))
    if completion.finish_reason is FinishReason.CONTENT_FILTER:
        raise ContentRefused("the provider's content filter ended the answer", partial=completion.message)
    return completion


def remember(call: Call, answer: AssistantMessage) -> Core[None]:
    """Store the turn: what the user said and what was answered."""
    if call.has_memory:
        yield from Remember((*call.inputs, answer))
