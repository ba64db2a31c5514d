from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.project import ROOT
from tests.servers import mcp_sums

from llamabot.adapters.mcp import McpToolbox
from llamabot.testing.contracts import AsyncToolboxContract, ToolboxContract

SERVER = ROOT / "tests" / "servers" / "mcp_sums.py"


class OfAServer:
    """A toolbox around the server's own; `make` is called anew by each test."""

    def tool_name(self, tool: str) -> str:
        return f"sums__{tool}"


class _InTheProcess(OfAServer):
    def make(self) -> McpToolbox:
        return McpToolbox.server(mcp_sums.server)


class TestMcpToolboxInTheProcess(_InTheProcess, ToolboxContract):
    pass


class TestAsyncMcpToolboxInTheProcess(_InTheProcess, AsyncToolboxContract):
    pass


class _OnAProgram(OfAServer):
    """Here the tests share a server, so each also shows that the ones before have left it as it was."""

    shared: McpToolbox

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _one_server(cls) -> Iterator[None]:
        with McpToolbox.stdio(sys.executable, SERVER) as cls.shared:
            yield

    def make(self) -> McpToolbox:
        return self.shared


@pytest.mark.slow
class TestMcpToolboxOnAProgram(_OnAProgram, ToolboxContract):
    pass


@pytest.mark.slow
class TestAsyncMcpToolboxOnAProgram(_OnAProgram, AsyncToolboxContract):
    pass
