"""The transport that is awaited: aiohttp, with a session for each event loop that is closed when its loop ends."""

from __future__ import annotations

import asyncio
import importlib
import io
import ssl
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from llamabot.adapters.wire.address import Address
from llamabot.adapters.wire.call import Call
from llamabot.adapters.wire.connection import (
    CLOSED,
    CUT,
    KEPT_S,
    NO_HTTP,
    PIECE_BYTES,
    ConnectionFailed,
    words_of,
)
from llamabot.ports.errors import MissingExtra
from llamabot.protocols.loops import close_with_loop

__all__ = ["AwaitedConnections", "AwaitedExchange"]

_UNSEEN_S = 0.5
_LOOK_S = 0.5
_LARGE_BYTES = 1_000_000  # aiohttp wants to read more than this from a file

_Sessions = dict[tuple[asyncio.AbstractEventLoop, bool], Any]


class AwaitedConnections:
    """The connections of one adapter, for any number of event loops.

    As with the blocking ones, a connection that the server has closed is not used, and a request that is on its way is
    not sent again: aiohttp does so for methods that may be repeated, and POST is none.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._sessions: _Sessions = {}
        self._used_at: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, float] = weakref.WeakKeyDictionary()
        self._owner = object()
        self._aiohttp: Any = None
        self._urls: dict[str, Any] = {}
        weakref.finalize(self, _close_all, self._sessions)

    async def post(self, call: Call) -> AwaitedExchange:
        """Send a request; return the answer, of which the head has come; raises as the blocking transport."""
        session = await self._session(lasts=call.lasts)
        address = call.address
        body = call.body if len(call.body) < _LARGE_BYTES else io.BytesIO(call.body)
        try:
            async with asyncio.timeout(_left_s(call.deadline)):
                response = await session.post(
                    self._url(call.url()),
                    data=body,
                    headers=call.headers_on_the_way(),
                    allow_redirects=False,
                    ssl=self._tls() if address.is_tls else True,
                    **(self._proxy(address) if address.proxy else {}),
                )
        except (self._aiohttp.ClientError, OSError, ValueError) as error:
            raise self._meaning(error, CLOSED) from error
        return AwaitedExchange(response, self._meaning)

    async def aclose(self) -> None:
        """Close the connections of this loop now, and those of others as soon as they come to it."""
        await _closing(self._sessions)(asyncio.get_running_loop())
        self.close()

    def close(self) -> None:
        """Close all connections, those of loops that run as soon as they come to it."""
        _close_all(self._sessions)

    def _url(self, written: str) -> Any:
        """Return an address as aiohttp wants it. To parse one takes longer than all else of a request."""
        url = self._urls.get(written)
        if url is None:
            url = self._urls[written] = importlib.import_module("yarl").URL(written, encoded=True)
        return url

    def _proxy(self, address: Address) -> dict[str, Any]:
        if address.proxy is None:
            return {}
        host = f"[{address.proxy.host}]" if ":" in address.proxy.host else address.proxy.host
        headers = {"Proxy-Authorization": address.proxy_authorization} if address.proxy_authorization else None
        return {"proxy": self._url(f"http://{host}:{address.proxy.port}"), "proxy_headers": headers}

    async def _session(self, *, lasts: bool) -> Any:
        """Return the running loop's session, for connections that last beyond an answer or for those that do not."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get((loop, lasts))
        now, last = time.monotonic(), self._used_at.get(loop, 0.0)
        self._used_at[loop] = now
        if session is not None and now - last > _UNSEEN_S:
            # Two turns, in which a loop that was kept from its work sees that a server has closed a connection which
            # waits. To send a request on such a one is to lose it: whether it was read, nobody can tell.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if session is None:
            aiohttp = self._aiohttp = _vendor()
            for ended in [key for key in self._sessions if key[0].is_closed()]:
                _let_go(self._sessions.pop(ended, None))
            kept = {"keepalive_timeout": KEPT_S} if lasts else {"force_close": True}
            session = self._sessions[loop, lasts] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, use_dns_cache=False, **kept),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                read_bufsize=PIECE_BYTES,
            )
            await close_with_loop(self._owner, _closing(self._sessions))
        return session

    def _meaning(self, error: BaseException, otherwise: str) -> BaseException:
        """Return what an error of aiohttp means."""
        aiohttp = self._aiohttp
        if isinstance(error, TimeoutError):
            return TimeoutError()
        if isinstance(error, aiohttp.ClientPayloadError):
            return ConnectionFailed(words_of(error, CUT))
        if isinstance(error, aiohttp.ClientResponseError):
            return ConnectionFailed(NO_HTTP)
        return ConnectionFailed(words_of(error, otherwise))


class AwaitedExchange:
    """One answer whose head has come.

    Attributes:
        status: of the answer.
    """

    def __init__(self, response: Any, meaning: Callable[[BaseException, str], BaseException]) -> None:
        self._response = response
        self._content = response.content
        self._meaning = meaning
        self.status: int = response.status

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        value: str | None = self._response.headers.get(name)
        return value

    async def read(self, deadline: float) -> bytes:
        """Return the next piece of the body, b"" at its end; raises as `AwaitedConnections.post`."""
        content = self._content
        try:
            if content.is_eof():  # all of it has come
                return b"" if content.at_eof() else bytes(content.read_nowait())
            return await self._next(deadline)
        except (ConnectionFailed, TimeoutError):
            raise
        except Exception as error:
            if unread := _unread(content):
                return unread
            raise self._meaning(error, CUT) from error

    async def _next(self, deadline: float) -> bytes:
        """Wait for a piece; look now and then whether one can come: of a chunk without a size, aiohttp tells nobody."""
        while True:
            left_s = _left_s(deadline)
            try:
                async with asyncio.timeout(min(left_s, _LOOK_S)):
                    return bytes(await self._content.readany())
            except TimeoutError:
                if left_s <= _LOOK_S:
                    raise
            connection = self._response.connection
            if connection is None or connection.transport is None or connection.transport.is_closing():
                raise ConnectionFailed(NO_HTTP)

    def keep(self) -> None:
        """Let the connection be used again, if the answer was read to its end: aiohttp sees to that."""
        if self._content.at_eof():
            self._response.release()

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end."""
        self._response.close()


def _vendor() -> Any:
    try:
        return importlib.import_module("aiohttp")
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package(error.name or "aiohttp", "wire") from error


def _left_s(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _unread(content: Any) -> bytes:
    """Return what had arrived when the connection broke: aiohttp tells of the break first, and keeps it to itself."""
    pieces = getattr(content, "_buffer", None)
    if not pieces:
        return b""
    data = b"".join(pieces)
    pieces.clear()
    return data


def _closing(sessions: _Sessions) -> Callable[[asyncio.AbstractEventLoop], Awaitable[None]]:
    async def close(loop: asyncio.AbstractEventLoop) -> None:
        for lasts in (True, False):
            session = sessions.pop((loop, lasts), None)
            if session is not None:
                await session.close()

    return close


def _close_all(sessions: _Sessions) -> None:
    for loop, lasts in list(sessions):
        session = sessions.pop((loop, lasts), None)
        if loop.is_closed():
            _let_go(session)
        else:
            loop.call_soon_threadsafe(_let_go, session)


def _let_go(session: Any) -> None:
    """Close a session's connections at once; nobody waits until they have ended, for the loop may end before."""
    if session is not None:
        connector = session.connector
        session.detach()
        for _ in connector.close().__await__():  # its first step is all that is wanted
            break
