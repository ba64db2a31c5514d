"""How a command that ran in this process ended, and what it has written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

import llamabot as lmb

__all__ = ["PERSON", "Command", "Ended", "log_of"]

PERSON = {"title": "Person", "type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


class Ended(msgspec.Struct):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]


def log_of(project: Path) -> lmb.SqliteRecorder:
    """Return the log of a project."""
    return lmb.SqliteRecorder(project / ".llamabot" / "runs.db")
