"""What the demo reads when it is asked about documents."""

from __future__ import annotations

from pathlib import Path

__all__ = ["own_documents"]

_TABLES = {"benchmarks.md", "falsify.md", "mutation.md"}
"""Pages that commands write: rows and rows, and nothing that one would ask about."""


def own_documents() -> list[Path]:
    """Return this project's README and the pages of its docs to read where this is a checkout, nothing elsewhere."""
    root = Path(__file__).resolve().parents[4]
    if not (root / "pyproject.toml").is_file() or not (root / "README.md").is_file():
        return []
    pages = (page for page in (root / "docs").glob("*.md") if page.name not in _TABLES)
    return [root / "README.md", *sorted(pages)]
