"""What document stores promise to threads; a part of `DocStoreContract`."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

from llamabot.ports.documents import Document
from llamabot.testing.contracts.at_once import all_at_once
from llamabot.testing.contracts.contract import Contract

__all__ = ["SharedStore"]


class SharedStore(Contract):
    """Many hands on one store."""

    def made(self) -> AbstractContextManager[Any]:
        """Lend a store to one example."""
        raise NotImplementedError

    def test_readers_in_threads_see_each_add_whole(self) -> None:
        batches = [[Document(f"{batch}-{n}", f"linker {batch}") for n in range(20)] for batch in range(15)]
        seen: list[int] = []
        done = threading.Event()

        def work(thread: int) -> None:
            if thread:
                while not done.is_set():
                    seen.append(len(store.search("linker", k=1_000)))
                return
            try:
                for batch in batches:
                    store.add(batch)
            finally:
                done.set()

        with self.made() as store:
            all_at_once(work, 4)
            assert {count % 20 for count in seen} <= {0}
            assert len(store.search("linker", k=1_000)) == 300

    def test_writers_in_threads_lose_nothing(self) -> None:
        def work(thread: int) -> None:
            for number in range(10):
                store.add([Document(f"{thread}-{number}", "linker"), Document("shared", f"loader {thread}")])

        with self.made() as store:
            all_at_once(work, 4)
            assert store.count() == 41
            assert len(store.search("linker loader", k=99)) == 41
