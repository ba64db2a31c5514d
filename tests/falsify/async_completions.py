"""Awaited completion adapters that are wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from tests.falsify.plain_completion import CompletionHooks, PlainCompletion, Vendor, replaced
from tests.falsify.wrong import wrong

from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.errors import ProviderUnavailable
from llamabot.testing.contracts import AsyncCompletionContract

awaited = wrong(CompletionHooks, AsyncCompletionContract)


@awaited
class TwinLosesTheLastFragment(PlainCompletion):
    """Loses the last text of a stream, in the async twin alone."""

    async def astream(self, request: CompletionRequest) -> AsyncIterator[CompletionChunk]:
        held = ""
        async for chunk in super().astream(request):
            yield replaced(chunk, text=held)
            held = chunk.text


@awaited
class TwinTrims(PlainCompletion):
    """Trims what it answers, where the sync twin does not."""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        completion = await super().acomplete(request)
        return replaced(completion, message=replaced(completion.message, content=completion.message.text.strip()))


@awaited
class LoopKeptWaiting(PlainCompletion):
    """Blocks the event loop while the vendor thinks."""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        time.sleep(0.55)  # noqa: ASYNC251 - this is the bug
        return await super().acomplete(request)


@awaited
class BusyAfterACancellation(PlainCompletion):
    """Marks itself as busy, and takes the mark off only where the answer came."""

    busy = False

    async def acomplete(self, request: CompletionRequest) -> Completion:
        if self.busy:
            raise ProviderUnavailable("the connection is in use")
        self.busy = True
        await asyncio.sleep(0.01)
        completion = await super().acomplete(request)
        self.busy = False
        return completion


@awaited
class OneLoopForEver(PlainCompletion):
    """Keeps a future of the first event loop that it is used in."""

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self.connected: asyncio.Future[None] | None = None

    async def acomplete(self, request: CompletionRequest) -> Completion:
        loop = asyncio.get_running_loop()
        if self.connected is None:
            self.connected = loop.create_future()
            loop.call_soon(self.connected.set_result, None)
        if self.connected.get_loop() is not loop:
            raise RuntimeError("attached to a different loop")
        await self.connected
        return await super().acomplete(request)


@awaited
class CancellationSwallowed(PlainCompletion):
    """Answers with an error of its own where its task was cancelled."""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        try:
            await asyncio.sleep(0.01)
            return await super().acomplete(request)
        except asyncio.CancelledError as error:
            raise ProviderUnavailable("the request was broken off") from error


@awaited
class TwinAsksTwice(PlainCompletion):
    """Asks the vendor once for the answer and once for its usage."""

    async def acomplete(self, request: CompletionRequest) -> Completion:
        usage = (await super().acomplete(request)).usage
        return replaced(await super().acomplete(request), usage=usage)
