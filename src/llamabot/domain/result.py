"""What a run gives, whole or while it happens."""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

from llamabot.ports.completion import FinishReason, Usage
from llamabot.ports.messages import AssistantMessage, Message

__all__ = ["Answer", "AttemptRejected", "Finished", "ReasoningDelta", "Result", "StreamEvent", "TextDelta"]

T = TypeVar("T")


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """What a core returns: the value, and the transcript that ends with the message it came from."""

    value: T
    messages: tuple[Message, ...]
    finish_reason: FinishReason

    @property
    def text(self) -> str:
        """The text of the last message of the model, "" if there is none."""
        last = self.messages[-1] if self.messages else None
        return last.text if isinstance(last, AssistantMessage) else ""


class Result(msgspec.Struct, Generic[T], frozen=True):
    """What a bot's run gave.

    Attributes:
        value: the answer in the bot's own type.
        text: the text of the model's last message.
        messages: the whole transcript, system message and answer included, oldest first.
        usage: tokens of all completions of the run.
        cost_usd: None if the price of any completion is unknown.
        finish_reason: why the last completion ended.
        run_id: names the run in the log.
    """

    value: T
    text: str
    messages: tuple[Message, ...]
    usage: Usage
    cost_usd: float | None
    finish_reason: FinishReason
    run_id: str


class TextDelta(msgspec.Struct, frozen=True, tag_field="type", tag="text_delta"):
    """The next piece of the answer's text."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, tag_field="type", tag="reasoning_delta"):
    """The next piece of the model's reasoning."""

    text: str


class AttemptRejected(msgspec.Struct, frozen=True, tag_field="type", tag="attempt_rejected"):
    """The answer so far did not fit and the model is asked again: the text streamed before is void."""

    error: str


class Finished(msgspec.Struct, Generic[T], frozen=True, tag_field="type", tag="finished"):
    """The run is over; always the last event."""

    result: Result[T]


StreamEvent: TypeAlias = TextDelta | ReasoningDelta | AttemptRejected | Finished[T]
