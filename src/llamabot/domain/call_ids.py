"""Ids of calls: providers leave them empty, or use one twice; in a run each is another."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import msgspec

from llamabot.ports.completion import Completion
from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.tools import ToolCall

__all__ = ["told_apart", "with_own_ids"]


def with_own_ids(completion: Completion, messages: Iterable[Message]) -> Completion:
    """Return the completion whose calls have ids of their own; the same object if they have."""
    message = told_apart(completion.message, messages)
    return completion if message is completion.message else msgspec.structs.replace(completion, message=message)


def told_apart(message: AssistantMessage, messages: Iterable[Message]) -> AssistantMessage:
    """Return the answer with other ids where one is empty or was used; the same object if all is well.

    Args:
        message: as the model gave it.
        messages: what it was asked, the calls of earlier answers among them.
    """
    if not message.tool_calls:
        return message
    used = {call.id for said in messages if isinstance(said, AssistantMessage) for call in said.tool_calls}
    calls = tuple([_told_apart(call, used) for call in message.tool_calls])
    if all(new is old for new, old in zip(calls, message.tool_calls, strict=True)):
        return message
    return msgspec.structs.replace(message, tool_calls=calls)


def _told_apart(call: ToolCall, used: set[str]) -> ToolCall:
    id_ = call.id if call.id and call.id not in used else _new_id(call.id or "call", used)
    used.add(id_)
    return call if id_ is call.id else msgspec.structs.replace(call, id=id_)


def _new_id(base: str, used: set[str]) -> str:
    return next(id_ for number in count(2) if (id_ := f"{base}-{number}") not in used)
