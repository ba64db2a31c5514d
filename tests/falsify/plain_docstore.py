"""A document store that is right, and how the wrong ones are made of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.adapters.fake.docstore import InMemoryDocStore
from llamabot.ports.docstore import AddReport
from llamabot.ports.documents import Document, Match, Metadata
from llamabot.testing.contracts import AsyncDocStoreContract, DocStoreContract
from llamabot.testing.contracts.docstore_model import LineSplitter

replaced: Any = msgspec.structs.replace


Found = tuple[Match, ...]


class PlainDocStore(InMemoryDocStore):
    """A right store: one passage a line. Serves both colours."""

    def __init__(self) -> None:
        super().__init__(splitter=LineSplitter())

    async def aadd(self, documents: Iterable[Document]) -> AddReport:
        return self.add(documents)

    async def aremove(self, ids: Iterable[str]) -> int:
        return self.remove(ids)

    async def asearch(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return self.search(query, k=k, where=where)

    async def acount(self) -> int:
        return self.count()


class StoreHooks:
    adapter: Any
    examples = 12
    folder: Path

    def make(self) -> Any:
        return self.adapter()


class SavedHooks(StoreHooks):
    """Of stores that are saved when they are closed, and loaded again."""

    def reopen(self, store: Any) -> Any:
        return self.adapter.loaded(store.saved())


sync = wrong(StoreHooks, DocStoreContract)


saved = wrong(SavedHooks, DocStoreContract)


awaited = wrong(StoreHooks, AsyncDocStoreContract)
