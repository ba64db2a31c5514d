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
    from llamabot.adapters.litellm import LiteLLMCompletion, LiteLLMEmbedding
    from llamabot.adapters.llamacpp import EmbeddedCompletion
    from llamabot.adapters.loaders import FileLoader
    from llamabot.adapters.local import LocalToolbox, tool
    from llamabot.adapters.mcp import McpToolbox
    from llamabot.adapters.onnx import OnnxEmbedding
    from llamabot.adapters.splitting import SemanticSplitter
    from llamabot.adapters.sqlite.memory import SqliteMemory
    from llamabot.adapters.sqlite.recorder import SqliteRecorder
    from llamabot.adapters.wire.completion import WireCompletion
    from llamabot.adapters.wire.embedding import WireEmbedding
    from llamabot.adapters.wrap.fallback import Fallback
    from llamabot.adapters.wrap.retry import Retry
    from llamabot.app.container import Container
    from llamabot.app.decorators import Budget, Cache, RateLimit
    from llamabot.app.docstores import FaissDocStore
    from llamabot.app.ingest import IngestFailure, IngestProgress, IngestReport, aingest, ingest
    from llamabot.app.provider import aclose, close, configure, recorder
    from llamabot.domain import effects
    from llamabot.domain.agent import AgentBot, AsyncAgentBot
    from llamabot.domain.answer import Answer
    from llamabot.domain.approvals import Approved, Denied
    from llamabot.domain.graph.nodes import DecideNode, EndNode, ToolNode, ToolsNode
    from llamabot.domain.graph.state import AgentState
    from llamabot.domain.limits import Limits
    from llamabot.domain.mapping.item import MapItem
    from llamabot.domain.messages import assistant, developer, from_json, image, system, to_json, user
    from llamabot.domain.querybot import AsyncQueryBot, QueryBot
    from llamabot.domain.result import (
        AttemptRejected,
        Decided,
        Finished,
        ReasoningDelta,
        Result,
        Retrieved,
        StreamEvent,
        TextDelta,
        ToolFinished,
        ToolStarted,
        ValueNotKept,
    )
    from llamabot.domain.retrieval_tool import retrieval_tool
    from llamabot.domain.simple import AsyncSimpleBot, SimpleBot
    from llamabot.domain.span import span
    from llamabot.domain.structured import AsyncStructuredBot, StructuredBot
    from llamabot.domain.toolbot import AsyncToolBot, ToolBot
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
    from llamabot.ports.docstore import AddReport
    from llamabot.ports.documents import Document, Match, Passage, Place, Section
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
    from llamabot.ports.progress import MapProgress
    from llamabot.ports.provider import override
    from llamabot.ports.retrying import RetryPolicy
    from llamabot.ports.secrets import Secret
    from llamabot.ports.tools import RunContext, StopRun, Tool, ToolCall, ToolResult, ToolSpec

_MODULES = ("effects", "errors")
_HOMES = {
    "AddReport": "llamabot.ports.docstore",
    "AgentBot": "llamabot.domain.agent",
    "AgentState": "llamabot.domain.graph.state",
    "Answer": "llamabot.domain.answer",
    "Approved": "llamabot.domain.approvals",
    "AssistantMessage": "llamabot.ports.messages",
    "AsyncAgentBot": "llamabot.domain.agent",
    "AsyncQueryBot": "llamabot.domain.querybot",
    "AsyncSimpleBot": "llamabot.domain.simple",
    "AsyncStructuredBot": "llamabot.domain.structured",
    "AsyncToolBot": "llamabot.domain.toolbot",
    "AttemptRejected": "llamabot.domain.result",
    "Budget": "llamabot.app.decorators",
    "Cache": "llamabot.app.decorators",
    "ChatMemory": "llamabot.adapters.fake.memory",
    "Completion": "llamabot.ports.completion",
    "CompletionChunk": "llamabot.ports.completion",
    "CompletionRequest": "llamabot.ports.completion",
    "Container": "llamabot.app.container",
    "DecideNode": "llamabot.domain.graph.nodes",
    "Decided": "llamabot.domain.result",
    "Denied": "llamabot.domain.approvals",
    "DeveloperMessage": "llamabot.ports.messages",
    "Document": "llamabot.ports.documents",
    "EmbeddedCompletion": "llamabot.adapters.llamacpp",
    "EndNode": "llamabot.domain.graph.nodes",
    "FaissDocStore": "llamabot.app.docstores",
    "Fallback": "llamabot.adapters.wrap.fallback",
    "FileLoader": "llamabot.adapters.loaders",
    "FinishReason": "llamabot.ports.completion",
    "Finished": "llamabot.domain.result",
    "Image": "llamabot.ports.messages",
    "InMemoryRecorder": "llamabot.adapters.fake.recorder",
    "IngestFailure": "llamabot.app.ingest",
    "IngestProgress": "llamabot.app.ingest",
    "IngestReport": "llamabot.app.ingest",
    "Limits": "llamabot.domain.limits",
    "LiteLLMCompletion": "llamabot.adapters.litellm",
    "LiteLLMEmbedding": "llamabot.adapters.litellm",
    "LocalToolbox": "llamabot.adapters.local",
    "MapItem": "llamabot.domain.mapping.item",
    "MapProgress": "llamabot.ports.progress",
    "Match": "llamabot.ports.documents",
    "McpToolbox": "llamabot.adapters.mcp",
    "Message": "llamabot.ports.messages",
    "ModelCapabilities": "llamabot.ports.completion",
    "OnnxEmbedding": "llamabot.adapters.onnx",
    "Passage": "llamabot.ports.documents",
    "Place": "llamabot.ports.documents",
    "QueryBot": "llamabot.domain.querybot",
    "RateLimit": "llamabot.app.decorators",
    "ReasoningDelta": "llamabot.domain.result",
    "Result": "llamabot.domain.result",
    "Retrieved": "llamabot.domain.result",
    "Retry": "llamabot.adapters.wrap.retry",
    "RetryPolicy": "llamabot.ports.retrying",
    "RunContext": "llamabot.ports.tools",
    "RunTrace": "llamabot.domain.trace",
    "Secret": "llamabot.ports.secrets",
    "Section": "llamabot.ports.documents",
    "SemanticSplitter": "llamabot.adapters.splitting",
    "SimpleBot": "llamabot.domain.simple",
    "SqliteMemory": "llamabot.adapters.sqlite.memory",
    "SqliteRecorder": "llamabot.adapters.sqlite.recorder",
    "StopRun": "llamabot.ports.tools",
    "StreamEvent": "llamabot.domain.result",
    "StructuredBot": "llamabot.domain.structured",
    "SystemMessage": "llamabot.ports.messages",
    "Text": "llamabot.ports.messages",
    "TextDelta": "llamabot.domain.result",
    "Tool": "llamabot.ports.tools",
    "ToolBot": "llamabot.domain.toolbot",
    "ToolCall": "llamabot.ports.tools",
    "ToolFinished": "llamabot.domain.result",
    "ToolMessage": "llamabot.ports.messages",
    "ToolNode": "llamabot.domain.graph.nodes",
    "ToolResult": "llamabot.ports.tools",
    "ToolSpec": "llamabot.ports.tools",
    "ToolStarted": "llamabot.domain.result",
    "ToolsNode": "llamabot.domain.graph.nodes",
    "Usage": "llamabot.ports.completion",
    "UserMessage": "llamabot.ports.messages",
    "ValueNotKept": "llamabot.domain.result",
    "WireCompletion": "llamabot.adapters.wire.completion",
    "WireEmbedding": "llamabot.adapters.wire.embedding",
    "aclose": "llamabot.app.provider",
    "aingest": "llamabot.app.ingest",
    "assistant": "llamabot.domain.messages",
    "close": "llamabot.app.provider",
    "configure": "llamabot.app.provider",
    "developer": "llamabot.domain.messages",
    "effects": "llamabot.domain.effects",
    "errors": "llamabot.ports.errors",
    "from_json": "llamabot.domain.messages",
    "image": "llamabot.domain.messages",
    "ingest": "llamabot.app.ingest",
    "override": "llamabot.ports.provider",
    "read_trace": "llamabot.domain.trace",
    "recorder": "llamabot.app.provider",
    "retrieval_tool": "llamabot.domain.retrieval_tool",
    "span": "llamabot.domain.span",
    "system": "llamabot.domain.messages",
    "to_json": "llamabot.domain.messages",
    "tool": "llamabot.adapters.local",
    "user": "llamabot.domain.messages",
}

__all__ = [
    "AddReport",
    "AgentBot",
    "AgentState",
    "Answer",
    "Approved",
    "AssistantMessage",
    "AsyncAgentBot",
    "AsyncQueryBot",
    "AsyncSimpleBot",
    "AsyncStructuredBot",
    "AsyncToolBot",
    "AttemptRejected",
    "Budget",
    "Cache",
    "ChatMemory",
    "Completion",
    "CompletionChunk",
    "CompletionRequest",
    "Container",
    "DecideNode",
    "Decided",
    "Denied",
    "DeveloperMessage",
    "Document",
    "EmbeddedCompletion",
    "EndNode",
    "FaissDocStore",
    "Fallback",
    "FileLoader",
    "FinishReason",
    "Finished",
    "Image",
    "InMemoryRecorder",
    "IngestFailure",
    "IngestProgress",
    "IngestReport",
    "Limits",
    "LiteLLMCompletion",
    "LiteLLMEmbedding",
    "LocalToolbox",
    "MapItem",
    "MapProgress",
    "Match",
    "McpToolbox",
    "Message",
    "ModelCapabilities",
    "OnnxEmbedding",
    "Passage",
    "Place",
    "QueryBot",
    "RateLimit",
    "ReasoningDelta",
    "Result",
    "Retrieved",
    "Retry",
    "RetryPolicy",
    "RunContext",
    "RunTrace",
    "Secret",
    "Section",
    "SemanticSplitter",
    "SimpleBot",
    "SqliteMemory",
    "SqliteRecorder",
    "StopRun",
    "StreamEvent",
    "StructuredBot",
    "SystemMessage",
    "Text",
    "TextDelta",
    "Tool",
    "ToolBot",
    "ToolCall",
    "ToolFinished",
    "ToolMessage",
    "ToolNode",
    "ToolResult",
    "ToolSpec",
    "ToolStarted",
    "ToolsNode",
    "Usage",
    "UserMessage",
    "ValueNotKept",
    "WireCompletion",
    "WireEmbedding",
    "aclose",
    "aingest",
    "assistant",
    "close",
    "configure",
    "developer",
    "effects",
    "errors",
    "from_json",
    "image",
    "ingest",
    "override",
    "read_trace",
    "recorder",
    "retrieval_tool",
    "span",
    "system",
    "to_json",
    "tool",
    "user",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llamabot' has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]


def _default_provider() -> Any:
    from llamabot.app.provider import AppProvider

    return AppProvider()


logging.getLogger(__name__).addHandler(logging.NullHandler())
set_provider_factory(_default_provider)
