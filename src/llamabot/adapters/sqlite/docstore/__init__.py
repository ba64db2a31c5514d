"""Documents in SQLite: the truth about them, and the search."""

from llamabot.adapters.sqlite.docstore.store import SqliteDocStore

__all__ = ["SqliteDocStore"]
