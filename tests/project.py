"""Where the project's files are, for the tests that read them."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"


@cache
def files() -> tuple[Path, ...]:
    """Return the files that belong to the project: all but what .gitignore names."""
    patterns = [line.strip().strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()]
    return tuple(_walk(ROOT, [*filter(None, patterns), ".git"]))


def _walk(folder: Path, ignored: list[str]) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        found += _walk(path, ignored) if path.is_dir() else [path]
    return found


def python_files(*folders: str) -> list[Path]:
    """Return the project's Python files under some of its folders."""
    return [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    """Return the dotted name under which a file of `src/` is imported."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name_of(path: Path) -> str:
    """Return a file's place in the project, as a test's id."""
    return path.relative_to(ROOT).as_posix()
