"""LlamaBot: bots on language models.

    import llamabot as lmb

    bot = lmb.SimpleBot("You are Feynman.", model="ollama_chat/qwen3")
    print(bot("Explain QED"))

Names are loaded when they are first used: importing this package reads no file and no environment, opens nothing and
loads nothing heavy.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from llamabot.ports.provider import set_provider_factory

if TYPE_CHECKING:
    from llamabot.adapters.fake.memory import ChatMemory
    from llamabot.adapters.fake.recorder import InMemoryRecorder
    from llamabot.adapters.litellm import LiteLLMCompletion
    from llamabot.adapters.llamacpp import EmbeddedCompletion
    from llamabot.adapters.sqlite.memory import SqliteMemory
    from llamabot.adapters.sqlite.recorder import SqliteRecorder
    from llamabot.app.container import Container
    from llamabot.app.provider import configure, recorder
    from llamabot.domain.limits import Limits
    from llamabot.domain.messages import assistant, developer, from_json, image, system, to_json, user
    from llamabot.domain.result import AttemptRejected, Finished, ReasoningDelta, Result, StreamEvent, TextDelta
    from llamabot.domain.simple import AsyncSimpleBot, SimpleBot
    from llamabot.domain.span import span
    from llamabot.domain.structured import AsyncStructuredBot, StructuredBot
    from llamabot.domain.trace import RunTrace, read_trace
    from llamabot.ports import errors
    from llamabot.ports.completion import (
        Completion,
        CompletionChunk,
        CompletionRequest,
        FinishReason,
        ModelCapabilities,
        Usage,
    )
    from llamabot.ports.messages import (
        AssistantMessage,
        DeveloperMessage,
        Image,
        Message,
        SystemMessage,
        Text,
        ToolMessage,
        UserMessage,
    )
    from llamabot.ports.provider import override
    from llamabot.ports.secrets import Secret
    from llamabot.ports.tools import ToolCall, ToolSpec

_HOMES = {
    "AssistantMessage": "llamabot.ports.messages",
    "AsyncSimpleBot": "llamabot.domain.simple",
    "AsyncStructuredBot": "llamabot.domain.structured",
    "AttemptRejected": "llamabot.domain.result",
    "ChatMemory": "llamabot.adapters.fake.memory",
    "Completion": "llamabot.ports.completion",
    "CompletionChunk": "llamabot.ports.completion",
    "CompletionRequest": "llamabot.ports.completion",
    "Container": "llamabot.app.container",
    "DeveloperMessage": "llamabot.ports.messages",
    "EmbeddedCompletion": "llamabot.adapters.llamacpp",
    "FinishReason": "llamabot.ports.completion",
    "Finished": "llamabot.domain.result",
    "Image": "llamabot.ports.messages",
    "InMemoryRecorder": "llamabot.adapters.fake.recorder",
    "Limits": "llamabot.domain.limits",
    "LiteLLMCompletion": "llamabot.adapters.litellm",
    "Message": "llamabot.ports.messages",
    "ModelCapabilities": "llamabot.ports.completion",
    "ReasoningDelta": "llamabot.domain.result",
    "Result": "llamabot.domain.result",
    "RunTrace": "llamabot.domain.trace",
    "Secret": "llamabot.ports.secrets",
    "SimpleBot": "llamabot.domain.simple",
    "SqliteMemory": "llamabot.adapters.sqlite.memory",
    "SqliteRecorder": "llamabot.adapters.sqlite.recorder",
    "StreamEvent": "llamabot.domain.result",
    "StructuredBot": "llamabot.domain.structured",
    "SystemMessage": "llamabot.ports.messages",
    "Text": "llamabot.ports.messages",
    "TextDelta": "llamabot.domain.result",
    "ToolCall": "llamabot.ports.tools",
    "ToolMessage": "llamabot.ports.messages",
    "ToolSpec": "llamabot.ports.tools",
    "Usage": "llamabot.ports.completion",
    "UserMessage": "llamabot.ports.messages",
    "assistant": "llamabot.domain.messages",
    "configure": "llamabot.app.provider",
    "developer": "llamabot.domain.messages",
    "errors": "llamabot.ports.errors",
    "from_json": "llamabot.domain.messages",
    "image": "llamabot.domain.messages",
    "override": "llamabot.ports.provider",
    "read_trace": "llamabot.domain.trace",
    "recorder": "llamabot.app.provider",
    "span": "llamabot.domain.span",
    "system": "llamabot.domain.messages",
    "to_json": "llamabot.domain.messages",
    "user": "llamabot.domain.messages",
}

__all__ = [
    "AssistantMessage",
    "AsyncSimpleBot",
    "AsyncStructuredBot",
    "AttemptRejected",
    "ChatMemory",
    "Completion",
    "CompletionChunk",
    "CompletionRequest",
    "Container",
    "DeveloperMessage",
    "EmbeddedCompletion",
    "FinishReason",
    "Finished",
    "Image",
    "InMemoryRecorder",
    "Limits",
    "LiteLLMCompletion",
    "Message",
    "ModelCapabilities",
    "ReasoningDelta",
    "Result",
    "RunTrace",
    "Secret",
    "SimpleBot",
    "SqliteMemory",
    "SqliteRecorder",
    "StreamEvent",
    "StructuredBot",
    "SystemMessage",
    "Text",
    "TextDelta",
    "ToolCall",
    "ToolMessage",
    "ToolSpec",
    "Usage",
    "UserMessage",
    "assistant",
    "configure",
    "developer",
    "errors",
    "from_json",
    "image",
    "override",
    "read_trace",
    "recorder",
    "span",
    "system",
    "to_json",
    "user",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llamabot' has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if name == "errors" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]


def _default_provider() -> Any:
    from llamabot.app.provider import AppProvider

    return AppProvider()


logging.getLogger(__name__).addHandler(logging.NullHandler())
set_provider_factory(_default_provider)
