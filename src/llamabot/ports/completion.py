"""The completion port: one request to a language model, answered whole or in fragments.

A stream is a sequence of `CompletionChunk`s whose meaning is given by `llamabot.ports.assembly`: putting the chunks
together gives the same `Completion` that `complete` would have returned.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

import msgspec

from llamabot.ports.messages import AssistantMessage, Message
from llamabot.ports.tools import ToolSpec

__all__ = [
    "CONNECTION_OPTIONS",
    "NO_USAGE",
    "AsyncCompletionPort",
    "Completion",
    "CompletionChunk",
    "CompletionPort",
    "CompletionRequest",
    "FinishReason",
    "ModelCapabilities",
    "OutputSchema",
    "ToolCallFragment",
    "Usage",
]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one completion, or the sum of several.

    Attributes:
        prompt_tokens: all tokens that were sent, cached ones included.
        completion_tokens: all tokens that were generated, reasoning included.
        cached_tokens: those of `prompt_tokens` that the provider had cached.
        reasoning_tokens: those of `completion_tokens` that were reasoning.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


NO_USAGE = Usage()


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


class OutputSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JSON schema that the answer must fit; its root is an object.

    Attributes:
        strict: every object of it requires all of its properties and allows no other, which is what providers ask of a
            schema before they hold a model to it to the letter.
    """

    name: str
    schema: Mapping[str, Any]
    strict: bool = False


CONNECTION_OPTIONS = frozenset(
    {"api_base", "api_type", "api_version", "base_url", "organization", "output_schema", "timeout"}
)
"""Options that say where the provider is, how it is reached and what it can, and nothing of what the model is asked."""

ToolChoice: TypeAlias = str
"""`auto`, `required`, `none`, or the name of a tool."""


class CompletionRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a provider is asked, without any secret.

    Attributes:
        model: the model's name in the words of the adapter; "" where the adapter has a model of its own.
        messages: the conversation, oldest first.
        tools: the tools the model may call.
        tool_choice: `auto`, `required`, `none`, or the name of a tool.
        output: the schema the answer must fit, for models known to take one.
        temperature: sent only if given.
        max_tokens: most tokens to generate; sent only if given.
        timeout_s: longest wait for the answer, or for the next fragment of a stream.
        options: what the adapter passes on as given. Keys and auth headers are not here: they are bound to the
            adapter by `with_secrets`.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    output: OutputSchema | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_s: float = 600.0
    options: Mapping[str, Any] = {}


class Completion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole answer.

    Attributes:
        usage: tokens, or None where the provider did not count them.
        cost_usd: None where the price is unknown, never 0 for unknown.
        model: the model that answered, as the provider names it.
        from_cache: nobody was asked now: the tokens are those of when somebody was, and the cost is 0.
    """

    message: AssistantMessage
    finish_reason: FinishReason
    usage: Usage | None = None
    cost_usd: float | None = None
    model: str | None = None
    from_cache: bool = False


class ToolCallFragment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a call; pieces of one call share its index.

    Attributes:
        index: position among the calls of the message, from 0.
        id: given with the call's first piece.
        name: given with the call's first piece.
        arguments: appended to what came before.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class CompletionChunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fragment of an answer; every field is optional.

    `text`, `reasoning` and the calls' arguments are appended. Of `usage`, `cost_usd`, `model` and `finish_reason`
    the last one given counts. `provider_data` is merged key by key, later values winning. `from_cache` in one of them
    is said of the whole.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallFragment, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    model: str | None = None
    provider_data: Mapping[str, Any] | None = None
    from_cache: bool = False


class ModelCapabilities(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an adapter knows of a model; None is unknown.

    Attributes:
        output_schema: whether the provider takes a JSON schema and holds the model to it.
        priced: whether completions of this model come with their cost.
        usd_per_prompt_token: its list price, US dollars.
        usd_per_completion_token: likewise.
    """

    output_schema: bool | None = None
    priced: bool | None = None
    usd_per_prompt_token: float | None = None
    usd_per_completion_token: float | None = None


class CompletionPort(Protocol):
    """Answers requests on the caller's thread.

    Makes exactly one request a call and never retries. Raises `CompletionError` and its kinds, `MissingExtra` and
    `ConfigurationError`, never an error of a vendor. Safe to call from several threads.

    An adapter may also have `with_secrets(secrets) -> CompletionPort`, which returns a copy that authorises its
    requests with them. A bot whose options hold secrets calls it; an adapter without it gets none.

    It may have `identity: str` too: its name with all that changes its answers beside the request, and nothing secret.
    A cache tells adapters apart by it, and takes the name of the class where there is none.
    """

    def complete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer. An empty answer is legal; its text is ""."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        """Yield the answer in fragments, as they arrive.

        The request is made at the first `next`. If the iterator has `close`, closing it stops the provider.

        Raises:
            StreamTruncated: the stream ended with no finish reason; `partial` holds what had arrived.

        Law: `assemble(stream(request))` equals `complete(request)` for a deterministic model.
        """

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what is known of a model without asking the network. Never raises for an unknown one."""


class AsyncCompletionPort(Protocol):
    """Answers requests without blocking the event loop; otherwise as `CompletionPort`.

    Cancelling the task stops the provider. Safe under several event loops, successive or simultaneous.
    """

    async def acomplete(self, request: CompletionRequest) -> Completion:
        """Return the whole answer."""

    def astream(self, request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        """Yield the answer in fragments; `aclose`, if there, stops the provider."""

    def capabilities(self, model: str) -> ModelCapabilities:
        """Say what is known of a model without asking the network."""
