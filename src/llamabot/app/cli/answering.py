"""Streaming one answer to the user."""

from __future__ import annotations

from typing import Any

from llamabot.app.cli.terminal import AnswerWriter, say
from llamabot.domain.result import ReasoningDelta, Result, Retrieved, TextDelta
from llamabot.domain.shells import SyncShell
from llamabot.ports.completion import FinishReason

__all__ = ["answer", "say_how_it_ended"]


def answer(bot: SyncShell[Any], *inputs: Any, begun: str = "", **call: Any) -> Result[Any]:
    """Write a bot's answer to stdout as it arrives, and return the whole.

    Args:
        bot: that is asked.
        inputs: of the call.
        begun: written before an answer from documents, whose beginning was given.
        call: its settings.
    """
    writer = AnswerWriter()
    try:
        with bot.stream(*inputs, **call) as events:
            for event in events:
                if isinstance(event, Retrieved) and event.matches:
                    writer.text(begun)
                elif isinstance(event, TextDelta):
                    writer.text(event.text)
                elif isinstance(event, ReasoningDelta):
                    writer.reasoning(event.text)
            result: Result[Any] = events.result
    finally:
        writer.end()
    say_how_it_ended(result)
    return result


def say_how_it_ended(result: Result[Any]) -> None:
    """Tell if the answer is not what it seems: cut, or empty."""
    if result.finish_reason is FinishReason.LENGTH:
        say("the answer was cut off: it reached the greatest length that the model or max_tokens allows")
    elif not result.text:
        say("the answer is empty")
