"""The part of a core that every bot with a conversation has: recall, ask, remember."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from llamabot.domain.call import Call
from llamabot.domain.effects import Complete, Core, DescribeModel, Recall, Remember
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason
from llamabot.ports.errors import ConfigurationError, ContentRefused
from llamabot.ports.messages import AssistantMessage, Message

__all__ = ["ask", "priced", "recall", "refused", "remember"]

T = TypeVar("T")


def priced(model: str, core: Core[T]) -> Core[T]:
    """Do the core's work, provided that the model's price is known: its cost is limited.

    Raises:
        ConfigurationError: it is not known, and would count as nothing.
    """
    capabilities = yield from DescribeModel(model)
    if not capabilities.priced:
        raise ConfigurationError(
            f"cost_usd is limited, but the price of {model or 'the model'!r} is not known: limit tokens= instead"
        )
    return (yield from core)


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
        raise refused(completion)
    return completion


def refused(completion: Completion) -> ContentRefused:
    """Return the error for an answer that the provider's filter ended."""
    return ContentRefused("the provider's content filter ended the answer", partial=completion.message)


def remember(call: Call, answer: AssistantMessage) -> Core[None]:
    """Store the turn: what the user said and what was answered.

    A turn whose calls nobody answers is no whole turn: a provider would refuse the conversation with it.
    """
    if call.has_memory and not answer.tool_calls:
        yield from Remember((*call.inputs, answer))
