"""The saved index is a cache: whatever happens to its file, searches find the same."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.docstore.shelf import ENOUGH_TO_SAVE, NotingIndexes, books, check, files, shelf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with shelf(tmp_path / "store") as store:
        store.add(books(ENOUGH_TO_SAVE))
    assert len(files(tmp_path / "store")) == 1
    return tmp_path / "store"


def made(folder: Path, documents: int = ENOUGH_TO_SAVE) -> list[str]:
    """Return what who opens the store makes of its index, after seeing that all is found."""
    indexes = NotingIndexes()
    with shelf(folder, index=indexes) as store:
        check(store, books(documents))
    return indexes.made


def test_a_sound_file_is_loaded(folder: Path) -> None:
    assert made(folder) == ["loaded"]


def _swapped(file: Path) -> None:
    with shelf(file.parent.parent / "other") as other:
        other.add(books(ENOUGH_TO_SAVE, 7))
    shutil.copy(files(file.parent.parent / "other")[0], file)


def _flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: os.truncate(file, file.stat().st_size // 2),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"x" * file.stat().st_size),
        _flipped,
        _swapped,
    ],
    ids=["gone", "truncated", "empty", "garbage", "a bit", "swapped"],
)
def test_a_file_that_is_not_what_was_saved_is_built_anew(damage: Callable[[Path], None], folder: Path) -> None:
    damage(files(folder)[0])
    assert made(folder) == ["built"]


def test_who_ends_a_long_addition_leaves_nothing_to_catch_up_with(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with shelf(folder) as store:
        store.add(books(6_000))
        store.add(books(550, 6_000))  # less than a tenth
        assert _saved_up_to(folder) == 2 * 6_000
    assert _saved_up_to(folder) == 2 * 6_550
    with shelf(folder) as store:
        assert store.search("volume 6549", k=1)[0].passage.document_id == "book 06549"


def test_who_only_searches_saves_nothing(folder: Path) -> None:
    before = files(folder)
    with shelf(folder) as store:
        store.search("linker 3")
    assert files(folder) == before


def _saved_up_to(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "documents.db")) as connection:
        passage: int = connection.execute("SELECT last_passage FROM saved_index").fetchone()[0]
        return passage


def test_what_came_and_went_since_is_caught_up(folder: Path) -> None:
    late = books(3, ENOUGH_TO_SAVE)
    with shelf(folder) as store:
        store.add(late)
        store.remove(["book 00003", late[0].id])
    indexes = NotingIndexes()
    with shelf(folder, index=indexes) as store:
        gone = {"book 00003", late[0].id}
        check(store, [book for book in books(ENOUGH_TO_SAVE + 3) if book.id not in gone])
    assert indexes.made == ["loaded"]


def test_a_file_is_saved_again_when_much_has_come(folder: Path) -> None:
    (before,) = files(folder)
    with shelf(folder) as store:
        store.add(books(40, ENOUGH_TO_SAVE))
        assert files(folder) == [before]
        store.add(books(ENOUGH_TO_SAVE, ENOUGH_TO_SAVE))
    (after,) = files(folder)
    assert after != before
    assert made(folder, 2 * ENOUGH_TO_SAVE) == ["loaded"]


def test_an_index_that_is_mostly_gone_is_built_anew_and_forgets_them(folder: Path) -> None:
    everything = books(ENOUGH_TO_SAVE)
    with shelf(folder) as store:
        store.search("linker")
        store.remove(book.id for book in everything[100:])
        check(store, everything[:100])
    assert made(folder, 100) == ["loaded"]
    assert files(folder)[0].stat().st_size < 30_000


def test_others_who_looked_before_see_what_was_built_anew(folder: Path) -> None:
    everything = books(ENOUGH_TO_SAVE)
    with shelf(folder) as reader, shelf(folder) as store:
        check(reader, everything)
        store.search("linker")
        store.remove(book.id for book in everything[100:])
        check(reader, everything[:100])
        store.reindex()
        check(reader, everything[:100])


def test_a_file_that_cannot_be_saved_costs_nothing_but_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with shelf(tmp_path / "store", index=_Unsaved()) as store:
        store.add(books(ENOUGH_TO_SAVE))
        check(store, books(ENOUGH_TO_SAVE))
    assert files(tmp_path / "store") == []
    assert "could not be saved: no room" in caplog.text


def test_who_breaks_off_the_saving_at_the_end_loses_nothing_and_holds_nothing(tmp_path: Path) -> None:
    with shelf(tmp_path / "store", index=_Unsaved(KeyboardInterrupt())) as store:
        store.add(books(600))
        store.search("linker")
        with pytest.raises(KeyboardInterrupt):
            store.close()
        assert files(tmp_path / "store") == []
        assert not (tmp_path / "store" / "documents.db-wal").exists(), "what is open has one"
        assert store.count() == 600
    with shelf(tmp_path / "store") as store:
        check(store, books(600))


class _Unsaved(NotingIndexes):
    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error or OSError("no room")

    def build(self, source):  # type: ignore[no-untyped-def]  # as the one that it stands for
        error = self.error
        index = super().build(source)

        class Unsaved:
            def __getattr__(self, name: str) -> object:
                return getattr(index, name)

            def save(self, file: Path) -> None:
                file.write_bytes(b"half")
                raise error

        return Unsaved()
