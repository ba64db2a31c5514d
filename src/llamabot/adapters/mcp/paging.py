"""The list of a server's tools, page by page."""

from __future__ import annotations

from typing import Any

from llamabot.ports.errors import ConfigurationError

__all__ = ["all_tools"]


async def all_tools(client: Any) -> list[Any]:
    """Return what a server lists, in its order.

    Raises:
        ConfigurationError: the pages go round in a circle.
    """
    tools: list[Any] = []
    cursor: str | None = None
    seen: set[str | None] = set()
    while cursor not in seen:
        seen.add(cursor)
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise ConfigurationError(f"the MCP server lists its tools without end: page {cursor!r} comes again")
