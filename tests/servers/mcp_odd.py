"""Programs that are no good MCP servers: `python tests/servers/mcp_odd.py WHAT`, and HTTP servers that are none.

exits        says why on stderr, in many lines, and ends
babbles      writes lines that are no MCP, and waits
silent       waits
latin        speaks MCP after a line in another encoding
stubborn     as the good server, and ignores that its stdin ends, and SIGTERM
"""

from __future__ import annotations

import os
import signal
import sys
import time

FOREVER_S = 600.0


def exits() -> None:
    for number in range(30):
        print(f"line {number}", file=sys.stderr)
    sys.exit(f"cannot open the database with {os.environ.get('DATABASE_PASSWORD')}")


def babbles() -> None:
    print("Welcome to the server!", flush=True)
    time.sleep(FOREVER_S)


def silent() -> None:
    time.sleep(FOREVER_S)


def latin() -> None:
    sys.stdout.buffer.write("Grüße\n".encode("latin-1"))
    sys.stdout.flush()
    good()


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        good()
    finally:
        time.sleep(FOREVER_S)


def good() -> None:
    from mcp_tools import server

    server.run("stdio")


if __name__ == "__main__":
    {"exits": exits, "babbles": babbles, "silent": silent, "latin": latin, "stubborn": stubborn}[sys.argv[1]]()
