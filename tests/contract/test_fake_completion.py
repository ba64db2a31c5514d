"""The fakes keep the promises of the completion port, so that what is tried on them holds for the real ones."""

from __future__ import annotations

from collections.abc import Sequence

from tests.contract.completion_contract import AsyncScriptedContract, ScriptedContract

from llamabot.ports.completion import CompletionChunk, CompletionRequest
from llamabot.testing import FunctionCompletion, ScriptedCompletion


def echo(request: CompletionRequest) -> str:
    return f"you said: {request.messages[-1].text}"


class _Scripted:
    def make(self) -> ScriptedCompletion:
        return ScriptedCompletion([echo] * 100)

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> ScriptedCompletion:
        return ScriptedCompletion([list(chunks)])


class _Function:
    def make(self) -> FunctionCompletion:
        return FunctionCompletion(echo)

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> FunctionCompletion:
        return FunctionCompletion(lambda request: list(chunks))


class TestScriptedCompletion(_Scripted, ScriptedContract):
    pass


class TestAsyncScriptedCompletion(_Scripted, AsyncScriptedContract):
    pass


class TestFunctionCompletion(_Function, ScriptedContract):
    pass


class TestAsyncFunctionCompletion(_Function, AsyncScriptedContract):
    pass
