"""Other processes: scripts that use the library beside a test, are forked, or are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from tests.project import ROOT


def start(script: str, *args: object, **options: Any) -> subprocess.Popen[str]:
    """Start a Python script that can import these tests; `sys.argv[1:]` are the arguments."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def finish(child: subprocess.Popen[str], timeout_s: float = 60) -> str:
    """Wait for a script to end well, having complained of nothing; return what it printed."""
    try:
        printed, complaints = child.communicate(timeout=timeout_s)
    finally:
        child.kill()
    assert (child.returncode, complaints) == (0, ""), complaints
    return printed


def run(script: str, *args: object, **options: Any) -> str:
    """Run a script to its good end; return what it printed."""
    return finish(start(script, *args, **options))
