"""Import a module in this interpreter and print, as JSON, what that did beside giving the module.

    python -B import_probe.py llamabot

Written bytecode is no doing of the module's, hence -B.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
TELLING = ("os.mkdir", "os.putenv", "os.remove", "os.rename", "socket.", "sqlite3.connect", "subprocess.", "os.fork")
VIA = ("os", "collections.abc")


def probe(name: str) -> dict[str, Any]:
    """Return what importing a module did."""
    did: list[str] = []
    read: list[str] = []
    _watch_environment(read, name)
    sys.addaudithook(lambda event, args: _note(did, event, args))
    importlib.import_module(name)
    done = list(did)
    return {
        "did": done,
        "read": read,
        "loaded": sorted({module.partition(".")[0] for module in sys.modules}),
        "threads": [thread.name for thread in threading.enumerate()],
        "handlers": _handlers(),
    }


def _note(did: list[str], event: str, args: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(args[2], int) and args[2] & WRITING:
        did.append(f"open {args[0]!r} to write")
    elif event.startswith(TELLING):
        did.append(f"{event} {args!r}")


def _watch_environment(read: list[str], name: str) -> None:
    """Note each variable that code of the module itself reads."""
    environment: Any = type(os.environ)
    plain = environment.__getitem__

    def noting(self: Any, key: str) -> str:
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals.get("__name__") in VIA:
            frame = frame.f_back
        if str(frame.f_globals.get("__name__")).partition(".")[0] == name:
            read.append(key)
        return str(plain(self, key))

    environment.__getitem__ = noting


def _handlers() -> dict[str, list[str]]:
    """Return the kinds of handlers that loggers have, by logger."""
    import logging

    named = {name: logging.getLogger(name).handlers for name in logging.root.manager.loggerDict}
    loggers = {"root": logging.root.handlers, **named}
    return {name: [type(handler).__name__ for handler in handlers] for name, handlers in loggers.items() if handlers}


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
