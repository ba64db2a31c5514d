"""A log in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.errors import RecorderError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "runs.db"


@pytest.fixture
def recorder(path: Path) -> Iterator[SqliteRecorder]:
    recorder = SqliteRecorder(path, patience_s=0.2)
    yield recorder
    with suppress(RecorderError):
        recorder.close()
