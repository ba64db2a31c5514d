"""The document store that the command line uses: the one named, else the project's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamabot.app.cli.places import prepare_place, store_place
from llamabot.app.settings import working_folder
from llamabot.ports.errors import UsageError
from llamabot.ports.provider import overrides

if TYPE_CHECKING:
    from llamabot.ports.docstore import CataloguePort

__all__ = ["filled_store", "is_store", "store_to_fill"]


@contextmanager
def store_to_fill(place: Path | None, *, keywords: bool) -> Iterator[tuple[CataloguePort, str]]:
    """Lend a store, made with its first document, and tell in words where it is. One that is overridden is taken.

    Args:
        place: of the store; None is the project's.
        keywords: make it one that is searched by words alone. One that is there stays what it is.
    """
    replaced: Any = overrides().get("docstore")
    if replaced is not None:
        yield replaced, str(replaced)
        return
    place = place or store_place(Path(working_folder()))
    prepare_place(place)
    with _opened(place, keywords=keywords) as store:
        yield store, str(place)


@contextmanager
def filled_store(place: Path | None) -> Iterator[tuple[CataloguePort, str]]:
    """Lend a store that has documents, and tell in words where it is. One that is overridden is taken.

    Raises:
        UsageError: there is none; the message says how it is made.
    """
    replaced: Any = overrides().get("docstore")
    if replaced is not None:
        yield replaced, str(replaced)
        return
    place = place or store_place(Path(working_folder()))
    with _opened(place, keywords=False) as store:
        if not store.count():
            raise UsageError(f"there are no documents in {place} yet; put some in with: llamabot ingest FOLDER")
        yield store, str(place)


def is_store(place: Path) -> bool:
    """Say whether a folder is a document store."""
    from llamabot.adapters.sqlite.docstore.store import FILE

    return (place / FILE).is_file()


@contextmanager
def _opened(place: Path, *, keywords: bool) -> Iterator[CataloguePort]:
    from llamabot.app.docstores import FaissDocStore

    with FaissDocStore(place, embedding=False) as store:
        if keywords or (store.count() and store.built_with() is None):
            yield store
            return
    with FaissDocStore(place) as store:
        yield store
