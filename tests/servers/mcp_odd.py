"""Programs that are no good MCP servers: `python tests/servers/mcp_odd.py WHAT`, and HTTP servers that are none.

exits        says why on stderr, in many lines, and ends
babbles      writes lines that are no MCP, and waits
silent       waits
"""

from __future__ import annotations

import os
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


if __name__ == "__main__":
    {"exits": exits, "babbles": babbles, "silent": silent}[sys.argv[1]]()
