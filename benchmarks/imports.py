"""What `import llamabot` costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks.harness import CALIBRATION, Section, difference, rounds, spread

__all__ = ["HEAVY", "importing", "measure"]

_ROUNDS = 15
_BUDGET_MS = 20
HEAVY = (
    "litellm",
    "openai",
    "pydantic",
    "numpy",
    "faiss",
    "sqlite_utils",
    "dependency_injector",
    "typer",
    "pocketflow",
)


def measure() -> Section:
    """Compare fresh interpreters."""
    found = rounds(_ROUNDS, {name: importing(name) for name in ("msgspec", "llamabot")})
    return Section(
        "Import",
        "CPU time, user and system, of a fresh interpreter that imports one package and ends.",
        [
            difference(
                "`import llamabot`, against `import msgspec`", found["msgspec"], found["llamabot"], "ms", _BUDGET_MS
            )
        ],
        spread(found[CALIBRATION]),
        [_loaded()],
    )


def importing(package: str) -> Callable[[], float]:
    """Return what measures the CPU milliseconds of a fresh interpreter that imports a package."""
    return lambda: _cpu_ms(f"import {package}")


def _cpu_ms(code: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", code])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code!r} failed")
    return (used.ru_utime + used.ru_stime) * 1000


def _loaded() -> str:
    code = "import sys, llamabot; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = [name for name in HEAVY if name in done.stdout.split()]
    names = ", ".join(HEAVY)
    if loaded:
        return f"`import llamabot` **loads {', '.join(loaded)}**; it must load none of {names}."
    return f"`import llamabot` loads none of {names}."
