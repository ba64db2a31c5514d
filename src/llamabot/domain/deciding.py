"""A decision: what the model answers, and which tools it asks for.

The body of `ToolBot`, and of an agent's decide step.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import msgspec

from llamabot.domain.asking import ask
from llamabot.domain.effects import Core, Emit
from llamabot.domain.result import Decided
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.tools import ToolCall

__all__ = ["decide"]


def decide(request: CompletionRequest, messages: tuple[Message, ...]) -> Core[Completion]:
    """Return the model's answer; the ids of its calls differ from each other and from those before."""
    completion = yield from ask(request, messages)
    message = completion.message
    if not message.tool_calls:
        return completion
    calls = _told_apart(message.tool_calls, _ids(messages))
    yield from Emit(Decided(calls))
    if calls is message.tool_calls:
        return completion
    return msgspec.structs.replace(completion, message=msgspec.structs.replace(message, tool_calls=calls))


def _ids(messages: Iterable[Message]) -> set[str]:
    return {call.id for message in messages if isinstance(message, AssistantMessage) for call in message.tool_calls}


def _told_apart(calls: tuple[ToolCall, ...], used: set[str]) -> tuple[ToolCall, ...]:
    """Return the calls with other ids where one is empty or was used; the same object if all is well."""
    told: list[ToolCall] = []
    for call in calls:
        id_ = call.id if call.id and call.id not in used else _new_id(call.id or "call", used)
        used.add(id_)
        told.append(call if id_ is call.id else msgspec.structs.replace(call, id=id_))
    return calls if all(new is old for new, old in zip(told, calls, strict=True)) else tuple(told)


def _new_id(base: str, used: set[str]) -> str:
    return next(id_ for number in count(2) if (id_ := f"{base}-{number}") not in used)
