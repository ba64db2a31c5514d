"""What the direct adapter stands on, and nothing else: sockets with a time-out, asyncio's connections, h11, msgspec."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

import h11
import msgspec

from benchmarks.peers.tasks import PROMPT, QUESTION, Ask, Tasks

__all__ = ["bare_http"]

_BODY = {
    "model": "canned",
    "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": QUESTION}],
}
_STREAMED = {**_BODY, "stream": True, "stream_options": {"include_usage": True}}
_TIMEOUT_S = 600
_PIECE_BYTES = 65_536


class _Line:
    """A connection to the server."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._socket = socket.create_connection(place, _TIMEOUT_S)
        self._http = h11.Connection(h11.CLIENT)

    def ask(self, request: h11.Request, body: bytes) -> Iterator[bytes]:
        """Yield the pieces of the answer's body."""
        self._socket.sendall(_written(self._http, request, body))
        while type(event := self._http.next_event()) is not h11.EndOfMessage:
            if event is h11.NEED_DATA:
                self._http.receive_data(self._socket.recv(_PIECE_BYTES))
            elif type(event) is h11.Data:
                yield bytes(event.data)
        self._http.start_next_cycle()


class _AwaitedLine:
    """A connection of an event loop to the server."""

    def __init__(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._reader, self._writer = streams
        self._http = h11.Connection(h11.CLIENT)

    async def ask(self, request: h11.Request, body: bytes) -> bytes:
        """Return the answer's body."""
        self._writer.write(_written(self._http, request, body))
        pieces = []
        while type(event := self._http.next_event()) is not h11.EndOfMessage:
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_PIECE_BYTES))
            elif type(event) is h11.Data:
                pieces.append(bytes(event.data))
        self._http.start_next_cycle()
        return b"".join(pieces)


def bare_http(address: str) -> Tasks:
    """Return one connection, or for those at once a pool of them."""
    where = urlsplit(address)
    place = (where.hostname or "", where.port or 80)
    kept = _Line(place)

    def call() -> str:
        body = msgspec.json.encode(_BODY)
        return _text(b"".join(kept.ask(_request(where, body), body)))

    def acall() -> Ask:
        idle: list[_AwaitedLine] = []

        async def ask() -> str:
            body = msgspec.json.encode(_BODY)
            line = idle.pop() if idle else _AwaitedLine(await asyncio.open_connection(*place))
            answer = await line.ask(_request(where, body), body)
            idle.append(line)
            return _text(answer)

        return ask

    def stream() -> Iterator[str]:
        body = msgspec.json.encode(_STREAMED)
        return _texts(kept.ask(_request(where, body), body))

    return Tasks(call=call, acall=acall, stream=stream)


def _request(where: SplitResult, body: bytes) -> h11.Request:
    headers = [
        ("Host", where.netloc),
        ("Authorization", "Bearer none"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
    ]
    return h11.Request(method="POST", target=f"{where.path}/chat/completions", headers=headers)


def _texts(pieces: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                choices: Any = msgspec.json.decode(line[6:])["choices"]
                if choices and (text := choices[0]["delta"].get("content")):
                    yield text


def _written(connection: h11.Connection, request: h11.Request, body: bytes) -> bytes:
    parts = (connection.send(request), connection.send(h11.Data(data=body)), connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)


def _text(body: bytes) -> str:
    return str(msgspec.json.decode(body)["choices"][0]["message"]["content"])
