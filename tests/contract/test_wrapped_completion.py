"""A port with something around it keeps the promises of a port."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import cycle, permutations
from typing import Any, ClassVar

import llamabot as lmb
from llamabot.adapters.fake.shared import InMemoryLedger
from llamabot.adapters.wrap.budget import Budget
from llamabot.adapters.wrap.fallback import Fallback
from llamabot.adapters.wrap.retry import Retry
from llamabot.ports.completion import CompletionChunk, CompletionRequest
from llamabot.testing import FunctionCompletion, ScriptedCompletion, VirtualClock
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract
from llamabot.testing.contracts.answers import FAILURES


def echo(request: CompletionRequest) -> str:
    return f"you said: {request.messages[-1].text}"


class Live(FunctionCompletion):
    """Says each chunk as it comes."""

    def __init__(self, chunks: Iterator[CompletionChunk]) -> None:
        super().__init__(echo)
        self._chunks = chunks

    def stream(self, request: CompletionRequest) -> Generator[CompletionChunk, None, None]:
        yield from self._chunks


class _Wrapped:
    examples = 10

    def wrap(self, port: Any) -> Any:
        raise NotImplementedError

    def make(self) -> Any:
        self.inner = FunctionCompletion(echo)
        return self.wrap(self.inner)

    def sent(self, port: Any) -> Any:
        return self.inner.requests[-1]

    def make_live(self, chunks: Iterator[CompletionChunk]) -> Any:
        return self.wrap(Live(chunks))

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return self.wrap(FunctionCompletion(lambda request: list(chunks)))

    def make_failing(self, status: int) -> Any:
        return self.wrap(FunctionCompletion(lambda request: FAILURES[status]("no", status_code=status)))


class _Counting(_Wrapped):
    """What makes one request where all is well is tried as such."""

    def requests_made(self, port: Any) -> int:
        return len(port.requests)


class _Retry(_Wrapped):
    not_supported: ClassVar = {"counting": "it is there to ask again"}

    def wrap(self, port: Any) -> Any:
        return Retry(port, clock=VirtualClock())


class _Fallback(_Wrapped):
    not_supported: ClassVar = {"counting": "it is there to ask someone else"}

    def wrap(self, port: Any) -> Any:
        return Fallback(port, "another")


class TestRetry(_Retry, CompletionContract):
    pass


class TestAsyncRetry(_Retry, AsyncCompletionContract):
    pass


class TestFallback(_Fallback, CompletionContract):
    pass


class TestAsyncFallback(_Fallback, AsyncCompletionContract):
    pass


class _Cache(_Wrapped):
    not_supported: ClassVar = {"counting": "it is there to ask less"}

    def wrap(self, port: Any) -> Any:
        return lmb.Cache(port)


class _RateLimit(_Counting):
    def wrap(self, port: Any) -> Any:
        return lmb.RateLimit(port, rpm=10_000, tpm=10**9)


class _Budget(_Counting):
    def wrap(self, port: Any) -> Any:
        return Budget(port, InMemoryLedger(), cost_usd=1000.0, prices={"": (1e-6, 2e-6), "another": (1e-6, 2e-6)})


class _Stack(_Wrapped):
    """All of them, each time in another order."""

    not_supported: ClassVar = {"counting": "some of them are there to ask more, or less"}
    orders: ClassVar = cycle(permutations((_Retry, _Fallback, _Cache, _RateLimit, _Budget)))

    def wrap(self, port: Any) -> Any:
        for kind in next(self.orders):
            port = kind().wrap(port)
        return port


class TestStack(_Stack, CompletionContract):
    pass


class TestAsyncStack(_Stack, AsyncCompletionContract):
    pass


class TestCache(_Cache, CompletionContract):
    pass


class TestAsyncCache(_Cache, AsyncCompletionContract):
    pass


class TestRateLimit(_RateLimit, CompletionContract):
    pass


class TestAsyncRateLimit(_RateLimit, AsyncCompletionContract):
    pass


class TestBudget(_Budget, CompletionContract):
    pass


class TestAsyncBudget(_Budget, AsyncCompletionContract):
    pass


class TestFallbackOfAFailingPort(CompletionContract):
    """Whoever falls back each time keeps the promises too."""

    examples = 10
    not_supported: ClassVar = {"counting": "it is there to ask someone else"}

    def wrap(self, port: Any) -> Any:
        return Fallback(FunctionCompletion(lambda request: FAILURES[503]("no")), port)

    def make(self) -> Any:
        return self.wrap(FunctionCompletion(echo))

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return self.wrap(ScriptedCompletion([list(chunks)] * 2))

    def make_live(self, chunks: Iterator[CompletionChunk]) -> Any:
        return self.wrap(Live(chunks))

    def make_failing(self, status: int) -> Any:
        return self.wrap(FunctionCompletion(lambda request: FAILURES[status]("no", status_code=status)))
