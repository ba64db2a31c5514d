"""Whole behaviours of a model, as values: what it says at each turn of a conversation.

A script (`ScriptedCompletion`) counts requests, so a resumed run would get the wrong answer. A behaviour looks at the
transcript it is sent: how often the model has spoken there says which turn it is. So it can be crashed, resumed,
replayed, and asked from many threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llamabot.adapters.fake.completion import FunctionCompletion
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason, ModelCapabilities, Usage
from llamabot.ports.errors import ContentRefused
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import ToolCall

__all__ = ["Behaviour", "Turn"]


class Turn(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What a model says once.

    Attributes:
        calls: of tools; their arguments may be malformed, their ids empty or used before, as models have it.
        finish_reason: None for the one that fits: `tool_calls` with calls, else `stop`.
        refused: the provider's filter raises `ContentRefused`; nothing else of the turn is told.
        usage: None where it is not counted.
        cost_usd: None where it is unknown.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    finish_reason: FinishReason | None = None
    refused: bool = False
    usage: Usage | None = Usage(3, 2)
    cost_usd: float | None = 1 / 64

    def reply(self) -> Completion:
        """Return the answer.

        Raises:
            ContentRefused: the turn is refused.
        """
        if self.refused:
            raise ContentRefused("the content filter refuses this")
        fitting = FinishReason.TOOL_CALLS if self.calls else FinishReason.STOP
        message = AssistantMessage(self.text, tool_calls=self.calls, reasoning=self.reasoning)
        return Completion(message, self.finish_reason or fitting, self.usage, self.cost_usd)


_DONE = Turn("done")


class Behaviour(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What a model says, turn by turn.

    Attributes:
        turns: the first answer of the conversation, the second, ….
        then: what it says at every turn after those.
        loops: it begins anew after its turns, and never comes to an end.
    """

    turns: tuple[Turn, ...] = ()
    then: Turn = _DONE
    loops: bool = False

    def turn(self, request: CompletionRequest) -> Turn:
        """Return what is said to a request: the turn after the model's own messages in it."""
        said = sum(isinstance(message, AssistantMessage) for message in request.messages)
        if self.loops and self.turns:
            return self.turns[said % len(self.turns)]
        return self.turns[said] if said < len(self.turns) else self.then

    def completion(self) -> FunctionCompletion:
        """Return a model that behaves so, in both colours, whole and streamed."""
        return FunctionCompletion(
            lambda request: self.turn(request).reply(),
            capabilities=ModelCapabilities(output_schema=True, priced=self._is_priced()),
        )

    def _is_priced(self) -> bool:
        said: Sequence[Turn] = (*self.turns, self.then)
        return all(turn.cost_usd is not None for turn in said)
