"""What the nodes of one call share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llamabot.domain.messages import tool_message
from llamabot.ports.completion import Completion, CompletionRequest, FinishReason
from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.tools import Tool, ToolCall, ToolResult

__all__ = ["AgentState"]


class AgentState:
    """The shared store of an agent's graph: made for one call, gone with it.

    Attributes:
        request: all of a request but its messages; its tools are those of this run.
        messages: the transcript, oldest first; nodes add to its end.
        tools: by name.
        state: the caller's own object.
        max_characters: longest text of a tool's result.
        calls: those that wait to be run.
        finish_reason: of the last completion.
        value: of the run, once it is known; until then None, and the last message of the model is the value.
        text: of the value.
        has_value: whether they are known.
    """

    def __init__(
        self,
        request: CompletionRequest,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        *,
        state: Any = None,
        max_characters: int,
    ) -> None:
        self.request = request
        self.messages = list(messages)
        self.tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self.state = state
        self.max_characters = max_characters
        self.calls: tuple[ToolCall, ...] = ()
        self.finish_reason = FinishReason.OTHER
        self.value: Any = None
        self.text = ""
        self.has_value = False

    def decided(self, completion: Completion) -> None:
        """Take in the model's answer; its calls wait to be run."""
        self.messages.append(completion.message)
        self.calls = completion.message.tool_calls
        self.finish_reason = completion.finish_reason

    def answered(self, results: Sequence[ToolResult]) -> None:
        """Take in the answers to the calls, in their order."""
        self.messages += map(tool_message, results)
        self.calls = ()
        for result in results:
            if result.ends_run and not self.has_value:
                self.end(result.value, result.text)

    def end(self, value: Any, text: str | None = None) -> None:
        """Say what the run's value is, and its text; a value that is a text needs no other."""
        own = value if isinstance(value, str) else ""
        self.value, self.text, self.has_value = value, own if text is None else text, True

    def outcome(self) -> tuple[Any, str]:
        """Return the run's value and its text: what was said to be them, else the model's last message."""
        if self.has_value:
            return self.value, self.text
        answers = (message for message in reversed(self.messages) if isinstance(message, AssistantMessage))
        last = next(answers, None)
        return last, last.text if last else ""
