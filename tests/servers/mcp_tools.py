"""An MCP server with tools of every kind, on the official package.

    python tests/servers/mcp_tools.py                 stdio
    python tests/servers/mcp_tools.py --http          streamable HTTP on a free port, which is the first line of stdout

It keeps a journal, of what happened to its calls, in the file that JOURNAL names.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from pydantic import BaseModel, Field

server = MCPServer("every kind")
waiting: list[str] = []
all_are_here = asyncio.Event()


class Place(BaseModel):
    city: str
    neighbours: list[Place] = []


def note(line: str) -> None:
    journal = os.environ.get("JOURNAL")
    if journal:
        with Path(journal).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


@server.tool(annotations=ToolAnnotations(read_only_hint=True), structured_output=False)
def add(a: int, b: Annotated[int, Field(description="the other")] = 1) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool(annotations=ToolAnnotations(destructive_hint=True), structured_output=False)
def delete(path: str) -> str:
    """Delete a file, or so it says."""
    note(f"deleted {path}")
    return "gone"


@server.tool(annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=True), structured_output=False)
def put(path: str) -> str:
    """Write a file, or so it says."""
    return path


@server.tool(name="visit.place", structured_output=False)
def visit(place: Place, mood: str | None = None) -> str:
    """Visit a place."""
    return f"{place.city} {mood}"


@server.tool(structured_output=False)
def given(arguments: dict[str, Any]) -> str:
    """Say what was given."""
    return repr(arguments)


@server.tool()
async def sleep(seconds: float) -> None:
    """Sleep, and keep a journal of it."""
    note("slept in")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note("cancelled")
        raise
    note("slept out")


@server.tool(structured_output=False)
async def echo(text: str, wait_s: float = 0.0, at_once: int = 0) -> str:
    """Give a text back after a while, or as soon as so many of its calls are here at once."""
    if at_once:
        waiting.append(text)
        if len(waiting) == at_once:
            all_are_here.set()
        await all_are_here.wait()
    await asyncio.sleep(wait_s)
    return text


@server.tool(structured_output=False)
def large(letters: int) -> str:
    """Give a long text."""
    return "x" * letters


@server.tool(structured_output=False)
def fail() -> str:
    """Fail."""
    raise ValueError("the disk is on fire")


@server.tool()
def measure() -> dict[str, float]:
    """Give data."""
    return {"celsius": 21.5}


@server.tool()
def only_data() -> CallToolResult:
    """Give data and no text."""
    return CallToolResult(content=[], structured_content={"celsius": [21.5, None]})


@server.tool()
def nothing() -> CallToolResult:
    """Give nothing at all."""
    return CallToolResult(content=[])


@server.tool()
def mixed() -> CallToolResult:
    """Give a bit of everything."""
    return CallToolResult(
        content=[
            TextContent(text="first"),
            ImageContent(data="AAAA", mime_type="image/png"),
            AudioContent(data="AAAAAAAA", mime_type="audio/wav"),
            ResourceLink(name="log", uri="file:///log.txt", mime_type="text/plain"),
            EmbeddedResource(resource=TextResourceContents(uri="note://1", text="a note")),
            EmbeddedResource(resource=BlobResourceContents(uri="blob://1", blob="AAAA")),
            TextContent(text="last"),
        ]
    )


@server.tool(structured_output=False)
def process() -> str:
    """Give the number of this process."""
    return str(os.getpid())


@server.tool(structured_output=False)
def die() -> str:
    """Be killed in the middle of a call."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


async def serve_http() -> None:
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(256)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
        config = uvicorn.Config(Guarded(server.streamable_http_app()), log_level="critical")
        await uvicorn.Server(config).serve(sockets=[listening])


class Guarded:
    """Wants a bearer token, or the key in the query, if TOKEN names one, and keeps a journal of what came.

    With OLD it is as servers were before 2026: sessions that begin with a handshake, and answers as events.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        old = os.environ.get("OLD") and dict(scope.get("headers", [])).get(b"mcp-method") == b"server/discover"
        if scope["type"] == "http" and (old or not self._admits(scope)):
            await send({"type": "http.response.start", "status": 404 if old else 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self.app(scope, receive, send)

    def _admits(self, scope: Any) -> bool:
        token = os.environ.get("TOKEN")
        note(f"{scope['method']} {scope['query_string'].decode()}")
        bearer = dict(scope["headers"]).get(b"authorization") == f"Bearer {token}".encode()
        return token is None or bearer or scope["query_string"] == f"apiKey={token}".encode()


if __name__ == "__main__":
    note(f"started {os.getpid()}")
    gc.freeze()  # so that it ends sooner
    if "--http" in sys.argv:
        asyncio.run(serve_http())
    else:
        server.run("stdio")
