"""Adapters of a vendor's client that read its answers wrongly, or ask it in a wrong way, with one bug each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.falsify.plain_completion import replaced
from tests.falsify.plain_sdk import REASONS, Json, SdkCompletion, SdkHooks
from tests.falsify.wrong import wrong

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, FinishReason
from llamabot.ports.errors import AuthenticationFailed, CompletionError, CompletionTimeout
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.secrets import Secrets
from llamabot.ports.tools import ToolCall
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract

sync = wrong(SdkHooks, CompletionContract)
awaited = wrong(SdkHooks, AsyncCompletionContract)


@sync
class UsageBesideTheText(SdkCompletion):
    """Skips events without text, reasoning, calls or a reason, and so the last one, which counts the tokens."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        return (chunk for chunk in super().stream(request) if replaced(chunk, usage=None) != CompletionChunk())


@sync
class BlockedIsWell(SdkCompletion):
    """Says `stop` for an answer that the vendor's filter has ended."""

    def reason(self, word: str) -> FinishReason:
        return {**REASONS, "blocked": FinishReason.STOP}[word]


@sync
class NewReasonRaises(SdkCompletion):
    """Looks reasons up in a table of its own, and raises for one that is not in it."""

    def reason(self, word: str) -> FinishReason:
        return FinishReason(word) if word == "stop" else REASONS[{"paused": "pause"}.get(word, word)]


@sync
class ArgumentsAsADict(SdkCompletion):
    """Gives the arguments of a call as the dict that they are, not as JSON text."""

    def call(self, call: Json) -> ToolCall:
        arguments: Any = json.loads(call["input"])
        return ToolCall(call["id"], call["name"], arguments)


@sync
class NothingIsNone(SdkCompletion):
    """Gives None for the text of an answer that has calls alone."""

    def completion(self, answer: Json) -> Completion:
        completion = super().completion(answer)
        content: Any = answer["text"]
        return replaced(completion, message=replaced(completion.message, content=content))


@sync
class TimeOutsAskedAgain(SdkCompletion):
    """Leaves the client's own retries on: what has timed out is asked twice more."""

    def asked(self, body: Json, request: CompletionRequest) -> Any:
        for _ in range(2):
            try:
                return super().asked(body, request)
            except CompletionTimeout:
                time.sleep(0.001)
        return super().asked(body, request)


@sync
class ReadsInItself(SdkCompletion):
    """Keeps what it has read of an answer in itself, where another thread reads on."""

    def complete(self, request: CompletionRequest) -> Completion:
        self.read = Assembler()
        for event in self.asked(self.body(request, stream=True), request):
            self.read.feed(self.chunk(event))
            time.sleep(0.001)  # as long as a network takes
        return self.read.completion()


@sync
class OneAhead(SdkCompletion):
    """Reads one event ahead, to see whether it is the last one."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        held: list[CompletionChunk] = []
        for chunk in super().stream(request):
            yield from held
            held = [chunk]
        yield from held


@sync
class AllAtTheEnd(SdkCompletion):
    """Reads a stream to its end, and then hands it out piece by piece."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        yield from list(super().stream(request))


@awaited
class TwinAllAtTheEnd(SdkCompletion):
    """Gathers a stream as a whole, and then hands it out piece by piece."""

    async def astream(self, request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        chunks = [chunk async for chunk in super().astream(request)]
        for chunk in chunks:
            yield chunk


@sync
class KeyInTheError(SdkCompletion):
    """Says in the error of a refused key which key it was."""

    def asked(self, body: Json, request: CompletionRequest) -> Any:
        try:
            return super().asked(body, request)
        except AuthenticationFailed as error:
            raise AuthenticationFailed(f"{error}: {self.key}", status_code=error.status_code) from error


@sync
class KeyInTheBody(SdkCompletion):
    """Writes the key among the options, which a log of requests keeps."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        own = {"authorized_by": self.key} if self.key else completion.message.provider_data
        return replaced(completion, message=replaced(completion.message, provider_data=own))


@sync
class KeyShared(SdkCompletion):
    """Binds a key to itself, and so to all bots that share it."""

    def with_secrets(self, secrets: Secrets) -> SdkCompletion:
        self.key = str(secrets.merged_into({}).get("api_key", ""))
        return self


@sync
class KeyShown(SdkCompletion):
    """Shows its key where it is printed."""

    def __repr__(self) -> str:
        return f"SdkCompletion(key={self.key!r})"


@sync
class ErrorsAsAnswers(SdkCompletion):
    """Answers with an apology where the vendor is unavailable."""

    def complete(self, request: CompletionRequest) -> Completion:
        try:
            return super().complete(request)
        except CompletionError:
            return Completion(AssistantMessage("I am sorry."), FinishReason.STOP)


@awaited
class CancelledIsTheEnd(SdkCompletion):
    """Takes a cancellation for the end of the stream."""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            return Completion(AssistantMessage(""), FinishReason.OTHER)
        return self.complete(request)
