"""`aingest` does what `ingest` does, with stores and loaders of either colour, and never on the event loop."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.pdfs import pdf

import llamabot as lmb
from llamabot.ports.docstore import AddReport, Known
from llamabot.ports.errors import DocStoreError, UsageError
from llamabot.testing import InMemoryDocStore

FIRST = {"a.md": "# One\n\nlinkers", "in/b.txt": "two", "rows.csv": "text\none\ntwo\n", "empty.md": "", "gone.md": "x"}
THEN = {"a.md": "# One\n\nchanged", "rows.csv": "text\none\n", "new.md": "new"}


class Threads(InMemoryDocStore):
    """Notes the threads that it is used in."""

    def __init__(self) -> None:
        self.used_in: set[int] = set()
        super().__init__()
        self.used_in.clear()

    def add(self, documents: Iterable[lmb.Document]) -> AddReport:
        self.used_in.add(threading.get_ident())
        return super().add(documents)

    def known(self) -> Any:
        self.used_in.add(threading.get_ident())
        return super().known()

    def remove(self, ids: Iterable[str]) -> int:
        self.used_in.add(threading.get_ident())
        return super().remove(ids)


class Awaited:
    """A store and a loader that can only be awaited."""

    def __init__(self, used_in: set[int]) -> None:
        self.store, self._loader, self._used_in = InMemoryDocStore(), lmb.FileLoader(), used_in

    def _on(self) -> None:
        asyncio.get_running_loop()
        self._used_in.add(threading.get_ident())

    async def aadd(self, documents: Iterable[lmb.Document]) -> AddReport:
        self._on()
        return self.store.add(documents)

    async def aremove(self, ids: Iterable[str]) -> int:
        self._on()
        return self.store.remove(ids)

    async def aknown(self) -> AsyncIterator[Known]:
        self._on()
        for known in self.store.known():
            yield known

    async def afingerprint(self, path: Path, *, source: str) -> str:
        self._on()
        return self._loader.fingerprint(path, source=source)

    async def aload(self, path: Path, *, source: str) -> tuple[lmb.Document, ...]:
        self._on()
        return self._loader.load(path, source=source)


def _write(files: dict[str, str]) -> None:
    for name, content in files.items():
        path = Path("papers") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def _seen(take_in: Any, store: InMemoryDocStore) -> list[Any]:
    """Return what two ingestions of a folder that changes between them report, tell and leave in the store."""
    told: list[lmb.IngestProgress] = []
    shutil.rmtree("papers", ignore_errors=True)
    _write(FIRST)
    Path("papers/c.pdf").write_bytes(pdf(["a page"]))
    reports = [take_in(progress=told.append)]
    (Path("papers") / "gone.md").unlink()
    _write(THEN)
    return [*reports, take_in(progress=told.append), told, list(InMemoryDocStore.known(store))]


def _expected() -> list[Any]:
    store = InMemoryDocStore()
    return _seen(lambda **more: lmb.ingest("papers", docstore=store, **more), store)


def test_sync_ports_work_in_threads_and_come_to_the_same() -> None:
    store = Threads()
    seen = _seen(lambda **more: asyncio.run(lmb.aingest("papers", docstore=store, **more)), store)
    assert seen == _expected()
    assert store.used_in
    assert threading.get_ident() not in store.used_in


def test_async_ports_are_awaited_on_the_loop_and_come_to_the_same() -> None:
    used_in: set[int] = set()
    ports = Awaited(used_in)

    def take_in(**more: Any) -> lmb.IngestReport:
        both: Any = ports  # as much of both ports as ingestion asks for
        return asyncio.run(lmb.aingest("papers", docstore=both, loader=both, **more))

    assert _seen(take_in, ports.store) == _expected()
    assert used_in == {threading.get_ident()}


def test_async_ports_are_refused_where_nothing_is_awaited() -> None:
    ports: Any = Awaited(set())
    Path("papers").mkdir()
    for given in ({"docstore": ports}, {"docstore": InMemoryDocStore(), "loader": ports}):
        with pytest.raises(UsageError, match=r"Awaited is async.*await lmb\.aingest"):
            lmb.ingest("papers", **given)


async def _cancelled_at(source: str, store: InMemoryDocStore) -> None:
    def stop(progress: lmb.IngestProgress) -> None:
        if progress.source == source:
            task.cancel()

    task = asyncio.ensure_future(lmb.aingest("papers", docstore=store, progress=stop))
    await task


def test_who_cancels_keeps_what_was_added() -> None:
    store = InMemoryDocStore()
    _write({"a.txt": "long " * 10_001, "b.txt": "two", "c.txt": "three"})
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_cancelled_at("papers/b.txt", store))
    assert [known.id for known in store.known()] == ["papers/a.txt"]
    assert lmb.ingest("papers", docstore=store).unchanged == ("papers/a.txt",)


def test_what_a_store_raises_is_raised() -> None:
    class Full(InMemoryDocStore):
        def add(self, documents: Iterable[lmb.Document]) -> AddReport:
            if list(documents):
                raise DocStoreError("the disk is full")
            return AddReport()

    _write({"a.txt": "one"})
    with pytest.raises(DocStoreError, match="the disk is full"):
        asyncio.run(lmb.aingest("papers", docstore=Full()))
