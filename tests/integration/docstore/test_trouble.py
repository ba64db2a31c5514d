"""What goes wrong is told, by an error of ours that says what mends it, and nothing is half done."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.contract.children import run
from tests.integration.docstore.shelf import Failing, books, check, shelf

import llamabot as lmb
from llamabot.adapters.sqlite.docstore import SqliteDocStore
from llamabot.ports.errors import ConfigurationError, DocStoreError, EmbeddingError
from llamabot.ports.fusion import VectorsOnly
from llamabot.testing import HashedEmbedding

POISON = lmb.Document("bad", "poison")


@pytest.mark.parametrize("path", ["store", None], ids=["disk", "memory"])
@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (EmbeddingError("no connection"), "no connection"),
        (lambda vectors: vectors * np.nan, "values that are no numbers"),
        (lambda vectors: vectors[:, :8], r"shape \(\d+, 8\) for \d+ texts; \(\d+, 16\) was expected"),
        (lambda vectors: vectors[:-1], "for 25 texts"),
        (lambda vectors: vectors[0], "shape"),
        (lambda vectors: vectors * 1.002, r"'hashed-words-16' gave a vector of length 1\.002.*numpy\.linalg\.norm"),
        (lambda vectors: vectors * 0.998, r"length 0\.998"),
        (lambda vectors: vectors * 0, r"length 0,"),
        (lambda vectors: vectors.astype(np.float64) * 1e300, "values that are no numbers"),
        (lambda vectors: (127 * vectors).astype(np.int8), r"length 12\d\.?\d*,"),
        (lambda vectors: vectors.astype(str), r"'hashed-words-16' gave what is no array of numbers.*float32"),
        (lambda vectors: vectors.astype(complex), "no array of numbers"),
        (lambda vectors: [*vectors[1:].tolist(), [1.0]], "no array of numbers"),
        (lambda vectors: None, "no array of numbers"),
    ],
    ids=[
        *("fails", "nan", "narrow", "few", "flat", "long", "short", "nought", "huge", "integers", "words", "complex"),
        *("ragged", "nothing"),
    ],
)
def test_an_embedder_that_fails_leaves_nothing_half(
    given: Any, complaint: str, path: str | None, tmp_path: Path
) -> None:
    with shelf(None if path is None else tmp_path / path, embedding=Failing(given)) as store:  # type: ignore[arg-type]  # None is memory
        store.add(books(3))
        with pytest.raises(EmbeddingError, match=complaint):
            store.add([*books(20, 3), POISON])
        check(store, books(3))
        with pytest.raises(EmbeddingError):
            store.search("poison")


@pytest.mark.parametrize("kind", [np.float64, np.float16, list])
def test_unit_rows_are_taken_in_any_precision_and_as_lists(kind: Any) -> None:
    def given(vectors: Any) -> Any:
        return vectors.tolist() if kind is list else vectors.astype(kind)

    with shelf(None, embedding=Failing(given), fusion=VectorsOnly()) as store:  # type: ignore[arg-type]  # None is memory
        store.add([POISON])
        assert [match.score for match in store.search("poison")] == [pytest.approx(1, abs=1e-3)]


def test_another_embedder_is_an_error_that_names_both_until_all_is_embedded_anew(tmp_path: Path) -> None:
    with shelf(tmp_path, embedding=HashedEmbedding(32)) as store:
        store.add(books(3))
    with shelf(tmp_path) as store:
        for use in (lambda: store.search("linker"), lambda: store.add(books(1))):
            with pytest.raises(ConfigurationError, match=r"'hashed-words-32'.*'hashed-words-16'.*reindex\(\)"):
                use()
        assert store.count() == 3
        assert store.remove(["book 00002"]) == 1
        store.reindex()
        check(store, books(2))


def test_a_store_of_keywords_says_so_and_learns_meaning(tmp_path: Path) -> None:
    with shelf(tmp_path, embedding=None, index=None) as store:
        store.add(books(3))
        assert next(match.passage.document_id for match in store.search("volume 2")) == "book 00002"
    with shelf(tmp_path) as store:
        with pytest.raises(ConfigurationError, match=r"no embedder, for keywords only.*'hashed-words-16'"):
            store.search("linker")
        store.reindex()
        check(store, books(3))
    with shelf(tmp_path, embedding=None, index=None) as store:
        with pytest.raises(ConfigurationError, match=r"'hashed-words-16'.*keywords only"):
            store.search("linker")
        store.reindex()
        assert len(store.search("linker")) == 3


def test_an_empty_store_takes_any_embedder(tmp_path: Path) -> None:
    with shelf(tmp_path, embedding=HashedEmbedding(32)) as store, shelf(tmp_path) as other:
        store.add(books(3))
        store.remove([book.id for book in books(3)])
        other.add(books(2))
        check(other, books(2))


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with shelf(tmp_path) as store:
        store.add(books(1))
    file = tmp_path / "documents.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('llamabot.docs', 'docs_9999', '')"
        )
    before = file.read_bytes()
    with shelf(tmp_path) as store:
        for use in (lambda: store.search("linker"), lambda: store.add(books(2)), store.count, store.reindex):
            with pytest.raises(DocStoreError, match="newer LlamaBot"):
                use()
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"x" * 10_000, b"SQLite format 3\0" + b"x" * 10_000], ids=["text", "torn"])
def test_a_file_that_is_no_store_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "documents.db").write_bytes(content)
    with shelf(tmp_path) as store:
        for use in (lambda: store.search("linker"), lambda: store.add(books(2)), store.count):
            with pytest.raises(DocStoreError, match=r"documents\.db"):
                use()


def test_a_path_that_cannot_be_a_folder_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with shelf(tmp_path / "file") as store, pytest.raises(DocStoreError, match="file"):
        store.add(books(1))
    with pytest.raises(ConfigurationError):
        SqliteDocStore("", embedding=None, index=None)


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    with shelf(tmp_path / "store") as store:
        assert (store.search("linker"), store.count(), store.remove(["a"]), list(store.known())) == ((), 0, 0, [])
        store.reindex()
    assert list(tmp_path.iterdir()) == []


def test_a_store_goes_on_after_it_was_closed(tmp_path: Path) -> None:
    for store in (shelf(tmp_path), shelf(None)):  # type: ignore[arg-type]  # None is memory
        store.add(books(2))
        store.close()
        check(store, books(2))
        store.close()


def test_a_store_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    with shelf(tmp_path / "store") as store, shelf(tmp_path / "other") as other:
        store.add(books(3))
        store.search("linker")
        other.add(books(2, 50))
        other.close()
        (tmp_path / "store").rename(tmp_path / "old")
        (tmp_path / "other").rename(tmp_path / "store")
        check(store, books(2, 50))


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.integration.docstore.shelf import books, check, shelf
from llamabot.ports.errors import DocStoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with shelf(Path(sys.argv[1])) as store:
    store.add(books(200))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, most))
    try:
        store.add(books(10_000, 200))
    except DocStoreError as error:
        print("full" if "documents.db" in str(error) else error)
    check(store, books(200), broken_off=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    store.add(books(2, 200))
    check(store, books(202), broken_off=True)
    store.reindex()
    check(store, books(202))
print("room")
"""


def test_a_full_disk_loses_nothing_that_was_there(tmp_path: Path) -> None:
    assert run(_FULL_DISK, tmp_path / "store").split() == ["full", "room"]


def test_values_that_json_has_no_form_for_are_kept_and_found(tmp_path: Path) -> None:
    values = {"more": math.inf, "less": -math.inf, "none": None, "half": "\ud800"}
    with shelf(tmp_path) as store:
        store.add([lmb.Document(name, "a linker", {"n": value, "a": name}) for name, value in values.items()])
        for name, value in values.items():
            (match,) = store.search("linker", where={"n": value})
            assert (match.passage.document_id, match.passage.metadata) == (name, {"n": value, "a": name})
        again = [lmb.Document(name, "a linker", {"a": name, "n": value}) for name, value in values.items()]
        assert store.add(again).unchanged == tuple(values)
