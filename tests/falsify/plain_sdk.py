"""A right adapter of a client that takes a dict and returns dicts; the wrong ones differ from it in one thing."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from tests.falsify.plain_completion import ERRORS, VendorError

from llamabot.ports.assembly import Assembler, assemble
from llamabot.ports.completion import (
    Completion,
    CompletionChunk,
    CompletionRequest,
    FinishReason,
    ModelCapabilities,
    ToolCallFragment,
    Usage,
)
from llamabot.ports.errors import CompletionTimeout
from llamabot.ports.messages import AssistantMessage, Image, Message, Part, Text, ToolMessage
from llamabot.ports.secrets import Secrets
from llamabot.ports.tools import ToolCall

__all__ = ["Sdk", "SdkCompletion", "SdkHooks"]

Json = dict[str, Any]

REASONS = {
    "stop": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "blocked": FinishReason.CONTENT_FILTER,
    "paused": FinishReason.OTHER,
}
WORDS = {reason: word for word, reason in REASONS.items()}


class Sdk:
    """The vendor's client: one method, which returns an answer or yields events, and raises errors of its own."""

    def __init__(self, chunks: Iterable[CompletionChunk] | None = None, status: int = 200) -> None:
        self.chunks = chunks
        self.status = status
        self.bodies: list[Json] = []

    def chat(self, body: Json, timeout_s: float) -> Any:
        """Return the answer, or an iterator of its events where the body says `stream`."""
        self.bodies.append(json.loads(json.dumps(body)))
        if timeout_s < 0.01:
            raise TimeoutError("timed out")
        if self.status != 200:
            raise VendorError(self.status)
        chunks = self._echo(body) if self.chunks is None else self.chunks
        return map(_event, chunks) if body.get("stream") else _answer(assemble(chunks))

    def _echo(self, body: Json) -> list[CompletionChunk]:
        words = f"You said: {body['messages'][-1]['content']}".split(" ")
        ends = CompletionChunk(finish_reason=FinishReason.STOP, provider_data={"signature": "s-1"})
        return [*(CompletionChunk(text=f"{word} ") for word in words), ends]


def _event(chunk: CompletionChunk) -> Json:
    """Say a chunk in the vendor's words: a field that has nothing is None."""
    calls = [{"index": c.index, "id": c.id, "name": c.name, "input": c.arguments} for c in chunk.tool_calls]
    return {
        "text": chunk.text or None,
        "thinking": chunk.reasoning or None,
        "tool_calls": calls or None,
        "stop_reason": WORDS[chunk.finish_reason] if chunk.finish_reason else None,
        "usage": _counts(chunk.usage),
        "signature": (chunk.provider_data or {}).get("signature"),
    }


def _answer(completion: Completion) -> Json:
    message = completion.message
    calls = [{"id": call.id, "name": call.name, "input": call.arguments} for call in message.tool_calls]
    return {
        "text": message.text or None,
        "thinking": message.reasoning or None,
        "tool_calls": calls or None,
        "stop_reason": WORDS[completion.finish_reason],
        "usage": _counts(completion.usage),
        "signature": (message.provider_data or {}).get("signature"),
    }


def _counts(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    cached, thought = usage.cached_tokens, usage.reasoning_tokens
    return {"in": usage.prompt_tokens, "out": usage.completion_tokens, "cached": cached, "thought": thought}


class SdkCompletion:
    """Serves both colours, and does nothing wrong."""

    def __init__(self, client: Sdk) -> None:
        self.client = client
        self.key = ""

    def with_secrets(self, secrets: Secrets) -> SdkCompletion:
        keyed = type(self)(self.client)
        keyed.key = str(secrets.merged_into({}).get("api_key", ""))
        return keyed

    def complete(self, request: CompletionRequest) -> Completion:
        return self.completion(self.asked(self.body(request, stream=False), request))

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        assembler = Assembler()
        for event in self.asked(self.body(request, stream=True), request):
            chunk = self.chunk(event)
            assembler.feed(chunk)
            yield chunk
        assembler.completion()

    async def acomplete(self, request: CompletionRequest) -> Completion:
        await asyncio.sleep(0)
        return self.complete(request)

    async def astream(self, request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        for chunk in self.stream(request):
            await asyncio.sleep(0)
            yield chunk

    def capabilities(self, model: str) -> ModelCapabilities:
        return ModelCapabilities(output_schema=True)

    def asked(self, body: Json, request: CompletionRequest) -> Any:
        """Ask the vendor; its errors become ours."""
        try:
            return self.client.chat(body, request.timeout_s)
        except VendorError as error:
            raise ERRORS[error.status](f"the vendor: {error}", status_code=error.status) from error
        except TimeoutError as error:
            raise CompletionTimeout("no answer in time") from error

    def body(self, request: CompletionRequest, *, stream: bool) -> Json:
        """Say a request in the vendor's words."""
        body: Json = {
            "model": request.model,
            "messages": [self.turn(message) for message in request.messages],
            "stream": stream,
            **request.options,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        if request.tools:
            body["tools"] = [
                {"name": tool.name, "description": tool.description, "schema": dict(tool.parameters)}
                for tool in request.tools
            ]
            body["tool_choice"] = request.tool_choice
        if request.output is not None:
            body["format"] = dict(request.output.schema)
        return body

    def turn(self, message: Message) -> Json:
        """Say a message in the vendor's words."""
        if isinstance(message, AssistantMessage):
            calls = [{"id": call.id, "name": call.name, "input": call.arguments} for call in message.tool_calls]
            own = message.provider_data or {}
            return {"role": "assistant", "content": message.text, "tool_calls": calls, **own}
        if isinstance(message, ToolMessage):
            return {"role": "tool", "content": message.text, "answers": message.call_id}
        content = message.content
        role = message.__struct_config__.tag
        return {"role": role, "content": content if isinstance(content, str) else [self.part(one) for one in content]}

    def part(self, part: Part) -> Json:
        """Say a text or a picture in the vendor's words."""
        match part:
            case Text(text):
                return {"text": text}
            case Image(data=None, url=url):
                return {"url": url}
            case _:
                return {"base64": base64.b64encode(part.data or b"").decode(), "type": part.media_type}

    def completion(self, answer: Json) -> Completion:
        """Read an answer."""
        signature = answer["signature"]
        message = AssistantMessage(
            answer["text"] or "",
            tool_calls=tuple(self.call(call) for call in answer["tool_calls"] or ()),
            reasoning=answer["thinking"],
            provider_data={"signature": signature} if signature else None,
        )
        return Completion(message, self.reason(answer["stop_reason"]), self.usage(answer["usage"]))

    def chunk(self, event: Json) -> CompletionChunk:
        """Read an event of a stream."""
        signature = event["signature"]
        return CompletionChunk(
            text=event["text"] or "",
            reasoning=event["thinking"] or "",
            tool_calls=tuple(self.piece(call) for call in event["tool_calls"] or ()),
            finish_reason=self.reason(event["stop_reason"]) if event["stop_reason"] else None,
            usage=self.usage(event["usage"]),
            provider_data={"signature": signature} if signature else None,
        )

    def call(self, call: Json) -> ToolCall:
        return ToolCall(call["id"], call["name"], call["input"])

    def piece(self, call: Json) -> ToolCallFragment:
        return ToolCallFragment(call["index"], call["id"], call["name"], call["input"])

    def reason(self, word: str) -> FinishReason:
        return REASONS[word]

    def usage(self, counts: Json | None) -> Usage | None:
        return Usage(counts["in"], counts["out"], counts["cached"], counts["thought"]) if counts else None


class SdkHooks:
    """What both contracts of completions are told."""

    adapter: Any
    examples = 60

    def make(self) -> Any:
        return self.adapter(Sdk())

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return self.adapter(Sdk(chunks))

    def make_live(self, chunks: Iterator[CompletionChunk]) -> Any:
        return self.adapter(Sdk(chunks))

    def make_failing(self, status: int) -> Any:
        return self.adapter(Sdk(status=status))

    def requests_made(self, port: Any) -> int:
        return len(port.client.bodies)

    def sent(self, port: Any) -> Any:
        return port.client.bodies[-1]
