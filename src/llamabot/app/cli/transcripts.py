"""What of a conversation a tree has not shown yet: each request repeats the one before it."""

from __future__ import annotations

from llamabot.domain.trace import EffectTrace, RunTrace
from llamabot.ports.messages import AssistantMessage, Message, ToolMessage
from llamabot.ports.tools import ToolCall

__all__ = ["Transcript", "messages_of"]


class Transcript:
    """The messages of one run, as they are shown.

    Args:
        trace: of the run. Results that its effects show are not shown as messages again.
    """

    def __init__(self, trace: RunTrace) -> None:
        self._seen: tuple[Message, ...] = ()
        self._recalled: tuple[Message, ...] = ()
        self._run = {effect.call.id for effect in trace.effects if effect.call is not None}
        answers = [effect.completion.message for effect in trace.effects if effect.completion]
        self._arguments = {call.id: call.arguments for answer in answers for call in answer.tool_calls}

    def news(self, effect: EffectTrace) -> list[Message | str]:
        """Return the messages of an effect that are new; words for those that are not."""
        if effect.effect == "recall":
            self._recalled = effect.messages
            return [_count(effect.messages)]
        if effect.effect == "say":
            return list(effect.messages[-1:])
        if effect.request is None:
            return [_count(effect.messages)] if effect.messages else []
        messages = messages_of(effect)
        common = _common(self._seen, messages)
        self._seen = messages
        return [part for part in self._without_recalled(messages[common:]) if not self._is_shown(part)]

    def arguments(self, effect: EffectTrace) -> str:
        """Return what a tool was called with: as the model said, or as who approved it changed it."""
        call = effect.call
        return "" if call is None else call.arguments or self._arguments.get(call.id, "")

    def asked_for(self, message: Message) -> list[str]:
        """Return the calls in a message; those that were run show their arguments where they ran."""
        calls: tuple[ToolCall, ...] = message.tool_calls if isinstance(message, AssistantMessage) else ()
        return [call.name if call.id in self._run else f"{call.name} {call.arguments}" for call in calls]

    def _is_shown(self, part: Message | str) -> bool:
        return isinstance(part, ToolMessage) and part.call_id in self._run

    def _without_recalled(self, messages: tuple[Message, ...]) -> list[Message | str]:
        for start in range(len(messages)):
            end = start + len(self._recalled)
            if self._recalled and messages[start:end] == self._recalled:
                return [*messages[:start], f"{_count(self._recalled)} recalled", *messages[end:]]
        return list(messages)


def messages_of(effect: EffectTrace) -> tuple[Message, ...]:
    """Return what was asked and what was answered."""
    asked = effect.request.messages if effect.request else effect.messages
    answered = effect.completion.message if effect.completion else effect.partial
    return (*asked, *([answered] if answered else ()))


def _count(messages: tuple[Message, ...]) -> str:
    return f"{len(messages)} {'message' if len(messages) == 1 else 'messages'}"


def _common(before: tuple[Message, ...], after: tuple[Message, ...]) -> int:
    """Return how many messages two conversations begin with alike."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        count += 1
    return count
