"""An environment for each contender, made once, in the cache; and their processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["ROOT", "Contender", "environment", "python_with"]

ROOT = Path(__file__).resolve().parent.parent


class Contender:
    """A process that answers commands: what `benchmarks.side.serve` runs.

    Args:
        python: of the environment that it runs in.
        module: with the contender.
        arguments: of the module.
        variables: of its environment.
    """

    def __init__(
        self, python: Path, module: str, *arguments: object, variables: Mapping[str, str] | None = None
    ) -> None:
        command = [python, "-m", module, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables or environment()
        )

    def ask(self, *command: object) -> Any:
        """Return the answer to a command.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        self._process.stdin.write(f"{' '.join(map(str, command))}\n")
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


def environment(*sources: str) -> dict[str, str]:
    """Return the variables of a contender, which finds its module wherever it runs, and further sources.

    All keep what they have compiled: otherwise a start is one of sources that changed since.
    """
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([*sources, str(ROOT)])}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def python_with(folder: Path, packages: Sequence[str], versions: Sequence[str] = ()) -> Path:
    """Return the interpreter of an environment with these packages, which is made when it is not there.

    Args:
        folder: of the environment.
        packages: as pip takes them.
        versions: those that packages and what they need are to have.
    """
    python = folder / "bin" / "python"
    done = folder / "packages.txt"
    wanted = "\n".join([*packages, *versions])
    if not (done.exists() and done.read_text(encoding="utf-8") == wanted):
        print(f"making an environment for {folder.name} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        constraints = folder / "versions.txt"
        constraints.write_text("\n".join(versions), encoding="utf-8")
        command = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, *packages]
        subprocess.run(command, check=True, stdout=sys.stderr)
        done.write_text(wanted, encoding="utf-8")
    return python
