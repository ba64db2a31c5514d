"""Ids of calls: providers leave them empty, or use one twice; in a run each is another."""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import count
from typing import Any

import msgspec

from llamabot.ports.completion import Completion
from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.tools import ToolCall

__all__ = ["CallIds", "told_apart", "with_own_ids"]


class CallIds:
    """The ids of one run's calls: no later call gets one of them, not even where a bot asks without what it said."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._standing: tuple[tuple[Message, ...], frozenset[str]] = ((), frozenset())

    def told_apart(self, completion: Completion, messages: tuple[Message, ...]) -> Completion:
        """Return an answer to these messages whose calls have ids of their own."""
        if not completion.message.tool_calls:
            return completion
        return with_own_ids(completion, (), self._used | self._ids_in(messages))

    def _ids_in(self, messages: tuple[Message, ...]) -> frozenset[str]:
        """Return the ids of the calls in messages, which most often go on from those of the last time."""
        before, ids = self._standing
        if messages[: len(before)] != before:
            before, ids = (), frozenset()
        ids |= ids_in(messages[len(before) :])
        self._standing = messages, ids
        return ids

    def note(self, outcome: Any) -> None:
        """Take in what an effect gave, or several; once all that was done at once has ended, in whatever order."""
        for one in outcome if isinstance(outcome, list) else (outcome,):
            if isinstance(one, Completion):
                self._used.update([call.id for call in one.message.tool_calls])


def with_own_ids(completion: Completion, messages: Iterable[Message], used: Set[str] = frozenset()) -> Completion:
    """Return the completion whose calls have ids of their own; the same object if they have.

    Args:
        completion: as the model gave it.
        messages: what it was asked.
        used: ids of the run that may stand in none of these messages: a bot need not send all of them again.
    """
    message = told_apart(completion.message, messages, used)
    return completion if message is completion.message else msgspec.structs.replace(completion, message=message)


def told_apart(
    message: AssistantMessage, messages: Iterable[Message], used: Set[str] = frozenset()
) -> AssistantMessage:
    """Return the answer with other ids where one is empty or was used; the same object if all is well.

    Args:
        message: as the model gave it.
        messages: what it was asked, the calls of earlier answers among them.
        used: more ids that are taken.
    """
    if not message.tool_calls:
        return message
    taken = {*ids_in(messages), *used}
    calls = tuple([_told_apart(call, taken) for call in message.tool_calls])
    if all(new is old for new, old in zip(calls, message.tool_calls, strict=True)):
        return message
    return msgspec.structs.replace(message, tool_calls=calls)


def ids_in(messages: Iterable[Message]) -> frozenset[str]:
    """Return the ids of all calls in messages."""
    return frozenset(call.id for said in messages if isinstance(said, AssistantMessage) for call in said.tool_calls)


def _told_apart(call: ToolCall, used: set[str]) -> ToolCall:
    id_ = call.id if call.id and call.id not in used else _new_id(call.id or "call", used)
    used.add(id_)
    return call if id_ is call.id else msgspec.structs.replace(call, id=id_)


def _new_id(base: str, used: set[str]) -> str:
    return next(id_ for number in count(2) if (id_ := f"{base}-{number}") not in used)
