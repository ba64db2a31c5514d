"""Programs that are no good MCP servers: `python tests/servers/mcp_odd.py WHAT`, and HTTP servers that are none.

exits        says why on stderr, in many lines, and ends
babbles      writes lines that are no MCP, and waits
silent       waits

What waits ends with its stdin, as programs do; that one which does not is stopped is shown with `mcp_bare.py stubborn`.
"""

from __future__ import annotations

import os
import sys


def exits() -> None:
    for number in range(30):
        print(f"line {number}", file=sys.stderr)
    sys.exit(f"cannot open the database with {os.environ.get('DATABASE_PASSWORD')}")


def babbles() -> None:
    print("Welcome to the server!", flush=True)
    sys.stdin.read()


def silent() -> None:
    sys.stdin.read()


if __name__ == "__main__":
    {"exits": exits, "babbles": babbles, "silent": silent}[sys.argv[1]]()
