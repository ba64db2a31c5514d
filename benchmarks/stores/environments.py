"""An environment for each contender, made once, in the cache; and their processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from platformdirs import user_cache_path

__all__ = ["CACHE", "Contender"]

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = user_cache_path("llamabot", appauthor=False) / "benchmarks" / "stores"

# What `pip install lancedb` and the like give today; a change of theirs must not change our figures unseen.
_PACKAGES = {
    "lancedb": ("lancedb==0.40.0", "numpy==2.4.6"),
    "bm25s": ("bm25s==0.3.16", "numpy==2.4.6"),
    "numpy": ("numpy==2.4.6",),
}


class Contender:
    """A process that answers commands.

    Args:
        name: of the module in `benchmarks.stores`, without `_side`; it runs in an environment of its own if it needs
            other packages than ours.
        arguments: of the module.
    """

    def __init__(self, name: str, *arguments: object) -> None:
        python = _python_for(name) if name in _PACKAGES else Path(sys.executable)
        command = [python, "-m", f"benchmarks.stores.{name}_side", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, command: str) -> Any:
        """Return the answer to a command.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"it ended with {self._process.wait()} at {command!r}")
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()


def _python_for(name: str) -> Path:
    folder = CACHE / name
    python = folder / "bin" / "python"
    done = folder / "packages.txt"
    wanted = "\n".join(_PACKAGES[name])
    if not (done.exists() and done.read_text(encoding="utf-8") == wanted):
        print(f"making an environment for {name} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *_PACKAGES[name]], check=True, stdout=sys.stderr)
        done.write_text(wanted, encoding="utf-8")
    return python
