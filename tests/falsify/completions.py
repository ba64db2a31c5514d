"""Completion adapters that are wrong."""

from __future__ import annotations

import asyncio
import json
import threading
import unicodedata
from collections.abc import Iterator
from itertools import chain
from typing import Any

from tests.falsify.plain_completion import CompletionHooks, PlainCompletion, Vendor, VendorError, replaced
from tests.falsify.wrong import wrong

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import NO_USAGE, Completion, CompletionChunk, CompletionRequest, FinishReason
from llamabot.ports.errors import CompletionTimeout, ProviderUnavailable
from llamabot.testing.contracts import CompletionContract

sync = wrong(CompletionHooks, CompletionContract)


@sync
class ToolIdLost(PlainCompletion):
    """Numbers the calls itself instead of keeping their ids."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        for chunk in super().received(request):
            calls = (replaced(call, id=call.id and f"call_{call.index}") for call in chunk.tool_calls)
            yield replaced(chunk, tool_calls=tuple(calls))


@sync
class UsageCountedTwice(PlainCompletion):
    """Adds up the usages of all chunks, though each of them counts all so far."""

    def complete(self, request: CompletionRequest) -> Completion:
        usages = []
        assembler = Assembler()
        for chunk in self.received(request):
            assembler.feed(chunk)
            usages += [chunk.usage] if chunk.usage else []
        return replaced(assembler.completion(), usage=sum(usages, NO_USAGE) if usages else None)


@sync
class UsageOfNoughts(PlainCompletion):
    """Tells noughts where the vendor has counted nothing."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        return replaced(completion, usage=completion.usage or NO_USAGE)


@sync
class CostsNothing(PlainCompletion):
    """Says that an answer with an unknown price has cost 0."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        return replaced(completion, cost_usd=completion.cost_usd or 0.0)


@sync
class CachedTokensLost(PlainCompletion):
    """Reads two numbers of the usage, and leaves out the cached and the reasoning tokens."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        for chunk in super().received(request):
            yield replaced(chunk, usage=chunk.usage and replaced(chunk.usage, cached_tokens=0, reasoning_tokens=0))


@sync
class CallsOfTheLastAnswer(PlainCompletion):
    """Gathers tool calls in a list of the adapter, which every answer shares."""

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self.calls: list[Any] = []

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        self.calls += completion.message.tool_calls
        return replaced(completion, message=replaced(completion.message, tool_calls=tuple(self.calls)))


@sync
class AsksAgain(PlainCompletion):
    """Asks a second time where the vendor is unavailable."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        try:
            return super().received(request)
        except ProviderUnavailable:
            return super().received(request)


@sync
class RateLimitIsAnOutage(PlainCompletion):
    """Takes 429 for an outage as every status from 402 on."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        if self.vendor.status > 401:
            self.vendor.requests += 1
            raise ProviderUnavailable("no answer", status_code=self.vendor.status)
        return super().received(request)


@sync
class VendorErrorOut(PlainCompletion):
    """Lets the vendor's own exception out for a status that it has not heard of."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        if self.vendor.status == 503:
            self.vendor.requests += 1
            raise VendorError(503)
        return super().received(request)


@sync
class StatusForgotten(PlainCompletion):
    """Translates a failure, and forgets its status."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        try:
            return super().received(request)
        except ProviderUnavailable as error:
            raise ProviderUnavailable(str(error)) from error


@sync
class TrimmedAnswer(PlainCompletion):
    """Trims the white space of a whole answer."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        return replaced(completion, message=replaced(completion.message, content=completion.message.text.strip()))


@sync
class CallsInTheOrderOfTheirNames(PlainCompletion):
    """Sorts the calls of a whole answer."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        calls = tuple(sorted(completion.message.tool_calls, key=lambda call: call.name))
        return replaced(completion, message=replaced(completion.message, tool_calls=calls))


@sync
class OptionsTakenOut(PlainCompletion):
    """Takes out of the request's own options what it has used of them."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        options: Any = request.options
        options.clear()
        return super().received(request)


@sync
class UnknownModelRaises(PlainCompletion):
    """Looks a model's capabilities up in a table, and raises where it is not in it."""

    def capabilities(self, model: str) -> Any:
        return {"good": super().capabilities(model)}[model]


@sync
class TimeoutOut(PlainCompletion):
    """Lets the socket's time-out out."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        try:
            return super().received(request)
        except CompletionTimeout as error:
            raise TimeoutError(str(error)) from error


@sync
class ErrorStaysHere(PlainCompletion):
    """Raises errors that hold a lock, and cannot be pickled."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        try:
            return super().received(request)
        except CompletionTimeout as error:
            error.connection = threading.Lock()  # type: ignore[attr-defined]  # this is the bug
            raise


@sync
class LoopOfItsOwn(PlainCompletion):
    """Runs a loop of its own for each call, which a thread that runs one already refuses."""

    def complete(self, request: CompletionRequest) -> Completion:
        coroutine = self.acomplete_once(request)
        try:
            return asyncio.run(coroutine)
        finally:
            coroutine.close()

    async def acomplete_once(self, request: CompletionRequest) -> Completion:
        return super().complete(request)


@sync
class ComposedAccents(PlainCompletion):
    """Normalises the text of an answer."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        text = unicodedata.normalize("NFC", completion.message.text)
        return replaced(completion, message=replaced(completion.message, content=text))


@sync
class ArgumentsWrittenAnew(PlainCompletion):
    """Reads the arguments of calls and writes them anew, in other white space."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        calls = tuple(replaced(call, arguments=_anew(call.arguments)) for call in completion.message.tool_calls)
        return replaced(completion, message=replaced(completion.message, tool_calls=calls))


def _anew(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments))
    except ValueError:
        return arguments


@sync
class ReasoningIsText(PlainCompletion):
    """Streams the model's reasoning as if it were its answer."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        for chunk in super().stream(request):
            yield replaced(chunk, text=chunk.reasoning + chunk.text, reasoning="")


@sync
class ProviderDataLost(PlainCompletion):
    """Streams everything but the fields that must go back to the provider."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        for chunk in super().stream(request):
            yield replaced(chunk, provider_data=None)


@sync
class FirstCallOnly(PlainCompletion):
    """Keeps the first of several calls."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        for chunk in super().received(request):
            yield replaced(chunk, tool_calls=tuple(call for call in chunk.tool_calls if call.index == 0))


@sync
class FinishReasonGuessed(PlainCompletion):
    """Says `stop` for every answer without calls, those too that were cut at their length."""

    def complete(self, request: CompletionRequest) -> Completion:
        completion = super().complete(request)
        calls = completion.message.tool_calls
        return replaced(completion, finish_reason=FinishReason.TOOL_CALLS if calls else FinishReason.STOP)


@sync
class AnswersFromACache(PlainCompletion):
    """Answers a request from a cache that looks at its messages' first ten characters."""

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self.cache: dict[str, list[CompletionChunk]] = {}

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        key = "".join(chain.from_iterable(message.text[:10] for message in request.messages))
        if key not in self.cache:
            self.cache[key] = list(super().received(request))
        return iter(self.cache[key])
