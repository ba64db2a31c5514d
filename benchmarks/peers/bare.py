"""HTTP and nothing else: the leanest library of each colour, with the settings of the direct adapter."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from benchmarks.peers.tasks import PROMPT, QUESTION, Ask, Tasks

__all__ = ["bare_http"]

_BODY = {
    "model": "canned",
    "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": QUESTION}],
}
_STREAMED = {**_BODY, "stream": True, "stream_options": {"include_usage": True}}
_HEADERS = {"Authorization": "Bearer none", "Content-Type": "application/json"}


def bare_http(address: str) -> Tasks:
    """Return `http.client` and aiohttp."""
    where = urlsplit(address)
    path = f"{where.path}/chat/completions"
    kept = http.client.HTTPConnection(where.netloc)

    def call() -> str:
        kept.request("POST", path, msgspec.json.encode(_BODY), _HEADERS)
        return _text(kept.getresponse().read())

    def acall() -> Ask:
        import aiohttp

        sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

        async def ask() -> str:
            loop = asyncio.get_running_loop()
            if loop not in sessions:
                sessions[loop] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            body = msgspec.json.encode(_BODY)
            async with sessions[loop].post(f"{address}/chat/completions", data=body, headers=_HEADERS) as answer:
                return _text(await answer.read())

        return ask

    def stream() -> Iterator[str]:
        fresh = http.client.HTTPConnection(where.netloc)
        fresh.request("POST", path, msgspec.json.encode(_STREAMED), {**_HEADERS, "Connection": "close"})
        answer = fresh.getresponse()
        rest = b""
        while piece := answer.read1(65_536):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data: {"):
                    choices = msgspec.json.decode(line[6:])["choices"]
                    if choices and (text := choices[0]["delta"].get("content")):
                        yield text
        fresh.close()

    return Tasks(call=call, acall=acall, stream=stream)


def _text(body: bytes) -> str:
    return str(msgspec.json.decode(body)["choices"][0]["message"]["content"])
