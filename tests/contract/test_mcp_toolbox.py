from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.contract.toolbox_contract import ToolboxContract
from tests.project import ROOT
from tests.servers import mcp_sums

from llamabot.adapters.mcp import McpToolbox

SERVER = ROOT / "tests" / "servers" / "mcp_sums.py"


class OfAServer(ToolboxContract):
    def name(self, tool: str) -> str:
        return f"sums__{tool}"


class TestMcpToolboxInTheProcess(OfAServer):
    def make(self) -> McpToolbox:
        return McpToolbox.server(mcp_sums.server)


class TestAsyncMcpToolboxInTheProcess(TestMcpToolboxInTheProcess):
    way = "acall"


class TestMcpToolboxOnAProgram(OfAServer):
    """Here the tests share a server, so each also shows that the ones before have left it as it was."""

    shared: McpToolbox

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _one_server(cls) -> Iterator[None]:
        with McpToolbox.stdio(sys.executable, SERVER) as cls.shared:
            yield

    def make(self) -> McpToolbox:
        return self.shared


class TestAsyncMcpToolboxOnAProgram(TestMcpToolboxOnAProgram):
    way = "acall"
