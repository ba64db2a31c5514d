"""Tools from a server that speaks MCP.

One toolbox serves both colours: what is asked runs in the thread of its connection, `call` waits for it and `acall`
awaits it, in any number of threads and event loops at once.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, Self, TypedDict, TypeVar, Unpack

from llamabot.adapters.mcp.catalogue import Choice, offered
from llamabot.adapters.mcp.connection import Connection
from llamabot.adapters.mcp.content import NotAnObject, read_arguments, text_of
from llamabot.adapters.mcp.errors import ServerGone, describe, ends_connection
from llamabot.adapters.mcp.link import Link
from llamabot.adapters.mcp.paging import all_tools
from llamabot.adapters.mcp.sources import Command, InProcess, Source, WebAddress
from llamabot.ports.errors import LlamabotError, ToolboxUnavailable
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult

__all__ = ["McpOptions", "McpToolbox"]

T = TypeVar("T")

_NO_RESULT = (NotAnObject, LlamabotError, ServerGone)


class McpOptions(TypedDict, total=False):
    """What every kind of server is used with; `McpToolbox` says what each means."""

    name: str | None
    allow: Iterable[str] | None
    deny: Iterable[str]
    idempotent: bool | None
    timeout_s: float | None
    connect_timeout_s: float


class McpToolbox:
    """The tools of an MCP server, for `tools=[…]` of agents of both colours.

        files = lmb.McpToolbox.stdio("npx", "-y", "@modelcontextprotocol/server-filesystem", "docs")
        agent = lmb.AgentBot("You are a librarian.", tools=[files])

    Making one does nothing. The server is connected to when its tools are first asked for, or by `with` or
    `async with`; it stays connected until `close`, the end of that block, or of the process. A server that ends in
    between is connected to anew at the next call or run. Each run asks for the tools once: a list that changes is
    seen by the runs that begin afterwards.

    The model knows a tool as `server__tool`. Whether it may run again after a crash is read from the server's hints:
    `readOnlyHint` or `idempotentHint` says yes; a tool that is said to change things, and not to be idempotent, must
    not; one without any hint may, as a function may that is a tool.

    Args:
        name: the first part of the tools' names; the server's own name by default.
        allow: the tools that are offered, by the server's names for them or as globs; all by default. A name or glob
            that fits none is a `ConfigurationError`.
        deny: tools that are not offered; it beats `allow`. A name that does not exist is a `ConfigurationError`.
        idempotent: said of all the tools, in place of the hints.
        timeout_s: seconds that a call may take before the model is told that it took too long, or None.
        connect_timeout_s: seconds until the server must have answered to being connected to, and with its tools.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str | None = None,
        allow: Iterable[str] | None = None,
        deny: Iterable[str] = (),
        idempotent: bool | None = None,
        timeout_s: float | None = 60.0,
        connect_timeout_s: float = 30.0,
    ) -> None:
        self._source = source
        self._choice = Choice(name, None if allow is None else _names(allow), _names(deny), idempotent)
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._link = Link(source, connect_timeout_s)
        self._own_names: dict[str, str] = {}

    @classmethod
    def stdio(
        cls,
        command: str | os.PathLike[str],
        *arguments: str | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        **options: Unpack[McpOptions],
    ) -> Self:
        """Start a program that speaks MCP on stdin and stdout; it is gone when the toolbox is closed.

        Args:
            command: a program; there is no shell in between.
            *arguments: the words after it.
            env: variables for it. Of ours it gets only what every program needs (`PATH`, `HOME`, …), so no keys.
            cwd: the folder it runs in.
            options: as for every server.
        """
        return cls(Command((command, *arguments), env, cwd), **options)

    @classmethod
    def http(cls, url: str, *, headers: Mapping[str, str] | None = None, **options: Unpack[McpOptions]) -> Self:
        """Use a server that speaks streamable HTTP.

        Args:
            url: mostly ends in `/mcp`. Credentials and a query in it are secrets.
            headers: sent with every request; secrets, all of them.
            options: as for every server.
        """
        return cls(WebAddress(url, headers), **options)

    @classmethod
    def server(cls, server: object, **options: Unpack[McpOptions]) -> Self:
        """Use a server object of the `mcp` package, `MCPServer` or `Server`, in this process."""
        return cls(InProcess(server), **options)

    def __repr__(self) -> str:
        name = f", name={self._choice.name!r}" if self._choice.name else ""
        return f"McpToolbox({str(self._source)!r}{name})"

    def tools(self) -> Sequence[Tool]:
        """Return the tools that the server has now, in its order.

        Raises:
            ConfigurationError: the server cannot be started or does not speak MCP, or `allow` names a missing tool.
            ToolboxUnavailable: it cannot be reached, has ended or does not answer in time.
            MissingExtra: the `mcp` package is not installed.
        """
        connection = self._link.present()
        if connection is not None:
            try:
                return self._listed(connection)
            except ToolboxUnavailable:  # it ended while nobody looked
                self._link.drop(connection)
        return self._listed(self._link.at_hand(reopen=True))

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Let the server run one tool and return its answer."""
        try:
            arguments = read_arguments(call.arguments)
            connection = self._link.at_hand()
            _waited(connection.ready)
            future = connection.submit(partial(self._answer, connection, call, arguments))
            context.cancellation.on_cancel(future.cancel)
            return _waited(future)
        except CancelledError:
            return _failed(call, "the call was cancelled")
        except _NO_RESULT as error:
            return _failed(call, describe(error, self._source))

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Let the server run one tool and return its answer. Cancelling the task cancels the tool at the server."""
        try:
            arguments = read_arguments(call.arguments)
            connection = self._link.at_hand()
            await asyncio.shield(asyncio.wrap_future(connection.ready))
            future = connection.submit(partial(self._answer, connection, call, arguments))
            return await asyncio.wrap_future(future)
        except _NO_RESULT as error:
            return _failed(call, describe(error, self._source))

    def close(self) -> None:
        """Close the connection; return when a program that was started is gone. `tools` or `with` opens it again."""
        connection = self._link.begin_to_close()
        if connection is not None:
            connection.wait()

    async def aclose(self) -> None:
        """As `close`, without blocking the event loop."""
        connection = self._link.begin_to_close()
        if connection is not None:
            await asyncio.shield(asyncio.wrap_future(connection.finished))

    def __enter__(self) -> Self:
        try:
            _waited(self._link.at_hand(reopen=True).ready)
        except LlamabotError as error:
            raise _own(error) from error.__cause__
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.shield(asyncio.wrap_future(self._link.at_hand(reopen=True).ready))
        except LlamabotError as error:
            raise _own(error) from error.__cause__
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _listed(self, connection: Connection) -> tuple[Tool, ...]:
        try:
            _waited(connection.ready)
            return _waited(connection.submit(self._list))
        except LlamabotError as error:
            self._link.drop(connection)
            raise _own(error) from error.__cause__
        except Exception as error:  # noqa: BLE001 - whatever the server or the vendor does becomes an error of ours
            self._link.drop(connection)
            told = connection.explain(error)
            raise told from told.__cause__

    async def _list(self, client: Any) -> tuple[Tool, ...]:
        async with asyncio.timeout(self._connect_timeout_s):
            tools = await all_tools(client)
        info = client.server_info
        found = offered(info.name if info else None, tools, self._choice)
        # Names of earlier lists stay known: a run that began with one goes on with it.
        self._own_names = {**self._own_names, **{name: own for name, (own, _) in found.items()}}
        return tuple(tool for _, tool in found.values())

    async def _answer(
        self, connection: Connection, call: ToolCall, arguments: dict[str, Any], client: Any
    ) -> ToolResult:
        try:
            if not self._own_names:
                await self._list(client)
            if call.name not in self._own_names:
                return _failed(call, f"there is no tool {call.name!r}; there are {', '.join(sorted(self._own_names))}")
            return await self._ask(call, arguments, client)
        except Exception as error:  # noqa: BLE001 - whatever a server or the vendor does is an answer to the model
            if ends_connection(error):
                self._link.drop(connection)
            return _failed(call, describe(error, self._source))

    async def _ask(self, call: ToolCall, arguments: dict[str, Any], client: Any) -> ToolResult:
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await client.call_tool(self._own_names[call.name], arguments)
        except TimeoutError:
            return _failed(call, f"{call.name} gave no answer within {self._timeout_s:g} s and was cancelled")
        return ToolResult(call.id, text_of(result), is_error=bool(result.is_error))


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _waited(future: Future[T]) -> T:
    """Return a future's result. Who is interrupted waits no more, nor lets others work for it."""
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise


def _own(error: LlamabotError) -> LlamabotError:
    """Return a copy: several may wait for one connection, and a run writes into the error that ends it."""
    return copy.copy(error)


def _failed(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call.id, text, is_error=True)
