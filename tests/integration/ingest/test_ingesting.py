"""Folders as they are: several, linked, ignored, closed, interrupted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.integration.ingest.files import ids_of, write
from tests.pdfs import pdf

import llamabot as lmb
from llamabot.ports.errors import DocStoreError, UsageError
from llamabot.testing import InMemoryDocStore


class Loader(lmb.FileLoader):
    """Notes what it parses, and may do something between looking at a file and parsing it."""

    def __init__(self) -> None:
        super().__init__()
        self.parsed: list[str] = []
        self.before_parsing = lambda path: None

    def load(self, path: Path, *, source: str) -> tuple[lmb.Document, ...]:
        self.parsed.append(source)
        self.before_parsing(path)
        return super().load(path, source=source)


def test_what_is_found_is_cited_by_folder_page_and_heading(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "# Linkers\n\nmold is quick."})
    Path("papers/b.pdf").write_bytes(pdf(["nothing", "lld is another linker"]))
    report = lmb.ingest("papers/", docstore=store)
    assert report.added == ("papers/a.md", "papers/b.pdf")
    assert str(report) == "2 added, 0 changed, 0 unchanged, 0 removed, 0 failed, 0 left out"
    places = {str(match.passage.place) for match in store.search("linkers mold lld")}
    assert places == {"papers/a.md, Linkers", "papers/b.pdf, p. 1"}


def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "a", "papers/b.md": "", "papers/c.md": "c", "papers/photo.png": "not tried"})
    report = lmb.ingest("papers", docstore=store)
    assert report.added == ("papers/a.md", "papers/c.md")
    assert [str(failure) for failure in report.failed] == ["papers/b.md: it is empty"]
    assert report.left_out == ("papers/photo.png",)


def test_what_cannot_be_read_any_more_stays_as_it_was(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "words"})
    lmb.ingest("papers", docstore=store)
    write({"papers/a.md": "\0"})
    assert [failure.source for failure in lmb.ingest("papers", docstore=store).failed] == ["papers/a.md"]
    assert [match.passage.text for match in store.search("words")] == ["words"]


def test_unchanged_files_are_not_parsed(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "a", "papers/b.csv": "text\none\ntwo\n"})
    loader = Loader()
    lmb.ingest("papers", docstore=store, loader=loader)
    os.utime("papers/a.md", (0, 0))
    report = lmb.ingest(["papers", "papers/a.md"], docstore=store, loader=loader)
    assert report.unchanged == ("papers/a.md", "papers/b.csv")
    assert loader.parsed == ["papers/a.md", "papers/b.csv"]


def test_other_settings_of_the_loader_read_all_anew(store: InMemoryDocStore) -> None:
    write({"papers/b.csv": "text,body\none,two\n"})
    lmb.ingest("papers", docstore=store)
    assert lmb.ingest("papers", docstore=store, loader=lmb.FileLoader(text_column="body")).changed == ("papers/b.csv",)
    assert [match.passage.text for match in store.search("two")] == ["two"]


class Plain:
    """A loader as somebody writes it in a minute, who leaves out of a document what may be left out."""

    def fingerprint(self, path: Path, *, source: str) -> str:
        return f"{path.name}: {path.read_text()}"

    def load(self, path: Path, *, source: str) -> tuple[lmb.Document, ...]:
        return (lmb.Document(id=source, text=path.read_text()),)


def test_a_loader_of_ones_own_keeps_a_store_in_step_too(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "a: one", "papers/b.md": "b"})
    assert lmb.ingest("papers", docstore=store, loader=Plain()).added == ("papers/a.md", "papers/b.md")
    assert [known.source for known in store.known()] == ["papers/a.md", "papers/b.md"]
    assert lmb.ingest("papers", docstore=store, loader=Plain()).unchanged == ("papers/a.md", "papers/b.md")
    write({"papers/a.md": "a: two"})
    Path("papers/b.md").unlink()
    report = lmb.ingest("papers", docstore=store, loader=Plain())
    assert (report.changed, report.removed, store.count()) == (("papers/a.md",), ("papers/b.md",), 1)


def test_ctrl_c_keeps_what_was_added(store: InMemoryDocStore) -> None:
    write({f"papers/{number}.md": f"{number} " * 15_000 for number in range(6)})
    loader = Loader()

    def stop(progress: lmb.IngestProgress) -> None:
        if progress.source == "papers/5.md":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lmb.ingest("papers", docstore=store, loader=loader, progress=stop)
    kept = ids_of(store)
    assert kept == [f"papers/{number}.md" for number in range(4)]
    loader.parsed.clear()
    assert lmb.ingest("papers", docstore=store, loader=loader).unchanged == tuple(kept)
    assert loader.parsed == ["papers/4.md", "papers/5.md"]


class Breaking(InMemoryDocStore):
    """Fails where it is told to."""

    broken = ""

    def remove(self, ids: Iterable[str]) -> int:
        if self.broken == "remove":
            raise DocStoreError("the disk is full")
        return super().remove(ids)


def test_a_table_that_was_left_half_way_is_mended_by_the_next_time() -> None:
    store = Breaking()
    write({"papers/a.csv": "text\none\ntwo\n"})
    lmb.ingest("papers", docstore=store)
    write({"papers/a.csv": "text\nthree\n"})
    store.broken = "remove"
    with pytest.raises(DocStoreError):
        lmb.ingest("papers", docstore=store)
    store.broken = ""
    assert lmb.ingest("papers", docstore=store).changed == ("papers/a.csv",)
    assert ids_of(store) == ["papers/a.csv#1"]


def test_a_file_that_changes_while_it_is_read_is_read_again_the_next_time(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "before"})
    loader = Loader()
    loader.before_parsing = lambda path: path.write_text("between")
    lmb.ingest("papers", docstore=store, loader=loader)
    write({"papers/a.md": "before"})
    loader.before_parsing = lambda path: None
    lmb.ingest("papers", docstore=store, loader=loader)
    write({"papers/a.md": "between"})
    assert lmb.ingest("papers", docstore=store, loader=loader).changed == ("papers/a.md",)
    assert [match.passage.text for match in store.search("between")] == ["between"]


def test_tells_how_far_it_is(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "12345", "papers/b.md": "", "papers/c.md": "c" * 60_000, "papers/d.md": "d"})
    told: list[lmb.IngestProgress] = []
    lmb.ingest("papers", docstore=store, progress=told.append)
    assert told == [
        lmb.IngestProgress("papers/a.md", 0, 4, 0, 60_006),
        lmb.IngestProgress("papers/b.md", 0, 4, 0, 60_006),  # the first is not in the store yet
        lmb.IngestProgress("papers/c.md", 1, 4, 0, 60_006),
        lmb.IngestProgress("papers/d.md", 3, 4, 60_005, 60_006),
        lmb.IngestProgress("", 4, 4, 60_006, 60_006),
    ]


def test_a_store_that_is_put_in_force_takes_the_place_of_the_given_one(store: InMemoryDocStore) -> None:
    write({"papers/a.md": "a"})
    with lmb.override(docstore=store):
        lmb.ingest("papers", docstore=InMemoryDocStore())
    assert store.count() == 1


def test_says_what_is_missing_where_there_is_no_store_or_one_that_cannot_say_what_it_has() -> None:
    with pytest.raises(UsageError, match="a store is missing"):
        lmb.ingest(".")
    with pytest.raises(UsageError, match=r"object cannot say what it has: .* a method `known`"):
        lmb.ingest(".", docstore=object())  # type: ignore[arg-type]  # that is the mistake
