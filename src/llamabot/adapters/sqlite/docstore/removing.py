"""How documents leave a store."""

from __future__ import annotations

from collections.abc import Iterable

from llamabot.adapters.sqlite.docstore.state import read_state, write_state
from llamabot.adapters.sqlite.docstore.storage import Storage
from llamabot.adapters.sqlite.docstore.writing import drop_unused, remove_documents, stored_documents
from llamabot.ports.docstore import check_ids

__all__ = ["remove"]


def remove(storage: Storage, ids: Iterable[str]) -> int:
    """Remove documents in one transaction and return how many were there."""
    wanted = dict.fromkeys(check_ids(ids))
    with storage.reading() as connection:
        if connection is None or not stored_documents(connection, wanted):
            return 0
    with storage.writing() as connection:
        stored = stored_documents(connection, wanted)
        state, unused = remove_documents(connection, read_state(connection), [found.key for found in stored.values()])
        drop_unused(connection, unused)
        write_state(connection, state)
    return len(stored)
