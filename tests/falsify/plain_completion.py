"""A right adapter of a vendor that sends chunks; the wrong ones differ from it in one thing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest, FinishReason, ModelCapabilities
from llamabot.ports.errors import (
    AuthenticationFailed,
    CompletionError,
    CompletionTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)

__all__ = ["ERRORS", "CompletionHooks", "PlainCompletion", "Vendor", "VendorError", "replaced"]

ERRORS: dict[int, type[CompletionError]] = {
    400: RequestRejected,
    401: AuthenticationFailed,
    429: RateLimited,
    500: ProviderUnavailable,
    503: ProviderUnavailable,
}
replaced: Callable[..., Any] = msgspec.structs.replace


class VendorError(Exception):
    """What the vendor's client raises."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Vendor:
    """The vendor's client: answers with chunks or a status, and is out of time where there is none."""

    def __init__(self, chunks: Iterable[CompletionChunk] | None = None, status: int = 200) -> None:
        self.chunks = chunks
        self.status = status
        self.requests = 0
        self.asked: CompletionRequest | None = None

    def send(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        """Make a request, and return the fragments of its answer."""
        self.requests += 1
        self.asked = request
        if request.timeout_s < 0.01:
            raise TimeoutError("timed out")
        if self.status != 200:
            raise VendorError(self.status)
        if self.chunks is not None:
            return iter(self.chunks)
        words = f"You said: {request.messages[-1].text}".split(" ")
        return iter(
            [
                *(CompletionChunk(text=f"{word} ") for word in words),
                CompletionChunk(finish_reason=FinishReason.STOP, provider_data={"signature": "s-1"}),
            ]
        )


class PlainCompletion:
    """Serves both colours, and does nothing wrong."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    def complete(self, request: CompletionRequest) -> Completion:
        assembler = Assembler()
        for chunk in self.received(request):
            assembler.feed(chunk)
        return assembler.completion()

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        assembler = Assembler()
        for chunk in self.received(request):
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
        return ModelCapabilities()

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        """Make the request; the vendor's errors become ours."""
        try:
            return self.vendor.send(request)
        except VendorError as error:
            raise ERRORS[error.status](str(error), status_code=error.status) from error
        except TimeoutError as error:
            raise CompletionTimeout("no answer in time") from error


class CompletionHooks:
    """What both contracts of completions are told."""

    adapter: Any
    examples = 60

    def make(self) -> Any:
        return self.adapter(Vendor())

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return self.adapter(Vendor(chunks))

    def make_failing(self, status: int) -> Any:
        return self.adapter(Vendor(status=status))

    def make_live(self, chunks: Iterator[CompletionChunk]) -> Any:
        return self.adapter(Vendor(chunks))

    def sent(self, port: Any) -> Any:
        return port.vendor.asked

    def requests_made(self, port: Any) -> int:
        return int(port.vendor.requests)
