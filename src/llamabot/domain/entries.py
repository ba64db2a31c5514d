"""What the log keeps of each kind of effect: of what it was asked, and of what it gave."""

from __future__ import annotations

from typing import Any

from llamabot.domain.effects import CallTool, Complete, Effect, ListTools, Recall, Remember, Retrieve, Say
from llamabot.domain.log import LogWriter
from llamabot.domain.messages import tool_message
from llamabot.ports.recorder import Blob

__all__ = ["logged_input", "logged_outcome", "note_outcome"]


def logged_input(writer: LogWriter, path: str, effect: Effect[Any]) -> tuple[Any, list[Blob]]:
    """Return what an effect is asked as the log keeps it, and the blobs that this run has not used yet."""
    match effect:
        case Complete(request):
            return writer.request(path, request)
        case CallTool(call):
            return writer.call(call), []
        case Remember(messages) | Say(messages):
            return writer.messages(messages)
        case Retrieve(query, k, where):
            return writer.search(query, k, where)
        case ListTools() | Recall():
            return None, []
        case _:
            return effect, []


def logged_outcome(writer: LogWriter, effect: Effect[Any], outcome: Any) -> tuple[Any, list[Blob]]:
    """Return what an effect gave as the log keeps it, and the blobs that this run has not used yet."""
    match effect:
        case Complete():  # the most frequent first
            return outcome, []
        case CallTool():
            return writer.result(outcome), []
        case Recall():
            return writer.messages(outcome)
        case Retrieve():
            return writer.retrieval(outcome)
        case _:
            return outcome, []


def note_outcome(writer: LogWriter, path: str, effect: Effect[Any], outcome: Any) -> None:
    """Let what follows refer to what an effect gave, which is in the log by now."""
    match effect:
        case Complete():
            writer.produced(path, (outcome.message,))
        case Recall():
            writer.produced(path, outcome)
        case Retrieve():
            writer.retrieved(outcome)
        case CallTool():
            writer.answered(path, tool_message(outcome))
