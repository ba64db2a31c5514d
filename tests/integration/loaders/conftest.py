"""A loader of one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llamabot.adapters.loaders import FileLoader
from llamabot.ports.documents import Document


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., tuple[Document, ...]]:
    """Loads a file of some content."""

    def load(name: str, content: str | bytes, **settings: object) -> tuple[Document, ...]:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return FileLoader(**settings).load(tmp_path / name, source=f"papers/{name}")  # type: ignore[arg-type]  # any of them

    return load
