"""How long someone waits for the demo's first word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import Row, Section, calibration_us, spread

__all__ = ["measure"]

_ROOT = Path(__file__).resolve().parent.parent
_RUNS = 3
_BUDGET_S = 4
_BEFORE_THE_ANSWER = b" answers:\n"
_TEXT = f"""
`make demo` with everything installed and the model fetched, by the clock on the wall: from the command to the first
word of the model's answer. One run goes before; then {_RUNS} are timed.
"""


def measure() -> Section:
    """Time the command.

    Raises:
        RuntimeError: another environment than the checkout's is in use; the command might install into the checkout's.
    """
    if Path(sys.prefix).resolve() != (_ROOT / ".venv").resolve():
        raise RuntimeError("the demo is timed in the checkout's own environment: make bench")
    _first_word_s()
    waited, calibration = [], []
    for _ in range(_RUNS):
        waited.append(_first_word_s())
        calibration.append(calibration_us())
    return Section("The demo", _TEXT, [Row("the first word", spread(waited), "s", _BUDGET_S)], spread(calibration))


def _first_word_s() -> float:
    """Run the command until it answers; then it has said enough."""
    command = ["make", "--silent", "demo"]
    begin = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        env={**os.environ, "PYTHON": sys.executable},  # of which the environment was made; another would install
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    ) as process:
        try:
            return _until_first_word(process) - begin
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _until_first_word(process: subprocess.Popen[bytes]) -> float:
    """Return the moment at which the answer begins."""
    assert process.stdout is not None
    seen = b""
    while not seen.partition(_BEFORE_THE_ANSWER)[2].strip():
        piece = process.stdout.read(4096)
        if not piece:
            raise RuntimeError(f"make demo did not answer:\n{seen.decode(errors='replace')}")
        seen += piece
    return time.perf_counter()
