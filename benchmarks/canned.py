"""A provider in a process of its own: fixed answers on 127.0.0.1, as fast as a socket gives them.

A request with tools is answered by a call of `add` until it holds so many results.

python -m benchmarks.canned STEPS    prints its port
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CHUNKS", "TOOL_STEPS", "provider"]

CHUNKS = 200
TOOL_STEPS = 4
_TEXT = "Light and matter, one photon at a time. "
_ENVELOPE = {"id": "chatcmpl-1", "created": 1, "model": "canned"}
_USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}


@contextmanager
def provider(steps: int = TOOL_STEPS) -> Iterator[str]:
    """Run the provider during a block; gives the address for `api_base`."""
    command = [sys.executable, "-m", "benchmarks.canned", str(steps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.terminate()


def _whole(message: dict[str, object], finish_reason: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    body = json.dumps({**_ENVELOPE, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _asking(number: int) -> bytes:
    function = {"name": "add", "arguments": '{"a": 1, "b": 2}'}
    call = {"id": f"call-{number}", "type": "function", "function": function}
    return _whole({"content": None, "tool_calls": [call]}, "tool_calls")


def _streamed() -> bytes:
    deltas = [{"role": "assistant", "content": ""}, *({"content": f"photon {n} "} for n in range(CHUNKS))]
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    kind = {**_ENVELOPE, "object": "chat.completion.chunk"}
    chunks = [*({**kind, "choices": choice} for choice in choices), {**kind, "choices": [], "usage": _USAGE}]
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]
    body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + body + b"0\r\n\r\n"


async def _serve(steps: int) -> None:
    asking = [_asking(number) for number in range(steps)]
    whole, streamed = _whole({"content": _TEXT}, "stop"), _streamed()

    def reply_to(body: bytes) -> bytes:
        if b'"stream":true' in body:
            return streamed
        seen = body.count(b'"role":"tool"') if b'"tools":' in body else steps
        return asking[seen] if seen < steps else whole

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(size)
                writer.write(reply_to(body.replace(b" ", b"")))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
