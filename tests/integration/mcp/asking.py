"""How tests ask a toolbox, and what they look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.project import ROOT

import llamabot as lmb
from llamabot.ports.tools import RunContext, ToolResult

TOOLS = str(ROOT / "tests" / "servers" / "mcp_tools.py")
BARE = str(ROOT / "tests" / "servers" / "mcp_bare.py")
ODD = str(ROOT / "tests" / "servers" / "mcp_odd.py")
PATIENCE_S = 10.0


def started(*, journal: Path | None = None, **options: Any) -> lmb.McpToolbox:
    """Return a toolbox on the good server as a program."""
    env = {"JOURNAL": str(journal)} if journal else None
    return lmb.McpToolbox.stdio(sys.executable, TOOLS, env=env, **{"name": "t", **options})


def bare(*what: str, journal: Path | None = None, **options: Any) -> lmb.McpToolbox:
    """Return a toolbox on the small server, which starts at once: for tests that are about processes."""
    env = {"JOURNAL": str(journal)} if journal else None
    return lmb.McpToolbox.stdio(sys.executable, "-S", "-E", BARE, *what, env=env, **{"name": "t", **options})


def odd(what: str, **options: Any) -> lmb.McpToolbox:
    """Return a toolbox on a program that is no good server."""
    return lmb.McpToolbox.stdio(
        sys.executable, "-S", "-E", ODD, what, **{"name": "t", "connect_timeout_s": 20.0, **options}
    )


@contextmanager
def served(**variables: str) -> Iterator[str]:
    """Have a good server behind HTTP for a block, which gets its address."""
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        [sys.executable, TOOLS, "--http"], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout
        yield server.stdout.readline().strip()
        server.kill()


def context() -> RunContext[Any]:
    return RunContext(run_id="run", call_id="c", idempotency_key="k", state=None)


def the_call(tool: str, arguments: dict[str, Any] | str) -> lmb.ToolCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return lmb.ToolCall("c", f"t__{tool}", text)


def ask(box: lmb.McpToolbox, tool: str, text: str | None = None, /, **arguments: Any) -> ToolResult:
    return box.call(the_call(tool, arguments if text is None else text), context())


async def aask(box: lmb.McpToolbox, tool: str, /, **arguments: Any) -> ToolResult:
    return await box.acall(the_call(tool, arguments), context())


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits to be told of is not alive."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return Path("/proc").is_dir() is False
    return state not in "ZX"


def eventually(fact: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Wait until something is so, and return it."""
    end = time.monotonic() + patience_s
    while not (found := fact()):
        assert time.monotonic() < end, f"not so within {patience_s} s"
        time.sleep(0.01)
    return found


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
