"""The fakes keep the promises of the completion port, so that what is tried on them holds for the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llamabot.ports.completion import CompletionChunk, CompletionRequest
from llamabot.testing import FunctionCompletion, ScriptedCompletion
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract
from llamabot.testing.contracts.answers import FAILURES
from llamabot.testing.faults import faulty


def echo(request: CompletionRequest) -> str:
    return f"you said: {request.messages[-1].text}"


class _Scripted:
    def make(self) -> Any:
        return ScriptedCompletion([echo] * 100)

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return ScriptedCompletion([list(chunks)] * 2)

    def make_failing(self, status: int) -> Any:
        return ScriptedCompletion([FAILURES[status]("no", status_code=status)] * 2)

    def requests_made(self, port: Any) -> int:
        return len(port.requests)

    def sent(self, port: Any) -> Any:
        return port.requests[-1]


class _Function(_Scripted):
    def make(self) -> Any:
        return FunctionCompletion(echo)

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return FunctionCompletion(lambda request: list(chunks))


class _Faultless(_Scripted):
    """What has no fault on its schedule is the port itself."""

    examples = 20

    def make(self) -> Any:
        return faulty(super().make(), [])

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        return faulty(super().make_saying(chunks), [None])

    def make_failing(self, status: int) -> Any:
        return faulty(super().make_failing(status), [])


class TestScriptedCompletion(_Scripted, CompletionContract):
    pass


class TestAsyncScriptedCompletion(_Scripted, AsyncCompletionContract):
    pass


class TestFunctionCompletion(_Function, CompletionContract):
    pass


class TestAsyncFunctionCompletion(_Function, AsyncCompletionContract):
    pass


class TestFaultlessCompletion(_Faultless, CompletionContract):
    pass


class TestAsyncFaultlessCompletion(_Faultless, AsyncCompletionContract):
    pass
