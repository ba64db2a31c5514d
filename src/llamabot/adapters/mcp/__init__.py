"""The toolbox port on servers that speak MCP, the Model Context Protocol, through the official `mcp` package."""

from llamabot.adapters.mcp.toolbox import McpToolbox

__all__ = ["McpToolbox"]
