"""The three tools of the toolbox contract, as an MCP server: `python tests/servers/mcp_sums.py` speaks on stdio."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("sums")


@server.tool(structured_output=False)
def add(left: int, right: int) -> str:
    """Add two numbers."""
    return str(left + right)


@server.tool(structured_output=False)
def echo(text: str) -> str:
    """Give a text back."""
    return text


@server.tool(structured_output=False)
def fail(reason: str) -> str:
    """Fail for a reason."""
    raise ToolError(reason)


if __name__ == "__main__":
    server.run("stdio")
