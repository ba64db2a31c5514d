"""A right adapter of another wire: instructions beside the messages, everything else as blocks of two roles."""

from __future__ import annotations

import json
from typing import Any

from tests.falsify.plain_sdk import Json, SdkCompletion

from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import AssistantMessage, Message, SystemMessage, ToolMessage

__all__ = ["BlocksCompletion"]

_CHOICES: Json = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}


class BlocksCompletion(SdkCompletion):
    """Says a conversation as Anthropic's and Google's wires have it; results of one turn are one message."""

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        body = super().body(request, stream=stream)
        instructions = [message.text for message in request.messages if isinstance(message, SystemMessage)]
        if request.tools:
            name = {"type": "tool", "name": request.tool_choice}
            body["tool_choice"] = _CHOICES.get(request.tool_choice, name)
        return {**body, "system": "\n".join(instructions), "messages": self.turns(request.messages)}

    def turns(self, messages: tuple[Message, ...]) -> list[Json]:
        turns: list[Json] = []
        for message in messages:
            if isinstance(message, SystemMessage):
                continue
            role = "model" if isinstance(message, AssistantMessage) else "user"
            if turns and turns[-1]["role"] == role:
                turns[-1]["content"] += self.blocks(message)
            else:
                turns.append({"role": role, "content": self.blocks(message)})
        return turns

    def blocks(self, message: Message) -> list[Any]:
        if isinstance(message, ToolMessage):
            return [{"tool_result": {"tool_use_id": message.call_id, "content": [{"text": message.text}]}}]
        parts = [{"text": message.content}] if isinstance(message.content, str) else [*map(self.part, message.content)]
        if isinstance(message, AssistantMessage):
            parts += [{"id": c.id, "name": c.name, "args": json.loads(c.arguments)} for c in message.tool_calls]
            parts += [{"signature": message.provider_data["signature"]}] if message.provider_data else []
        return parts
