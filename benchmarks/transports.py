"""What the HTTP of the direct adapter costs, beside the libraries that it might have been built on."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

import llamabot as lmb
from benchmarks.canned import CHUNKS, provider
from benchmarks.harness import CALIBRATION, Row, Section, difference, per_call_us, ratio, rounds, spread
from benchmarks.imports import importing

__all__ = ["measure"]

_ROUNDS, _IMPORTS = 24, 7
_CALLS, _STREAMS, _AT_ONCE = 10, 2, 100
_BODY = msgspec.json.encode({"model": "canned", "messages": [{"role": "user", "content": "Explain QED."}]})
_STREAMED = msgspec.json.encode({**msgspec.json.decode(_BODY), "stream": True})
_HEADERS = {"Authorization": "Bearer none", "Content-Type": "application/json"}
_REQUEST = lmb.CompletionRequest("canned", (lmb.UserMessage("Explain QED."),))
_TEXT = f"""
A server of fixed answers in another process; {_ROUNDS} rounds, CPU time of this one. The libraries send a request that
is written already and read the answer's bytes; the direct adapter makes the request of values, and the answer a
`Completion` or chunks. "At once" is {_AT_ONCE} calls in one event loop. httpx stands for OpenAI's client too, which is
built on it. All connections are kept but those of our streams: some servers close one behind a stream without a word.
"""
_MODULES = ("h11", "http.client", "urllib3", "httpx", "asyncio", "aiohttp")
_LIBRARIES = {"blocking": ("h11", "http.client", "urllib3", "httpx"), "awaited": ("aiohttp", "httpx")}


def measure() -> Section:
    """Compare calls, streams and imports."""
    with provider() as address:
        blocking = rounds(_ROUNDS, _blocking_sides(address))
        with asyncio.Runner() as runner:
            sides, close = runner.run(_awaited_sides(address, runner))
            awaited = rounds(_ROUNDS, sides)
            runner.run(close())
    modules = rounds(_IMPORTS, {name: importing(name) for name in ("msgspec", *_MODULES)})
    rows = [*_rows("blocking", blocking), *_rows("awaited", awaited)]
    rows += [
        difference(f"`import {name}`, against `import msgspec`", modules["msgspec"], found, "ms", None)
        for name, found in modules.items()
        if name in _MODULES
    ]
    return Section("HTTP of the direct adapter", _TEXT, rows, spread(blocking[CALIBRATION]))


def _rows(colour: str, found: dict[str, list[float]]) -> list[Row]:
    kinds = ("call", "chunk") if colour == "blocking" else ("call", "call at once", "chunk")
    return [
        ratio(f"a {kind}, {colour}, against {library}", found[f"{kind} {library}"], found[f"{kind} ours"], "µs", None)
        for kind in kinds
        for library in _LIBRARIES[colour]
    ]


def _blocking_sides(address: str) -> dict[str, Callable[[], float]]:
    import httpx
    import urllib3

    where, url = urlsplit(address), f"{address}/chat/completions"
    path = f"{where.path}/chat/completions"
    kept = http.client.HTTPConnection(where.netloc)
    kept.connect()
    kept.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pool, client, port = urllib3.PoolManager(retries=False), httpx.Client(), lmb.WireCompletion(base_url=address)

    def of_http_client(body: bytes) -> None:
        kept.request("POST", path, body, _HEADERS)
        answer = kept.getresponse()
        while answer.read1(65_536):
            pass
        answer.read()  # it sees the end of a body of known length in this way alone

    def of_urllib3(body: bytes) -> None:
        answer = pool.request("POST", url, body=body, headers=_HEADERS, preload_content=False)
        while answer.read1(65_536):
            pass
        answer.release_conn()

    def of_httpx(body: bytes) -> None:
        with client.stream("POST", url, content=body, headers=_HEADERS) as answer:
            for _ in answer.iter_raw():
                pass

    asked = {"h11": _on_h11(where), "http.client": of_http_client, "urllib3": of_urllib3, "httpx": of_httpx}
    calls: dict[str, Callable[[], Any]] = {name: lambda ask=ask: ask(_BODY) for name, ask in asked.items()}
    streams: dict[str, Callable[[], Any]] = {name: lambda ask=ask: ask(_STREAMED) for name, ask in asked.items()}
    calls["ours"] = lambda: port.complete(_REQUEST)
    streams["ours"] = lambda: [None for _ in port.stream(_REQUEST)]
    return {
        **{f"call {name}": lambda call=call: per_call_us(call, _CALLS) for name, call in calls.items()},
        **{f"chunk {name}": lambda read=read: per_call_us(read, _STREAMS) / CHUNKS for name, read in streams.items()},
    }


def _on_h11(where: SplitResult) -> Callable[[bytes], None]:
    """Return what the direct adapter stands on: h11 and a socket."""
    import h11

    kept, connection = socket.create_connection((where.hostname, where.port)), h11.Connection(h11.CLIENT)
    kept.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(body: bytes) -> None:
        headers = [("Host", where.netloc), ("Content-Length", str(len(body))), *_HEADERS.items()]
        request = h11.Request(method="POST", target=f"{where.path}/chat/completions", headers=headers)
        parts = [connection.send(part) for part in (request, h11.Data(data=body), h11.EndOfMessage())]
        kept.sendall(b"".join(parts))
        while type(event := connection.next_event()) is not h11.EndOfMessage:
            if event is h11.NEED_DATA:
                connection.receive_data(kept.recv(65_536))
        connection.start_next_cycle()

    return ask


async def _awaited_sides(address: str, runner: asyncio.Runner) -> tuple[dict[str, Callable[[], float]], Any]:
    import aiohttp
    import httpx

    url = f"{address}/chat/completions"
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
    limits = httpx.Limits(max_connections=2 * _AT_ONCE, max_keepalive_connections=2 * _AT_ONCE)
    client, port = httpx.AsyncClient(limits=limits, timeout=60), lmb.WireCompletion(base_url=address)

    async def of_aiohttp(body: bytes) -> None:
        async with session.post(url, data=body, headers=_HEADERS) as answer:
            while await answer.content.readany():
                pass

    async def of_httpx(body: bytes) -> None:
        async with client.stream("POST", url, content=body, headers=_HEADERS) as answer:
            async for _ in answer.aiter_raw():
                pass

    async def of_ours(body: bytes) -> None:
        if body is _BODY:
            await port.acomplete(_REQUEST)
        else:
            async for _ in port.astream(_REQUEST):
                pass

    async def close() -> None:
        await session.close()
        await client.aclose()
        await port.aclose()

    sides: dict[str, Callable[[], float]] = {}
    for name, ask in {"aiohttp": of_aiohttp, "httpx": of_httpx, "ours": of_ours}.items():
        sides[f"call {name}"] = _timed(runner, lambda ask=ask: _in_turn(ask, _BODY, _CALLS), _CALLS)
        sides[f"call at once {name}"] = _timed(runner, lambda ask=ask: _at_once(ask), _AT_ONCE)
        sides[f"chunk {name}"] = _timed(runner, lambda ask=ask: _in_turn(ask, _STREAMED, _STREAMS), _STREAMS * CHUNKS)
    return sides, close


def _timed(runner: asyncio.Runner, work: Callable[[], Any], parts: int) -> Callable[[], float]:
    return lambda: per_call_us(lambda: runner.run(work()), 1) / parts


async def _in_turn(ask: Callable[[bytes], Awaitable[None]], body: bytes, times: int) -> None:
    for _ in range(times):
        await ask(body)


async def _at_once(ask: Callable[[bytes], Awaitable[None]]) -> None:
    await asyncio.gather(*(ask(_BODY) for _ in range(_AT_ONCE)))
