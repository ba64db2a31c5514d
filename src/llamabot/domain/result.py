"""What a run gives, whole or while it happens."""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

from llamabot.ports.completion import FinishReason, Usage
from llamabot.ports.documents import Match
from llamabot.ports.messages import Message
from llamabot.ports.tools import ToolCall, ToolResult

__all__ = [
    "Announcement",
    "AttemptRejected",
    "Conclusion",
    "Decided",
    "Finished",
    "ReasoningDelta",
    "Result",
    "Retrieved",
    "StreamEvent",
    "TextDelta",
    "ToolFinished",
    "ToolStarted",
    "ValueNotKept",
]

T = TypeVar("T")


class Conclusion(msgspec.Struct, Generic[T], frozen=True):
    """What a core returns; see `Result`."""

    value: T
    text: str
    messages: tuple[Message, ...]
    finish_reason: FinishReason


class ValueNotKept(msgspec.Struct, frozen=True):
    """Stands for the object that a tool ended a run with, where the log could keep no more than what it looked like.

    Attributes:
        text: the beginning of its `repr`.
    """

    text: str


class Result(msgspec.Struct, Generic[T], frozen=True):
    """What a bot's run gave.

    Attributes:
        value: the answer in the bot's own type.
        text: the text of the model's last message, or of the result of the tool that ended the run.
        messages: the whole transcript, system message and answer included, oldest first.
        usage: tokens of all completions of the run.
        cost_usd: None if the price of any completion is unknown.
        finish_reason: why the last completion ended.
        run_id: names the run in the log.
        from_log: nothing was done anew, all of this was read from the log. An object that a tool returned is then what
            JSON could keep of it, or a `ValueNotKept`.
    """

    value: T
    text: str
    messages: tuple[Message, ...]
    usage: Usage
    cost_usd: float | None
    finish_reason: FinishReason
    run_id: str
    from_log: bool = False


class TextDelta(msgspec.Struct, frozen=True, tag_field="type", tag="text_delta"):
    """The next piece of the answer's text."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, tag_field="type", tag="reasoning_delta"):
    """The next piece of the model's reasoning."""

    text: str


class AttemptRejected(msgspec.Struct, frozen=True, tag_field="type", tag="attempt_rejected"):
    """The answer so far did not fit and the model is asked again: the text streamed before is void."""

    error: str


class Retrieved(msgspec.Struct, frozen=True, tag_field="type", tag="retrieved"):
    """These passages were found and go to the model, the closest first; () where nothing relevant was found."""

    matches: tuple[Match, ...]


class Decided(msgspec.Struct, frozen=True, tag_field="type", tag="decided"):
    """The model asks for these calls."""

    calls: tuple[ToolCall, ...]


class ToolStarted(msgspec.Struct, frozen=True, tag_field="type", tag="tool_started"):
    """A tool begins to run."""

    call: ToolCall


class ToolFinished(msgspec.Struct, frozen=True, tag_field="type", tag="tool_finished"):
    """A tool has answered; those that run at once are told in the order in which they end."""

    result: ToolResult


class Finished(msgspec.Struct, Generic[T], frozen=True, tag_field="type", tag="finished"):
    """The run is over; always the last event."""

    result: Result[T]


Announcement: TypeAlias = TextDelta | AttemptRejected | Retrieved | Decided | ToolStarted | ToolFinished
StreamEvent: TypeAlias = ReasoningDelta | Announcement | Finished[T]
