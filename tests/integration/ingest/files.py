"""Files to ingest, and what a store has of them."""

from __future__ import annotations

from pathlib import Path

from llamabot.testing import InMemoryDocStore

__all__ = ["ids_of", "write"]


def write(files: dict[str, str]) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)


def ids_of(store: InMemoryDocStore) -> list[str]:
    return [known.id for known in store.known()]
