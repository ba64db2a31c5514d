"""A small MCP server on stdio without the official package: `python -S -E tests/servers/mcp_bare.py`.

It starts in some milliseconds, for tests that are about processes and not about what a server says. It keeps a journal
of its calls, as the good server does, and writes `cancelled` only if the client has told it so.

    stubborn     ignores that its stdin ends, and SIGTERM
    latin        speaks MCP after a line in another encoding
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

VERSION = "2026-07-28"
FOREVER_S = 600.0

_writing = threading.Lock()
_cancelled: dict[Any, threading.Event] = {}


def note(line: str) -> None:
    journal = os.environ.get("JOURNAL")
    if journal:
        with open(journal, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes longer to load than all else
            file.write(line + "\n")


def add(_: threading.Event, a: int, b: int = 1) -> str:
    return str(a + b)


def echo(cancelled: threading.Event, text: str, wait_s: float = 0.0) -> str:
    cancelled.wait(wait_s)
    return text


def process(_: threading.Event) -> str:
    return str(os.getpid())


def die(_: threading.Event) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def sleep(cancelled: threading.Event, seconds: float) -> str:
    note("slept in")
    if not cancelled.wait(seconds):
        note("slept out")
    return ""


TOOLS = {tool.__name__: tool for tool in (add, echo, process, die, sleep)}


def send(number: Any, **content: Any) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": number, **content})
    with _writing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def answer(number: Any, **result: Any) -> None:
    send(number, result={"resultType": "complete", "cacheScope": "private", "ttlMs": 0, **result})


def call(number: Any, name: str, arguments: dict[str, Any], cancelled: threading.Event) -> None:
    text = TOOLS[name](cancelled, **arguments)
    if not cancelled.is_set():
        answer(number, content=[{"type": "text", "text": text}], isError=False)


def handle(message: dict[str, Any]) -> None:
    method, number, given = message.get("method"), message.get("id"), message.get("params", {})
    if method == "server/discover":
        answer(number, supportedVersions=[VERSION], capabilities={"tools": {}})
    elif method == "tools/list":
        answer(number, tools=[{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS])
    elif method == "tools/call":
        cancelled = _cancelled[number] = threading.Event()
        call_it = (number, given["name"], given.get("arguments") or {}, cancelled)
        threading.Thread(target=call, args=call_it, daemon=True).start()
    elif method == "notifications/cancelled":
        note("cancelled")  # here, not in the thread of the call: stdin may end at once
        _cancelled[given["requestId"]].set()
    elif number is not None:
        send(number, error={"code": -32601, "message": "Method not found"})


def main(what: str) -> None:
    note(f"started {os.getpid()}")
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what == "latin":
        sys.stdout.buffer.write("Grüße\n".encode("latin-1"))
        sys.stdout.flush()
    for line in sys.stdin:
        handle(json.loads(line))
    # It lingers, so that whoever does not wait for its end is seen.
    time.sleep(FOREVER_S if what == "stubborn" else 0.3)


if __name__ == "__main__":
    main("".join(sys.argv[1:]))
