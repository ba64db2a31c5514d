"""Where a server is: a command to start, an address, an object in this process. Each knows how to open a client to it.

What is secret of them (headers, the credentials and the query of an address, variables and arguments named for
secrets) is kept apart and shown nowhere.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import urlsplit

from llamabot.adapters.mcp.loading import client_options, load_mcp
from llamabot.adapters.mcp.signs import Signs
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.offline import is_offline
from llamabot.ports.secrets import NO_SECRETS, Secret, Secrets, split_secrets

__all__ = ["Command", "InProcess", "Source", "WebAddress"]

_LARGEST_EVENT_BYTES = 256 * 1024 * 1024
_TO_CONNECT_S = 30.0


class Source(Protocol):
    """A server that can be connected to. `str` names it, without secrets."""

    @property
    def secrets(self) -> Secrets: ...  # noqa: D102 - what must not be shown

    def open(self, signs: Signs) -> AbstractAsyncContextManager[Any]:
        """Connect, and close at the end of the block; what goes wrong is the vendor's error, maybe in groups."""


class Command:
    """A program that speaks MCP on its stdin and stdout."""

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        env: Mapping[str, str] | None,
        cwd: str | os.PathLike[str] | None,
    ):
        self._command, *self._arguments = [os.fspath(word) for word in command]
        self._env = dict(env or {})
        self._cwd = None if cwd is None else os.fspath(cwd)
        _, of_variables = split_secrets(self._env)
        _, of_arguments = split_secrets({str(place): pair for place, pair in enumerate(_options(self._arguments))})
        self.secrets = of_variables | of_arguments

    def __str__(self) -> str:
        shown = [word for word in self._arguments[:1] if not word.startswith("-")]
        rest = ["…"] if len(self._arguments) > len(shown) else []
        return " ".join([self._command, *shown, *rest])

    @asynccontextmanager
    async def open(self, signs: Signs) -> AsyncIterator[Any]:
        """Start the program."""
        mcp = load_mcp()
        if self._cwd is not None and not os.path.isdir(self._cwd):  # noqa: PTH112, ASYNC240 - a look at one name
            raise ConfigurationError(f"the MCP server '{self}' cannot be started: there is no folder {self._cwd!r}")
        parameters = mcp.StdioServerParameters(
            command=self._command,
            args=self._arguments,
            env=self._env,
            cwd=self._cwd,
            encoding_error_handler="replace",
        )
        with signs.stderr() as stderr:
            transport = mcp.stdio_client(parameters, stderr)
            async with mcp.Client(transport, message_handler=signs.note_message, **client_options(mcp)) as client:
                yield client


def _options(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs that may be an option and its value: `--key=value`, or two words that follow each other."""
    joined = [(name, value) for name, equals, value in (word.partition("=") for word in arguments) if equals]
    return [*joined, *pairwise(arguments)]


class WebAddress:
    """A server that speaks streamable HTTP."""

    def __init__(self, url: str, headers: Mapping[str, str] | None) -> None:
        visible, in_url = split_secrets({"url": url})
        self._shown = str(visible.get("url", "…"))
        self._url = url
        self._headers = dict(headers or {})
        self.secrets = in_url | Secrets({f"header {name}": Secret(value) for name, value in self._headers.items()})
        parts = urlsplit(self._shown)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{self._shown!r} is no address of an MCP server, like https://host/mcp")

    def __str__(self) -> str:
        return self._shown

    @asynccontextmanager
    async def open(self, signs: Signs) -> AsyncIterator[Any]:
        """Connect to the address."""
        mcp = load_mcp()
        if is_offline():
            raise ConfigurationError(
                f"LLAMABOT_OFFLINE is set, so {self._shown!r} is not asked; unset it to use its tools"
            )
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        parts = urlsplit(self._url)
        async with httpx2.AsyncClient(
            headers=self._headers,
            auth=(httpx2.URL(self._url).username, httpx2.URL(self._url).password) if parts.username else None,
            # How long an answer may take is bounded for each call.
            timeout=httpx2.Timeout(None, connect=_TO_CONNECT_S),
            limits=httpx2.Limits(max_connections=None),
            event_hooks={"response": [signs.note_response]},
            transport=_querying(httpx2, parts.query) if parts.query else None,
        ) as http:
            transport = streamable_http_client(self._shown, http_client=http, max_sse_event_size=_LARGEST_EVENT_BYTES)
            async with mcp.Client(transport, message_handler=signs.note_message, **client_options(mcp)) as client:
                yield client


def _querying(httpx2: Any, query: str) -> Any:
    """Return a transport that adds a query below the place where addresses are logged: it may hold a key."""

    class Querying(httpx2.AsyncHTTPTransport):  # type: ignore[misc]  # the vendor is loaded late
        async def handle_async_request(self, request: Any) -> Any:
            url = request.url.copy_with(query=query.encode())
            whole = httpx2.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
            return await super().handle_async_request(whole)

    return Querying(limits=httpx2.Limits(max_connections=None))


class InProcess:
    """A server object of the `mcp` package; it runs on the toolbox's thread."""

    secrets = NO_SECRETS

    def __init__(self, server: object) -> None:
        self._server = server

    def __str__(self) -> str:
        return str(getattr(self._server, "name", type(self._server).__name__))

    @asynccontextmanager
    async def open(self, signs: Signs) -> AsyncIterator[Any]:
        """Begin to serve."""
        mcp = load_mcp()
        from mcp.server import Server
        from mcp.server.mcpserver import MCPServer

        if not isinstance(self._server, Server | MCPServer):
            raise ConfigurationError(
                f"{type(self._server).__name__} is no server of the mcp package; "
                "McpToolbox.server takes a mcp.server.MCPServer or a mcp.server.Server"
            )
        async with mcp.Client(self._server, message_handler=signs.note_message, **client_options(mcp)) as client:
            yield client
