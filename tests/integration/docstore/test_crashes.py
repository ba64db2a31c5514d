"""Whenever a process is killed, all that it acknowledged is there, and nothing half."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.children import start
from tests.integration.docstore.shelf import ENOUGH_TO_SAVE, books, check, check_file, files, lines, shelf

from llamabot.adapters.sqlite.schema import DOCS, MEMORY, Schema, has_tables, migrate
from llamabot.ports.errors import DocStoreError

_ADDING = """
import sys
from pathlib import Path
from tests.integration.docstore.shelf import books, shelf
store = shelf(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10_000):
    store.add(books(20, 20 * number))
    print(number, flush=True)
"""


def test_a_kill_while_adding_leaves_what_was_acknowledged_and_nothing_half(tmp_path: Path) -> None:
    chance = random.Random(4)
    acknowledged = 0
    for _ in range(4):
        child = start(_ADDING, tmp_path / "store", acknowledged)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
        child.kill()
        printed, _ = child.communicate()
        acknowledged = 1 + max(int(line) for line in lines(first + printed))
        with shelf(tmp_path / "store") as store:
            # What was committed and not yet acknowledged may be there too, whole.
            acknowledged = max(acknowledged, -(-store.count() // 20))
            check(store, books(20 * acknowledged))
    assert acknowledged > 4


_MIGRATING = """
import signal, sqlite3, sys
from llamabot.adapters.sqlite.schema import DOCS, MEMORY, Schema, migrate

def stop(statement):
    if "CREATE INDEX" in statement:  # in the middle of the second migration
        print("here", flush=True)
        signal.pause()

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.set_trace_callback(stop)
migrate(connection, Schema(DOCS.name, DOCS.migrations + MEMORY.migrations))
"""


def test_a_kill_while_an_older_file_is_migrated_leaves_it_as_it_was(tmp_path: Path) -> None:
    with shelf(tmp_path) as store:
        store.add(books(20))
    child = start(_MIGRATING, tmp_path / "documents.db")
    assert child.stdout is not None
    assert child.stdout.readline() == "here\n"
    child.kill()
    child.communicate()
    with shelf(tmp_path) as store:
        check(store, books(20))
    newer = Schema(DOCS.name, DOCS.migrations + MEMORY.migrations)
    with closing(sqlite3.connect(tmp_path / "documents.db", isolation_level=None)) as connection:
        migrate(connection, newer)
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (20,)
        assert has_tables(connection, newer)
    check_file(tmp_path / "documents.db")
    with shelf(tmp_path) as store, pytest.raises(DocStoreError, match="newer LlamaBot"):
        store.search("linker")


_STOPPING = """
import os, signal, sys
from pathlib import Path
from tests.integration.docstore.shelf import ENOUGH_TO_SAVE, NotingIndexes, books, shelf
from llamabot.testing import HashedEmbedding

where = sys.argv[2]

def stop():
    print("here", flush=True)
    signal.pause()

class Index:
    def __init__(self, real):
        self.real = real
    def __getattr__(self, name):
        return getattr(self.real, name)
    def save(self, file):
        self.real.save(file)
        if where == "half of the file":
            os.truncate(file, file.stat().st_size // 2)
        stop()

class Source:
    def __init__(self, real):
        self.size, self.dimensions, self.sample, self.real = real.size, real.dimensions, real.sample, real
    def batches(self):
        yield next(self.real.batches())
        stop()

class Indexes(NotingIndexes):
    def build(self, source):
        return Index(super().build(Source(source) if where == "rebuild" else source))

class Embedding(HashedEmbedding):
    name = "another"
    def embed(self, texts):
        if len(self.batches) == 2:
            stop()
        return super().embed(texts)

embedding = Embedding(16) if where == "reindex" else HashedEmbedding(16)
store = shelf(Path(sys.argv[1]), index=Indexes(), embedding=embedding)
if where == "reindex":
    store.reindex()
elif where == "rebuild":
    store.search("linker")
else:
    store.add(books(ENOUGH_TO_SAVE))
"""


def _killed(folder: Path, where: str) -> None:
    child = start(_STOPPING, folder, where)
    assert child.stdout is not None
    reached = child.stdout.readline()
    child.kill()
    _, complaints = child.communicate()
    assert reached == "here\n", complaints


@pytest.mark.parametrize("where", ["half of the file", "the whole file"])
def test_a_kill_while_the_index_is_saved_loses_nothing(where: str, tmp_path: Path) -> None:
    _killed(tmp_path / "store", where)
    left = files(tmp_path / "store")
    assert len(left) == 1
    with shelf(tmp_path / "store") as store:
        check(store, books(ENOUGH_TO_SAVE))
        store.add(books(ENOUGH_TO_SAVE, ENOUGH_TO_SAVE))
        check(store, books(2 * ENOUGH_TO_SAVE))
    assert len(files(tmp_path / "store")) == 1
    assert files(tmp_path / "store") != left


def test_a_kill_while_the_index_is_built_anew_loses_nothing(tmp_path: Path) -> None:
    with shelf(tmp_path / "store") as store:
        store.add(books(ENOUGH_TO_SAVE))
    for file in files(tmp_path / "store"):
        file.unlink()
    _killed(tmp_path / "store", "rebuild")
    with shelf(tmp_path / "store") as store:
        check(store, books(ENOUGH_TO_SAVE))


def test_a_kill_while_everything_is_embedded_anew_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    with shelf(tmp_path / "store") as store:
        store.add(books(ENOUGH_TO_SAVE))
    _killed(tmp_path / "store", "reindex")
    with shelf(tmp_path / "store") as store:
        store.reindex()
        check(store, books(ENOUGH_TO_SAVE))
    check_file(tmp_path / "store" / "documents.db")
