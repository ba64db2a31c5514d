"""A contender in a process of its own: it reads commands from standard input, a line each, and answers in JSON."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["median_ms", "resident_mib", "serve"]


def serve(commands: dict[str, Callable[[], Any]]) -> None:
    """Answer until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(commands[line.strip()]()), flush=True)


def median_ms(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Return the median of the milliseconds that one call takes."""
    taken = []
    for item in items:
        begin = time.perf_counter()
        work(item)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1e3


def resident_mib() -> float:
    """Return the memory of this process (Linux)."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0
