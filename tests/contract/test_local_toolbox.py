from __future__ import annotations

from llamabot.adapters.local import LocalToolbox, tool
from llamabot.testing.contracts import AsyncToolboxContract, ToolboxContract
from llamabot.testing.faults import faulty


@tool
def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


def echo(text: str) -> str:
    return text


@tool
def fail(reason: str) -> str:
    raise ValueError(reason)


class TestLocalToolbox(ToolboxContract):
    def make(self) -> LocalToolbox:
        return LocalToolbox([add, echo, fail])


class TestAsyncLocalToolbox(AsyncToolboxContract):
    def make(self) -> LocalToolbox:
        @tool(name="add")
        async def aadd(left: int, right: int) -> int:
            return left + right

        @tool(name="echo")
        async def aecho(text: str) -> str:
            return text

        @tool(name="fail")
        async def afail(reason: str) -> str:
            raise ValueError(reason)

        return LocalToolbox([aadd, aecho, afail])


class TestFaultlessToolbox(TestLocalToolbox):
    def make(self) -> LocalToolbox:
        return faulty(super().make(), [])


class TestAsyncFaultlessToolbox(TestAsyncLocalToolbox):
    def make(self) -> LocalToolbox:
        return faulty(super().make(), [None])
